"""Response, as the Fetch standard has it.

Made to be cheap: headers are built when somebody looks at them, and a plain answer never does.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, overload
from urllib.parse import quote

from edgekit import host
from edgekit.errors import WebRangeError, WebTypeError
from edgekit.web.body import Body, Bytes, encode_text, extract_body
from edgekit.web.headers import Headers, encode_value
from edgekit.web.request import HeadersInit
from edgekit.web.streams import ReadableStream

if TYPE_CHECKING:
    from edgekit.web.sse import Event
    from edgekit.web.websocket import WebSocket

NULL_BODY = frozenset({101, 204, 205, 304})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
JSON = b"application/json"

_CONTROL = re.compile(r"[\0-\x1f]").search
_VISIBLE = bytes(range(0x21, 0x7F))  # what a header may show of a URL as it is


class _Build(Protocol):
    def __call__(
        self,
        data: Any,
        init: Mapping[str, Any] | None = None,
        *,
        status: int = 200,
        status_text: str = "",
        headers: HeadersInit | None = None,
    ) -> Response: ...


class _Read(Protocol):
    def __call__(self, type: Any = None) -> Awaitable[Any]: ...


class _JSON:
    """`Response.json(data)` builds a response; `await response.json()` reads one."""

    @overload
    def __get__(self, instance: None, owner: type[Response]) -> _Build: ...
    @overload
    def __get__(self, instance: Response, owner: type[Response]) -> _Read: ...
    def __get__(self, instance: Response | None, owner: type[Response]) -> _Build | _Read:
        return owner._from_json if instance is None else instance.read_json


class Response(Body):
    """An HTTP response.

    `Response(body, status=, status_text=, headers=, web_socket=, cf=)`, or the options in one dict,
    as on Workers, or those of another Response in its place. `body` is None, str, bytes, bytearray,
    memoryview, Blob, FormData, URLSearchParams, a ReadableStream, or an (async) iterable of bytes,
    which is sent as it comes.
    The body tells its length, a stream by `ReadableStream(source, length=)`; a content-length header
    that was set by hand is sent in answer to HEAD only.
    Under a content-encoding header of gzip, deflate or br the body is compressed while it is sent;
    a body that is compressed already needs `encode_body="manual"`.
    Errors: WebRangeError for a status outside 200 to 599 (101 goes with a web socket), WebTypeError
    for a body with 101, 204, 205 or 304, and for headers and status texts that HTTP does not allow.
    """

    # Class attributes stand for what nobody has set, as in Request.
    _status_text: str = ""
    cf: Any = None
    encode_body: str = "automatic"
    redirected: bool = False
    status: int
    type: str = "default"
    url: str = ""
    web_socket: WebSocket | None = None

    def __init__(
        self,
        body: Any = None,
        init: Mapping[str, Any] | Response | int | None = None,
        *,
        status: int = 200,
        status_text: str = "",
        headers: HeadersInit | None = None,
        web_socket: WebSocket | None = None,
        cf: Any = None,
        encode_body: str = "automatic",
        **others: Any,
    ) -> None:
        if init is not None or others:
            if isinstance(init, int):
                status = init
            elif init is not None:
                others = {**(init._lent(body) if isinstance(init, Response) else init), **others}
            lent = others.pop("status", 200)
            status = lent if status == 200 else status
            lent = others.pop("headers", None)
            headers = lent if headers is None else headers
            status_text = others.pop("statusText", others.pop("status_text", status_text))
            web_socket = others.pop("webSocket", others.pop("web_socket", web_socket))
            cf = others.pop("cf", cf)
            encode_body = others.pop("encodeBody", others.pop("encode_body", encode_body))
            if init is None and (unknown := set(others)):
                raise TypeError(f"Response() has no option {', '.join(sorted(unknown))}")
        if status.__class__ is not int:
            status = int(status)
        if not 200 <= status <= 599 and not (status == 101 and web_socket is not None):
            raise WebRangeError(
                f"Responses may only be constructed with status codes in the range 200 to 599, inclusive; got {status}."
            )
        if web_socket is not None and status != 101:
            raise WebRangeError("Responses with a WebSocket must have status code 101.")
        if body.__class__ is str:
            self._body = encode_text(body)
            self._content_type: Bytes | None = b"text/plain;charset=UTF-8"
        else:
            self._body, self._content_type = extract_body(body)
        if body is not None and status in NULL_BODY:
            if self._body != b"":
                raise WebTypeError(
                    f"Response with null body status (101, 204, 205, or 304) cannot have a body; got {status}."
                )
            self._body = self._content_type = None
        self._headers = None if headers is None else self._with_type(Headers(headers))
        self._used = False
        self.status = status
        if status_text:
            if _CONTROL(status_text):
                raise WebTypeError(f"Invalid statusText: {status_text!r:.100}")
            self._status_text = status_text
        if web_socket is not None:
            self.web_socket = web_socket
        if cf is not None:
            self.cf = cf
        if encode_body != "automatic":
            if encode_body != "manual":
                raise WebTypeError(
                    f"encode_body is 'automatic' or 'manual', not {encode_body!r:.100}"
                )
            self.encode_body = encode_body

    json = _JSON()

    @classmethod
    def _from_json(
        cls,
        data: Any,
        init: Mapping[str, Any] | None = None,
        *,
        status: int = 200,
        status_text: str = "",
        headers: HeadersInit | None = None,
    ) -> Response:
        """`data` as compact UTF-8 JSON, content type application/json unless `headers` say another."""
        self = cls(
            host.json_encode(data), init, status=status, status_text=status_text, headers=headers
        )
        self._content_type = JSON
        if self._headers is not None:
            self._with_type(self._headers)
        return self

    @classmethod
    def html(cls, text: str, *, status: int = 200, headers: HeadersInit | None = None) -> Response:
        """`text` as text/html."""
        self = cls(text, status=status, headers=None)
        self._content_type = b"text/html;charset=UTF-8"
        if headers is not None:
            self._headers = self._with_type(Headers(headers))
        return self

    @classmethod
    def event_stream(
        cls,
        events: AsyncIterable[Event] | Iterable[Event],
        *,
        status: int = 200,
        headers: HeadersInit | None = None,
    ) -> Response:
        """Server-sent events, each sent as it comes from `events`.

        An event is a str (its data) or a mapping with any of `data` (str, or anything as JSON),
        `event`, `id`, `retry` (milliseconds) and `comment`.
        """
        from edgekit.web.sse import encode_events

        self = cls(encode_events(events), status=status, headers=headers)
        for name, value in (("content-type", "text/event-stream"), ("cache-control", "no-cache")):
            if name not in self.headers:
                self.headers.set(name, value)
        return self

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Response:
        """A redirect to `url` (absolute, or a path of this site); 301, 302, 303, 307 or 308."""
        if status not in REDIRECTS:
            raise WebRangeError("Invalid redirect status. Must be one of 301, 302, 303, 307, 308.")
        text = str(url)
        absolute = host.parse_url(text)
        if absolute is not None:
            text = absolute.href
        else:
            text = quote(text.strip(), _VISIBLE, errors="replace")
            if not text or host.parse_url(text, "http://h/") is None:
                raise WebTypeError(f"Unable to parse URL: {text!r:.200}")
        self = cls(None, status=status)
        self._headers = Headers.from_raw([(b"location", encode_value(text, "location"))])
        return self

    @classmethod
    def error(cls) -> Response:
        """The standard's network error: status 0, no headers that can be changed."""
        self = cls()
        self.status = 0
        self.type = "error"
        self._headers = Headers.from_raw([], immutable=True)
        return self

    @property
    def headers(self) -> Headers:
        """The headers, which can be changed until the response is sent."""
        headers = self._headers
        if headers is None:
            content_type = self._content_type
            raw = [] if content_type is None else [(b"content-type", content_type)]
            headers = self._headers = Headers.from_raw(raw)
        return headers

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def status_text(self) -> str:
        """The reason phrase: as given, else the standard one."""
        if self._status_text or self.status not in HTTPStatus._value2member_map_:
            return self._status_text
        return HTTPStatus(self.status).phrase

    def set_cookie(self, name: str, value: str = "", **attributes: Any) -> None:
        """Add a Set-Cookie header; see `web.cookies.format_set_cookie` for the attributes."""
        from edgekit.web.cookies import format_set_cookie

        self.headers.append("set-cookie", format_set_cookie(name, value, **attributes))

    def clone(self) -> Response:
        """A second response of the same body; the faster reader waits at 8 MiB ahead."""
        if self.web_socket is not None:
            raise WebTypeError("Cannot clone a response to a WebSocket handshake.")
        body = self._tee()
        twin = Response.__new__(Response)
        twin._body = body
        twin._content_type = self._content_type
        twin._headers = None if self._headers is None else Headers(self._headers)
        twin._used = False
        twin.status = self.status
        twin._status_text = self._status_text
        twin.web_socket = None
        twin.url = self.url
        twin.type = self.type
        twin.redirected = self.redirected
        twin.cf = self.cf
        twin.encode_body = self.encode_body
        return twin

    def _lent(self, body: Any) -> dict[str, Any]:
        """The options for another Response that is to be like this one, but for its body."""
        headers = Headers(self.headers)
        if body is not self._body:
            headers.delete("content-length")  # that was the length of the other one
        return {
            "status": self.status,
            "status_text": self._status_text,
            "headers": headers,
            "web_socket": self.web_socket,
            "cf": self.cf,
            "encode_body": self.encode_body,
        }

    def _with_type(self, headers: Headers) -> Headers:
        content_type = self._content_type
        if content_type is not None and not any(n == b"content-type" for n, _ in headers._raw):
            headers._raw.append((b"content-type", content_type))
        return headers

    def __repr__(self) -> str:
        content_type = self.headers.get("content-type") if self._headers else self._content_type
        if isinstance(content_type, bytes):
            content_type = content_type.decode("latin-1")
        return f"Response(status={self.status}, status_text={self.status_text!r}, content_type={content_type!r})"


def length_in(headers: Headers) -> int | None:
    """The length in bytes that a content-length header tells of the body that came with it."""
    value = headers.get("content-length", "")
    chunked = "transfer-encoding" in headers  # which overrides it
    return int(value) if value.isdecimal() and len(value) < 19 and not chunked else None


def convert(value: Any, handler: Any) -> Response:
    """What a handler returned, as a Response; None is an error that names the handler."""
    if isinstance(value, Response):
        return value
    if isinstance(value, str):
        return Response(value)
    if value is None:
        raise TypeError(
            f"{describe(handler)} returned None; return a Response, a str, bytes, or data for JSON"
        )
    if isinstance(value, bytes | bytearray | memoryview):
        response = Response(value)
        response._content_type = b"application/octet-stream"
        return response
    if (
        isinstance(value, ReadableStream)
        or hasattr(value, "__aiter__")
        or hasattr(value, "__next__")
    ):
        raise TypeError(f"{describe(handler)} returned a stream; return Response(stream)")
    try:
        return Response.json(value)
    except TypeError as error:
        raise TypeError(f"{describe(handler)} returned what is not JSON: {error}") from error


def describe(handler: Any) -> str:
    """A handler's name for messages: `main.hello`."""
    target = getattr(handler, "func", handler)
    name = getattr(target, "__qualname__", None) or type(target).__qualname__
    return f"{getattr(target, '__module__', '?')}.{name}()"
