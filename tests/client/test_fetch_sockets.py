"""fetch() that asks for a web socket."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import logging
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from edgekit import client, client_pool
from edgekit.client import fetch
from edgekit.context import _background
from edgekit.errors import AbortError, FetchError, WebTypeError
from edgekit.web.abort import AbortController
from edgekit.web.websocket import CloseEvent, WebSocket

from .origin import Got, Origin, reply

UPGRADE = {"Upgrade": "websocket"}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Wire:
    """The server's side of a web socket, frame by frame. RFC 6455."""

    def __init__(self, got: Got, reader: StreamReader, writer: StreamWriter) -> None:
        self.got, self.reader, self.writer = got, reader, writer

    def accept(self, *headers: str) -> None:
        key = self.got.header("sec-websocket-key") or ""
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
            *headers,
        ]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    def send(self, kind: int, data: bytes = b"") -> None:
        size = bytes([len(data)]) if len(data) < 126 else struct.pack("!BQ", 127, len(data))
        self.writer.write(bytes([0x80 | kind]) + size + data)

    async def receive(self) -> tuple[int, bytes]:
        first, size = await self.reader.readexactly(2)
        assert size & 0x80, "a client masks what it sends"
        size &= 0x7F
        if size >= 126:
            wide = await self.reader.readexactly(2 if size == 126 else 8)
            size = int.from_bytes(wide)
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        return first & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


def serve(origin: Origin, script: Callable[[Wire], Awaitable[None]], *headers: str) -> None:
    """Let `/ws` accept every handshake, and be what `script` makes it until that returns."""

    async def answer(got: Got, reader: StreamReader, writer: StreamWriter) -> None:
        wire = Wire(got, reader, writer)
        wire.accept(*headers)
        try:
            await script(wire)
        finally:
            writer.close()

    origin.answers["/ws"] = answer


async def connect(origin: Origin, **options: Any) -> WebSocket:
    response = await fetch(origin.url + "/ws", headers=UPGRADE, **options)
    assert response.status == 101
    assert response.web_socket is not None
    response.web_socket.accept()
    return response.web_socket


async def idle() -> None:
    """Until no pump runs any more."""
    while asyncio.all_tasks() & _background.tasks:
        await asyncio.sleep(0)


async def echo(wire: Wire) -> None:
    while True:
        kind, data = await wire.receive()
        wire.send(kind, data)
        if kind == CLOSE:
            return


async def test_messages_go_both_ways_in_their_kinds(origin: Origin) -> None:
    serve(origin, echo)
    socket = await connect(origin)
    socket.send("ä")
    assert await socket.receive() == "ä"
    socket.send(b"\0" * 70000)
    assert await socket.receive() == b"\0" * 70000
    socket.close(4000, "done")
    assert await socket.receive() == CloseEvent(code=4000, reason="done")
    await idle()


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_the_url_may_be_of_either_scheme(origin: Origin, scheme: str) -> None:
    serve(origin, echo)
    url = f"{scheme}://127.0.0.1:{origin.port}/ws?a=b"
    response = await fetch(url, headers=UPGRADE)
    assert response.url == url
    assert response.body is None
    assert response.headers["upgrade"] == "websocket"
    got = origin.got[0]
    assert (got.method, got.target) == ("GET", "/ws?a=b")
    assert got.header("sec-websocket-version") == "13"
    await client.close()
    await idle()


async def test_an_incoming_handshake_can_be_passed_on(origin: Origin) -> None:
    serve(origin, echo, "Sec-WebSocket-Protocol: chat")
    headers = {
        **UPGRADE,
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "theirs",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Extensions": "permessage-deflate",
        "Sec-WebSocket-Protocol": "chat",
        "Authorization": "a",
    }
    response = await fetch(origin.url + "/ws", headers=headers)
    assert response.headers["sec-websocket-protocol"] == "chat"
    got = origin.got[0]
    assert got.header("sec-websocket-key") != "theirs"
    assert got.header("sec-websocket-extensions") is None
    assert got.header("sec-websocket-protocol") == "chat"
    assert got.header("authorization") == "a"
    assert [name.lower() for name, _ in got.headers].count("connection") == 1
    await client.close()
    await idle()


async def test_a_close_by_the_server_is_answered(origin: Origin) -> None:
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def goodbye(wire: Wire) -> None:
        wire.send(TEXT, b"last")
        wire.send(CLOSE, struct.pack("!H", 1001) + b"bye")
        answered.set_result(await wire.receive())

    serve(origin, goodbye)
    socket = await connect(origin)
    assert [message async for message in socket] == ["last"]
    assert await socket.receive() == CloseEvent(code=1001, reason="bye")
    kind, data = await answered
    assert (kind, data[:2]) == (CLOSE, struct.pack("!H", 1001))
    await idle()
    assert socket.ready_state == WebSocket.CLOSED


async def test_a_close_without_a_code(origin: Origin) -> None:
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def goodbye(wire: Wire) -> None:
        wire.send(CLOSE)
        answered.set_result(await wire.receive())

    serve(origin, goodbye)
    socket = await connect(origin)
    assert await socket.receive() == CloseEvent(code=1005)
    assert await answered == (CLOSE, b"")
    await idle()


async def test_what_comes_after_our_close_and_before_the_servers_arrives(origin: Origin) -> None:
    async def late(wire: Wire) -> None:
        assert await wire.receive() == (CLOSE, struct.pack("!H", 1000))
        wire.send(TEXT, b"late")
        wire.send(CLOSE, struct.pack("!H", 1000))

    serve(origin, late)
    socket = await connect(origin)
    socket.close(1000)
    assert [message async for message in socket] == ["late"]
    await idle()


async def test_a_connection_that_is_lost_is_a_close_1006(origin: Origin) -> None:
    async def vanish(wire: Wire) -> None:
        wire.send(TEXT, b"last")

    serve(origin, vanish)
    socket = await connect(origin)
    assert await socket.receive() == "last"
    event = await socket.receive()
    assert isinstance(event, CloseEvent)
    assert (event.code, event.was_clean) == (1006, False)
    await idle()


async def test_a_frame_that_breaks_the_protocol_is_an_error(origin: Origin) -> None:
    async def nonsense(wire: Wire) -> None:
        wire.send(3)
        await wire.reader.read()

    serve(origin, nonsense)
    socket = await connect(origin)
    errors: list[Any] = []
    socket.add_event_listener("error", errors.append)
    event = await socket.receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1006
    assert len(errors) == 1
    await idle()


async def test_pings_are_answered(origin: Origin) -> None:
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def ping(wire: Wire) -> None:
        wire.send(PING, b"x")
        answered.set_result(await wire.receive())

    serve(origin, ping)
    await connect(origin)
    assert await answered == (PONG, b"x")
    await idle()


async def test_listeners_run_and_one_that_fails_closes(
    origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    async def two(wire: Wire) -> None:
        wire.send(TEXT, b"one")
        wire.send(TEXT, b"two")
        await wire.reader.read()

    def listen(event: Any) -> None:
        heard.append(event.data)
        if event.data == "two":
            raise ZeroDivisionError

    heard: list[str] = []
    serve(origin, two)
    socket = await connect(origin)
    socket.add_event_listener("message", listen)
    with caplog.at_level(logging.ERROR):
        await idle()
    assert heard == ["one", "two"]
    assert "a listener of the web socket failed" in caplog.text
    assert socket.ready_state == WebSocket.CLOSED


async def test_the_server_is_not_read_faster_than_messages_are_taken(origin: Origin) -> None:
    sent = 0

    async def much(wire: Wire) -> None:
        nonlocal sent
        wire.writer.transport.set_write_buffer_limits(0)
        for _ in range(64):
            wire.send(BINARY, bytes(1 << 20))
            await wire.writer.drain()
            sent += 1
        wire.send(CLOSE)
        await wire.receive()

    serve(origin, much)
    socket = await connect(origin)
    before = -1
    while before != sent or not sent:
        before = sent
        for _ in range(100):
            await asyncio.sleep(0)
    assert sent < 32
    assert [len(message) async for message in socket] == [1 << 20] * 64
    await idle()


async def test_a_refusal_is_the_response(origin: Origin) -> None:
    origin.answers["/ws"] = reply("who are you?", "403 Forbidden", ("X-A", "1"))
    response = await fetch(origin.url + "/ws", headers=UPGRADE)
    assert (response.status, response.web_socket, response.headers["x-a"]) == (403, None, "1")
    assert await response.text() == "who are you?"


async def test_of_a_long_refusal_the_beginning_is_kept(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_pool, "MAX_REFUSAL", 5)
    origin.answers["/ws"] = reply("no, no, no", "403 Forbidden")
    response = await fetch(origin.url + "/ws", headers=UPGRADE)
    assert await response.text() == "no, n"


async def test_a_redirect_of_a_handshake_is_followed(origin: Origin) -> None:
    origin.answers["/"] = reply("", "302 Found", ("Location", "/ws"))
    serve(origin, echo)
    response = await fetch(origin.url, headers=UPGRADE)
    assert (response.status, response.redirected) == (101, True)
    manual = await fetch(origin.url, headers=UPGRADE, redirect="manual")
    assert (manual.status, manual.web_socket) == (302, None)
    await client.close()
    await idle()


async def test_a_wrong_handshake_is_an_error(origin: Origin) -> None:
    origin.answers["/ws"] = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: wrong\r\n\r\n"
    )
    with pytest.raises(FetchError, match=r"/ws failed: the answer is not valid HTTP: Invalid"):
        await fetch(origin.url + "/ws", headers=UPGRADE)


async def test_a_web_socket_url_needs_the_header(origin: Origin) -> None:
    with pytest.raises(WebTypeError, match="Fetch API cannot load"):
        await fetch(f"ws://127.0.0.1:{origin.port}/ws")


async def test_an_abort_ends_the_web_socket(origin: Origin) -> None:
    serve(origin, echo)
    controller = AbortController()
    socket = await connect(origin, signal=controller.signal)
    errors: list[Any] = []
    socket.add_event_listener("error", lambda event: errors.append(event.error))
    controller.abort()
    event = await socket.receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1006
    assert isinstance(errors[0], AbortError)
    await idle()
    assert controller.signal._listeners == []


async def test_closing_the_pool_ends_its_web_sockets(origin: Origin) -> None:
    serve(origin, echo)
    socket = await connect(origin)
    await client.close()
    event = await socket.receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1006
    await idle()


async def test_a_server_that_does_not_answer_a_close_is_left(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = asyncio.Event()

    async def stubborn(wire: Wire) -> None:
        await wire.receive()
        await wire.reader.read()
        left.set()

    monkeypatch.setattr(client_pool, "CLOSE_SECONDS", 0)
    serve(origin, stubborn)
    socket = await connect(origin)
    socket.close(1000)
    await left.wait()
    event = await socket.receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1006
    await idle()
    del socket
    gc.collect()
