"""The ASGI side of a Worker: lifespan, requests, errors, clients that go away.

Client gone. No server cancels a handler that does not call receive(), and a watcher a request
would cost several times what the request costs. So the running requests stand in a dict, and one
sweeper, four times a second, gives a watcher to each that was there the last time too.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import current_task
from typing import Any

from edgekit.asgi import AsgiRequest, Receive, Scope, Send, response_start
from edgekit.context import ExecutionContext
from edgekit.errors import BodyUsedError, ConfigError, HTTPError
from edgekit.runtime import pages
from edgekit.runtime.forwarded import Trusted
from edgekit.runtime.isolate import Isolate
from edgekit.web.response import Response
from edgekit.worker import Worker, error_response

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 0.25
MAX_URL = 16 * 1024  # bytes of path and query; 414 above
MAX_HEADERS = 128 * 1024  # bytes of all names and values; 431 above


class Host:
    """A Worker as an ASGI app.

    `raise_errors` lets what a handler raises through, for tests.
    """

    def __init__(
        self, worker: Worker, *, isolate: Isolate | None = None, raise_errors: bool = False
    ) -> None:
        self.isolate = isolate or Isolate(worker)
        self.raise_errors = raise_errors
        self._dispatch = worker.dispatch
        self._running: dict[AsgiRequest, asyncio.Task[Any]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._spawn = self.isolate.background.spawn
        self._trusted: Trusted | None = None
        self._max_body = 0
        self._env: Any = None
        self._ready = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        if not self._ready:
            await self.start()
        if self._trusted is not None:
            scope = self._trusted.apply(scope)
        request = AsgiRequest(scope, receive, self._max_body)
        ctx = ExecutionContext(self._spawn)
        task = current_task()
        self._running[request] = task  # type: ignore[assignment]
        started = False
        try:
            try:
                refusal = _refuse(scope)
                if refusal is not None:
                    response = refusal
                else:
                    response = await self._dispatch(request, self._env, ctx)
            except HTTPError as error:
                response = error_response(error)
            except Exception as error:
                response = self._failed(request, ctx, error)
            body = response._body
            if response._used:
                raise BodyUsedError("The response's body has already been used.")
            response._used = True
            start = response_start(response)
            started = True
            await send(start)
            if request.method == "HEAD" or body is None:
                await send({"type": "http.response.body", "body": b""})
                if body is not None and body.__class__ is not bytes:
                    await body.cancel()  # type: ignore[union-attr]
            elif body.__class__ is bytes:
                await send({"type": "http.response.body", "body": body})
            else:
                async for chunk in body:  # type: ignore[union-attr]
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except asyncio.CancelledError:
            if not request.gone:
                raise
            task.uncancel()  # type: ignore[union-attr]
        except OSError:
            if not request.gone:
                raise
        except Exception as error:
            if started:
                # Too late for a status: end without the last message, so the client sees a cut.
                if not request.gone:
                    self._log(request, ctx, error)
                if self.raise_errors:
                    raise
            else:
                response = self._failed(request, ctx, error)
                await send(response_start(response))
                await send({"type": "http.response.body", "body": response._body or b""})
        finally:
            del self._running[request]

    async def start(self) -> None:
        """Start the isolate; at lifespan.startup, or before the first request without a lifespan."""
        await self.isolate.start()
        config = self.isolate.config
        self._env = self.isolate.env
        self._max_body = config.max_body_bytes
        self._trusted = Trusted(config.trusted_proxies) if config.trusted_proxies else None
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        self._ready = True

    async def stop(self) -> None:
        """Stop the isolate."""
        self._ready = False
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None
        await self.isolate.stop()

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
        else:
            raise RuntimeError(f"unknown ASGI scope type {scope['type']!r}")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            expected = isinstance(error, ConfigError)
            logger.error("cannot start: %s", error, exc_info=None if expected else error)
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.stop()
        except Exception as error:
            logger.exception("the shutdown failed")
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})

    def _failed(self, request: AsgiRequest, ctx: ExecutionContext, error: Exception) -> Response:
        """The answer to an uncaught error: in development the traceback, else an id from the log."""
        if self.raise_errors:
            raise error
        self._log(request, ctx, error)
        if self.isolate.config.development:
            return pages.traceback_page(request, ctx, error)
        return Response(f"Internal Server Error (request {ctx.request_id})", status=500)

    def _log(self, request: AsgiRequest, ctx: ExecutionContext, error: Exception) -> None:
        logger.error(
            "%s %s failed (request %s)", request.method, request.scope["path"], ctx.request_id, exc_info=error
        )

    async def _sweep(self) -> None:
        before: set[AsgiRequest] = set()
        watched: dict[AsgiRequest, asyncio.Task[None]] = {}
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                running = set(self._running)
                for request in running & before:
                    if request not in watched and request.watchable:
                        watched[request] = loop.create_task(self._watch(request))
                for request, watcher in list(watched.items()):
                    if watcher.done() or request not in running:
                        watcher.cancel()
                        del watched[request]
                before = running
        finally:
            for watcher in watched.values():
                watcher.cancel()

    async def _watch(self, request: AsgiRequest) -> None:
        await request.watch()
        task = self._running.get(request)
        if request.gone and task is not None:
            if request._signal is not None:
                request._signal._abort()
            task.cancel()


def _refuse(scope: Scope) -> Response | None:
    """414 or 431 for what no Worker would be given."""
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    if size > MAX_HEADERS:
        return Response("Request Header Fields Too Large", status=431)
    if len(scope["query_string"]) + len(scope["path"]) > MAX_URL:
        return Response("URI Too Long", status=414)
    return None
