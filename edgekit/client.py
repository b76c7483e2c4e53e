"""fetch() outwards on CPython: the Fetch standard as Workers do it, over aiohttp. On Workers, js.fetch.

aiohttp is imported at the first call; connections are client_pool.py's. What is not plain HTTP:

- Nothing is sent that nobody asked for, but `accept-encoding`. A `host` header is dropped, as on
  Workers: mostly it is that of the request which came in. `cf={"resolveOverride": name}` connects
  to another host than the URL's; other keys of `cf` mean nothing here.
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
import weakref
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from edgekit import host
from edgekit.client_pool import Pool, Upgrade, close, in_words, pool_of, pools, reason_of
from edgekit.errors import FetchError, WebTypeError
from edgekit.web.abort import AbortSignal
from edgekit.web.codings import Coded, acceptable, known, preferred
from edgekit.web.events import Event
from edgekit.web.headers import Headers
from edgekit.web.request import HeadersInit, Request
from edgekit.web.response import NULL_BODY, REDIRECTS, Response, length_in
from edgekit.web.streams import ReadableStream
from edgekit.web.url import URL

if TYPE_CHECKING:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL as Address

__all__ = ["close", "fetch"]

MAX_REDIRECTS = 20
LARGE = 1024 * 1024  # bytes from which on aiohttp wants a file, to write it in pieces

# What belongs to one connection, or is worked out for each request.
_OURS = frozenset(
    b"connection content-length expect host keep-alive proxy-connection sec-websocket-extensions "
    b"sec-websocket-key sec-websocket-version te trailer transfer-encoding upgrade".split()
)
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

    `input` is a Request, or an absolute http(s) or data: URL with Request's options, as keywords or in
    one dict. `redirect` is "follow" (20 times at most), "manual" or "error". An aborted `signal` raises
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
    if (
        init is not None
        or method is not None
        or headers is not None
        or body is not None
        or redirect is not None
        or cf is not None
        or signal is not None
        or others
    ):
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
    if request.url.startswith("data:"):
        return _from_data(request)
    if request._signal is None:
        return await _Fetch(request, coding != "manual").run()
    with _Interrupt(request._signal):
        return await _Fetch(request, coding != "manual").run()


def _from_data(request: Request) -> Response:
    from edgekit.web import data_urls

    if request._signal is not None:
        request._signal.throw_if_aborted()
    found = data_urls.read(request.url)
    if found is None:
        raise WebTypeError(f"Fetch API cannot load: {request.url:.200}")
    content_type, content = found
    body = content if request.method == "GET" else None
    return Response(body, headers={"content-type": content_type})


class _Plain(Request):
    """A GET of a URL and nothing else, made once a URL: what a call's options are laid over."""

    @property
    def signal(self) -> AbortSignal:
        return None  # type: ignore[return-value]  # or all that are made of it would share one


_plain = functools.lru_cache(maxsize=256)(_Plain)


class _Target(NamedTuple):
    href: str  # without credentials and fragment
    origin: str
    address: Address
    scheme: str
    credentials: bool


@functools.lru_cache(maxsize=256)
def _target(url: str) -> _Target:
    """Where a normalised URL leads."""
    from yarl import URL as Address

    scheme, _, rest = url.partition("#")[0].partition(":")
    if scheme not in ("http", "https", "ws", "wss"):
        raise WebTypeError(f"Fetch API cannot load: {url:.200}")
    authority, slash, path = rest[2:].partition("/")
    _, at, authority = authority.rpartition("@")
    origin = f"{scheme}://{authority}"
    # Of the scheme alone: a host's name may have "ws" in it too.
    reached = f"http{scheme[2:]}://{authority}" if scheme[0] == "w" else origin
    address = Address(reached + slash + path, encoded=True)
    return _Target(origin + slash + path, origin, address, scheme, bool(at))


class _Fetch:
    """One call of fetch(), from its request over all redirects to its response."""

    redirects = 0
    upgrade = False
    upload: _Upload | None = None
    length: int | None = None

    def __init__(self, request: Request, decode: bool) -> None:
        self.request = request
        self.decode = decode
        self.signal = request._signal
        self.method = request.method
        self.fields = self.headers()
        self.target = self.aim(request.url)
        if self.target.credentials:
            raise WebTypeError(
                "Request cannot be constructed from a URL that includes credentials: "
                f"{self.target.href:.200}"
            )
        if self.method.upper() in ("CONNECT", "TRACE", "TRACK"):
            raise WebTypeError(f"'{self.method}' HTTP method is unsupported.")
        self.override = request.cf.get("resolveOverride") if request.cf is not None else None
        self.body = request._take()

    def headers(self) -> CIMultiDict[str]:
        import multidict

        fields: CIMultiDict[str] = multidict.CIMultiDict()
        raw = self.request.headers.raw
        named = {  # by `connection`, as belonging to one connection (RFC 9110, 7.6.1)
            part.strip().lower() for n, v in raw if n == b"connection" for part in v.split(b",")
        }
        for name, value in raw:
            if name not in _OURS and name not in named:
                if name == b"accept-encoding" and self.decode:
                    value = acceptable(value)
                fields.add(name.decode(), _text(value))
            elif name == b"upgrade":
                self.upgrade = value.lower() == b"websocket"
            elif name == b"content-length" and value.isdigit():
                self.length = int(value)
        fields.setdefault("accept-encoding", preferred())
        return fields

    def aim(self, url: str) -> _Target:
        target = _target(url)
        if target.scheme in ("ws", "wss") and not self.upgrade:
            raise WebTypeError(f"Fetch API cannot load: {target.href:.200}")
        return target

    async def run(self) -> Response:
        loop = asyncio.get_running_loop()
        pool = pools.get(loop) or await pool_of(loop)
        while True:
            answer, upgrade = await self.send(pool), None
            if isinstance(answer, Upgrade):
                upgrade, answer = answer, answer.answer
            if answer.status not in REDIRECTS or (location := self.location(answer)) is None:
                break
            answer.release()
            self.follow(answer.status, location)
        if upgrade is None:
            return self.response(answer, self.incoming(answer))
        socket = upgrade.couple(pool, self.signal)
        response = self.response(answer, upgrade.refusal if socket is None else None)
        response.web_socket = socket
        return response

    async def send(self, pool: Pool) -> aiohttp.ClientResponse | Upgrade:
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
                self.fields["host"], name = address.authority, address.raw_host
                address = address.with_host(self.override)
            if self.upgrade:
                return await pool.upgrade(self.method, address, self.fields, name)
            return await pool.session.request(
                self.method,
                address,
                headers=self.fields,
                data=data,
                allow_redirects=False,
                server_hostname=name,
            )
        except pool.errors as error:
            if self.upload is not None and self.upload.error is not None:
                raise self.upload.error from None
            raise self.failure(in_words(error)) from error

    def location(self, answer: aiohttp.ClientResponse) -> str | None:
        """Where a redirect sends this request, if it is to go there."""
        if self.request.redirect == "manual":
            return None
        if self.request.redirect == "error":
            answer.close()
            raise self.failure(f'redirected with status {answer.status}, but redirect is "error"')
        return next((_text(v) for n, v in answer.raw_headers if n.lower() == b"location"), None)

    def follow(self, status: int, location: str) -> None:
        """Become the request that the redirect asks for. Fetch, "HTTP-redirect fetch"."""
        if self.redirects == MAX_REDIRECTS:
            raise self.failure(f"Too many redirects, more than {MAX_REDIRECTS}.")
        if status != 303 and isinstance(self.body, ReadableStream):
            raise self.failure(
                "A request with a one-time-use body (it was initialized from a stream, not a buffer) "
                "encountered a redirect requiring the body to be retransmitted."
            )
        before, url = self.target, host.parse_url(location, self.target.href)
        try:
            if url is None:
                raise WebTypeError(f"Invalid Location header: {location!r:.200}")
            self.target = self.aim(url.href)
        except WebTypeError as error:
            raise self.failure(f"cannot follow the redirect: {error}") from None
        dropped = {"host"}  # of an override, which was for the first URL
        if self.target.origin != before.origin:
            dropped.update(_SECRET)
        if (status in (301, 302) and self.method == "POST") or (
            status == 303 and self.method not in ("GET", "HEAD")
        ):
            self.method, self.body, self.upload = "GET", None, None
            dropped.update(_OF_BODY, ("content-length",))
        for name in dropped:
            self.fields.popall(name, None)
        self.override = None
        self.redirects += 1

    def incoming(self, answer: aiohttp.ClientResponse) -> bytes | _Incoming | None:
        """The answer's body: at once, if it came with the headers."""
        if answer.status == 101:
            answer.close()
            raise self.failure("the server switches protocols, which was not asked for")
        if answer.status in NULL_BODY or self.method == "HEAD":
            answer.release()
            return None
        if answer.content.is_eof() and self.signal is None and self.upload is None:
            return answer.content.read_nowait()
        return _Incoming(answer, self)

    def response(self, answer: aiohttp.ClientResponse, body: bytes | _Incoming | None) -> Response:
        content: Any = body
        headers = Headers.from_raw([(n.lower(), v) for n, v in answer.raw_headers])
        length = length_in(headers)
        if body and self.decode and "content-encoding" in answer.headers:
            names = answer.headers.getall("content-encoding")
            coding = known(names[0]) if len(names) == 1 else None
            if coding is not None:
                source = (body,) if isinstance(body, bytes) else body
                content, length = Coded(source, coding, self.failure, length=length), None
        if content.__class__ is not bytes and content is not None:
            content = ReadableStream(content, length=length)
        response = Response(content)
        response.status = answer.status
        response.url = self.target.href
        response._headers = headers
        if answer.reason:
            response._status_text = answer.reason
        if self.redirects:
            response.redirected = True
        if not self.decode:
            response.encode_body = (
                "manual"  # what is coded already is not coded again when it is sent
            )
        self.body = None
        return response

    def failure(self, cause: str) -> FetchError:
        return FetchError(f"{self.method} {self.target.href} failed: {cause}", url=self.target.href)

    def broken(self, error: Exception) -> BaseException:
        """Why the response's body cannot be read on."""
        if self.signal is not None and self.signal.aborted:
            return reason_of(self.signal)
        if self.upload is not None and self.upload.error is not None:
            return self.upload.error
        return self.failure(f"Network connection lost. ({in_words(error)})")


def _text(value: bytes) -> str:
    # aiohttp writes UTF-8: what is UTF-8 leaves as it is, anything else can only be taken for latin-1.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Upload:
    """A request's body on its way out, once; of `length` bytes, if that is known."""

    def __init__(self, stream: ReadableStream, length: int | None) -> None:
        self.error: Exception | None = None
        self.answer: aiohttp.ClientResponse | None = None
        self._chunks = aiter(stream)
        self._left = length
        self._begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._begun:  # aiohttp tries again when a connection that it kept was closed meanwhile
            raise ConnectionResetError("connection reset")
        return self

    async def __anext__(self) -> bytes:
        self._begun = True
        try:
            chunk = await anext(self._chunks, b"")
            if self._left is not None:
                self._left -= len(chunk)
                if self._left < 0 or (self._left and not chunk):
                    raise WebTypeError("the body does not have the length that content-length says")
        except Exception as error:
            self.error = error
            if self.answer is not None:
                self.answer.close()  # or both sides would wait for ever
            raise
        if not chunk:
            raise StopAsyncIteration
        return chunk


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
        """Nobody will read on: but for a body at its end, the connection cannot be used again."""
        self._release()

    def _release(self) -> None:
        self._answer.close()
        if self._stop is not None and self._fetch.signal is not None:
            self._fetch.signal.remove_event_listener("abort", self._stop)
            self._stop = None

    def __del__(self) -> None:
        # The garbage collector runs in whichever thread it likes.
        if (self._stop is not None or not self._answer.closed) and not self._loop.is_closed():
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
        ours = self._fired and self._task.uncancel() <= self._cancelling
        if ours and (kind is None or issubclass(kind, asyncio.CancelledError)):
            raise reason_of(self._signal) from None
