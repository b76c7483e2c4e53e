"""EdgeMiddleware: a Worker in front of any ASGI app, as ordinary ASGI middleware."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from edgekit.asgi import ASGIApp, Message, Receive, Scope, Send
from edgekit.asgi_call import call_asgi
from edgekit.bindings.fetcher import Fetcher
from edgekit.context import ExecutionContext
from edgekit.errors import ConfigError
from edgekit.runtime.host import Host
from edgekit.runtime.isolate import Isolate
from edgekit.runtime.lifespan import Lifespan
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
    `services` are other Workers by name, which the configuration's `services` may name; each has its
    own `config`, or none.
    """

    def __init__(
        self,
        app: ASGIApp,
        worker: Any,
        config: str | None = None,
        services: Mapping[str, Any] | None = None,
    ) -> None:
        made = as_worker(worker)
        self._app = app
        beside = {name: as_worker(other) for name, other in services.items()} if services else None
        self._isolate = Isolate(made, config=config, beside=beside)

        async def call(request: Request) -> Response:
            return await call_asgi(app, request, ExecutionContext(self._isolate.background.spawn))

        origin = Fetcher(call)
        self._isolate.overrides = {"ORIGIN": origin}
        self._host = made.wrap(Host(made, isolate=self._isolate, origin=origin))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._host(scope, receive, send)
            return
        ours = _Inside(self._host)
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


class _Inside:
    """Our own lifespan inside the wrapped app's: up after its startup, down before its shutdown ends."""

    def __init__(self, host: ASGIApp) -> None:
        self._lifespan = Lifespan(host)
        self.started = False
        self.failed = False

    def around(self, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                try:
                    await self._lifespan.start()
                    self.started = True
                except ConfigError:  # it is in the log
                    self.failed = True
                    message = {"type": "lifespan.startup.failed", "message": ""}
            elif message["type"].startswith("lifespan.shutdown") and self.started:
                await self._lifespan.stop()
            await send(message)

        return wrapped
