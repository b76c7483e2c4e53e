"""Between ASGI's messages and the web's types, both ways. The one file that reads `scope[...]`.

`AsgiRequest` is a Request over a connection: every property is worked out when it is asked for.
`response_start` says how a Response begins on the wire. The other way, a Request into an ASGI app,
is asgi_call.py. Nothing here knows a server or starts a task.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from edgekit import host
from edgekit.errors import BodyUsedError, HTTPError, WebTypeError
from edgekit.web.abort import AbortController, AbortSignal
from edgekit.web.body import Bytes
from edgekit.web.codings import Coded, accepts, to_send
from edgekit.web.headers import Headers
from edgekit.web.request import Request, below
from edgekit.web.response import NULL_BODY, Response
from edgekit.web.spelling import Plain
from edgekit.web.streams import ReadableStream
from edgekit.web.url import URLSearchParams

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 100 * 1024 * 1024  # bytes of a request's body, unless the configuration says otherwise

_new_headers = Headers.__new__
_UNREAD: Any = object()  # a body that nobody has asked for yet

# Bytes that a path may have without the URL standard changing, or decoding, any of them.
_PLAIN_PATH = bytes(b for b in range(0x21, 0x7F) if b not in b'"#%<>?\\^`{|}')
_UNRESERVED = "/!$&'()*+,;=:@"  # beside letters, digits and "-._~": what a path has as it is
# A last label that begins with a letter is no number, so the host is no IPv4 address in disguise.
_PLAIN_HOST = re.compile(
    rb"(?:(?!.*xn--)(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*\.?|127\.0\.0\.1)"
    rb"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
).fullmatch
_PLAIN_QUERY = re.compile(rb"[A-Za-z0-9!$%&()*+,\-./:;=?@_~\[\]\\^`{|}]*").fullmatch
_DEFAULT_PORTS = {"http": b":80", "https": b":443", "ws": b":80", "wss": b":443"}


class AsgiRequest(Request):
    """A Request over an ASGI connection. Its headers cannot be changed."""

    # See Request for why these are class attributes.
    _ahead: Message | None = None  # a message that watch() took before anybody asked
    _arrived: asyncio.Event | None = None  # set when it did; None when nobody watches
    _body: Any = _UNREAD
    _controller: AbortController | None = None
    _headers: Headers | None = None
    _path: str | None = None
    _url: str | None = None
    _used: bool = False
    complete: bool = False  # the body's last message has been received
    gone: bool = False  # the client went away
    max_body: int = MAX_BODY
    raw_path: bytes | None = None
    reading: bool = False  # somebody is inside receive()
    redirect = "manual"  # as incoming requests have it, so that fetch(request) passes redirects on

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method = scope["method"]
        self._receive = receive
        # What a literal route is looked up by; None where that would need a closer look. Path and raw
        # path must say the same: a middleware around us may have rewritten one of them.
        raw = scope.get("raw_path")
        if raw == scope["path"].encode() and not scope.get("root_path"):
            self.raw_path = raw

    @property
    def url(self) -> str:
        url: str | None = self._url
        if url is None:
            url = self._url = _url(self.scope)
        return url

    @property
    def headers(self) -> Headers:
        headers: Headers | None = self._headers
        if headers is None:
            headers = self._headers = _new_headers(Headers)
            headers._raw = self.scope["headers"]
            headers.immutable = True
        return headers

    @property
    def path(self) -> str:
        path = self._path
        if path is None:
            path = self._path = self.target()[0]
        return path

    def target(self) -> tuple[str, str | None]:
        scope = self.scope
        path: str = scope["path"]
        raw = self.raw_path
        # The common case first: nothing that decoding or normalising would change, no prefix.
        if raw and not raw.translate(None, _PLAIN_PATH) and b"/." not in raw and raw[:1] == b"/":
            return path, None
        encoded = encoded_path(scope)
        if encoded is None:
            return local_path(scope), None
        return unquote(encoded), encoded

    @property
    def _root(self) -> str:  # type: ignore[override]
        return self.scope.get("root_path") or ""

    @property
    def _connection(self) -> Scope:
        return self.scope

    @property
    def query(self) -> URLSearchParams:
        query = self._query
        if query is None:
            text = self.scope["query_string"].decode("utf-8", "replace")
            query = self._query = URLSearchParams(text)
        return query

    @property
    def cf(self) -> Plain | None:
        cf: Plain | None = self._cf
        if cf is None:
            scope = self.scope
            cf = self._cf = Plain(httpProtocol=f"HTTP/{scope.get('http_version', '1.1')}")
            if encodings := self.headers.get("accept-encoding"):
                cf["clientAcceptEncoding"] = encodings
            cf.update(scope.get("edgekit.cf", ()))
        return cf

    @property
    def client(self) -> tuple[str, int] | None:
        client = self.scope.get("client")
        return (client[0], client[1]) if client else None

    @property
    def signal(self) -> AbortSignal:
        if self._controller is None:
            self._controller = AbortController()
            if self.gone:
                self._controller.abort()
        return self._controller.signal

    def abort(self) -> None:
        """Tell whoever looks at `signal` that the client has gone."""
        if self._controller is not None:
            self._controller.abort()

    # The body -------------------------------------------------------------------------------------

    @property
    def body(self) -> ReadableStream | None:
        self._settle()
        return super().body

    @property
    def body_used(self) -> bool:
        return self._used or (self._body is not _UNREAD and bool(super().body_used))

    async def bytes(self) -> Bytes:
        if self._body is not _UNREAD or self._used:
            return await super().bytes()
        self._used = True
        if self._ahead is None and self._arrived is None:
            self.reading = True
            try:
                message = await self._receive()
            finally:
                self.reading = False
            if message["type"] == "http.request" and not message.get("more_body", False):
                # All in one message, as most bodies are.
                self.complete = True
                body: bytes = message.get("body", b"")
                if len(body) > self.max_body:
                    raise self._too_large()
                self._body = body or None
                self._used = body != b""
                return body
            self._ahead = message
        self._expects_body()
        self._body = b""
        body = b"".join([chunk async for chunk in self._chunks()])
        if not body:  # as above: what is not there is not used up
            self._body, self._used = None, False
        return body

    def _take(self) -> Any:
        self._settle()
        return super()._take()

    def _tee(self) -> Any:
        self._settle()
        return super()._tee()

    def _settle(self) -> None:
        if self._body is _UNREAD:
            self._body = ReadableStream(self._chunks()) if self._expects_body() else None

    def _expects_body(self) -> bool:
        """Whether the request announces a body; 413 when it announces too large a one."""
        length: int | None = None
        for name, value in self.scope["headers"]:
            if name == b"content-length":
                if not value.isdigit():
                    raise HTTPError(400, "Invalid Content-Length header")
                length = int(value) if len(value) < 19 else self.max_body + 1
                if length > self.max_body:
                    raise self._too_large()
            elif name == b"transfer-encoding":
                return True  # which overrides the length
        if length is not None:
            return length > 0
        # HTTP/2 and 3 need neither header.
        return self.scope.get("http_version", "1.1") >= "2" and self.method not in ("GET", "HEAD")

    def _chunks(self) -> Arriving:
        return Arriving(self)

    async def watch(self) -> None:
        """Wait for the client to go away; ends early after taking one message ahead of the reader.

        For the host's sweeper: a server tells of a disconnect only to who calls receive().
        """
        arrived = self._arrived = asyncio.Event()
        try:
            while True:
                message = await self._receive()
                if message["type"] in ("http.disconnect", "websocket.disconnect"):
                    self.gone = True
                    return
                self._ahead = message
                arrived.set()
                if message.get("more_body", False) or message["type"] != "http.request":
                    return
        finally:
            self._arrived = None
            arrived.set()

    @property
    def watchable(self) -> bool:
        """Whether nobody waits for a message, and none waits to be taken."""
        return not self.reading and self._arrived is None and self._ahead is None

    def _too_large(self) -> HTTPError:
        return HTTPError(413, f"The request's body is larger than {self.max_body} bytes")

    async def _next_message(self) -> Message:
        while self._ahead is None:
            if self._arrived is None:
                self.reading = True
                try:
                    return await self._receive()
                finally:
                    self.reading = False
            await self._arrived.wait()
        message, self._ahead = self._ahead, None
        if self._arrived is not None:
            self._arrived.clear()
        return message


class Arriving:
    """A request's body, chunk by chunk. Who is cancelled while waiting for one has missed nothing."""

    __slots__ = ("_request", "_size")

    def __init__(self, request: AsgiRequest) -> None:
        self._request = request
        self._size = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        request = self._request
        while not request.complete:
            message = await request._next_message()
            if message["type"] != "http.request":
                request.gone = True
                raise WebTypeError("Network connection lost.")
            request.complete = not message.get("more_body", False)
            chunk: bytes = message.get("body", b"")
            if chunk:
                self._size += len(chunk)
                if self._size > request.max_body:
                    raise request._too_large()
                return chunk
        raise StopAsyncIteration


def local_path(scope: Scope) -> str:
    """The decoded path below `root_path`."""
    path: str = scope["path"]
    root = scope.get("root_path")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        return path[len(root) :] or "/"
    return path


def encoded_path(scope: Scope) -> str | None:
    """The percent-encoded path below `root_path`, normalised; None when decoding changes nothing."""
    path = normal_path(scope)
    return None if path is None else below(scope.get("root_path") or "", path)


def normal_path(scope: Scope) -> str | None:
    """The percent-encoded path, normalised; None when that is the decoded one."""
    raw: bytes | None = scope.get("raw_path")
    path: str = scope["path"]
    if path[:1] != "/":
        if path == "*":
            return None
        raise HTTPError(400, "Invalid path")
    if raw is None:
        if path.isascii() and "/." not in path:
            return None
        raw = quote(path, safe=_UNRESERVED).encode()
    elif not raw.translate(None, _PLAIN_PATH) and b"/." not in raw:
        return None
    target = raw.partition(b"?")[0].replace(b"#", b"%23").decode("utf-8", "replace")
    url = host.parse_url("http://h" + target)
    if url is None:
        raise HTTPError(400, "Invalid path")
    return url.pathname


def _url(scope: Scope) -> str:
    scheme = scope.get("scheme", "http")
    authority = b""
    for name, value in scope["headers"]:
        if name == b"host":
            if authority and authority != value:
                raise HTTPError(400, "More than one Host header")
            authority = value
    if not authority:
        server = scope.get("server")
        if server and server[1] is not None:
            name = f"[{server[0]}]" if ":" in server[0] else server[0]
            authority = f"{name}:{server[1]}".encode("latin-1")
        else:
            authority = b"localhost"
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    port = _DEFAULT_PORTS.get(scheme, b"")
    if (
        _PLAIN_HOST(authority)
        and not (port and authority.endswith(port))
        and _PLAIN_QUERY(query)
        and not raw.translate(None, _PLAIN_PATH)
        and b"/." not in raw
        and raw[:1] == b"/"
    ):
        url = b"%b://%b%b" % (scheme.encode("latin-1"), authority, raw)
        return (url + b"?" + query if query else url).decode("latin-1")
    target = raw.partition(b"?")[0].replace(b"#", b"%23")
    if query:
        target += b"?" + query.replace(b"#", b"%23")
    if target[:1] != b"/":
        target = b"/" + target
    if re.search(rb"[^\x21-\x7e]|[/\\?#@]", authority):
        raise HTTPError(400, "Invalid Host header")
    text = f"{scheme}://{authority.decode('latin-1')}{target.decode('utf-8', 'replace')}"
    record = host.parse_url(text)
    if record is None:
        raise HTTPError(400, "Invalid Host header")
    return record.href


# Headers that say how one connection frames a message, and the date: a server writes its own.
_SERVERS_OWN = frozenset(
    {b"connection", b"date", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)


def response_start(
    response: Response, method: str = "GET", request: Request | None = None
) -> Message:
    """The message that begins a response, with the length where it is known.

    A body that came coded, and goes to a `request` that does not accept the coding, is decoded.
    A response to HEAD may tell the length of a body that it does not have. WebTypeError for what
    cannot be sent: `Response.error()`, and a stream that somebody has read.
    """
    body = response._body
    if body is not None and response.status in NULL_BODY:  # set after it was made
        body = response._body = None
    same_length = True
    if body is not None and response._headers is not None:
        coding = response._headers.get("content-encoding", "")
        source = getattr(body, "_source", None)
        if coding and isinstance(source, Coded) and request is not None:
            accepted = request.headers.get("accept-encoding", "")
            if not accepts(accepted, source.coding):
                coding = ""
                response._headers = Headers(response._headers)
                response._headers.delete("content-encoding")
                response._headers.append("vary", "accept-encoding")
        if coding or isinstance(body, ReadableStream):
            manual = response.encode_body == "manual"
            body, same_length = to_send(body, coding, manual=manual)
            response._body = body
    length: int | None = len(body) if body.__class__ is bytes else getattr(body, "length", None)
    if response._headers is None:
        content_type = response._content_type
        raw = [] if content_type is None else [(b"content-type", content_type)]
    else:
        # A stream says by itself how long it is: the header is mostly that of another body. As on Workers.
        keeps_length = method == "HEAD" and same_length and length is None
        raw = [
            pair
            for pair in response._headers._raw
            if pair[0] not in _SERVERS_OWN and (keeps_length or pair[0] != b"content-length")
        ]
    if body is None:
        if response.status == 0:
            raise WebTypeError("Response.error() cannot be sent")
        told = any(name == b"content-length" for name, _ in raw)
        if not told and response.status >= 200 and response.status not in (204, 304):
            length = 0
    elif body.__class__ is not bytes and (body.locked or body.disturbed):  # type: ignore[union-attr]
        raise BodyUsedError("The response's body has already been used.")
    if length is not None:
        raw.append((b"content-length", b"%d" % length))
    return {"type": "http.response.start", "status": response.status, "headers": raw}
