"""WebSockets of `js`: pairs whose listeners are JavaScript's, and the client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edgekit.compat.javascript.convert import native, view
from edgekit.compat.javascript.errors import JsException
from edgekit.compat.javascript.proxies import create_proxy
from edgekit.compat.javascript.proxy import blobs
from edgekit.compat.javascript.sockets import WebSocket, WebSocketPair
from edgekit.testing.client import TestClient
from edgekit.web.response import Response
from tests.compat.loading import Load

ECHO = """
from js import WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        server.binaryType = "arraybuffer"  # or they are Blobs, since 2026-03-17
        server.accept()

        def on_message(event):
            server.send(event.data if isinstance(event.data, str) else event.data.to_bytes()[::-1])

        server.addEventListener("message", create_proxy(on_message))
        return Response(None, status=101, web_socket=client)
"""


async def test_a_handler_answers_over_a_pair(load: Load):
    async with TestClient(load(ECHO)) as client:
        answer = await client.fetch("/", headers={"upgrade": "websocket"})
        socket = answer.web_socket
        assert socket is not None
        socket.accept()
        socket.send("hello")
        assert await socket.receive() == "hello"
        socket.send(b"abc")
        assert await socket.receive() == b"cba"
        socket.close(1000, "done")


def test_the_ends_of_a_pair():
    pair = WebSocketPair.new()
    first, second = pair
    assert (pair[0], pair[1]) == (first, second) == tuple(pair.object_values())
    assert getattr(pair, "0") == first
    assert (len(pair), str(pair), first.constructor.name) == (
        2,
        "[object WebSocketPair]",
        "WebSocket",
    )
    assert first.readyState == first.OPEN
    with pytest.raises(JsException, match="TypeError: You must call one of accept"):
        first.send("x")
    with pytest.raises(AttributeError):
        _ = pair.nothing


async def test_listeners_get_events_and_can_be_taken_off():
    first, second = WebSocketPair.new()
    heard: list[Any] = []
    proxy = create_proxy(lambda event: heard.append(event.data))
    second.addEventListener("message", proxy)
    second.onclose = lambda event: heard.append(
        (event.code, event.reason, event.wasClean, event.type)
    )
    first.accept()
    second.accept()
    first.send("a")
    await native(first).drain()
    second.removeEventListener("message", proxy)
    second.onmessage = lambda event: heard.append(event.data.to_bytes())
    first.send(b"b")
    first.close(1001, "bye")
    await native(first).drain()
    assert heard == ["a", b"b", (1001, "bye", True, "close")]
    assert callable(second.onclose)


async def test_two_ends_in_one_process_hear_each_other():
    first, second = WebSocketPair.new()
    heard: list[Any] = []
    closed = asyncio.get_running_loop().create_future()

    def answer(event: Any) -> None:
        heard.append(event.data)
        second.send("answer to " + event.data)

    first.addEventListener("message", lambda event: heard.append(event.data))
    first.onclose = lambda event: closed.set_result((event.code, event.reason))
    second.addEventListener("message", answer)
    first.accept()
    second.accept(allowHalfOpen=True)
    second.onclose = lambda event: second.close(4000, "mine")
    first.send("a")
    first.close("1000", "bye")
    assert await closed == (4000, "mine")
    assert heard == ["a", "answer to a"]
    assert (first.readyState, second.readyState) == (3, 3)


async def test_what_came_before_its_listener_is_not_lost():
    first, second = WebSocketPair.new()
    first.accept()
    second.accept()
    first.send("early")
    heard = asyncio.get_running_loop().create_future()
    second.addEventListener("message", lambda event: heard.set_result(event.data))
    assert await heard == "early"


@pytest.mark.parametrize("arguments", [(999,), (1005,), (5000,), ("x",), (None, "reason")])
def test_a_close_that_cannot_be_said_is_an_invalid_access(arguments: tuple[Any, ...]):
    first, _ = WebSocketPair.new()
    first.accept()
    with pytest.raises(JsException, match="InvalidAccessError"):
        first.close(*arguments)


async def test_binary_messages_are_blobs_where_asked_for():
    first, second = WebSocketPair.new()
    kinds = []
    second.onmessage = lambda event: kinds.append(event.data.constructor.name)
    first.accept()
    second.accept()
    assert second.binaryType == "arraybuffer"
    first.send(b"x")
    await native(first).drain()
    second.binaryType = "blob"
    first.send(b"x")
    await native(first).drain()
    with pytest.raises(JsException, match="binaryType"):
        second.binaryType = "other"
    token = blobs.set(True)
    assert first.binaryType == "blob"
    blobs.reset(token)
    assert kinds == ["ArrayBuffer", "Blob"]


async def test_the_client_connects_and_tells_by_events(monkeypatch: pytest.MonkeyPatch):
    from edgekit import client

    theirs, ours = WebSocketPair.new()
    asked: dict[str, Any] = {}

    async def fetch(url: Any, *, headers: Any) -> Response:
        asked.update(headers, url=url)
        native(theirs).accept()
        return Response(None, status=101, web_socket=native(ours))

    monkeypatch.setattr(client, "fetch", fetch)
    socket = WebSocket.new("wss://example.com/x", ["a", "b"])
    opened = asyncio.get_running_loop().create_future()
    heard: list[Any] = []
    socket.addEventListener("open", lambda event: opened.set_result(event.type))
    socket.addEventListener("message", lambda event: heard.append(event.data))
    assert (socket.readyState, socket.protocol, socket.extensions) == (0, "", "")
    with pytest.raises(JsException, match="InvalidStateError"):
        socket.send("early")
    assert await opened == "open"
    assert asked == {
        "url": "wss://example.com/x",
        "upgrade": "websocket",
        "sec-websocket-protocol": "a, b",
    }
    assert (socket.readyState, socket.url) == (1, "wss://example.com/x")
    socket.send("there")
    assert await native(theirs).receive() == "there"
    native(theirs).send("back")
    await native(theirs).drain()
    assert heard == ["back"]
    socket.close(1000)
    with pytest.raises(JsException, match="cannot call accept"):
        socket.accept()


async def test_a_client_that_is_refused_hears_error_and_close(monkeypatch: pytest.MonkeyPatch):
    from edgekit import client

    async def fetch(url: Any, *, headers: Any) -> Response:
        return Response("no", status=403)

    monkeypatch.setattr(client, "fetch", fetch)
    socket = WebSocket.new("wss://example.com/")
    heard: list[Any] = []
    closed = asyncio.get_running_loop().create_future()
    socket.onerror = lambda event: heard.append(event.message)
    socket.onclose = lambda event: closed.set_result(event.code)
    assert await closed == 1006
    assert heard == ["Error: WebSocket was refused: 403 Forbidden"]
    assert socket.readyState == 3


def test_a_client_needs_a_url():
    with pytest.raises(JsException, match="SyntaxError: WebSocket Constructor: The url is invalid"):
        WebSocket.new("nope")


def test_attachments_are_refused():
    with pytest.raises(JsException, match="Durable Object"):
        view(native(WebSocketPair.new()[0])).serializeAttachment({})
