"""WSGI apps in a Workers project. PEP 3333."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edgekit.compat import wsgi
from edgekit.compat.current import wait_until
from edgekit.compat.greenlets import run_sync
from edgekit.testing.client import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream
from edgekit.worker import worker


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response(
        "200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    )
    return [b"hello ", b"", environ["PATH_INFO"].encode("latin-1")]


async def ask(app: Any, url: str = "http://h:81/", env: Any = None, **init: Any) -> Response:
    return await wsgi.fetch(app, Request(url, **init), env)


async def test_status_headers_and_body():
    response = await ask(hello, "http://h/caf%C3%A9")
    assert (response.status, response.status_text) == (200, "OK")
    assert response.headers.get_set_cookie() == ["a=1", "b=2"]
    assert await response.text() == "hello /café"


async def test_a_small_answer_is_one_piece_with_a_length():
    async with TestClient(worker(wsgi.entrypoint(hello))) as client:
        response = await client.get("/")
        assert response.headers["content-length"] == "7"


def describe(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [])
    names = [
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "QUERY_STRING",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "wsgi.url_scheme",
        "workers.env",
        "HTTP_HOST",
        "HTTP_X_A",
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
        "HTTP_COOKIE",
        "HTTP_X_B",
        "REMOTE_ADDR",
    ]
    return [repr({name: environ.get(name) for name in names}).encode()]


async def test_environ_of_a_request_without_a_connection():
    headers = [("x-a", "1"), ("x-a", "2"), ("x_b", "no"), ("cookie", "a=1"), ("cookie", "b=2")]
    response = await ask(
        describe, "https://h/p?q=%20", {"E": 1}, method="POST", body="abc", headers=headers
    )
    assert eval(await response.text()) == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "q=%20",
        "SERVER_NAME": "h",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "https",
        "workers.env": {"E": 1},
        "HTTP_HOST": "h",
        "HTTP_X_A": "1,2",
        "HTTP_X_B": None,
        "CONTENT_TYPE": "text/plain;charset=UTF-8",
        "CONTENT_LENGTH": "3",
        "HTTP_COOKIE": "a=1; b=2",
        "REMOTE_ADDR": None,
    }


async def test_environ_of_a_connection():
    async with TestClient(worker(wsgi.entrypoint(describe))) as client:
        response = await client.get("/p?q=1", headers={"x-a": "1"})
        environ = eval((await response.text()).replace("<Env: empty>", "None"))
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert (environ["QUERY_STRING"], environ["HTTP_X_A"]) == ("q=1", "1")


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield environ["wsgi.input"].read(5)
    yield environ["wsgi.input"].read()


@pytest.mark.parametrize("size", [0, 3, 100, 1_000_000])
@pytest.mark.parametrize("streamed", [True, False])
async def test_bodies_go_through(size: int, streamed: bool):
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    given = ReadableStream([body[:10], body[10:]]) if streamed else body
    headers = {} if streamed else {"content-length": str(size)}
    response = await ask(echo, method="POST", body=given, headers=headers)
    assert await response.bytes() == body


async def test_a_body_streams_and_the_app_waits_for_its_reader():
    written = 0

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        nonlocal written
        start_response("200 OK", [])
        for _ in range(100):
            written += 1
            yield bytes(64 * 1024)

    response = await ask(app)
    body = response.body
    assert body is not None
    reader = body.get_reader()
    await reader.read()
    assert written < 20
    size = 64 * 1024
    while not (result := await reader.read())["done"]:
        size += len(result["value"])
    assert size == 100 * 64 * 1024


async def test_the_first_bytes_come_before_the_last_are_made():
    go_on = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        go_on.wait(10)
        yield b"last"

    response = await ask(app)
    assert response.body is not None
    chunks = aiter(response.body)
    assert await anext(chunks) == b"first"
    go_on.set()
    assert await anext(chunks) == b"last"


async def test_a_reader_that_leaves_ends_the_app_and_closes_its_result():
    closed = threading.Event()

    class Result:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield bytes(100_000)

        def close(self) -> None:
            closed.set()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Result:
        start_response("200 OK", [])
        return Result()

    response = await ask(app)
    assert response.body is not None
    async for _ in response.body:
        break
    assert await asyncio.to_thread(closed.wait, 10)


async def test_errors_before_the_first_byte_are_raised():
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await ask(app)

    def silent(environ: Any, start_response: Any) -> list[bytes]:
        return [b""]

    with pytest.raises(RuntimeError, match="did not call start_response"):
        await ask(silent)

    def early(environ: Any, start_response: Any) -> list[bytes]:
        return [b"x"]

    with pytest.raises(AssertionError, match=r"before start_response"):
        await ask(early)


async def test_errors_after_it_break_the_body_off():
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x" * 300_000
        raise ValueError("late")

    response = await ask(app)
    with pytest.raises(ValueError, match="late"):
        await response.bytes()


async def test_start_response_with_exc_info_replaces_what_was_not_sent():
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise ValueError("no")
        except ValueError:
            import sys

            start_response("500 Oops", [("x-a", "b")], sys.exc_info())
        return [b"sorry"]

    response = await ask(app)
    assert (response.status, response.status_text, response.headers["x-a"]) == (500, "Oops", "b")

    def twice(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    with pytest.raises(AssertionError, match="more than once"):
        await ask(twice)


async def test_write():
    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"a")
        return [b"b"]

    assert await (await ask(app)).text() == "ab"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_statuses_without_a_body(status: str):
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [])
        return [b"ignored"]

    assert await (await ask(app)).bytes() == b""


async def test_blocking_code_does_not_stop_other_requests():
    arrived = threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/wait":
            assert arrived.wait(10)
        else:
            arrived.set()
        return [b"ok"]

    both = await asyncio.gather(ask(app, "http://h/wait"), ask(app, "http://h/go"))
    assert [await each.text() for each in both] == ["ok", "ok"]


async def test_run_sync_reaches_the_event_loop():
    async def value() -> str:
        return threading.current_thread().name

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [run_sync(value()).encode(), threading.current_thread().name[:12].encode()]

    assert await (await ask(app)).text() == threading.current_thread().name + "edgekit-wsgi"


async def test_wait_until_from_a_thread():
    done = []

    async def later() -> None:
        done.append(threading.current_thread().name)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        wait_until(later())
        return [b"ok"]

    async with TestClient(worker(wsgi.entrypoint(app))) as client:
        assert await (await client.get("/")).text() == "ok"
    assert done == [threading.current_thread().name]


async def test_cancelling_the_request_lets_the_app_end():
    began, ended = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        began.set()
        start_response("200 OK", [])
        ended.wait(10)
        yield b"x" * 1_000_000

    task = asyncio.create_task(ask(app))
    await asyncio.to_thread(began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ended.set()


async def test_a_whole_answer_that_is_large_streams_all_the_same():
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(200_000)] * 5

    assert await (await ask(app)).bytes() == bytes(1_000_000)


async def test_exc_info_after_the_first_bytes_is_raised():
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x" * 300_000
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Oops", [], sys.exc_info())

    with pytest.raises(ValueError, match="late"):
        await (await ask(app)).bytes()


async def test_a_body_that_is_not_wanted_lets_the_app_end():
    ended = threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("204 No Content", [])
        try:
            while True:
                yield bytes(100_000)
        finally:
            ended.set()

    assert (await ask(app)).body is None
    assert await asyncio.to_thread(ended.wait, 10)
