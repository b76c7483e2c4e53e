"""Request: the Fetch standard's rules, and what a server adds."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.errors import BodyUsedError, WebTypeError
from edgekit.web.abort import AbortController
from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.url import URL


def test_the_plain_request() -> None:
    request = Request("http://h")
    assert (request.method, request.url, request.redirect) == ("GET", "http://h/", "follow")
    assert (request.body, request.body_used, list(request.headers)) == (None, False, [])
    assert (request.cf, request.client, request.params, request.cookies) == (None, None, {}, {})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("HTTP://EXAMPLE.com:80", "http://example.com/"),
        ("https://example.com:443/a/./b/../c", "https://example.com/a/c"),
        ("https://example.com:80/%7Ea", "https://example.com:80/%7Ea"),
        ("http://h/a\\b", "http://h/a/b"),
        ("http://h/%2e%2E/a", "http://h/a"),
        ("http://h/a b?c d#e f", "http://h/a%20b?c%20d#e%20f"),
        ("http://bücher.example/é?é", "http://xn--bcher-kva.example/%C3%A9?%C3%A9"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[::0001]/", "http://[::1]/"),
        (" \thttp://h/\n", "http://h/"),
    ],
)
def test_the_url_is_normalised(given: str, url: str) -> None:
    assert Request(given).url == url
    assert Request(URL(given)).url == url


@pytest.mark.parametrize(
    "url", ["", "/a", "h", "http://", "http://[", "http://a b", "http://h:99999", "http://a%00/"]
)
def test_a_url_is_absolute_and_valid(url: str) -> None:
    with pytest.raises(WebTypeError, match="Invalid URL"):
        Request(url)


@pytest.mark.parametrize(
    "method",
    ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PROPFIND", "PURGE", "PUT", "TRACE"],
)
def test_methods_of_http_become_upper_case(method: str) -> None:
    for given in (method, method.lower(), method.title()):
        assert Request("http://h", method=given).method == method


@pytest.mark.parametrize("method", ["x-1", "X-1", "Mine", "!#$%&'*+-.^_`|~"])
def test_other_methods_stay_as_they_are(method: str) -> None:
    assert Request("http://h", method=method).method == method


@pytest.mark.parametrize(
    "method", [" ", "a b", "GET ", "GET\n", "é", "a:", "\u0131", "po\u017ft", "G\0", ""]
)
def test_a_method_is_a_token(method: str) -> None:
    with pytest.raises(WebTypeError, match="Invalid HTTP method"):
        Request("http://h", method=method)


@pytest.mark.parametrize("method", ["GET", "get", "HEAD", "head"])
@pytest.mark.parametrize("body", ["", "a", b"", [b"a"]])
def test_get_and_head_have_no_body(method: str, body: Any) -> None:
    with pytest.raises(WebTypeError, match="cannot have a body"):
        Request("http://h", method=method, body=body)


async def test_other_methods_may_have_a_body() -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "X"):
        assert await Request("http://h", method=method, body="a").text() == "a"


async def test_options_may_come_in_a_dict_as_on_workers() -> None:
    init = {
        "method": "POST",
        "headers": {"A": "1"},
        "body": "b",
        "redirect": "manual",
        "cf": {"c": 1},
    }
    request = Request("http://h", init)
    assert (request.method, request.headers["a"], request.redirect) == ("POST", "1", "manual")
    assert (request.cf.c, await request.text()) == (1, "b")
    assert Request("http://h", init, method="PUT").method == "PUT"
    assert init["body"] == "b"


def test_options_of_browsers_are_ignored_others_are_a_type_error() -> None:
    Request(
        "http://h", cache="no-store", keepalive=True, duplex="half", referrerPolicy="no-referrer"
    )
    with pytest.raises(TypeError, match="metod"):
        Request("http://h", metod="GET")


@pytest.mark.parametrize("redirect", ["follow", "manual", "error"])
def test_redirect_modes(redirect: str) -> None:
    assert Request("http://h", redirect=redirect).redirect == redirect


def test_another_redirect_mode_is_a_type_error() -> None:
    with pytest.raises(WebTypeError, match="redirect"):
        Request("http://h", redirect="maybe")


def test_headers_are_copied_and_can_be_changed() -> None:
    given = Headers.from_raw([(b"a", b"1")], immutable=True)
    request = Request("http://h", headers=given)
    request.headers["a"] = "2"
    assert given["a"] == "1"


# From another request -------------------------------------------------------------------------------


async def test_a_request_from_a_request() -> None:
    first = Request(
        "http://h/a?b", method="POST", headers={"x": "1"}, body="c", redirect="manual", cf={"d": 1}
    )
    second = Request(first)
    assert (second.url, second.method, second.redirect) == ("http://h/a?b", "POST", "manual")
    assert dict(second.headers) == {"x": "1", "content-type": "text/plain;charset=UTF-8"}
    assert second.cf == {"d": 1}
    assert first.body_used
    with pytest.raises(BodyUsedError):
        await first.text()
    assert await second.text() == "c"


async def test_options_replace_what_the_other_request_has() -> None:
    first = Request("http://h/", method="POST", headers={"x": "1"}, body="c")
    second = Request(
        first, method="PUT", headers={"y": "2"}, body="d", redirect="error", cf={"e": 2}
    )
    assert (second.method, list(second.headers), second.cf) == (
        "PUT",
        ["content-type", "y"],
        {"e": 2},
    )
    assert (second.redirect, await second.text()) == ("error", "d")
    assert await first.text() == "c"


async def test_a_used_request_gives_no_other() -> None:
    first = Request("http://h/", method="POST", body="c")
    await first.text()
    with pytest.raises(BodyUsedError):
        Request(first)
    assert await Request(first, body="d").text() == "d"


async def test_a_request_that_cannot_be_made_leaves_the_body_to_the_first() -> None:
    first = Request("http://h/", method="POST", body="c")
    with pytest.raises(WebTypeError):
        Request(first, method="GET")
    assert await first.text() == "c"


async def test_a_new_url_with_all_the_rest_of_a_request() -> None:
    first = Request(
        "http://h/a", method="POST", headers={"x": "1"}, body="c", redirect="manual", cf={"d": 1}
    )
    second = Request("http://other/b", first)
    assert (second.url, second.method, second.redirect) == ("http://other/b", "POST", "manual")
    assert (second.headers["x"], second.cf, await second.text()) == ("1", {"d": 1}, "c")
    assert first.body_used
    assert Request("http://other/", Request("http://h/")).body is None


# What a server adds ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://h", "/"),
        ("http://h?a/b", "/"),
        ("http://h/a/b?c#d", "/a/b"),
        ("http://h/%C3%A9%2Fa%20b", "/é/a b"),
        ("http://h/%FF", "/\ufffd"),
        ("http://u:p@h:81/a?http://b/c", "/a"),
    ],
)
def test_path_is_decoded(url: str, path: str) -> None:
    assert Request(url).path == path


def test_query_gives_the_first_value_or_all() -> None:
    query = Request("http://h/?a=1&a=2&b=%C3%A9+x&c").query
    assert (query["a"], query.get("b"), query["c"]) == ("1", "é x", "")
    assert (query.get_all("a"), query.getAll("a"), query.get("d")) == (["1", "2"], ["1", "2"], None)
    with pytest.raises(KeyError):
        query["d"]


def test_query_leaves_the_fragment_out() -> None:
    assert Request("http://h/?a=1#?a=2").query.get_all("a") == ["1"]
    assert len(Request("http://h/#?a=2").query) == 0


def test_cookies() -> None:
    assert Request("http://h", headers={"Cookie": "a=1; b=2"}).cookies == {"a": "1", "b": "2"}


def test_cf_is_a_dict_with_attributes() -> None:
    request = Request("http://h", cf={"country": "DE", "asOrganization": "x"})
    assert request.cf == {"country": "DE", "asOrganization": "x"}
    assert (request.cf.country, request.cf.as_organization) == ("DE", "x")


def test_the_signal_is_the_one_given_or_one_of_its_own() -> None:
    controller = AbortController()
    request = Request("http://h", signal=controller.signal)
    assert request.signal is controller.signal
    own = Request("http://h")
    assert own.signal is own.signal
    assert not own.signal.aborted


def test_a_clone_and_a_copy_follow_the_signal() -> None:
    controller = AbortController()
    request = Request("http://h", signal=controller.signal)
    clone, copy = request.clone(), Request(request)
    early = Request("http://h")
    later = early.clone()
    controller.abort()
    early.signal._abort()
    assert clone.signal.aborted
    assert copy.signal.aborted
    assert later.signal.aborted


def test_a_clone_has_everything() -> None:
    request = Request(
        "http://h/a?b=1", method="PUT", headers={"x": "1"}, redirect="manual", cf={"c": 1}
    )
    request.params["n"] = 5
    twin = request.clone()
    assert (twin.url, twin.method, twin.redirect) == ("http://h/a?b=1", "PUT", "manual")
    assert (dict(twin.headers), twin.cf, twin.params) == ({"x": "1"}, {"c": 1}, {"n": 5})
    assert twin.query["b"] == "1"


def test_repr() -> None:
    assert repr(Request("http://h", method="POST")) == "Request(method='POST', url='http://h/')"


def test_the_platform_s_spelling() -> None:
    request = Request("http://h", method="POST", body="a")
    assert request.bodyUsed is False
