"""Requests, responses and streams between the web's types and the platform's objects.

A JavaScript object is looked into when somebody asks, and a body that is only passed on is handed over
as the stream it is: its bytes never come to Python.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from edgekit.on_workers.convert import CLASSES, from_js, into_js, is_null
from edgekit.web.body import Bytes
from edgekit.web.headers import Headers, RawHeaders
from edgekit.web.request import Request
from edgekit.web.response import NULL_BODY, Response
from edgekit.web.streams import ReadableStream, aclose, as_bytes

if TYPE_CHECKING:
    from edgekit.web.abort import AbortSignal

logger = logging.getLogger(__name__)

# Headers ------------------------------------------------------------------------------------------


def _coding() -> str:
    """How the platform's strings stand for a header's bytes: in workerd as UTF-8, by the standard, and
    so elsewhere, as latin-1.
    """
    try:
        js.Headers.new(to_js([["x", "\u0100"]]))
    except JsException:
        return "latin-1"
    return "utf-8"


_CODING = _coding()


def raw_headers(headers: Any) -> RawHeaders:
    """The pairs of a JavaScript Headers."""
    return [
        (str(name).encode(), str(value).encode(_CODING))
        for name, value in js.Array.from_(headers.entries())
    ]


def headers_into_js(headers: Headers) -> Any:
    """The same headers as an array of pairs, which is what the platform's constructors take."""
    return to_js([[name.decode("latin-1"), _value(value)] for name, value in headers.raw])


def _value(raw: Bytes) -> str:
    try:
        return raw.decode(_CODING)
    except UnicodeDecodeError:  # workerd has no string for these bytes
        return raw.decode("latin-1")


# Streams ------------------------------------------------------------------------------------------


class JsSource:
    """What a ReadableStream is made of that came from JavaScript."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reader = self.stream.getReader()
        done = False
        try:
            while True:
                result = await reader.read()
                if result.done:
                    done = True
                    return
                yield _chunk(result.value)
        finally:
            if not done:
                await reader.cancel()

    async def aclose(self) -> None:
        await self.stream.cancel()


def _chunk(value: Any) -> bytes:
    return as_bytes(value) if isinstance(value, str) else value.to_bytes()


def stream_into_js(stream: ReadableStream) -> Any:
    """A stream for JavaScript: the very one it came as, or a new one that pulls from ours."""
    source = stream.detach()
    if source.__class__ is JsSource:
        return source.stream
    chunks = aiter(ReadableStream(source))

    async def pull(controller: Any) -> None:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            controller.close()
            done()
        except Exception as error:
            logger.exception("a stream failed")
            controller.error(into_js(error))
            done()
        else:
            controller.enqueue(to_js(chunk))

    async def cancel(reason: Any = None) -> None:
        await aclose(chunks)
        done()

    def done() -> None:
        for proxy in proxies:
            proxy.destroy()

    # Pyodide frees proxies of its own calls only; these are called until the stream has ended.
    proxies = create_proxy(pull), create_proxy(cancel)
    return js.ReadableStream.new(pull=proxies[0], cancel=proxies[1])


# Requests -----------------------------------------------------------------------------------------


class _JsBody:
    """The body of a JavaScript Request or Response: a stream, looked at when it is asked for."""

    _js: Any
    _incoming = False

    def _read_body(self) -> ReadableStream | None:
        stream = self._js.body
        return None if is_null(stream) else ReadableStream(JsSource(stream))

    def _read_headers(self) -> Headers:
        return Headers.from_raw(raw_headers(self._js.headers), immutable=self._incoming)

    # Any: what they stand for are plain attributes in Body, Request and Response.
    _body: Any = functools.cached_property(_read_body)
    _headers: Any = functools.cached_property(_read_headers)

    async def _whole(self) -> Bytes | None:
        """The body in one piece, by one call, if nobody has touched it; else None."""
        body = self._body
        if body.__class__ is not ReadableStream or body._source.__class__ is not JsSource:
            return None
        body.detach()
        return (await self._js.arrayBuffer()).to_bytes()  # type: ignore[no-any-return]


class JsRequest(_JsBody, Request):
    """A Request over a JavaScript one. Its headers cannot be changed."""

    _incoming = True
    _used = False
    redirect = "manual"

    def __init__(self, request: Any) -> None:
        self._js = request
        self.method = request.method

    _url: Any = functools.cached_property(lambda self: self._js.url)
    _cf: Any = functools.cached_property(lambda self: from_js(getattr(self._js, "cf", None)))

    @property
    def client(self) -> tuple[str, int] | None:
        address = self._js.headers.get("cf-connecting-ip")
        return None if is_null(address) else (address, 0)

    @property
    def signal(self) -> AbortSignal:
        if self._signal is None:
            from edgekit.web.abort import AbortController

            controller = AbortController()
            self._signal = controller.signal
            theirs: Any = getattr(self._js, "signal", None)
            if not is_null(theirs):
                theirs.addEventListener("abort", create_proxy(lambda event: controller.abort()))
        return self._signal

    async def bytes(self) -> Bytes:
        if self._used:
            self._take()  # raises
        whole = await self._whole()
        if whole is None:
            return await super().bytes()
        self._used = True
        return whole


def request_into_js(request: Request) -> Any:
    """A Request for JavaScript: the one it came as where nothing has been changed."""
    if request.__class__ is JsRequest and not request.body_used:
        source = getattr(request._body, "_source", None)
        if source is None or source.__class__ is JsSource:
            body: Any = request._take()
            if body is not None:
                body.detach()
            return request._js
    options = {"method": request.method, "headers": headers_into_js(request.headers)}
    options["redirect"] = request.redirect
    body = request._take()
    if body is not None:
        options["body"] = body_into_js(body)
        options["duplex"] = "half"  # the standard asks for it where the body is a stream
    if request.cf is not None:
        options["cf"] = into_js(request.cf)
    if request._signal is not None:
        options["signal"] = _signal_into_js(request._signal)
    url = request.url
    if url.startswith("ws"):  # what `fetch` opens a web socket by, is an http URL here
        url = "http" + url[2:]
    return js.Request.new(url, **options)


def _signal_into_js(signal: AbortSignal) -> Any:
    controller = js.AbortController.new()
    if signal.aborted:
        controller.abort()
    else:
        signal.add_event_listener("abort", lambda event: controller.abort())
    return controller.signal


def body_into_js(body: Bytes | ReadableStream) -> Any:
    if not isinstance(body, ReadableStream):
        return to_js(body)
    length = body.length
    return stream_into_js(body) if length is None else fixed(stream_into_js(body), length)


def fixed(stream: Any, length: int) -> Any:
    """A stream of JavaScript's whose length the platform is to know."""
    ends = js.FixedLengthStream.new(length)
    stream.pipeTo(ends.writable)  # goes on while the other end is read
    return ends.readable


# Responses ----------------------------------------------------------------------------------------


class JsResponse(_JsBody, Response):
    """A Response over a JavaScript one, as `fetch` and bindings give it."""

    _content_type = None
    _used = False

    def __init__(self, response: Any) -> None:
        self._js = response
        self.status = response.status
        self.type = getattr(response, "type", "default")  # not in workerd of 2024
        self.url = response.url
        self.redirected = response.redirected
        self._status_text = response.statusText

    @functools.cached_property
    def web_socket(self) -> Any:  # type: ignore[override]
        socket = getattr(self._js, "webSocket", None)
        if is_null(socket):
            return None
        from edgekit.on_workers.sockets import from_platform

        return from_platform(socket)

    async def bytes(self) -> Bytes:
        if self._used:
            self._take()  # raises
        whole = await self._whole()
        if whole is None:
            return await super().bytes()
        self._used = True
        return whole


_made_headers: dict[bytes, Any] = {}


def headers_of(content_type: Bytes) -> Any:
    """Headers with nothing but a content type; made once, since most responses have no others."""
    made = _made_headers.get(content_type)
    if made is None:
        made = js.Headers.new(to_js([["content-type", content_type.decode("latin-1")]]))
        if len(_made_headers) < 64:
            _made_headers[content_type] = made
    return made


def response_into_js(response: Response) -> Any:
    """A Response for JavaScript: the one it came as where nothing has been changed."""
    if response.__class__ is JsResponse and _untouched(response):
        return response._js
    status = response.status
    body = response._take()
    options: dict[str, Any] = {"status": status}
    if response._status_text:
        options["statusText"] = response._status_text
    if response.web_socket is not None:
        from edgekit.on_workers.sockets import into_platform

        options["webSocket"] = into_platform(response.web_socket)
    if response.encode_body == "manual":
        options["encodeBody"] = "manual"
    if response._headers is not None:
        options["headers"] = headers_into_js(response._headers)
    elif response._content_type is not None:
        options["headers"] = headers_of(response._content_type)
    if body is None or status in NULL_BODY:
        return js.Response.new(into_js(None), **options)
    return js.Response.new(body_into_js(body), **options)


async def without_stream(response: Response) -> None:
    """Close a body that Python makes: whoever asked by HEAD would neither read nor cancel it."""
    if response.__class__ is not JsResponse and isinstance(response._body, ReadableStream):
        await response._body.cancel()
        response._body = None


def _untouched(response: JsResponse) -> bool:
    """Whether the JavaScript response still says all that this one does; hands over its body if so."""
    seen = vars(response)
    if response.body_used or response.status != response._js.status:
        return False
    if "_headers" in seen and seen["_headers"].raw != raw_headers(response._js.headers):
        return False
    body = seen.get("_body")
    if body is not None:
        if body.__class__ is not ReadableStream or body._source.__class__ is not JsSource:
            return False
        body.detach()
    response._used = True
    return True


CLASSES.update(
    {
        "Request": JsRequest,
        "Response": JsResponse,
        "ReadableStream": lambda stream: ReadableStream(JsSource(stream)),
        "Headers": lambda headers: Headers.from_raw(raw_headers(headers)),
    }
)
