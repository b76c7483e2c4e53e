"""The ASGI side of a Worker: lifespan, requests, errors, clients that go away.

Client gone. No server cancels a handler that does not call receive(), and a watcher a request
would cost several times what the request costs. So the running requests stand in a dict, and one
sweeper, four times a second, gives a watcher to each that was there the last time too.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterable
from typing import Any

from edgekit import context, host
from edgekit.asgi import MAX_BODY, ASGIApp, AsgiRequest, Receive, Scope, Send, response_start
from edgekit.bindings.fetcher import Fetcher
from edgekit.context import ExecutionContext
from edgekit.errors import BodyUsedError, ConfigError, HTTPError, WebTypeError
from edgekit.runtime import pages, sockets
from edgekit.runtime.forwarded import Trusted
from edgekit.runtime.isolate import Isolate
from edgekit.web.body import TEXT, encode_text
from edgekit.web.response import JSON, NULL_BODY, Response, convert
from edgekit.web.streams import ReadableStream, aclose, as_bytes
from edgekit.web.websocket import WebSocket
from edgekit.worker import Worker, error_response

if sys.version_info >= (3, 12):
    from asyncio import current_task as _current_task
else:  # there current_task() is Python and six times slower than the dict that it reads
    from asyncio.tasks import _current_tasks  # type: ignore[attr-defined]

    _current_task = _current_tasks.get

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 0.25
_TEXT = (b"content-type", TEXT)
_JSON = (b"content-type", JSON)
MAX_URL = 16 * 1024  # characters of the decoded path, and bytes of the query; 414 above
# Bytes of all values, and, in the manner of RFC 9113, 6.5.2, as many headers as would take it up at 32
# bytes each; 431 above. Names are not measured, which would cost each request as much again.
MAX_HEADERS = 128 * 1024


class Host:
    """A Worker as an ASGI app.

    `origin` is the app behind an EdgeMiddleware. `raise_errors` lets what a handler raises through,
    for tests.
    """

    def __init__(
        self,
        worker: Worker,
        *,
        isolate: Isolate | None = None,
        origin: Fetcher | None = None,
        raise_errors: bool = False,
    ) -> None:
        self.worker = worker
        self.isolate = isolate or Isolate(worker)
        self.origin = origin
        self.raise_errors = raise_errors
        self._running: dict[AsgiRequest, asyncio.Task[Any]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._serve: ASGIApp | None = None
        self._starting: set[asyncio.Task[ASGIApp]] = set()
        self._watched: dict[AsgiRequest, asyncio.Task[None]] = {}
        self._sockets: set[WebSocket] = set()
        self._trusted: Trusted | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve = self._serve
        if serve is None:
            if scope["type"] == "lifespan":
                await self._lifespan(receive, send)
                return
            starting = asyncio.get_running_loop().create_task(self.start())
            self._starting.add(starting)
            starting.add_done_callback(self._starting.discard)
            serve = await asyncio.shield(starting)  # others wait for it: this one may be cancelled
        await serve(scope, receive, send)

    def _compile(self) -> ASGIApp:
        """What answers a request, with all that does not change bound: this is the hot path."""
        config = self.isolate.config
        trusted = self._trusted = (
            Trusted(config.trusted_proxies, config.forwarded) if config.trusted_proxies else None
        )
        max_body = None if config.max_body_bytes == MAX_BODY else config.max_body_bytes
        worker, env, running = self.worker, self.isolate.env, self._running
        spawn, dispatch = self.isolate.background.spawn, self.isolate.dispatch
        scope_of_worker, scopes = self.isolate.scope, context.running
        uses_ctx, loop = worker.uses_ctx, asyncio.get_running_loop()
        task_of, new_request = _current_task, worker.request_class or AsgiRequest

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            task = task_of(loop)
            if task is None and asyncio.get_running_loop() is not loop:
                await self._move(scope, receive, send)
                return
            if scope["type"] != "http":
                await self._other(scope, receive, send)
                return
            if trusted is not None:
                try:
                    scope = trusted.apply(scope)
                except HTTPError as error:
                    await _answer(error_response(error), send)
                    return
            request = new_request(scope, receive)
            if max_body is not None:
                request.max_body = max_body
            ctx: Any = ExecutionContext(spawn) if uses_ctx else None
            running[request] = task
            if len(scopes) > 1:
                context.enter(scope_of_worker)
            started = False
            body: Any
            try:
                try:
                    _limit(scope)
                    response = await dispatch(request, env, ctx)
                    kind = response.__class__
                    if (kind is str or kind is dict) and scope["method"] != "HEAD":
                        # The same as below for Response(text) and Response.json(data), without one.
                        if kind is str:
                            body, content_type = encode_text(response), _TEXT
                        else:
                            try:
                                body, content_type = host.json_encode(response), _JSON
                            except TypeError:  # which names the handler there
                                convert(response, worker.handler_of(request))
                                raise
                        headers = [content_type, (b"content-length", b"%d" % len(body))]
                        status, started = 200, True
                    elif kind is not Response and not isinstance(response, Response):
                        response = await worker.answer(response, request)
                except HTTPError as error:
                    response = error_response(error)
                except Exception as error:
                    if request.gone and isinstance(error, WebTypeError) and not self.raise_errors:
                        # Likely nobody is there; but granian says so of a malformed body too.
                        response = Response("The request's body broke off", status=400)
                    else:
                        ctx = ctx or ExecutionContext(spawn)
                        response = await self._rescue(request, ctx, error)
                if (
                    not started
                    and response._headers is None
                    and (body := response._body).__class__ is bytes
                    and not response._used
                    and (status := response.status) not in NULL_BODY
                    and scope["method"] != "HEAD"
                ):
                    # What `response_start` comes to where nobody has looked at the headers.
                    response._used = started = True
                    headers = [(b"content-length", b"%d" % len(body))]
                    if response._content_type is not None:
                        headers.insert(0, (b"content-type", response._content_type))
                if started:
                    begin = {"type": "http.response.start", "status": status, "headers": headers}
                    await send(begin)
                    await send({"type": "http.response.body", "body": body})
                    return
                if response.status == 101:
                    response = _upgrade_required(response)
                if response._used:
                    raise BodyUsedError("The response's body has already been used.")
                response._used = True
                start = response_start(response, request.method, request)
                body = response._body
                started = True
                await send(start)
                if body.__class__ is bytes and request.method != "HEAD":
                    await send({"type": "http.response.body", "body": body})
                elif isinstance(body, ReadableStream) and request.method != "HEAD":
                    await _stream(request, body, send)
                else:
                    await send({"type": "http.response.body", "body": b""})
                    if isinstance(body, ReadableStream):
                        await body.cancel()
            except asyncio.CancelledError:
                if not request.gone:
                    raise
                running[request].uncancel()
            except Exception as error:
                if not (request.gone and isinstance(error, OSError | WebTypeError)):
                    ctx = ctx or ExecutionContext(spawn)
                    await self._fell(request, ctx, error, None if started else send)
            finally:
                del running[request]

        return serve

    async def start(self) -> ASGIApp:
        """Start the isolate; at lifespan.startup, or before the first request without a lifespan."""
        await self.isolate.start()
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
            self._serve = self._compile()
            if self.worker._host is self:  # one call less for each request
                self.worker._host = self._serve
        assert self._serve is not None
        return self._serve

    async def _move(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Another event loop runs than the one we started in, as under a test client that makes one
        for each request: leave behind what belonged to the old one.
        """
        if self.worker._host is self._serve:
            self.worker._host = self
        self._serve = self._sweeper = None
        self._running = {}
        self._sockets.clear()
        self.isolate.move()
        await self(scope, receive, send)

    async def stop(self) -> None:
        """Stop the isolate."""
        if self.worker._host is self._serve:
            self.worker._host = self
        self._serve = None
        for socket in list(self._sockets):
            if not socket._peer.accepted:
                socket._peer.accept()
            socket._peer.close(1001, "")
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None
        await self.isolate.stop()

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise RuntimeError(f"unknown ASGI scope type {scope['type']!r}")

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A handshake is a GET with `upgrade: websocket`; its answer is 101 with a socket, or a refusal."""
        await receive()  # websocket.connect
        if self._trusted is not None:
            try:
                scope = self._trusted.apply(scope)
            except HTTPError as error:
                await sockets.refuse(error_response(error), scope, receive, send)
                return
        scheme = scope.get("scheme", "ws")
        scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
        headers = list(scope["headers"])
        if not any(name == b"upgrade" for name, _ in headers):  # HTTP/2 has none
            headers.append((b"upgrade", b"websocket"))
        scope = {**scope, "method": "GET", "scheme": scheme, "headers": headers}
        request = (self.worker.request_class or AsgiRequest)(scope, receive)
        request._body = None
        ctx = ExecutionContext(self.isolate.background.spawn)
        self._running[request] = current = asyncio.current_task()  # type: ignore[assignment]
        try:
            _limit(scope)
            context.enter(self.isolate.scope)
            value = await self.isolate.dispatch(request, self.isolate.env, ctx)
            response = await self.worker.answer(value, request)
        except HTTPError as error:
            response = error_response(error)
        except Exception as error:
            response = await self._rescue(request, ctx, error)
        except asyncio.CancelledError:
            if not request.gone or current is None:
                raise
            current.uncancel()
            return
        finally:
            del self._running[request]
            watcher = self._watched.pop(request, None)
            if watcher is not None:  # it must not take a message that is the pump's
                watcher.cancel()
                await asyncio.wait([watcher])
        if response.web_socket is None:
            await sockets.refuse(response, scope, receive, send)
        else:
            await sockets.pump(response, request._next_message, send, self._sockets)

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

    async def _rescue(
        self, request: AsgiRequest, ctx: ExecutionContext, error: Exception
    ) -> Response:
        """The origin's answer after `pass_through_on_exception`, else the error's."""
        if ctx.passes_through and self.origin is not None and not request.body_used:
            self._log(request, ctx, error)
            try:
                return await self.origin.fetch(request)
            except Exception as second:
                error = second
        return self._failed(request, ctx, error)

    def _failed(self, request: AsgiRequest, ctx: ExecutionContext, error: Exception) -> Response:
        """The answer to an uncaught error: in development the traceback, else an id from the log."""
        if self.raise_errors:
            raise error
        self._log(request, ctx, error)
        if self.isolate.config.development:
            return pages.traceback_page(request, ctx, error)
        return Response(f"Internal Server Error (request {ctx.request_id})", status=500)

    async def _fell(
        self, request: AsgiRequest, ctx: ExecutionContext, error: Exception, send: Send | None
    ) -> None:
        """After the handler: the response cannot be sent, or its body broke off."""
        if send is not None:
            await _answer(self._failed(request, ctx, error), send)
            return
        # Too late for a status: end without the last message, so that the client sees the cut.
        if self.raise_errors:
            raise error
        self._log(request, ctx, error)

    def _log(self, request: AsgiRequest, ctx: ExecutionContext, error: Exception) -> None:
        logger.error(
            "%s %r failed (request %s)",
            request.method,
            request.scope["path"],
            ctx.request_id,
            exc_info=error,
        )

    async def _sweep(self) -> None:
        before: set[AsgiRequest] = set()
        watched = self._watched = {}
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
            request.abort()
            task.cancel()


def _limit(scope: Scope) -> None:
    """414, 431 or 400 for what no Worker would be given."""
    if len(scope["query_string"]) + len(scope["path"]) > MAX_URL:
        raise HTTPError(414)
    size = hosts = 0
    for name, value in scope["headers"]:
        size += len(value)
        if name == b"host":
            hosts += 1
    if hosts > 1 and scope.get("http_version", "1.1") < "2":
        # RFC 9112, 3.2. In HTTP/2 one may be the :authority, and `request.url` looks whether they agree.
        raise HTTPError(400, "More than one Host header")
    if size > MAX_HEADERS or len(scope["headers"]) > MAX_HEADERS // 32:
        raise HTTPError(431)


def _upgrade_required(response: Response) -> Response:
    """For a web socket as the answer to a request that asked for none."""
    if response.web_socket is not None:
        response.web_socket.disconnect()
    headers = {"upgrade": "websocket", "connection": "upgrade"}
    return Response("Upgrade Required", status=426, headers=headers)


async def _answer(response: Response, send: Send) -> None:
    """Send a response whose body is bytes."""
    await send(response_start(response))
    await send({"type": "http.response.body", "body": response._body or b""})


async def _stream(request: AsgiRequest, body: ReadableStream, send: Send) -> None:
    """Send a body chunk by chunk, as fast as the client takes it."""
    source = body.detach()
    chunks = aiter(source) if isinstance(source, AsyncIterable) else aiter(ReadableStream(source))
    sending = False
    count = 0
    try:
        async for chunk in chunks:
            chunk = as_bytes(chunk)
            if not chunk:
                continue
            sending = True
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            sending = False
            count += 1
            if not count % 64:
                # To a client that has gone, send() does not wait; nor need the body. Without this,
                # such a pair would keep everybody else, and the sweeper that ends it, from running.
                await asyncio.sleep(0)
        sending = True
        await send({"type": "http.response.body", "body": b""})
    except OSError:
        if sending:  # from the server: the client has gone; the body's own are faults
            request.gone = True
        raise
    finally:
        await aclose(chunks)
