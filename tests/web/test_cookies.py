"""Cookies: read tolerantly, written strictly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import cookie_parser

from edgekit.errors import WebTypeError
from edgekit.web.cookies import format_set_cookie, parse_cookies


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2;c=3 ;  d = 4", {"a": "1", "b": "2", "c": "3", "d": "4"}),
        ("a=1; a=2", {"a": "2"}),
        ("a=b=c==", {"a": "b=c=="}),
        ("lone", {"": "lone"}),
        ("=x", {"": "x"}),
        (";; ; a=", {"a": ""}),
        ('a="quoted"', {"a": "quoted"}),
        ('a="semi\\073colon \\"q\\" \\\\"', {"a": 'semi;colon "q" \\'}),
        ('a="open', {"a": '"open'}),
        ('a="', {"a": '"'}),
        ("a=%20;b={1,2}", {"a": "%20", "b": "{1,2}"}),
        ("a b=c\td", {"a b": "c\td"}),
    ],
)
def test_cookie_header_is_read_as_browsers_and_servers_do(
    header: str, cookies: dict[str, str]
) -> None:
    assert parse_cookies(header) == cookies


@given(st.text(st.sampled_from('ab=;" \\1é\0'), max_size=40))
def test_cookie_header_is_read_as_starlette_does(header: str) -> None:
    assert parse_cookies(header) == cookie_parser(header)


def test_plain_cookie_has_only_a_path() -> None:
    assert format_set_cookie("a", "1") == "a=1; Path=/"
    assert format_set_cookie("a", "", path=None) == "a="


def test_attributes_come_in_their_usual_spelling() -> None:
    assert format_set_cookie(
        "__Host-id",
        "x y",
        max_age=60,
        expires=0,
        domain="example.com",
        path="/p",
        secure=True,
        http_only=True,
        same_site="NONE",
        partitioned=True,
    ) == (
        "__Host-id=x y; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Domain=example.com; "
        "Path=/p; Secure; HttpOnly; SameSite=None; Partitioned"
    )


@pytest.mark.parametrize(
    ("expires", "text"),
    [
        (1445412480, "Wed, 21 Oct 2015 07:28:00 GMT"),
        (datetime(2015, 10, 21, 7, 28), "Wed, 21 Oct 2015 07:28:00 GMT"),
        (datetime(2015, 10, 21, 7, 28, tzinfo=UTC), "Wed, 21 Oct 2015 07:28:00 GMT"),
        (
            datetime(2015, 10, 21, 9, 28, tzinfo=timezone(timedelta(hours=2))),
            "Wed, 21 Oct 2015 07:28:00 GMT",
        ),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"),
    ],
)
def test_expires_is_written_in_gmt(expires: Any, text: str) -> None:
    assert format_set_cookie("a", "1", path=None, expires=expires) == f"a=1; Expires={text}"


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "a\r\n", "a,b", '"a"', "é", "a\0"])
def test_illegal_name_is_refused(name: str) -> None:
    with pytest.raises(WebTypeError, match="Invalid cookie name"):
        format_set_cookie(name, "1")


@pytest.mark.parametrize(
    "value", ["a;b", "a\r\nSet-Cookie: b=1", "a\n", "\0", "\x7f", "é", " a", "a "]
)
def test_illegal_value_is_refused(value: str) -> None:
    with pytest.raises(WebTypeError, match="Invalid value of cookie 'a'"):
        format_set_cookie("a", value)


@pytest.mark.parametrize(
    "attributes",
    [
        {"path": "/; Secure"},
        {"domain": "a\r\nb"},
        {"domain": "é.com"},
        {"path": "/" + "x" * 1024},
        {"expires": "now; HttpOnly"},
        {"same_site": "lenient"},
        {"same_site": "none"},
        {"partitioned": True},
    ],
)
def test_illegal_attribute_is_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(WebTypeError):
        format_set_cookie("a", "1", **attributes)


def test_cookie_that_browsers_would_drop_for_its_length_is_refused() -> None:
    format_set_cookie("a", "x" * 4095)
    with pytest.raises(WebTypeError, match="4096"):
        format_set_cookie("a", "x" * 4096)


@given(
    st.text(st.sampled_from("abc!#$-._~019"), min_size=1, max_size=20),
    st.text(st.characters(max_codepoint=0x7F), max_size=40),
)
def test_what_is_written_is_read_back_or_refused(name: str, value: str) -> None:
    try:
        header = format_set_cookie(name, value, path=None)
    except WebTypeError:
        return
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    assert quoted or parse_cookies(header) == {name: value}
