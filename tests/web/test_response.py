"""Response: the Fetch standard's rules, and what a handler's result becomes."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest

from edgekit.errors import WebRangeError, WebTypeError
from edgekit.web.headers import Headers
from edgekit.web.response import Response, convert, describe, length_in
from edgekit.web.streams import ReadableStream
from edgekit.web.websocket import WebSocketPair


def test_the_plain_response() -> None:
    response = Response()
    assert (response.status, response.status_text, response.ok) == (200, "OK", True)
    assert (response.body, response.body_used, list(response.headers)) == (None, False, [])
    assert (response.type, response.url, response.redirected) == ("default", "", False)
    assert (response.web_socket, response.cf) == (None, None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Response("a", status=201, headers={"x": "1"}, status_text="Made"),
        lambda: Response("a", {"status": 201, "headers": {"x": "1"}, "statusText": "Made"}),
        lambda: Response("a", {"status": 201, "headers": [("X", "1")], "status_text": "Made"}),
        lambda: Response(
            "a", {"headers": Headers({"x": "1"}), "unknown": 1}, status=201, statusText="Made"
        ),
    ],
)
def test_options_as_keywords_or_one_dict(make) -> None:
    response = make()
    assert (response.status, response.statusText, response.headers["x"]) == (201, "Made", "1")


async def test_a_response_in_place_of_the_options_lends_them() -> None:
    origin = Response(
        "abc", status=404, status_text="Gone fishing", headers={"X": "1"}, cf={"a": 1}
    )
    origin.headers["content-length"] = "3"
    response = Response("other", origin)
    assert (response.status, response.status_text, response.cf) == (404, "Gone fishing", {"a": 1})
    assert dict(response.headers) == {"content-type": "text/plain;charset=UTF-8", "x": "1"}
    assert await response.text() == "other"
    assert Response(None, origin, status=500).status == 500
    assert dict(Response(None, origin, headers={}).headers) == {}
    assert Response(origin.body, origin).headers["content-length"] == "3"


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({"content-length": "5"}, 5),
        ({}, None),
        ({"content-length": "\xb2"}, None),  # a digit to Python, though not one of a number
        ({"content-length": "-5"}, None),
        ({"content-length": "5, 5"}, None),
        ({"content-length": "9" * 19}, None),
        ({"content-length": "5", "transfer-encoding": "chunked"}, None),
    ],
)
def test_the_length_that_headers_tell(headers, length) -> None:
    assert length_in(Headers(headers)) == length


def test_the_status_may_stand_second() -> None:
    assert Response("a", 404).status == 404
    assert Response("a", HTTPStatus.NOT_FOUND).status == 404
    assert type(Response(status=HTTPStatus.CREATED).status) is int


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="statuss"):
        Response("a", statuss=1)


@pytest.mark.parametrize("status", [-1, 0, 1, 100, 101, 103, 199, 600, 1000])
def test_a_status_outside_200_to_599_is_a_range_error(status: int) -> None:
    with pytest.raises(WebRangeError, match="200 to 599"):
        Response(status=status)
    with pytest.raises(ValueError, match="200 to 599"):
        Response(status=status)


@pytest.mark.parametrize("status", [200, 299, 418, 599])
def test_a_status_from_200_to_599_is_taken(status: int) -> None:
    assert Response(status=status).status == status


@pytest.mark.parametrize(("status", "ok"), [(200, True), (299, True), (300, False), (404, False)])
def test_ok_is_200_to_299(status: int, ok: bool) -> None:
    assert Response(status=status).ok is ok


def test_status_text_is_the_standard_one_unless_given() -> None:
    assert Response(status=404).status_text == "Not Found"
    assert Response(status=299).status_text == ""
    assert Response(status=404, status_text="Gone fishing").status_text == "Gone fishing"


def test_a_web_socket_needs_101() -> None:
    client, _ = WebSocketPair()
    assert Response(None, status=101, web_socket=client).status == 101
    with pytest.raises(WebRangeError, match="must have status code 101"):
        Response(None, web_socket=client)


@pytest.mark.parametrize("text", ["a\nb", "\r\n", "\0", "\t"])
def test_status_text_is_one_line(text: str) -> None:
    with pytest.raises(WebTypeError, match="Invalid statusText"):
        Response(status_text=text)


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("body", ["a", b"a", [b"a"], ReadableStream([])])
def test_a_null_body_status_has_no_body(status: int, body: Any) -> None:
    with pytest.raises(WebTypeError, match="null body status"):
        Response(body, status=status)


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("body", [None, "", b""])
def test_a_null_body_status_takes_an_empty_body_as_none(status: int, body: Any) -> None:
    response = Response(body, status=status)
    assert response.body is None
    assert "content-type" not in response.headers


def test_headers_can_be_changed_in_place() -> None:
    response = Response("a")
    response.headers["X-A"] = "1"
    response.headers.append("set-cookie", "a=1")
    assert response.headers is response.headers
    assert dict(response.headers) == {
        "content-type": "text/plain;charset=UTF-8",
        "set-cookie": "a=1",
        "x-a": "1",
    }


def test_a_content_type_can_be_removed() -> None:
    response = Response("a")
    del response.headers["content-type"]
    assert list(response.headers) == []


def test_headers_given_are_copied() -> None:
    given = Headers({"a": "1"})
    Response(headers=given).headers["a"] = "2"
    assert given["a"] == "1"
    frozen = Headers.from_raw([(b"a", b"1")], immutable=True)
    Response(headers=frozen).headers["a"] = "2"


@pytest.mark.parametrize(
    "headers", [{"a b": "1"}, {"a": "1\r\nb: 2"}, {"a": "€"}, "a: 1", [("a",)]]
)
def test_headers_that_http_does_not_allow(headers: Any) -> None:
    with pytest.raises(WebTypeError):
        Response(headers=headers)


# json -----------------------------------------------------------------------------------------------


async def test_json_builds_on_the_class_and_reads_on_an_instance() -> None:
    response = Response.json({"a": [1, None, "é"], "b": {}})
    assert response.headers["content-type"] == "application/json"
    assert await response.clone().bytes() == '{"a":[1,null,"é"],"b":{}}'.encode()
    assert await response.json() == {"a": [1, None, "é"], "b": {}}


@pytest.mark.parametrize("data", [None, 0, "", [], False, "text"])
async def test_json_takes_every_value(data: Any) -> None:
    assert await Response.json(data).json() == data


@pytest.mark.parametrize(
    "make",
    [
        lambda: Response.json(1, status=201, headers={"x": "1"}),
        lambda: Response.json(1, {"status": 201, "headers": {"x": "1"}}),
    ],
)
def test_json_takes_options(make) -> None:
    response = make()
    assert (response.status, response.headers["x"]) == (201, "1")
    assert response.headers["content-type"] == "application/json"


def test_json_keeps_a_content_type_that_is_given() -> None:
    response = Response.json({}, headers={"Content-Type": "application/problem+json"})
    assert response.headers.get_all("content-type") == ["application/problem+json"]


def test_json_refuses_what_json_has_no_form_for() -> None:
    with pytest.raises(TypeError, match="object"):
        Response.json(object())


def test_json_with_a_null_body_status_is_refused() -> None:
    with pytest.raises(WebTypeError):
        Response.json({}, status=204)


def test_json_of_a_subclass_makes_that_subclass() -> None:
    class Mine(Response):
        pass

    assert type(Mine.json(1)) is Mine


# html, redirect, error ------------------------------------------------------------------------------


async def test_html() -> None:
    response = Response.html("<p>é", status=404, headers={"x": "1"})
    assert response.headers["content-type"] == "text/html;charset=UTF-8"
    assert (response.status, response.headers["x"], await response.text()) == (404, "1", "<p>é")
    assert Response.html("", headers={"content-type": "a/b"}).headers["content-type"] == "a/b"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://EXAMPLE.com:443/a/../b?c#d", "https://example.com/b?c#d"),
        ("https://bücher.example/é", "https://xn--bcher-kva.example/%C3%A9"),
        ("/a/b?c=d#e", "/a/b?c=d#e"),
        ("/é?ü", "/%C3%A9?%C3%BC"),
        ("relative", "relative"),
        ("é/b", "%C3%A9/b"),
        ("//other.example/a", "//other.example/a"),
        ("?q", "?q"),
    ],
)
def test_redirect_normalises_its_target(url: str, location: str) -> None:
    response = Response.redirect(url)
    assert (response.status, response.body) == (302, None)
    assert list(response.headers.items()) == [("location", location)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_with_a_status(status: int) -> None:
    assert Response.redirect("/", status).status == status


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 309, 404, 0])
def test_redirect_with_another_status_is_a_range_error(status: int) -> None:
    with pytest.raises(WebRangeError):
        Response.redirect("/", status)


@pytest.mark.parametrize("url", ["", "http://", "http://[", "https://a b/", "//"])
def test_redirect_to_no_url_is_a_type_error(url: str) -> None:
    with pytest.raises(WebTypeError):
        Response.redirect(url)


@pytest.mark.parametrize("url", ["/a\r\nset-cookie: x=1", "/\n", "/\0", "/a\tb"])
def test_redirect_cannot_inject_headers(url: str) -> None:
    try:
        location = Response.redirect(url).headers["location"]
    except WebTypeError:
        return
    assert not set(location) & set("\r\n\0\t")


def test_a_redirect_can_be_changed() -> None:
    response = Response.redirect("/")
    response.headers["x"] = "1"
    assert response.headers["x"] == "1"


def test_error_is_a_network_error() -> None:
    response = Response.error()
    assert (response.status, response.type, response.body, response.ok) == (0, "error", None, False)
    with pytest.raises(WebTypeError, match="immutable"):
        response.headers["x"] = "1"


def test_a_clone_has_everything() -> None:
    response = Response("a", status=201, status_text="Made", headers={"x": "1"}, cf={"a": 1})
    response.url = "http://h/"
    twin = response.clone()
    assert (twin.status, twin.status_text, twin.headers["x"]) == (201, "Made", "1")
    assert (twin.url, twin.cf, twin.type) == ("http://h/", {"a": 1}, "default")


def test_repr() -> None:
    assert repr(Response.json(1)) == (
        "Response(status=200, status_text='OK', content_type='application/json')"
    )


# What a handler returns -----------------------------------------------------------------------------


async def handler() -> None: ...


@pytest.mark.parametrize(
    ("value", "body", "content_type"),
    [
        ("é", "é".encode(), "text/plain;charset=UTF-8"),
        ("", b"", "text/plain;charset=UTF-8"),
        (b"\xff", b"\xff", "application/octet-stream"),
        (bytearray(b"a"), b"a", "application/octet-stream"),
        (memoryview(b"a"), b"a", "application/octet-stream"),
        ({"a": 1, "b": [2]}, b'{"a":1,"b":[2]}', "application/json"),
        ([], b"[]", "application/json"),
        ((1, 2), b"[1,2]", "application/json"),
        (0, b"0", "application/json"),
        (False, b"false", "application/json"),
        (1.5, b"1.5", "application/json"),
    ],
)
async def test_a_result_becomes_a_response(value: Any, body: bytes, content_type: str) -> None:
    response = convert(value, handler)
    assert (response.status, response.headers["content-type"]) == (200, content_type)
    assert await response.bytes() == body


def test_a_response_stays_as_it_is() -> None:
    class Mine(Response):
        pass

    for response in (Response(), Mine()):
        assert convert(response, handler) is response


def test_none_is_an_error_that_names_the_handler() -> None:
    with pytest.raises(TypeError, match=r"test_response\.handler\(\) returned None"):
        convert(None, handler)


async def stream() -> AsyncIterator[bytes]:
    yield b""


@pytest.mark.parametrize("value", [ReadableStream([]), stream(), iter([b""]), (x for x in b"")])
def test_a_bare_stream_is_an_error_with_a_hint(value: Any) -> None:
    with pytest.raises(TypeError, match=r"return Response\(stream\)"):
        convert(value, handler)


def test_what_has_no_json_form_is_a_type_error_that_names_the_handler() -> None:
    with pytest.raises(TypeError, match=r"test_response\.handler\(\)"):
        convert(object(), handler)


class Callable:
    async def __call__(self) -> None: ...

    async def method(self) -> None: ...


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (handler, "handler()"),
        (functools.partial(handler), "handler()"),
        (functools.partial(functools.partial(handler)), "handler()"),
        (Callable(), "Callable()"),
        (Callable().method, "Callable.method()"),
    ],
)
def test_describe_names_every_kind_of_handler(target: Any, name: str) -> None:
    assert describe(target) == f"{__name__}.{name}"
