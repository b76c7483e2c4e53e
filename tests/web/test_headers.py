"""Headers: the Fetch standard's rules, with its known answers, and Python's mapping on top."""

from __future__ import annotations

from collections.abc import MutableMapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import WebTypeError
from edgekit.web.headers import Headers


def test_made_from_mapping_pairs_headers_or_nothing() -> None:
    expected = [("a", "1"), ("b", "2")]
    assert list(Headers({"B": "2", "A": "1"}).items()) == expected
    assert list(Headers([("B", "2"), ("A", "1")]).items()) == expected
    assert list(Headers(iter([["B", "2"], ("A", "1")])).items()) == expected
    assert list(Headers(Headers(expected)).items()) == expected
    assert list(Headers().items()) == []


def test_pairs_of_one_name_in_different_case_are_combined() -> None:
    assert Headers([("X-A", "1"), ("x-a", "2")])["X-a"] == "1, 2"


def test_is_a_mutable_mapping() -> None:
    assert isinstance(Headers(), MutableMapping)


def test_names_are_case_insensitive() -> None:
    headers = Headers({"Content-Type": "text/html"})
    assert headers["CONTENT-TYPE"] == headers.get("content-type") == "text/html"
    assert "cOnTent-tYpe" in headers
    assert headers.has("CONTENT-type")


def test_a_missing_name_is_none_the_default_or_a_key_error() -> None:
    headers = Headers({"a": "1"})
    assert headers.get("b") is None
    assert headers.get("b", "x") == "x"
    assert headers.get_all("b") == []
    with pytest.raises(KeyError, match="b"):
        headers["b"]


def test_an_empty_value_is_there() -> None:
    headers = Headers({"a": ""})
    assert headers["a"] == ""
    assert headers.has("a")
    headers.append("a", "")
    assert headers["a"] == ", "


def test_iteration_is_sorted_and_combined_with_set_cookie_apart() -> None:
    headers = Headers(
        [("X-B", "1"), ("Set-Cookie", "a=1"), ("accept", "x"), ("x-b", "2"), ("set-cookie", "b=2")]
    )
    assert list(headers.items()) == [
        ("accept", "x"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("x-b", "1, 2"),
    ]
    assert list(headers.entries()) == list(headers.items())
    assert list(headers) == list(headers.keys()) == ["accept", "set-cookie", "x-b"]
    assert list(headers.values()) == ["x", "a=1", "b=2", "1, 2"]
    assert len(headers) == 3


def test_names_sort_by_bytes_not_by_order_of_insertion() -> None:
    assert list(Headers([("b", ""), ("a-b", ""), ("a", ""), ("a!", "")])) == ["a", "a!", "a-b", "b"]


def test_set_cookies_keep_their_order() -> None:
    headers = Headers([("set-cookie", "z=1"), ("set-cookie", "a=2"), ("set-cookie", "z=1")])
    assert headers.get_set_cookie() == ["z=1", "a=2", "z=1"]
    assert headers.get("set-cookie") == "z=1, a=2, z=1"
    assert headers.get_all("Set-Cookie") == ["z=1", "a=2", "z=1"]


def test_get_all_gives_the_values_apart() -> None:
    headers = Headers([("a", "1, 2"), ("a", "3")])
    assert headers.get_all("A") == ["1, 2", "3"]


def test_append_adds_and_set_replaces_all() -> None:
    headers = Headers([("a", "1"), ("b", "x"), ("a", "2")])
    headers.append("A", "3")
    assert headers["a"] == "1, 2, 3"
    headers.set("A", "4")
    assert headers.get_all("a") == ["4"]
    headers["c"] = "5"
    assert headers["C"] == "5"
    assert [name for name, _ in headers.raw] == [b"a", b"b", b"c"]


def test_set_on_set_cookie_replaces_every_cookie() -> None:
    headers = Headers([("set-cookie", "a"), ("set-cookie", "b")])
    headers["set-cookie"] = "c"
    assert headers.get_set_cookie() == ["c"]


def test_delete_removes_every_value_and_forgives_del_does_not() -> None:
    headers = Headers([("a", "1"), ("A", "2"), ("b", "3")])
    headers.delete("A")
    headers.delete("A")
    assert list(headers) == ["b"]
    del headers["B"]
    assert len(headers) == 0
    with pytest.raises(KeyError):
        del headers["b"]


def test_the_mapping_mixins_work() -> None:
    headers = Headers({"a": "1"})
    assert headers.setdefault("a", "x") == "1"
    assert headers.setdefault("b", "2") == "2"
    headers.update({"a": "3", "C": "4"})
    assert headers.pop("A") == "3"
    assert headers.pop("a", None) is None
    assert headers.popitem() == ("b", "2")
    assert dict(headers) == {"c": "4"}
    headers.clear()
    assert not headers


def test_for_each_gets_value_name_and_headers() -> None:
    headers, calls = Headers({"B": "2", "A": "1"}), []
    headers.forEach(lambda *args: calls.append(args))
    assert calls == [("1", "a", headers), ("2", "b", headers)]


def test_camel_case_is_understood() -> None:
    assert Headers([("set-cookie", "a")]).getSetCookie() == ["a"]


NOT_NAMES = [
    "",
    " ",
    "a b",
    "a:",
    "a\n",
    "a\0",
    "é",
    "(",
    ")",
    "<",
    ">",
    "@",
    ",",
    ";",
    "\\",
    '"',
    "/",
]
NOT_NAMES += ["[", "]", "?", "=", "{", "}", "\t", "\x7f", " a", "a ", "\u212a", "\u017f", "\uff21"]


@pytest.mark.parametrize("name", NOT_NAMES)
def test_what_is_no_token_is_no_name(name: str) -> None:
    headers = Headers()
    calls = [
        lambda: Headers({name: "x"}),
        lambda: headers.append(name, "x"),
        lambda: headers.set(name, "x"),
        lambda: headers.delete(name),
        lambda: headers.get(name),
        lambda: headers.has(name),
        lambda: headers.get_all(name),
    ]
    for call in calls:
        with pytest.raises(WebTypeError, match="Invalid header name"):
            call()


@pytest.mark.parametrize("name", ["!#$%&'*+-.^_`|~", "0", "x", "a" * 1000])
def test_every_token_is_a_name(name: str) -> None:
    assert Headers({name: "x"})[name] == "x"


@pytest.mark.parametrize(
    "value", ["a\nb", "a\rb", "a\0b", "\0", "a\r\n b", "\u0100", "\ud800", "€"]
)
def test_values_with_nul_cr_lf_or_wide_characters_are_refused(value: str) -> None:
    for call in (lambda: Headers({"a": value}), lambda: Headers().set("a", value)):
        with pytest.raises(WebTypeError, match="Invalid value of header 'a'"):
            call()


@pytest.mark.parametrize("value", ["  a b\t", "\r\n a b \r\n", "\ta b", "a b\n"])
def test_white_space_around_a_value_goes(value: str) -> None:
    assert Headers({"a": value})["a"] == "a b"


def test_other_white_space_and_controls_stay() -> None:
    assert Headers({"a": "\x0bx\x0c\x7f\x01\xa0"})["a"] == "\x0bx\x0c\x7f\x01\xa0"


def test_a_value_is_latin_1() -> None:
    headers = Headers({"a": "\xe9\xff"})
    assert headers["a"] == "\xe9\xff"
    assert headers.raw == [(b"a", b"\xe9\xff")]


@pytest.mark.parametrize("value", [1, None, b"x", ["a"], True])
def test_a_value_that_is_no_str_is_refused(value: object) -> None:
    with pytest.raises(WebTypeError, match="expected str"):
        Headers({"a": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("init", [[("a",)], [("a", "b", "c")], ["ab"], [1], "a: b", 5, [b"ab"]])
def test_what_is_not_pairs_is_refused(init: object) -> None:
    with pytest.raises(WebTypeError):
        Headers(init)  # type: ignore[arg-type]


def test_a_name_that_is_no_str_is_refused() -> None:
    with pytest.raises(WebTypeError):
        Headers({b"a": "x"})  # type: ignore[dict-item]
    assert b"a" not in Headers({"a": "x"})
    assert None not in Headers({"a": "x"})


def test_immutable_headers_refuse_every_change() -> None:
    headers = Headers.from_raw([(b"a", b"1")], immutable=True)
    changes = [
        lambda: headers.append("b", "2"),
        lambda: headers.set("a", "2"),
        lambda: headers.delete("a"),
        lambda: headers.__setitem__("a", "2"),
        lambda: headers.__delitem__("a"),
        lambda: headers.update({"a": "2"}),
        lambda: headers.pop("a"),
        lambda: headers.clear(),
        lambda: headers.setdefault("b", "2"),
    ]
    for change in changes:
        with pytest.raises(WebTypeError, match="immutable"):
            change()
    assert dict(headers) == {"a": "1"}


def test_a_copy_can_be_changed_and_is_its_own() -> None:
    frozen = Headers.from_raw([(b"a", b"1")], immutable=True)
    for copy in (Headers(frozen), frozen.copy()):
        copy["a"] = "2"
        assert copy["a"] == "2"
    assert frozen["a"] == "1"


def test_from_raw_does_not_copy() -> None:
    raw = [(b"a", b"1")]
    assert Headers.from_raw(raw).raw is raw


def test_equality_is_of_what_iteration_gives() -> None:
    assert Headers([("a", "1"), ("a", "2")]) == Headers({"A": "1, 2"})
    assert Headers({"a": "1"}) != Headers({"a": "2"})
    assert Headers({"a": "1"}) != "a"


def test_repr_hides_secrets() -> None:
    shown = repr(
        Headers({"Authorization": "s3cret", "Cookie": "s3cret", "Set-Cookie": "s3cret", "a": "1"})
    )
    assert "s3cret" not in shown
    assert "('a', '1')" in shown


def test_a_change_while_iterating_does_not_break() -> None:
    headers = Headers({"a": "1", "b": "2"})
    for name in headers:
        headers[name.upper() + "-x"] = "3"
    assert len(headers) == 4


NAMES = st.text(st.sampled_from("aAbB-1"), min_size=1, max_size=3)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=5)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_iteration_agrees_with_get(pairs: list[tuple[str, str]]) -> None:
    headers = Headers(pairs)
    assert [headers.get(name) for name in headers] == [value for _, value in headers.items()]
    assert list(headers) == sorted({name.lower() for name, _ in pairs})
