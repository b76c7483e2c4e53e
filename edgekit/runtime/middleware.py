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
        startup = await receive()
        inside = _Inside(self._host, _first(startup, receive), send)
        try:
            await self._app(scope, inside.receive, inside.send)
        except Exception:
            if inside.said:
                # Now, as it is raised at the end only.
                logger.exception("the wrapped app's lifespan failed")
                await inside.end()
                raise
            logger.debug("the wrapped app has no lifespan", exc_info=True)
        # By ASGI's rule an app without a lifespan raises, others return: ours is all there is then.
        if not inside.said:
            await self._host({**scope}, _first(startup, receive), send)
        elif await inside.end():
            await send({"type": "lifespan.shutdown.complete"})


def _first(message: Message, receive: Receive) -> Receive:
    """`receive` with `message` before all others."""
    waiting = [message]

    async def wrapped() -> Message:
        return waiting.pop() if waiting else await receive()

    return wrapped


class _Inside:
    """Our own lifespan inside the wrapped app's: up after its startup, down before its shutdown ends.

    `said` once the app has answered anything.
    """

    def __init__(self, host: ASGIApp, receive: Receive, send: Send) -> None:
        self._lifespan = Lifespan(host)
        self._receive = receive
        self._send = send
        self._up = self._ending = False
        self.said = False

    async def receive(self) -> Message:
        """The app's `receive`."""
        message = await self._receive()
        self._ending = message["type"] == "lifespan.shutdown"
        return message

    async def send(self, message: Message) -> None:
        """The app's `send`."""
        self.said = self.said or message["type"].startswith("lifespan.")
        if message["type"] == "lifespan.startup.complete":
            try:
                await self._lifespan.start()
                self._up = True
            except ConfigError:  # it is in the log
                message = {"type": "lifespan.startup.failed", "message": ""}
        elif message["type"].startswith("lifespan.shutdown"):
            await self._stop()
        await self._send(message)

    async def end(self) -> bool:
        """Where the app has ended and we have not: go on to the shutdown. Whether it was so."""
        if not self._up:
            return False
        if not self._ending:
            await self.receive()
        await self._stop()
        return True

    async def _stop(self) -> None:
        if self._up:
            self._up = False
            await self._lifespan.stop()
