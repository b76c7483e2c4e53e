"""Any ASGI app as if it were a fetch handler: Request in, Response out, both streaming.

The app runs beside its caller, in a task that the context's `spawn` starts. A web socket is a pair:
the app is pumped to one end, the Response carries the other.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

from edgekit import host
from edgekit.asgi import Arriving, ASGIApp, AsgiRequest, Message, Receive, Scope, Send, normal_path
from edgekit.context import ExecutionContext
from edgekit.errors import EdgekitError, HTTPError, WebTypeError
from edgekit.web.codings import Coded, known
from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.response import Response, length_in
from edgekit.web.streams import ReadableStream
from edgekit.web.websocket import CloseEvent, WebSocketPair

logger = logging.getLogger(__name__)

MAX_REFUSAL = 1024 * 1024  # bytes of a refused web socket's answer that are kept
# What an app may send, and how long it may take, for an answer to HEAD, of which nothing is kept.
MAX_HEAD = 1024 * 1024  # bytes
HEAD_SECONDS = 30.0  # as wait_until has after a response


async def call_asgi(
    app: ASGIApp, request: Request, ctx: ExecutionContext, *, root_path: str = ""
) -> Response:
    """Run `app` for `request`; its response streams. `root_path` is the prefix it is mounted under.

    What the app raises before its response starts is raised here, later from the body.
    """
    connection = request._connection
    if connection is not None:  # a header alone does not make a web socket of it
        upgrade = connection["type"] == "websocket"
    else:
        upgrade = (
            request.method == "GET" and request.headers.get("upgrade", "").lower() == "websocket"
        )
    if isinstance(request, AsgiRequest):
        request._settle()  # 413 for too long a body before the app runs: it would make a 500 of that
    exchange: _Exchange = _SocketExchange(request) if upgrade else _HTTPExchange(request)
    scope = _scope(request, root_path, upgrade)
    ctx._spawn(exchange.run(app, scope), ctx, True)
    try:
        response = await exchange.started
    except asyncio.CancelledError:
        exchange.disconnect()
        raise
    # From here on the caller alone holds the response: see _Chunks.
    exchange.started = asyncio.get_running_loop().create_future()
    exchange.started.cancel()
    return response


class Mounted:
    """An ASGI app, with the state that its lifespan makes and its requests find in their scope."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = self.state if scope["type"] == "lifespan" else self.state.copy()
        await self.app(scope, receive, send)

    def __repr__(self) -> str:
        return repr(self.app)


class _Exchange(ABC):
    """One run of an ASGI app: `started` becomes its Response, or what it raised before."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.started: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()  # nobody reads any longer, or all has been read
        self.ended = False  # the app has sent its last message
        self.head: Message | None = None  # http.response.start, until the body comes
        self.task: asyncio.Task[Any] | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run to the end; errors go to whoever reads the response."""
        error: Exception | None = None
        if self.gone.is_set():  # before it began
            return
        self.task = asyncio.current_task()
        try:
            await app(scope, self.receive, self.send)
            if not self.ended and not self.gone.is_set():
                error = RuntimeError("the ASGI app returned without completing its response")
        except Exception as raised:
            error = raised
        except BaseException:
            if self.gone.is_set():  # by disconnect()
                return
            self.fail(WebTypeError("The ASGI app was cancelled."))
            raise
        if error is not None:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        if not self.started.done():
            self.started.set_exception(error)
        elif not self.ended and not self.gone.is_set():
            self.ended = True
            self.fail_late(error)
        elif not (self.gone.is_set() and isinstance(error, OSError)):
            # Starlette answers 500 itself and raises then, for the server to log it.
            logger.error("the ASGI app failed after its response", exc_info=error)

    @abstractmethod
    def fail_late(self, error: Exception) -> None:
        """The app failed after its response had begun."""

    def disconnect(self) -> None:
        """Nobody reads on."""
        self.gone.set()

    @abstractmethod
    async def receive(self) -> Message:
        """The app's `receive`."""

    @abstractmethod
    async def send(self, message: Message) -> None:
        """The app's `send`."""

    def respond(self, body: bytes | ReadableStream | None) -> None:
        """Give the caller its Response."""
        assert self.head is not None
        response = Response()
        response.status = self.head["status"]
        headers = [(name.lower(), value) for name, value in self.head.get("headers", ())]
        response._headers = Headers.from_raw(headers)
        coding = known(response._headers.get("content-encoding", ""))
        if coding and body is not None:  # read as what a fetch() brings, passed on as it came
            source = body if isinstance(body, ReadableStream) else (body,)
            body = ReadableStream(Coded(source, coding, length=length_in(response._headers)))
        else:
            response.encode_body = "manual"  # its headers describe its bytes
            if isinstance(body, ReadableStream):
                body.length = length_in(response._headers)
        response._body = body
        if not self.started.done():
            self.started.set_result(response)


class _HTTPExchange(_Exchange):
    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.chunks: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(1)
        self.incoming: AsyncIterator[bytes] | None = None
        self.chunk: asyncio.Future[bytes] | None = None  # the next one of those, asked for
        self.exhausted = False
        self.discarded = 0  # bytes of an answer to HEAD
        self.limit: host.Timer | None = None  # of its time
        self.waiting = 0  # calls of the app's that learn by themselves that nobody reads

    def fail_late(self, error: Exception) -> None:
        if self.limit is not None:  # nobody reads an answer to HEAD
            logger.error("the ASGI app failed while it answered HEAD", exc_info=error)
            return
        while not self.chunks.empty():  # the reader sees the failure instead
            self.chunks.get_nowait()
        self.chunks.put_nowait(error)

    def disconnect(self) -> None:
        super().disconnect()
        while not self.chunks.empty():  # lets go whoever waits to put one
            self.chunks.get_nowait()
        if self.task is not None and not self.ended and not self.waiting:
            self.task.cancel()  # it waits for something else, and would never know

    def lose(self, error: Exception) -> None:
        """Neither side can go on."""
        self.gone.set()
        if not self.started.done():
            self.started.set_exception(error)
        elif not self.ended:
            self.fail_late(error)

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await super().run(app, scope)
        finally:
            if self.limit is not None:
                self.limit.cancel()
            if self.chunk is not None and not self.chunk.cancel():
                self.chunk.exception()  # looked at, or it would be reported as never retrieved

    async def receive(self) -> Message:
        if self.incoming is None:
            body = self.request.body
            source = () if body is None else body.detach()
            self.incoming = (
                source if isinstance(source, Arriving) else aiter(ReadableStream(source))
            )
        if not self.exhausted:
            try:
                chunk = await self._next()
            except (WebTypeError, HTTPError) as error:  # the client has gone, or sends too much
                self.exhausted = True
                self.lose(error)
            else:
                self.exhausted = not chunk
                return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}
        self.waiting += 1
        try:
            await self.gone.wait()
        finally:
            self.waiting -= 1
        return {"type": "http.disconnect"}

    async def _next(self) -> bytes:
        """The next chunk of the request's body, b"" at its end.

        An app may cancel its receive(), as Starlette does to see whether the client is there; what
        comes then is for the next one. Of several that wait each gets a chunk of its own.
        """
        assert self.incoming is not None
        if isinstance(self.incoming, Arriving):
            return await anext(self.incoming, b"")
        while True:
            asked = self.chunk
            if asked is None:
                asked = self.chunk = asyncio.ensure_future(anext(self.incoming, b""))
            await asyncio.wait([asked])
            if asked is self.chunk:
                self.chunk = None
                return asked.result()

    async def send(self, message: Message) -> None:
        if self.ended:
            raise RuntimeError("the ASGI app sent a message after the end of its response")
        if self.gone.is_set():
            raise OSError("the client has gone")
        kind = message["type"]
        if kind == "http.response.start":
            if self.head is not None:
                raise RuntimeError("the response has already started")
            self.head = message
        elif kind == "http.response.body":
            if self.head is None:
                raise RuntimeError("http.response.body came before http.response.start")
            await self._body(bytes(message.get("body", b"")), message.get("more_body", False))

    async def _body(self, chunk: bytes, more: bool) -> None:
        head = self.request.method == "HEAD"
        if not self.started.done():
            if not more:
                self.ended = True
                self.gone.set()
                self.respond(chunk if chunk and not head else None)
                return
            self.respond(ReadableStream(() if head else _Chunks(self)))
            if head:
                self.limit = host.call_later(HEAD_SECONDS, self.disconnect)
        if head:
            self.discarded += len(chunk)
            self.ended = not more
            if more and self.discarded > MAX_HEAD:
                self.gone.set()
            await asyncio.sleep(0)  # an app that never waits would not let anybody else go on
            return
        self.waiting += 1
        try:
            if chunk:
                await self.chunks.put(chunk)
            if not more:
                await self.chunks.put(None)
            self.ended = not more
        except BaseException:  # or what comes next would be taken for what follows
            self.lose(WebTypeError("The ASGI app was cancelled while it sent its response."))
            raise
        finally:
            self.waiting -= 1


class _Chunks:
    """The body of an app's response. Dropped, read or not, it tells the app that the client has gone."""

    def __init__(self, exchange: _HTTPExchange) -> None:
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._exchange.chunks.get()
        if chunk is None:
            raise StopAsyncIteration
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def aclose(self) -> None:
        self._exchange.disconnect()

    def __del__(self) -> None:
        exchange = self._exchange
        # Where one is left, somebody may be waiting to put the next.
        over = exchange.gone.is_set() and exchange.chunks.empty()
        # The garbage collector runs in whichever thread it likes.
        if not over and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(exchange.disconnect)


class _SocketExchange(_Exchange):
    """A web socket: what the app sends goes into one end of a pair, the caller has the other."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.outer, self.end = WebSocketPair()
        self.end.couple()
        self.connected = False
        self.refusal: list[bytes] = []

    def fail_late(self, error: Exception) -> None:
        logger.error("the ASGI app failed after it had accepted a web socket", exc_info=error)
        self.end.close(1011)

    def disconnect(self) -> None:
        super().disconnect()
        self.end.disconnect()

    async def receive(self) -> Message:
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        item = await self.end.receive()
        if isinstance(item, CloseEvent):
            self.gone.set()
            self.end.close(*_close_args(item))
            return {"type": "websocket.disconnect", "code": item.code, "reason": item.reason}
        if isinstance(item, str):
            return {"type": "websocket.receive", "text": item}
        return {"type": "websocket.receive", "bytes": item}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            headers = list(message.get("headers", ()))
            if subprotocol := message.get("subprotocol"):
                headers.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
            self.head = {"status": 101, "headers": headers}
            response = Response(status=101, web_socket=self.outer)
            response._headers = Headers.from_raw([(n.lower(), v) for n, v in headers])
            if not self.started.done():
                self.started.set_result(response)
        elif kind == "websocket.send":
            if self.gone.is_set():
                raise OSError("the client has gone")
            text = message.get("text")
            self.end.send(message["bytes"] if text is None else text)
            await self.end.drain()
        elif kind == "websocket.close":
            if self.started.done():
                self.end.close(message.get("code", 1000), message.get("reason") or "")
                self.ended = True
            else:
                self.ended = True
                self.head = {"status": 403}
                self.respond(None)
        elif kind == "websocket.http.response.start":
            self.head = message
        elif kind == "websocket.http.response.body":
            if sum(map(len, self.refusal)) < MAX_REFUSAL:  # of what is longer, the beginning
                self.refusal.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                self.ended = True
                self.respond(b"".join(self.refusal))


def _close_args(event: CloseEvent) -> tuple[()] | tuple[int, str]:
    """A close as it can be sent on: 1005 and 1006 are not codes that anybody may send."""
    return () if event.code in (1005, 1006) else (event.code, event.reason)


def _scope(request: Request, root_path: str, upgrade: bool) -> Scope:
    """The scope for the app: the connection's own where there is one."""
    root_path = request._root + root_path
    if isinstance(request, AsgiRequest):
        scope: Scope = {**request.scope, "root_path": root_path}
        path = normal_path(scope)
        if path is not None:  # the app is to see what was routed by
            scope["raw_path"], scope["path"] = path.encode("latin-1"), unquote(path)
    else:
        scope = _made(request, root_path)
    scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
    scope["extensions"] = {}
    if upgrade:
        scope["type"] = "websocket"
        scope["scheme"] = {"http": "ws", "https": "wss"}.get(scope["scheme"], scope["scheme"])
        scope.pop("method", None)
        scope["extensions"] = {"websocket.http.response": {}}
        offered = request.headers.get("sec-websocket-protocol") or ""
        scope["subprotocols"] = [p for p in (part.strip() for part in offered.split(",")) if p]
    return scope


def _made(request: Request, root_path: str) -> Scope:
    """A scope for a request that came over no connection."""
    url = host.parse_url(request.url)
    if url is None:
        raise EdgekitError(f"a Request without a URL: {request.url!r:.200}")
    # The length is that of this body, whatever a header says of the one it was copied from.
    ours = (b"content-length", b"host", b"transfer-encoding")
    headers = [pair for pair in request.headers.raw if pair[0] not in ours]
    given = request.headers.get("host")
    headers.insert(0, (b"host", (given or url.host).encode("latin-1")))
    body = request._body
    if body.__class__ is bytes:
        headers.append((b"content-length", b"%d" % len(body)))
    elif body is not None:
        headers.append((b"transfer-encoding", b"chunked"))
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.protocol[:-1],
        "path": unquote(url.pathname),
        "raw_path": url.pathname.encode("latin-1"),
        "query_string": url.search[1:].encode("latin-1"),
        "root_path": root_path,
        "headers": headers,
        "client": ("127.0.0.1", 0) if request._connection is None else request.client,
        "server": (url.hostname, int(url.port or (443 if url.protocol == "https:" else 80))),
        "edgekit.cf": request.cf or {},
    }
    if "state" in (request._connection or ()):
        scope["state"] = request._connection["state"]
    return scope
