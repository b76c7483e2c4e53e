"""TestClient: a Worker run in process, through the same ASGI host that serves it in production.

No socket and no server: requests go in as ASGI messages, responses come back as `Response`. The
store is in memory and new for each client, and time stands still until `client.clock` is turned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from edgekit import host
from edgekit.asgi_call import call_asgi
from edgekit.context import Background, ExecutionContext
from edgekit.engines.open import open_store
from edgekit.env import Env
from edgekit.runtime.host import Host
from edgekit.runtime.isolate import Isolate
from edgekit.testing.clock import ManualClock
from edgekit.web.headers import Headers
from edgekit.web.request import HeadersInit, Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream
from edgekit.worker import Worker
from edgekit.worker import worker as as_worker


class TestClient:
    """`async with TestClient(app, env={...}) as client: response = await client.get("/")`.

    `app` is an App, a Worker, an async function or a WorkerEntrypoint class. `env` adds to, and
    overrides, what the configuration gives: vars, or objects that stand for bindings. Each request
    returns when its `wait_until` tasks have ended too, or sleep by the clock. What a handler raises
    is raised here; with `raise_errors=False` it is the 500 that a visitor would get.
    Headers given to the client go with every request. Redirects are not followed. For a web socket
    send `headers={"Upgrade": "websocket"}`: `response.web_socket` is the client's end, to `accept()`.
    """

    __test__ = False  # pytest: not a test, whatever its name says

    def __init__(
        self,
        app: Any,
        env: Mapping[str, Any] | None = None,
        *,
        base_url: str = "http://localhost",
        headers: HeadersInit | None = None,
        raise_errors: bool = True,
        clock: ManualClock | None = None,
    ) -> None:
        worker: Worker = as_worker(app)
        self.clock = clock or ManualClock()
        self._base_url = base_url
        self._headers = Request(base_url, headers=headers).headers
        self._isolate = Isolate(worker, store=open_store("memory:", durable=False), overrides=env)
        self._host = Host(worker, isolate=self._isolate, raise_errors=raise_errors)
        self._app = worker.wrap(self._host)
        self._exchanges = Background()
        self._going_on: set[asyncio.Task[Any]] = set()  # tasks that requests do not wait for
        self._stack = ExitStack()

    async def __aenter__(self) -> TestClient:
        self._stack.enter_context(host.use_clock(self.clock))
        try:
            await self._host.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._settle()
            # What is left waits in vain for a reader, or for the clock to be turned.
            await self._exchanges.drain(0.1)
            await self._isolate.background.drain(0.1)
            await self._host.stop()
        finally:
            self._stack.close()

    @property
    def env(self) -> Env:
        """The Worker's env, to put data where handlers find it and to look at what they did."""
        return self._isolate.env

    async def fetch(self, request: Request | str, **init: Any) -> Response:
        """Send a Request, or a URL or path with Request's options and `json=`, which becomes the body."""
        if not isinstance(request, Request):
            url = host.parse_url(request, self._base_url)
            if "json" in init:
                init["body"] = host.json_encode(init.pop("json"))
                init["headers"] = headers = Headers(init.get("headers"))
                headers.setdefault("content-type", "application/json")
            request = Request(url.href if url else request, **init)
        for name, value in self._headers.items():
            if name not in request.headers:
                request.headers.append(name, value)
        before = set(self._isolate.background.tasks)
        response = await call_asgi(self._app, request, ExecutionContext(self._exchanges.spawn))
        response.url = request.url
        if response.web_socket is not None or isinstance(response._body, ReadableStream):
            # What began with a socket or a stream goes on until the test has read it.
            self._going_on |= self._isolate.background.tasks - before
        await self._settle()
        return response

    async def get(self, url: str, **init: Any) -> Response:
        """GET `url`."""
        return await self.fetch(url, method="GET", **init)

    async def head(self, url: str, **init: Any) -> Response:
        """HEAD `url`."""
        return await self.fetch(url, method="HEAD", **init)

    async def post(self, url: str, **init: Any) -> Response:
        """POST to `url`."""
        return await self.fetch(url, method="POST", **init)

    async def put(self, url: str, **init: Any) -> Response:
        """PUT to `url`."""
        return await self.fetch(url, method="PUT", **init)

    async def patch(self, url: str, **init: Any) -> Response:
        """PATCH `url`."""
        return await self.fetch(url, method="PATCH", **init)

    async def delete(self, url: str, **init: Any) -> Response:
        """DELETE `url`."""
        return await self.fetch(url, method="DELETE", **init)

    async def options(self, url: str, **init: Any) -> Response:
        """OPTIONS of `url`."""
        return await self.fetch(url, method="OPTIONS", **init)

    async def _settle(self) -> None:
        """Wait for `wait_until` tasks, except while somebody sleeps by a clock that stands still."""
        while tasks := self._isolate.background.tasks - self._going_on:
            if self.clock.sleeping.is_set():
                return
            sleeping = asyncio.ensure_future(self.clock.sleeping.wait())
            await asyncio.wait({*tasks, sleeping}, return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
