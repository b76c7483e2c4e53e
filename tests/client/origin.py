"""A server that answers what a test tells it to, byte by byte, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass
class Got:
    """A request as it came. Names in the case they had."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    raw: bytes
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for n, value in self.headers if n.lower() == name), None)


Answer = Callable[[Got, StreamReader, StreamWriter], Awaitable[None]]


def reply(
    body: bytes | str = b"", status: str = "200 OK", *headers: tuple[str, str], length: bool = True
) -> bytes:
    """A response's bytes."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Origin:
    """Answers each path by bytes, or by a function that has the connection until it returns.

    Other paths are answered by the request itself, as JSON. A function is given the body unread,
    where `eager` is off.
    """

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: dict[str, bytes | Answer] = {}
        self.connections = 0
        self.eager = True
        self.greeting = b""  # sent before any request
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Origin:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.write(self.greeting)
            while not reader.at_eof() and not writer.is_closing():
                await self._one(reader, writer)
        self._tasks.discard(task)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _one(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head[:-4].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [tuple(line.split(": ", 1)) for line in rest]
        got = Got(method, target, [(pair[0], pair[-1]) for pair in pairs], head)
        self.got.append(got)
        answer = self.answers.get(target.partition("?")[0])
        if self.eager:
            got.body = await body_of(got, reader)
        if callable(answer):
            await answer(got, reader, writer)
        else:
            echo = {"method": method, "target": target, "headers": got.headers}
            echo["body"] = got.body.decode("latin-1")
            data = answer if answer is not None else reply(json.dumps(echo))
            writer.write(data if method != "HEAD" else data[: data.index(b"\r\n\r\n") + 4])
        await writer.drain()


async def body_of(got: Got, reader: StreamReader) -> bytes:
    """The body that a request announces."""
    if length := got.header("content-length"):
        return await reader.readexactly(int(length))
    if got.header("transfer-encoding") != "chunked":
        return b""
    chunks = []
    while chunk := await read_chunk(reader):
        chunks.append(chunk)
    return b"".join(chunks)


async def read_chunk(reader: StreamReader) -> bytes:
    size = int(await reader.readline(), 16)
    chunk = await reader.readexactly(size)
    await reader.readexactly(2)
    return chunk
