"""A Request into an ASGI app: receives and sends that are cancelled, bodies that break off, HEAD."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse

from edgekit import host
from edgekit.app import App
from edgekit.asgi import ASGIApp
from edgekit.asgi_call import MAX_HEAD, call_asgi
from edgekit.context import ExecutionContext
from edgekit.errors import WebTypeError
from edgekit.testing import ManualClock
from edgekit.web.request import Request
from edgekit.web.response import Response

from .wire import Connection, turns, until

START = {"type": "http.response.start", "status": 200, "headers": []}


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def call(app: ASGIApp, method: str = "GET", body: Any = None) -> Response:
    return await call_asgi(app, Request("http://h/", method=method, body=body), ExecutionContext())


async def impatient(awaitable: Any) -> None:
    """Begin to wait for something that does not come, and give up."""
    task = asyncio.ensure_future(awaitable)
    await turns()
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


async def test_a_receive_that_is_cancelled_loses_nothing_of_a_stream() -> None:
    more = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        await more.wait()
        yield b"b"

    async def app(scope, receive, send):
        read = (await receive())["body"]
        await impatient(receive())
        more.set()
        while (message := await receive())["more_body"]:
            read += message["body"]
        await send(START)
        await send(part(read, False))

    assert await (await call(app, "POST", body())).text() == "ab"


async def test_receives_that_overlap_get_a_chunk_each() -> None:
    more = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        await more.wait()
        yield b"a"
        yield b"b"

    async def app(scope, receive, send):
        # Starlette's StreamingResponse waits for the disconnect beside the stream, which may read the body.
        both = [asyncio.ensure_future(receive()) for _ in range(2)]
        await turns()
        more.set()
        read = b"".join(message["body"] for message in await asyncio.gather(*both))
        assert not (await receive())["more_body"]
        await send(START)
        await send(part(read, False))

    assert await (await call(app, "POST", body())).text() == "ab"


async def test_a_receive_that_is_cancelled_loses_nothing_of_a_connection(serve) -> None:
    async def app(scope, receive, send):
        # What Starlette's is_disconnected() does, and the middleware of others.
        await impatient(receive())
        connection.feed(b"a", more=True).feed(b"b")
        await PlainTextResponse(await StarletteRequest(scope, receive).body())(scope, receive, send)

    outer = App()
    outer.mount("/", app)
    chunked = [("transfer-encoding", "chunked")]
    connection = Connection(serve(outer), method="POST", headers=chunked).start()
    assert (await connection.end()).text == "ab"


async def test_a_chunk_that_was_asked_for_and_is_not_taken_is_let_go() -> None:
    closed = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            closed.set()

    async def app(scope, receive, send):
        await impatient(receive())
        await send(START)
        await send(part(b"x", False))

    assert await (await call(app, "POST", body())).text() == "x"
    await asyncio.wait_for(closed.wait(), 5)


@pytest.mark.parametrize("last", [True, False])
async def test_a_send_that_is_cancelled_breaks_the_response_off(last: bool) -> None:
    """What follows would close the gap, or nobody would tell of the end."""
    faults: list[type[Exception]] = []

    async def app(scope, receive, send):
        await send(START)
        await send(part(b"1"))
        await impatient(send(part(b"2", not last)))
        try:
            await send(part(b"3", False))
        except Exception as error:
            faults.append(type(error))

    response = await call(app)
    await until(lambda: faults)
    with pytest.raises(WebTypeError, match="cancelled while it sent"):
        await response.text()
    assert faults == [OSError]


@pytest.mark.parametrize("answers", [True, False])
async def test_a_body_that_breaks_off_is_told_to_the_app_and_to_the_caller(answers: bool) -> None:
    told: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        raise WebTypeError("lost")

    async def app(scope, receive, send):
        if answers:
            await send(START)
            await send(part(b"1"))
        while (message := await receive())["type"] == "http.request":
            pass
        told.append(message["type"])
        with pytest.raises(OSError, match="gone"):
            await send(part(b"2", False))

    with pytest.raises(WebTypeError, match="lost"):
        await (await call(app, "POST", body())).text()
    await until(lambda: told == ["http.disconnect"])


async def test_an_app_that_still_sends_when_its_caller_lets_go_ends() -> None:
    broken, ended = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        await broken.wait()
        raise WebTypeError("Network connection lost.")
        yield b""

    async def app(scope, receive, send):
        await send(START)
        await send(part(b"a"))
        sending = asyncio.ensure_future(send(part(b"b")))
        await receive()
        await asyncio.wait([sending])
        ended.set()

    response = await call(app, "POST", body())
    broken.set()
    await turns()
    assert not ended.is_set()
    del response
    gc.collect()
    await asyncio.wait_for(ended.wait(), 5)


async def test_too_long_a_body_in_chunks_is_a_413_whatever_the_app_makes_of_it(
    serve, tmp_path
) -> None:
    (tmp_path / "wrangler.json").write_text('{"name": "x", "edgekit": {"max_body_bytes": 3}}')

    async def app(scope, receive, send):
        try:
            while (await receive())["type"] == "http.request":
                pass
        finally:
            await PlainTextResponse("faulty", status_code=500)(scope, receive, send)

    outer = App()
    outer.mount("/", app)
    chunked = [("transfer-encoding", "chunked")]
    connection = Connection(serve(outer), method="POST", headers=chunked)
    connection.feed(b"ab", more=True).feed(b"cd", more=True).start()
    assert (await connection.end()).status == 413


async def test_an_app_ends_its_answer_to_head_undisturbed() -> None:
    ended: list[str] = []

    async def app(scope, receive, send):
        await send({**START, "headers": [(b"x", b"1")]})
        for _ in range(5):
            await send(part(b"1"))
        await send(part(b"", False))
        ended.append("background work")

    response = await call(app, "HEAD")
    assert (response.headers["x"], await response.bytes()) == ("1", b"")
    await until(lambda: ended)


async def test_an_app_that_fails_while_it_answers_head_is_logged(caplog) -> None:
    async def app(scope, receive, send):
        await send(START)
        await send(part(b"1"))
        raise ZeroDivisionError

    assert await (await call(app, "HEAD")).bytes() == b""
    await until(lambda: "ZeroDivisionError" in caplog.text)


async def test_an_endless_answer_to_head_ends_at_a_limit_of_bytes() -> None:
    sent = 0

    async def app(scope, receive, send):
        nonlocal sent
        await send(START)
        while True:
            await send(part(bytes(65536)))
            sent += 65536

    await call(app, "HEAD")
    await until(lambda: sent > MAX_HEAD)
    before = sent
    await turns()
    assert sent == before


@pytest.mark.parametrize("waits_for", ["receive", "something"])
async def test_an_endless_answer_to_head_ends_after_30_seconds(waits_for: str) -> None:
    ended: list[str] = []

    async def app(scope, receive, send):
        await send(START)
        await send(part(b"1"))
        await receive()
        try:
            await (receive() if waits_for == "receive" else asyncio.Event().wait())
        finally:
            ended.append("ended")

    with host.use_clock(clock := ManualClock(1000.0)):
        await call(app, "HEAD")
        await turns()
        clock.advance(29)
        await turns()
        assert ended == []
        clock.advance(1)
        await until(lambda: ended)
