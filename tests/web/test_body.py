"""What Request and Response share: a body of many kinds that is read once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from edgekit.errors import BodyUsedError, HTTPError, WebSyntaxError, WebTypeError
from edgekit.web.blob import Blob
from edgekit.web.body import Body
from edgekit.web.formdata import FormData
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream
from edgekit.web.url import URLSearchParams

Make = Callable[..., Any]


def request(body: Any = None, **init: Any) -> Request:
    return Request("http://h/", method="POST", body=body, **init)


both = pytest.mark.parametrize("make", [request, Response])


async def chunks() -> AsyncIterator[bytes]:
    yield b"1"
    yield b"2"


# What a body is made of -----------------------------------------------------------------------------

TEXT = "text/plain;charset=UTF-8"
KINDS = [
    (lambda: "é", "é".encode(), TEXT),
    (lambda: "", b"", TEXT),
    (lambda: b"\xff\0", b"\xff\0", None),
    (lambda: bytearray(b"a"), b"a", None),
    (lambda: memoryview(b"a"), b"a", None),
    (lambda: [b"1", "2"], b"12", None),
    (lambda: chunks(), b"12", None),
    (lambda: ReadableStream([b"1"]), b"1", None),
    (
        lambda: URLSearchParams({"a": "é b"}),
        b"a=%C3%A9+b",
        "application/x-www-form-urlencoded;charset=UTF-8",
    ),
    (lambda: Blob([b"x"], type="image/png"), b"x", "image/png"),
    (lambda: Blob([b"x"]), b"x", None),
]


@both
@pytest.mark.parametrize(("body", "data", "content_type"), KINDS)
async def test_a_body_brings_its_content_type(make: Make, body, data, content_type) -> None:
    made = make(body())
    assert made.headers.get("content-type") == content_type
    assert await made.bytes() == data


@both
def test_a_form_brings_its_boundary(make: Make) -> None:
    content_type = make(FormData({"a": "1"})).headers["content-type"]
    assert content_type.startswith("multipart/form-data; boundary=")


@both
@pytest.mark.parametrize("body", ["a", URLSearchParams("a=1"), FormData({"a": "1"})])
def test_a_content_type_that_is_given_stays(make: Make, body) -> None:
    made = make(body, headers={"Content-Type": "text/css"})
    assert made.headers.get_all("content-type") == ["text/css"]


@both
@pytest.mark.parametrize("body", [{"a": 1}, 1, 1.5, True, object(), print])
def test_other_things_are_no_body(make: Make, body) -> None:
    with pytest.raises(WebTypeError, match="a body cannot be made of"):
        make(body)


@both
def test_a_dict_hints_at_json(make: Make) -> None:
    with pytest.raises(TypeError, match=r"did you mean Response\.json"):
        make({"a": 1})


@both
async def test_a_lone_surrogate_in_text_is_replaced(make: Make) -> None:
    assert await make("\ud800a").bytes() == "\ufffda".encode()


# Reading --------------------------------------------------------------------------------------------


@both
async def test_no_body_reads_as_empty_and_is_never_used(make: Make) -> None:
    made = make()
    assert made.body is None
    assert (await made.text(), await made.bytes(), await made.array_buffer()) == ("", b"", b"")
    assert not made.body_used
    assert not made.bodyUsed


@both
async def test_an_empty_body_is_a_body(make: Make) -> None:
    made = make(b"")
    assert await made.text() == ""
    assert made.body_used
    assert [chunk async for chunk in make(b"").body] == []


READS = ["text", "bytes", "array_buffer", "arrayBuffer", "json", "blob", "form_data"]


@both
@pytest.mark.parametrize("source", [lambda: b"1", lambda: ReadableStream([b"1"])])
@pytest.mark.parametrize("second", READS)
async def test_a_body_is_used_once(make: Make, source, second: str) -> None:
    made = make(source())
    assert not made.body_used
    await made.text()
    assert made.body_used
    with pytest.raises(BodyUsedError, match="Body has already been used"):
        await getattr(made, second)()
    assert made.body_used


@both
async def test_body_used_is_a_type_error_too(make: Make) -> None:
    made = make("a")
    await made.text()
    with pytest.raises(TypeError):
        await made.text()


@both
@pytest.mark.parametrize("source", [lambda: b"1", lambda: ReadableStream([b"1"])])
async def test_reading_the_stream_uses_the_body(make: Make, source) -> None:
    made = make(source())
    assert [chunk async for chunk in made.body] == [b"1"]
    assert made.body_used
    with pytest.raises(BodyUsedError):
        await made.text()


@both
@pytest.mark.parametrize("source", [lambda: b"1", lambda: ReadableStream([b"1"])])
async def test_reading_the_body_locks_the_stream(make: Make, source) -> None:
    made = make(source())
    await made.bytes()
    assert made.body.locked
    with pytest.raises(BodyUsedError):
        made.body.get_reader()


@both
async def test_a_reader_holds_the_body(make: Make) -> None:
    made = make("a")
    reader = made.body.get_reader()
    assert not made.body_used
    with pytest.raises(BodyUsedError):
        await made.text()
    reader.release_lock()
    assert await made.text() == "a"


@both
def test_body_is_one_stream(make: Make) -> None:
    made = make("a")
    assert made.body is made.body
    stream = ReadableStream([b"a"])
    assert make(stream).body is stream


@both
async def test_text_is_utf_8_with_replacement_and_without_byte_order_mark(make: Make) -> None:
    assert await make(b"\xef\xbb\xbf\xef\xbb\xbfa\xff").text() == "\ufeffa\ufffd"
    assert await make([b"\xc3", b"\xa9"]).text() == "é"
    assert await make(b"\xe2\x82a\xf0\x9f\x92").text() == "\ufffda\ufffd"


@both
@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/plain, x/y, Text/HTML", "text/html"),
        ('a/b;x="c/d, e/f", g', 'a/b;x="c/d, e/f"'),
        ("bad", ""),
        ("", ""),
        (" a/b ; c=d ", "a/b ; c=d"),
    ],
)
async def test_blob_has_the_last_media_type(make: Make, content_type: str, kind: str) -> None:
    assert (await make("x", headers={"content-type": content_type}).blob()).type == kind


@both
async def test_blob_has_the_content_type(make: Make) -> None:
    blob = await make("<p>", headers={"content-type": "text/html"}).blob()
    assert (blob.type, blob.size, await blob.text()) == ("text/html", 3, "<p>")


@both
async def test_form_data_reads_urlencoded_and_multipart(make: Make) -> None:
    assert list((await make(URLSearchParams("a=1&a=2")).form_data()).items()) == [
        ("a", "1"),
        ("a", "2"),
    ]
    assert (await make(FormData({"a": "é"})).formData())["a"] == "é"


# JSON -----------------------------------------------------------------------------------------------


@dataclass
class User:
    name: str
    age: int


@both
async def test_json_reads_any_value(make: Make) -> None:
    assert await make('{"a":[1,null,"\\u00e9"]}').json() == {"a": [1, None, "é"]}
    assert await make(b"\xef\xbb\xbf1").json() == 1
    assert await make([b'"', b'a"']).json() == "a"


@both
async def test_json_of_a_type_is_checked_and_converted(make: Make) -> None:
    assert await make('{"name":"x","age":3,"more":1}').json(User) == User("x", 3)
    assert await make("[1,2]").json(type=list[int]) == [1, 2]


BAD = [
    b"",
    b"{",
    b"{'a':1}",
    b"[1,]",
    b"NaN",
    b"\xff",
    b'"\xff"',
    b"01",
    b"[" * 100_000,
    b"\xff\xfe1\0",
]


@both
@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
async def test_what_is_not_json_is_an_error(make: Make, data: bytes) -> None:
    with pytest.raises((HTTPError, WebSyntaxError), match="not JSON"):
        await make(data).json()


async def test_a_request_answers_malformed_json_with_400() -> None:
    with pytest.raises(HTTPError) as caught:
        await request("{").json(User)
    assert caught.value.status == 400
    assert set(caught.value.detail) == {"error", "path"}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"name":"x"}', "$"),
        ('{"name":"x","age":"3"}', "$.age"),
        ('{"name":"x","age":1.5}', "$.age"),
        ("[]", "$"),
    ],
)
async def test_a_request_answers_json_of_another_shape_with_422_and_where(
    text: str, path: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        await request(text).json(User)
    assert caught.value.status == 422
    assert caught.value.detail["path"] == path


async def test_the_path_goes_into_lists() -> None:
    with pytest.raises(HTTPError) as caught:
        await request('[{"name":"x","age":1},{"name":2,"age":1}]').json(list[User])
    assert caught.value.detail["path"] == "$[1].name"


async def test_a_response_raises_a_syntax_error_with_the_path() -> None:
    with pytest.raises(WebSyntaxError) as caught:
        await Response('{"name":"x","age":"3"}').json(User)
    assert caught.value.path == "$.age"
    assert isinstance(caught.value, ValueError)


# clone ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "source", [lambda: None, lambda: b"ab", lambda: "ab", lambda: [b"a", b"b"]]
)
async def test_a_clone_has_the_same_body(make: Make, source) -> None:
    made = make(source())
    twin = made.clone()
    assert await made.bytes() == await twin.bytes()
    assert type(twin) is type(made)


@both
async def test_a_clone_has_its_own_headers(make: Make) -> None:
    made = make("a")
    twin = made.clone()
    twin.headers["x"] = "1"
    assert "x" not in made.headers
    assert twin.headers["content-type"] == TEXT


@both
async def test_what_was_used_or_is_locked_cannot_be_cloned(make: Make) -> None:
    used, locked = make("a"), make("a")
    await used.text()
    locked.body.get_reader()
    for made in (used, locked):
        with pytest.raises(BodyUsedError):
            made.clone()


@both
async def test_clones_of_clones(make: Make) -> None:
    first = make([b"a"])
    second = first.clone()
    third = second.clone()
    assert [await x.text() for x in (third, first, second)] == ["a"] * 3


@both
async def test_a_clone_waits_8_mib_ahead_of_the_slower_reader(make: Make) -> None:
    mebibyte, sent = bytes(1024 * 1024), 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(20):
            sent += 1
            yield mebibyte

    made: Body = make(source())
    twin = made.clone()
    fast = asyncio.ensure_future(twin.bytes())
    for _ in range(100):
        await asyncio.sleep(0)
    assert sent == 8
    assert len(await made.bytes()) == 20 * 1024 * 1024
    assert len(await fast) == 20 * 1024 * 1024


@both
async def test_a_clone_that_is_dropped_is_not_waited_for(make: Make) -> None:
    made = make(ReadableStream([bytes(1024 * 1024)] * 10))
    made.clone()
    assert len(await made.bytes()) == 10 * 1024 * 1024
