"""Apps that answer with what an origin says: by edgekit's fetch(), aiohttp, and httptools by hand.

The origin's address is in BENCHMARK_ORIGIN. Each keeps its connections, copies status, content type
and body, and holds at most one body at a time.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit

ORIGIN = os.environ.get("BENCHMARK_ORIGIN", "")


def edgekit() -> Any:
    """The origin's response, returned as it is."""
    from edgekit import App, Request, fetch  # type: ignore[attr-defined,unused-ignore]

    app = App()

    @app.get("/hello")
    async def hello(request: Request) -> Any:
        return await fetch(ORIGIN)

    return app


async def _reply(send: Any, status: int, media_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def aiohttp() -> Any:
    """One aiohttp session for all requests."""
    from aiohttp import ClientSession, DummyCookieJar

    session: ClientSession | None = None

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal session
        assert scope["type"] == "http"
        if session is None:
            session = ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False)
        async with session.get(ORIGIN) as response:
            body = await response.read()
            await _reply(send, response.status, response.headers["content-type"].encode(), body)

    return app


def httptools() -> Any:
    """The least that can be done: one protocol a connection, idle ones in a list."""
    from httptools import HttpResponseParser

    parts = urlsplit(ORIGIN)
    request = f"GET {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\naccept: */*\r\n\r\n".encode()

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def ask(self) -> asyncio.Future[tuple[int, bytes, bytes]]:
            self.parser = HttpResponseParser(self)
            self.media_type = self.body = b""
            self.answer = asyncio.get_running_loop().create_future()
            self.transport.write(request)
            return self.answer

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_header(self, name: bytes, value: bytes) -> None:
            if name.lower() == b"content-type":
                self.media_type = value

        def on_body(self, body: bytes) -> None:
            self.body += body

        def on_message_complete(self) -> None:
            self.answer.set_result((self.parser.get_status_code(), self.media_type, self.body))

    idle: list[Connection] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        if idle:
            connection = idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, parts.hostname, parts.port)
        answer = await connection.ask()
        idle.append(connection)
        await _reply(send, *answer)

    return app
