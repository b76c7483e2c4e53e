"""fetch() outwards on CPython: the Fetch standard as Workers do it, over aiohttp. On Workers, js.fetch.

aiohttp is imported, and connections are made, at the first call; all Workers of an event loop share
them. `close()` ends them, and so does the end of the loop. What is not plain HTTP:

- Nothing is sent that nobody asked for, but `accept-encoding`. A `host` header is dropped, as on
  Workers: mostly it is that of the request which came in. `cf={"resolveOverride": name}` connects
  to another host than the URL's.
- A body is decoded while it is read (see web/codings.py); the headers stay as they came. With
  `encode_response_body="manual"` it is not.
- A body that is a stream is sent as it comes: in the length that a `content-length` header of the
  request says, which must be right, else in chunks.
- A response holds its connection until its body is read to the end, cancelled or collected.
"""

from __future__ import annotations

import asyncio
import functools
import io
import logging
import struct
import weakref
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from edgekit import host
from edgekit.context import ExecutionContext
from edgekit.errors import AbortError, FetchError, WebTypeError
from edgekit.web.abort import AbortSignal
from edgekit.web.codings import Coded, acceptable, known, preferred
from edgekit.web.events import Event
from edgekit.web.headers import Headers
from edgekit.web.request import HeadersInit, Request
from edgekit.web.response import NULL_BODY, REDIRECTS, Response
from edgekit.web.streams import ReadableStream
from edgekit.web.url import URL
from edgekit.web.websocket import MAX_MESSAGE, CloseEvent, WebSocket, WebSocketPair

if TYPE_CHECKING:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL as Address

logger = logging.getLogger(__name__)

MAX_REDIRECTS = 20
CONNECT_SECONDS = (
    30.0  # for the name, TCP and TLS together; whatever else takes long, a signal can end
)
CLOSE_SECONDS = 30.0  # that the other side of a web socket has to answer a close
DNS_SECONDS = 30  # that an address is believed
MAX_FIELD = 64 * 1024  # bytes of one header of a response
MAX_REFUSAL = 1024 * 1024  # bytes that are kept of the answer of a server that refuses a web socket
LARGE = 1024 * 1024  # bytes from which on aiohttp wants a file, to write it in pieces

# What belongs to one connection, or is worked out for each request.
_OURS = frozenset(
    b"connection content-length expect host keep-alive proxy-connection sec-websocket-extensions "
    b"sec-websocket-key sec-websocket-version te trailer transfer-encoding upgrade".split()
)
_IMPLICIT = ("Accept", "Content-Type", "User-Agent")  # what aiohttp would add
_OF_BODY = ("content-encoding", "content-language", "content-location", "content-type")
_SECRET = ("authorization", "cookie", "proxy-authorization")


async def fetch(
    input: Request | str | URL,
    init: Mapping[str, Any] | Request | None = None,
    *,
    method: str | None = None,
    headers: HeadersInit | None = None,
    body: Any = None,
    redirect: str | None = None,
    cf: Mapping[str, Any] | None = None,
    signal: AbortSignal | None = None,
    encode_response_body: str | None = None,
    **others: Any,
) -> Response:
    """Send a request; returns when the response's headers are there, while its body streams.

    `input` is a Request, or an absolute http(s) URL with Request's options, as keywords or in one
    dict. `redirect` is "follow" (20 times at most), "manual" or "error". An aborted `signal` raises
    its reason, from reading the body too. With the header `upgrade: websocket` (the URL may be ws or
    wss then) the response has status 101 and a `web_socket`, or is the server's refusal.

    FetchError names the URL and the cause when there is no response, and when its body breaks off
    or is not in the coding that it claims. WebTypeError: what cannot be sent.
    """
    coding = encode_response_body or others.pop("encodeResponseBody", None)
    if isinstance(init, Mapping):
        coding = coding or init.get("encodeResponseBody") or init.get("encode_response_body")
    if coding not in (None, "automatic", "manual"):
        raise WebTypeError(f'encode_response_body is "automatic" or "manual", not {coding!r:.100}')
    request = input if isinstance(input, Request) else _plain(str(input))
    if not (init is method is headers is body is redirect is cf is signal is None and not others):
        request = Request(
            request,
            init,
            method=method,
            headers=headers,
            body=body,
            redirect=redirect,
            cf=cf,
            signal=signal,
            **others,
        )
    if request._signal is None:
        return await _Fetch(request, coding != "manual").run()
    with _Interrupt(request._signal):
        return await _Fetch(request, coding != "manual").run()


async def close() -> None:
    """Close the connections and web sockets of this event loop; a later fetch() makes new ones."""
    pool = _pools.get(asyncio.get_running_loop())
    if pool is not None:
        await pool.keeper.aclose()


# The request --------------------------------------------------------------------------------------


class _Plain(Request):
    """A GET of a URL and nothing else, made once a URL: what a call's options are laid over."""

    @property
    def signal(self) -> AbortSignal:
        return None  # type: ignore[return-value]  # or all that are made of it would share one


_plain = functools.lru_cache(maxsize=1024)(_Plain)


class _Target(NamedTuple):
    href: str  # without credentials and fragment
    origin: str
    address: Address
    scheme: str
    credentials: bool


@functools.lru_cache(maxsize=1024)
def _target(url: str) -> _Target:
    """A normalised URL as what is connected to, whatever its scheme."""
    from yarl import URL as Address

    scheme, _, rest = url.partition("#")[0].partition(":")
    if not rest.startswith("//"):
        raise WebTypeError(f"Fetch API cannot load: {url:.200}")
    authority, slash, path = rest[2:].partition("/")
    credentials, at, authority = authority.rpartition("@")
    origin = f"{scheme}://{authority}"
    href = origin + slash + path
    address = Address(
        href.replace("ws", "http", 1) if scheme in ("ws", "wss") else href, encoded=True
    )
    return _Target(href, origin, address, scheme, bool(at))


class _Fetch:
    """One call of fetch(), from its request over all redirects to its response."""

    def __init__(self, request: Request, decode: bool) -> None:
        self.request = request
        self.decode = decode
        self.signal = request._signal
        self.method = request.method
        self.upgrade = False
        self.redirects = 0
        self.refusal = b""
        self.upload: _Upload | None = None
        self.length: int | None = None
        self.fields = self.headers()
        self.aim(request.url)
        if self.target.credentials:
            raise WebTypeError(
                f"Request cannot be constructed from a URL that includes credentials: {self.target.href:.200}"
            )
        if self.method.upper() in ("CONNECT", "TRACE", "TRACK"):
            raise WebTypeError(f"'{self.method}' HTTP method is unsupported.")
        self.override = (request.cf or {}).get("resolveOverride")
        self.body = request._take()

    def headers(self) -> CIMultiDict[str]:
        from multidict import CIMultiDict

        fields: CIMultiDict[str] = CIMultiDict()
        for name, value in self.request.headers.raw:
            if name == b"accept-encoding" and self.decode:
                value = acceptable(value)
            if name not in _OURS:
                fields.add(name.decode(), _text(value))
            elif name == b"upgrade":
                self.upgrade = value.lower() == b"websocket"
            elif name == b"content-length" and value.isdigit():
                self.length = int(value)
        fields.setdefault("accept-encoding", preferred())
        return fields

    def aim(self, url: str) -> None:
        self.target = _target(url)
        if self.target.scheme not in ("http", "https", *(("ws", "wss") if self.upgrade else ())):
            raise WebTypeError(f"Fetch API cannot load: {self.target.href:.200}")

    async def run(self) -> Response:
        loop = asyncio.get_running_loop()
        pool = _pools.get(loop) or await _open(loop)
        while True:
            answer, socket = await self.send(pool)
            location = self.location(answer)
            if location is None:
                return self.response(answer, socket)
            answer.release()
            self.follow(answer.status, location)

    async def send(self, pool: _Pool) -> tuple[aiohttp.ClientResponse, WebSocket | None]:
        import aiohttp

        data: Any = self.body
        if isinstance(data, ReadableStream):
            data = self.upload = _Upload(data, self.length)
            if self.length is not None:
                self.fields["content-length"] = str(self.length)
        elif data is not None and len(data) >= LARGE:
            data = io.BytesIO(data)
        address, name = self.target.address, None
        try:
            if self.override:
                self.fields["host"], name = address.authority, address.host
                address = address.with_host(self.override)
            if self.upgrade:
                return await self.shake_hands(pool, address, name)
            return (
                await pool.session.request(
                    self.method,
                    address,
                    headers=self.fields,
                    data=data,
                    allow_redirects=False,
                    server_hostname=name,
                ),
                None,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if self.upload is not None and self.upload.error is not None:
                raise self.upload.error from None
            raise self.failure(f"failed: {_reason(error)}") from error

    async def shake_hands(
        self, pool: _Pool, address: Address, name: str | None
    ) -> tuple[aiohttp.ClientResponse, WebSocket | None]:
        import aiohttp

        async def look(session: Any, context: Any, params: Any) -> None:
            # aiohttp tells nobody about the body of a refusal, nor asks before it follows a redirect.
            nonlocal answer
            answer = params.response
            if answer.status != 101:
                while (room := MAX_REFUSAL - len(self.refusal)) and (
                    chunk := await answer.content.read(room)
                ):
                    self.refusal += chunk
                raise _Refused

        answer: aiohttp.ClientResponse
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(look)
        trace.on_request_redirect.append(look)
        session = pool.open(trace_configs=[trace])
        try:
            connection = await session.ws_connect(
                address,
                method=self.method,
                headers=self.fields,
                autoclose=False,
                max_msg_size=MAX_MESSAGE,
                server_hostname=name,
            )
        except _Refused:
            answer.close()
            return answer, None
        finally:
            session.detach()
        client, end = WebSocketPair()
        end.couple()
        pool.sockets.add(end)
        ctx = ExecutionContext()
        ctx._spawn(_pump(self, pool, connection, answer, end), ctx)
        return answer, client

    def location(self, answer: aiohttp.ClientResponse) -> str | None:
        """Where the answer sends this request, if it is to go there."""
        if answer.status not in REDIRECTS or self.request.redirect == "manual":
            return None
        if self.request.redirect == "error":
            answer.close()
            raise self.failure(
                f'failed: redirected (status {answer.status}), but redirect is "error"'
            )
        return next((_text(v) for n, v in answer.raw_headers if n.lower() == b"location"), None)

    def follow(self, status: int, location: str) -> None:
        """Turn this request into the one that the redirect asks for. Fetch, "HTTP-redirect fetch"."""
        if self.redirects == MAX_REDIRECTS:
            raise self.failure(f"failed: Too many redirects (more than {MAX_REDIRECTS}).")
        if status != 303 and isinstance(self.body, ReadableStream):
            raise self.failure(
                "failed: A request with a one-time-use body (it was initialized from a stream, not a "
                "buffer) encountered a redirect requiring the body to be retransmitted."
            )
        before, url = self.target, host.parse_url(location, self.target.href)
        try:
            if url is None:
                raise WebTypeError(f"Invalid Location header: {location!r:.200}")
            self.aim(url.href)
        except WebTypeError as error:
            raise self.failure(f"failed: cannot follow the redirect: {error}") from None
        dropped = ["host"]  # that was for the first URL's address
        if self.target.origin != before.origin:
            dropped += _SECRET
        if (self.method == "POST" and status in (301, 302)) or (
            self.method not in ("GET", "HEAD") and status == 303
        ):
            self.method, self.body, self.upload = "GET", None, None
            dropped += ("content-length", *_OF_BODY)
        for name in dropped:
            self.fields.popall(name, None)
        self.override = None
        self.redirects += 1
        self.refusal = b""

    def response(self, answer: aiohttp.ClientResponse, socket: WebSocket | None) -> Response:
        raw = [(name.lower(), value) for name, value in answer.raw_headers]
        body: Any = None
        if socket is not None:
            pass
        elif answer.status in NULL_BODY or self.method == "HEAD":
            answer.release()
        elif self.upgrade:
            body = self.refusal
        elif answer.content.is_eof() and self.signal is None and self.upload is None:
            body = answer.content.read_nowait()  # it came with the headers
        else:
            body = _Incoming(answer, self)
        if body and self.decode:
            names = [value for name, value in raw if name == b"content-encoding"]
            coding = known(names[0].decode("latin-1")) if len(names) == 1 else None
            if coding is not None:
                source = (body,) if body.__class__ is bytes else body
                body = Coded(source, coding, lambda text: self.failure(f"failed: {text}"))
        if body is not None and body.__class__ is not bytes:
            body = ReadableStream(body)
        response = Response(body)
        response.status = answer.status
        response._status_text = answer.reason or ""
        response._headers = Headers.from_raw(raw)
        response.web_socket = socket
        response.url = self.target.href
        response.redirected = self.redirects > 0
        self.body = None
        return response

    def failure(self, text: str) -> FetchError:
        return FetchError(f"{self.method} {self.target.href} {text}", url=self.target.href)

    def broken(self, error: Exception) -> BaseException:
        """Why the response's body cannot be read on."""
        if self.signal is not None and self.signal.aborted:
            return _reason_of(self.signal)
        if self.upload is not None and self.upload.error is not None:
            return self.upload.error
        return self.failure(f"failed: Network connection lost. ({_reason(error)})")


class _Refused(Exception):
    """The server did not answer a web socket's handshake by a web socket."""


def _text(value: bytes) -> str:
    # aiohttp writes UTF-8: what is UTF-8 leaves as it is, anything else can only be taken for latin-1.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Upload:
    """A request's body on its way out, once; `length` bytes if it is known."""

    def __init__(self, stream: ReadableStream, length: int | None) -> None:
        self.error: Exception | None = None
        self.answer: aiohttp.ClientResponse | None = None
        self._chunks = aiter(stream)
        self._left = length
        self._begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._begun:  # aiohttp tries again when a connection that was kept has been closed
            raise ConnectionResetError("connection reset while the body was being sent")
        return self

    async def __anext__(self) -> bytes:
        self._begun = True
        try:
            chunk = await anext(self._chunks, b"")
            if self._left is not None:
                self._left -= len(chunk)
                if self._left < 0 or (self._left and not chunk):
                    raise WebTypeError(
                        "The body does not have the length of its content-length header."
                    )
        except Exception as error:
            self.error = error
            if self.answer is not None:
                self.answer.close()  # or both sides would wait for ever
            raise
        if not chunk:
            raise StopAsyncIteration
        return chunk


# The response -------------------------------------------------------------------------------------


class _Incoming:
    """The bytes of a response's body, as they come."""

    def __init__(self, answer: aiohttp.ClientResponse, fetch: _Fetch) -> None:
        self._answer = answer
        self._fetch = fetch
        self._loop = asyncio.get_running_loop()
        self._stop: Any = None
        if fetch.upload is not None:
            fetch.upload.answer = answer
        if fetch.signal is not None:
            # Weakly, since the signal may live much longer than a response that nobody reads.
            this = weakref.ref(self)

            def stop(event: Event) -> None:
                if (incoming := this()) is not None:
                    incoming._answer.close()

            self._stop = stop
            fetch.signal.add_event_listener("abort", stop)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        import aiohttp

        try:
            chunk = await self._answer.content.readany()
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise self._fetch.broken(error) from error
        if not chunk:
            self._release()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Nobody will read on: unless it was the end, the connection cannot be used again."""
        self._release()

    def _release(self) -> None:
        self._answer.close()
        if self._stop is not None:
            assert self._fetch.signal is not None
            self._fetch.signal.remove_event_listener("abort", self._stop)
            self._stop = None

    def __del__(self) -> None:
        # The garbage collector runs in whichever thread it likes.
        if not self._answer.closed or self._stop is not None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(_Incoming._release, self)


class _Interrupt:
    """Ends what the current task waits for when a signal is aborted, as asyncio.timeout does."""

    def __init__(self, signal: AbortSignal) -> None:
        self._signal = signal
        self._fired = False

    def __enter__(self) -> None:
        self._signal.throw_if_aborted()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._signal.add_event_listener("abort", self._abort)

    def _abort(self, event: Event) -> None:
        self._fired = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        self._signal.remove_event_listener("abort", self._abort)
        if (
            self._fired
            and self._task.uncancel() <= self._cancelling
            and (kind is None or issubclass(kind, asyncio.CancelledError))
        ):
            raise _reason_of(self._signal) from None


def _reason_of(signal: AbortSignal) -> BaseException:
    reason = signal.reason
    return reason if isinstance(reason, BaseException) else AbortError(str(reason))


def _reason(error: BaseException) -> str:
    """aiohttp's errors in words."""
    import socket
    import ssl

    import aiohttp

    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {CONNECT_SECONDS:g} seconds"
    if isinstance(inner, socket.gaierror) or isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name of the host could not be resolved: {inner.strerror or inner}"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"the server's certificate is not valid: {inner.verify_message or inner}"
    if isinstance(inner, ssl.SSLError):
        return f"TLS failed: {inner.reason or inner}"
    if isinstance(inner, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    if isinstance(inner, ConnectionResetError) or isinstance(error.__cause__, ConnectionResetError):
        return "connection reset"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is not valid HTTP: {error.message}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the body is not complete"
    return str(error) or type(error).__name__


# Web sockets --------------------------------------------------------------------------------------


async def _pump(
    fetch: _Fetch,
    pool: _Pool,
    connection: aiohttp.ClientWebSocketResponse,
    answer: aiohttp.ClientResponse,
    end: WebSocket,
) -> None:
    """Carry messages both ways until both sides have closed; whoever loses `end` ends it."""

    def stop(event: Event) -> None:
        reason = _reason_of(event.target)
        end.disconnect(reason)

    if fetch.signal is not None:
        fetch.signal.add_event_listener("abort", stop)
    loop = asyncio.get_running_loop()
    tasks = {
        loop.create_task(_inwards(connection, end)),
        loop.create_task(_outwards(connection, end)),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not end._gone and not any(task.exception() for task in tasks if task.done()):
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
    finally:
        if fetch.signal is not None:
            fetch.signal.remove_event_listener("abort", stop)
        pool.sockets.discard(end)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        answer.close()
        failed = [task.exception() for task in tasks if not task.cancelled() and task.exception()]
        end.disconnect(failed[0] if failed else None)
        for error in failed:
            if not isinstance(error, OSError):
                logger.error("%s", fetch.failure("failed: a listener"), exc_info=error)


async def _inwards(connection: aiohttp.ClientWebSocketResponse, end: WebSocket) -> None:
    from aiohttp import WSMsgType

    while True:
        message = await connection.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            end.send(message.data)
        elif message.type is WSMsgType.CLOSE and message.data != 1006:
            if message.data:
                end.close(message.data, message.extra)
            else:
                end.close()
            await end.drain()
            return
        else:
            end.disconnect(message.data if isinstance(message.data, Exception) else None)
            await end.drain()
            return
        await end.drain()


async def _outwards(connection: aiohttp.ClientWebSocketResponse, end: WebSocket) -> None:
    from aiohttp import WSMsgType

    while True:
        item = await end.receive()
        if isinstance(item, str):
            await connection.send_str(item)
        elif isinstance(item, bytes):
            await connection.send_bytes(item)
        else:
            # Not connection.close(): that would throw away what still comes before the answer.
            if item.code != 1006:
                code = b"" if item.code == 1005 else struct.pack("!H", item.code)
                await connection.send_frame(code + item.reason.encode(), WSMsgType.CLOSE)
            return


# Connections --------------------------------------------------------------------------------------


class _Pool:
    """What the calls of one event loop share."""

    keeper: Any

    def __init__(self) -> None:
        import aiohttp

        # Without a limit: whoever holds a connection and waits for another could wait for ever.
        self.connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=DNS_SECONDS)
        self.session = self.open()
        self.sockets: set[WebSocket] = set()

    def open(self, **options: Any) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=self.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_IMPLICIT,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            **options,
        )

    async def close(self) -> None:
        for socket in list(self.sockets):
            socket.disconnect()
        self.session.detach()
        await self.connector.close()


_pools: dict[asyncio.AbstractEventLoop, _Pool] = {}


async def _open(loop: asyncio.AbstractEventLoop) -> _Pool:
    pool = _pools[loop] = _Pool()
    pool.keeper = _keep(loop, pool)
    await anext(pool.keeper)
    for other in [other for other in _pools if other.is_closed()]:
        await _pools.pop(other).close()
    return pool


async def _keep(loop: asyncio.AbstractEventLoop, pool: _Pool) -> AsyncIterator[None]:
    """Held open by its pool: a loop that ends closes its async generators, and so the pool."""
    try:
        yield
    finally:
        _pools.pop(loop, None)
        await pool.close()
