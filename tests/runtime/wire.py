"""One connection to a Host, driven by hand: the test is the server."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

from edgekit.engines.open import Store, open_store
from edgekit.runtime.host import Host
from edgekit.runtime.isolate import Isolate
from edgekit.worker import worker


def hosted(target: Any, *, store: Store | None = None, **options: Any) -> Host:
    """A Host of an App, a Worker, a function or a class, with a store in memory."""
    made = worker(target)
    isolate = Isolate(made, store=store or open_store("memory:", durable=False))
    return Host(made, isolate=isolate, **options)


def scope_of(target: str = "/", method: str = "GET", headers: Any = (), **others: Any) -> Any:
    raw, _, query = target.encode().partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": [
            (b"host", b"h"),
            *((n.lower().encode(), v.encode("latin-1")) for n, v in headers),
        ],
        "client": ("192.0.2.1", 1234),
        "server": ("127.0.0.1", 8000),
        **others,
    }


class Connection:
    """A request under way: `await ask(...)` for the simple case, else `start`, `feed`, `leave`."""

    def __init__(
        self, app: Any, target: str = "/", method: str = "GET", headers: Any = (), **others: Any
    ) -> None:
        self.app = app
        self.scope = scope_of(target, method, headers, **others)
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []
        self.open = asyncio.Event()  # cleared: the client does not read, so send() waits
        self.open.set()
        self.gone = False
        self.fails = False  # send() raises, as it does after a disconnect since ASGI 2.4
        self.task: asyncio.Task[None]

    def start(self) -> Connection:
        self.task = asyncio.ensure_future(self.app(self.scope, self.receive, self.send))
        return self

    def feed(self, body: bytes = b"", more: bool = False) -> Connection:
        self.incoming.put_nowait({"type": "http.request", "body": body, "more_body": more})
        return self

    def leave(self) -> None:
        self.gone = True
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> Any:
        if self.gone and self.incoming.empty():
            return {"type": "http.disconnect"}
        return await self.incoming.get()

    async def send(self, message: Any) -> None:
        if self.fails:
            raise OSError("the client has gone")
        await self.open.wait()
        self.sent.append(message)

    async def end(self) -> Connection:
        await asyncio.wait_for(self.task, 10)
        return self

    # What the client got ---------------------------------------------------------------------------

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        return {n.decode(): v.decode("latin-1") for n, v in self.sent[0]["headers"]}

    @property
    def chunks(self) -> list[bytes]:
        return [m.get("body", b"") for m in self.sent[1:]]

    @property
    def text(self) -> str:
        return b"".join(self.chunks).decode()

    @property
    def complete(self) -> bool:
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)


async def ask(
    app: Any,
    target: str = "/",
    method: str = "GET",
    body: bytes = b"",
    headers: Any = (),
    **others: Any,
) -> Connection:
    """A whole request, its whole response."""
    if body and not headers:
        headers = [("content-length", str(len(body)))]
    return await Connection(app, target, method, headers, **others).feed(body).start().end()


async def until(condition: Any) -> None:
    """Let the loop run until `condition()` holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
