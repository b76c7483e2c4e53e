"""EdgeMiddleware: a Worker in front of any ASGI app, as ordinary ASGI middleware."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from edgekit.asgi import ASGIApp, Message, Receive, Scope, Send
from edgekit.asgi_call import call_asgi
from edgekit.bindings.fetcher import Fetcher
from edgekit.context import ExecutionContext
from edgekit.runtime.host import Host
from edgekit.runtime.isolate import Isolate
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import worker as as_worker

logger = logging.getLogger(__name__)


class EdgeMiddleware:
    """`Middleware(EdgeMiddleware, worker=fetch)` in Starlette or FastAPI, or around any ASGI app.

    `worker` is an App, a Worker, an async function or a WorkerEntrypoint class; it answers every
    request and web socket, and reaches the wrapped app by `await env.ORIGIN.fetch(request)`. After
    `ctx.pass_through_on_exception()`, an error is answered by the wrapped app, while the body is
    unread. `config` is the path of a wrangler file, as for App. The wrapped app's lifespan runs.
    """

    def __init__(self, app: ASGIApp, worker: Any, config: str | None = None) -> None:
        made = as_worker(worker)
        self._app = app
        self._isolate = Isolate(made, config=config)

        async def call(request: Request) -> Response:
            return await call_asgi(app, request, ExecutionContext(self._isolate.background.spawn))

        origin = Fetcher(call)
        self._isolate.overrides = {"ORIGIN": origin}
        self._host = made.wrap(Host(made, isolate=self._isolate, origin=origin))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._host(scope, receive, send)
            return
        ours = _Lifespan(self._host)
        startup = await receive()
        try:
            await self._app(scope, _first(startup, receive), ours.around(send))
        except Exception:
            if ours.started or ours.failed:
                raise
            # By ASGI's rule an app without a lifespan raises: ours is all there is then.
            logger.debug("the wrapped app has no lifespan", exc_info=True)
            await self._host({**scope}, _first(startup, receive), send)


def _first(message: Message, receive: Receive) -> Receive:
    """`receive` with `message` before all others."""
    waiting = [message]

    async def wrapped() -> Message:
        return waiting.pop() if waiting else await receive()

    return wrapped


class _Lifespan:
    """Our own lifespan inside the wrapped app's: up after its startup, down before its shutdown ends."""

    def __init__(self, host: ASGIApp) -> None:
        self._host = host
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.started = False
        self.failed = False

    def around(self, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                message = await self._ask("lifespan.startup")
                self.started = message["type"] == "lifespan.startup.complete"
                self.failed = not self.started
            elif message["type"].startswith("lifespan.shutdown") and self.started:
                answer = await self._ask("lifespan.shutdown")
                if message["type"] == "lifespan.shutdown.complete":
                    message = answer
            await send(message)

        return wrapped

    async def _ask(self, kind: str) -> Message:
        if self._task is None:
            scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
            run = self._host(scope, self._incoming.get, self._answers.put)
            self._task = asyncio.ensure_future(run)
        self._incoming.put_nowait({"type": kind})
        return await self._answers.get()
