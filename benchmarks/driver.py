"""Calls an ASGI app without a server: one coroutine, no task and no socket a request.

What is timed is the app and the least that a server must do for it: a fresh scope dict, with the
keys that uvicorn gives it, and one `receive` and `send`. `nothing`, an app that does nothing, says
what that least costs; it is contained in every figure, raw's too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import unquote

from benchmarks.cases import Answer, Case, Request

DISCONNECT = {"type": "http.disconnect"}


class Inbox:
    """`receive` of one request at a time: its body in one message, then the disconnect."""

    __slots__ = ("message",)

    def __init__(self) -> None:
        self.message: Any = DISCONNECT

    async def receive(self) -> Any:
        message, self.message = self.message, DISCONNECT
        return message


def prepare(request: Request) -> tuple[Any, ...]:
    """What a server's parser has in hand when it starts to build the scope, and the body's message."""
    raw_path, _, query = request.target.encode("ascii").partition(b"?")
    body = {"type": "http.request", "body": request.body, "more_body": False}
    return request.method, unquote(raw_path.decode()), raw_path, query, request.headers, body


async def drive(app: Any, prepared: Sequence[tuple[Any, ...]]) -> int:
    """Send all requests, one after the other; nanoseconds of CPU time that they took."""
    inbox = Inbox()
    receive = inbox.receive
    server, client = ("127.0.0.1", 8000), ("127.0.0.1", 50000)

    async def send(message: Any) -> None:
        pass

    start = time.process_time_ns()
    for method, path, raw_path, query, headers, body in prepared:
        inbox.message = body
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": server,
            "client": client,
            "scheme": "http",
            "root_path": "",
            "headers": headers.copy(),
            "state": {},
            "method": method,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
        }
        await app(scope, receive, send)
    return time.process_time_ns() - start


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """The app that does nothing: what the driver alone costs."""


async def ask(app: Any, request: Request) -> Answer:
    """One request and the whole answer to it, with what ASGI requires of an answer checked."""
    messages: list[Any] = []

    async def recording(scope: Any, receive: Any, send: Any) -> None:
        async def record(message: Any) -> None:
            messages.append(message)

        await app(scope, receive, record)

    await asyncio.wait_for(drive(recording, [prepare(request)]), 30)
    start, *bodies = messages
    assert start["type"] == "http.response.start", start
    assert {message["type"] for message in bodies} == {"http.response.body"}, bodies
    assert not messages[-1].get("more_body"), "the response never ends"
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in start["headers"]}
    return read_answer(start["status"], headers, b"".join(m.get("body", b"") for m in bodies))


def read_answer(status: int, headers: dict[str, str], body: bytes) -> Answer:
    """An answer in the form in which cases expect it."""
    length = headers.get("content-length")
    assert length is None or int(length) == len(body), f"content-length {length} of {len(body)}"
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    value = json.loads(body) if media_type == "application/json" else body
    return Answer(
        status, media_type, value, {k: v for k, v in headers.items() if k.startswith("x-m")}
    )


def differs(case: Case, n: int, got: Answer) -> str | None:
    """What is wrong with the answer to the case's n-th request, or None."""
    expected = case.answer(n)
    return None if got == expected else f"request {n}: expected {expected!r:.400}, got {got!r:.400}"


async def check(case: Case, app: Any, numbers: Sequence[int]) -> str | None:
    """The first wrong answer of an app to a case, or None."""
    try:
        for n in numbers:
            if problem := differs(case, n, await ask(app, case.request(n))):
                return problem
        if case.refused and (got := await ask(app, case.refused)).status not in (400, 422):
            return f"what must be refused got {got!r:.400}"
    except Exception as error:  # whatever an app raises is its wrong answer
        return f"{type(error).__name__}: {error}"
    return None


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Start the app as a server does, and stop it; an app without lifespan is as good."""
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    outbox: asyncio.Queue[str] = asyncio.Queue()

    async def send(message: Any) -> None:
        outbox.put_nowait(message["type"])

    async def run() -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await app(scope, inbox.get, send)
        except Exception:  # means, by the specification, that the app does not know lifespan
            outbox.put_nowait("unknown")
        else:
            outbox.put_nowait("ended")

    inbox.put_nowait({"type": "lifespan.startup"})
    task = asyncio.create_task(run())
    reply = await outbox.get()
    if reply == "lifespan.startup.failed":
        raise RuntimeError(f"{app!r} did not start")
    try:
        yield
    finally:
        inbox.put_nowait({"type": "lifespan.shutdown"})
        if reply == "lifespan.startup.complete":
            await outbox.get()
        await task
