"""Request, Response and the rest of `workers` that is the web's: edgekit's types with the SDK's names.

They are subclasses, so the host serves them as its own. `adopt` makes a value of edgekit's one of
these by changing its class: nothing is copied, and a request that nobody looks at costs nothing more.
Where the SDK is awkward (headers are copies, no Python streams as bodies, methods it does not know),
both ways work here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPMethod
from typing import Any

from edgekit import errors, host
from edgekit.asgi import AsgiRequest, Receive, Scope
from edgekit.bindings.webidl import string
from edgekit.compat import convert, forms
from edgekit.compat.convert import (
    Buffer,
    Cf,
    Constructor,
    Object,
    adopt_stream,
    also_javascripts,
    from_user,
    left,
    view,
)
from edgekit.compat.forms import Blob, FormData
from edgekit.web.body import TEXT, Body, encode_text
from edgekit.web.headers import Headers as WebHeaders
from edgekit.web.request import HeadersInit
from edgekit.web.request import Request as WebRequest
from edgekit.web.response import REDIRECTS
from edgekit.web.response import Response as WebResponse
from edgekit.web.streams import ReadableStream

Bytes = bytes
_METHODS: dict[str, HTTPMethod] = dict(HTTPMethod.__members__)


class BodyUsedError(errors.BodyUsedError, OSError):
    """A body was read a second time; the SDK raises an OSError."""


class FormError(errors.WebSyntaxError, TypeError):
    """A body is no form, or too large a one; the SDK raises a TypeError."""


class HttpStatusError(OSError):
    """By `raise_for_status()`: an answer of status 400 and above."""

    def __init__(self, status: int, status_text: str, url: str) -> None:
        whose = "Client" if status < 500 else "Server"
        super().__init__(f"{status} {whose} Error: {status_text} for url: {url}")
        self.status = status
        self.status_text = status_text
        self.url = url


class Headers(WebHeaders):
    """Headers as the SDK's messages answer: None for what is not there, and never an error."""

    __slots__ = ()
    constructor = Constructor("Headers")

    @classmethod
    def over(cls, headers: WebHeaders) -> Headers:
        """The same headers; a copy of those that cannot be changed."""
        raw = headers._raw
        return cls.from_raw(raw.copy() if headers.immutable else raw)  # type: ignore[return-value]

    def get(self, name: str, /, default: Any = None) -> Any:
        """The value, several joined by ", "; of cookies, which cannot be, the first."""
        if len(name) == 10 and name.lower() == "set-cookie":
            return next(iter(super().get_all(name)), default)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        return self.get(name)  # type: ignore[no-any-return]

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def get_all(self, name: str, failobj: Any = None) -> Any:
        """Every value of that name; `failobj`, as a message has it, where there is none.

        Only cookies come one by one: JavaScript has the values of other names as one text.
        """
        found = super().get_all(name)
        if len(found) > 1 and name.lower() != "set-cookie":
            found = [", ".join(found)]
        return found or ([] if failobj is None else failobj)

    def add_header(self, name: str, value: str, **parameters: str | None) -> None:
        """Add a value; parameters follow it as in `name="value"`."""
        parts = [value]
        for key, text in parameters.items():
            key = key.replace("_", "-")
            parts.append(key if text is None else f'{key}="{text}"')
        self.append(name, "; ".join(parts))

    def get_content_type(self) -> str:
        """The media type without parameters; text/plain where there is none."""
        return (self.get("content-type") or "text/plain").partition(";")[0].strip().lower()


class _Reads(Body):
    """What the SDK's Request and Response have in common."""

    @property
    def js_object(self) -> Any:
        """The same, as code of JavaScript's has it."""
        return view(self)

    @property
    def body(self) -> ReadableStream | None:
        """The body as a stream, or None; `Response(request.body)` passes it on as it is."""
        stream = super().body
        return None if stream is None else adopt_stream(stream)

    async def buffer(self) -> Buffer:
        """The whole body, as an ArrayBuffer."""
        return Buffer(await self.bytes())

    async def array_buffer(self) -> Buffer:
        """JavaScript's name for `buffer()`."""
        return Buffer(await self.bytes())

    async def form_data(self) -> FormData:
        """The body as a form."""
        return adopt(await super().form_data())  # type: ignore[no-any-return]

    async def blob(self) -> Blob:
        """The body as a Blob."""
        return adopt(await super().blob())  # type: ignore[no-any-return]

    def _take(self) -> Bytes | ReadableStream | None:
        try:
            return super()._take()
        except errors.BodyUsedError as error:
            raise BodyUsedError(str(error)) from None

    def _tee(self) -> Bytes | ReadableStream | None:
        try:
            return super()._tee()
        except errors.BodyUsedError as error:
            raise BodyUsedError(str(error)) from None

    def _fault(self, status: int, message: str, path: str | None) -> Exception:
        return FormError(message, path=path)


class Request(_Reads, WebRequest):
    """A request, as `workers.Request`: of a URL or another Request, with the options as keywords."""

    constructor = Constructor("Request")
    cache = "default"
    credentials = "same-origin"
    destination = ""
    integrity = ""
    is_history_navigation = False
    keepalive = False
    mode = "cors"
    referrer = "about:client"
    referrer_policy = ""

    def __init__(self, input: Any, init: Any = None, **options: Any) -> None:
        options.pop("fetcher", None)
        if hasattr(type(input), "_to_edgekit"):
            given = from_user(input)
            if isinstance(
                given, WebRequest
            ):  # one of JavaScript's: the same request, not another one of it
                if init is not None or options:
                    raise ValueError(
                        "Expected no options when constructing Request from a js.Request"
                    )
                self.__dict__ = given.__dict__
                self.__class__ = type(adopt(given))
                return
            input = given
        try:
            super().__init__(input, from_user(init), **_options(options))
        except errors.EdgekitError as error:
            also_javascripts(error)
            raise

    @property
    def method(self) -> Any:
        """An HTTPMethod, which is a str; a plain str where Python knows no such method."""
        method: str = self.__dict__["method"]
        return _METHODS.get(method, method)

    @method.setter
    def method(self, method: str) -> None:
        self.__dict__["method"] = method

    @property
    def cf(self) -> Any:
        """What is known of the connection, or None."""
        cf = self._cf
        if not isinstance(cf, Object) and (cf := super().cf) is not None:
            cf = self._cf = Cf({name: left(value) for name, value in cf.items()})
        return cf

    @property
    def headers(self) -> Headers:
        headers = self._headers
        if not isinstance(headers, Headers):
            headers = self._headers = Headers.over(super().headers)
        return headers

    async def json(self, type: Any = None, **options: Any) -> Any:
        """The body by `json.loads`, which takes the options; JSONDecodeError when it is none."""
        return json.loads(await self.text(), **options)

    def clone(self) -> Request:
        """A second request of the same body."""
        return adopt(super().clone())  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Request(method={str(self.method)!r}, url={self.url!r})"


class IncomingRequest(Request, AsgiRequest):
    """A request over a connection."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive

    @property  # type: ignore[misc]
    def method(self) -> Any:  # type: ignore[override]
        """As Request's."""
        method: str = self.scope["method"]
        return _METHODS.get(method, method)


class FetchResponse(_Reads, WebResponse):
    """What `fetch()` gives, and Response builds on."""

    constructor = Constructor("Response")
    # What nobody has set: see web/request.py.
    _headers: WebHeaders | None = None
    _used: bool = False
    status: int = 200

    @property
    def headers(self) -> Headers:
        headers = self._headers
        if not isinstance(headers, Headers):
            headers = self._headers = Headers.over(super().headers)
        return headers

    @property
    def js_response(self) -> Any:
        """The same, as code of JavaScript's has it."""
        return view(self)

    async def read_json(self, type: Any = None, **options: Any) -> Any:
        """The body by `json.loads`, which takes the options."""
        return json.loads(await self.text(), **options)

    async def memoryview(self) -> memoryview:
        """The whole body."""
        return memoryview(await self.bytes())

    async def string(self) -> str:
        """The old name of `text()`."""
        return await self.text()

    def clone(self) -> Response:
        """A second response of the same body."""
        return adopt(super().clone())  # type: ignore[no-any-return]

    def raise_for_status(self) -> None:
        """HttpStatusError for a status of 400 and above."""
        if self.status >= 400:
            raise HttpStatusError(self.status, self.status_text, self.url)

    def replace_body(self, body: Any) -> Response:
        """A response with the same status and headers, and another body."""
        made = Response.__new__(Response)
        WebResponse.__init__(made, as_body(body), self)
        return made

    async def unpack_archive(
        self, *, extract_dir: str | None = None, format: str | None = None
    ) -> None:
        """Unpack the body, an archive, into a folder, as `shutil.unpack_archive` does."""
        import shutil
        import tempfile
        from urllib.parse import urlsplit

        name = urlsplit(self.url).path.rpartition("/")[2]
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/{name or 'archive'}"
            with open(path, "wb") as file:  # noqa: ASYNC230 - unpacking does not wait either
                file.write(await self.bytes())
            shutil.unpack_archive(path, extract_dir, format)

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> WebResponse:
        """A redirect to an absolute URL; ValueError for a status that is none, TypeError for a URL."""
        text = str(getattr(url, "href", url))
        try:
            # The platform looks at the status first.
            if int(status) in REDIRECTS and host.parse_url(text) is None:
                raise errors.WebTypeError(f"Unable to parse URL: {text}")
            return super().redirect(text, int(status))
        except errors.WebRangeError as error:
            raise ValueError(str(error)) from error
        except errors.WebTypeError as error:
            raise TypeError(str(error)) from error

    @classmethod
    def from_json(
        cls,
        data: Any,
        status: Any = 200,
        status_text: str = "",
        headers: HeadersInit | None = None,
        **options: Any,
    ) -> Response:
        """`data` by `json.dumps`; content type application/json unless `headers` say another.

        The options may stand in a dict in the place of `status`, as in JavaScript.
        """
        to_py = getattr(data, "to_py", None)
        text = json.dumps(data if to_py is None else to_py())
        headers = _pairs(headers)
        made = Response(text, status, status_text, headers, **options)
        if made._headers is None:
            made._content_type = b"application/json"
        elif headers is None or not WebHeaders(headers).has("content-type"):
            made._headers.set("content-type", "application/json")
        return made

    _from_json = from_json  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = [f"status={self.status}"]
        if self.status_text:
            parts.append(f"status_text={self.status_text!r}")
        if content_type := self.headers.get("content-type"):
            parts.append(f"content_type={content_type!r}")
        if self.url:
            parts.append(f"url={self.url!r}")
        if self.type != "default":
            parts.append(f"type={self.type!r}")
        return f"Response({', '.join(parts)})"


class Response(FetchResponse):
    """A response: `Response(body, status, status_text, headers, web_socket)`.

    `body` is whatever edgekit's Response takes, or another Response without options, which this one
    then is. The options may be one dict in the place of `status`, as in JavaScript.
    """

    def __init__(
        self,
        body: Any = None,
        status: Any = None,
        status_text: str = "",
        headers: HeadersInit | None = None,
        web_socket: Any = None,
        init: Any = None,
        *,
        cf: Any = None,
        encode_body: str = "automatic",
        statusText: str = "",
        webSocket: Any = None,
        encodeBody: str = "automatic",
    ) -> None:
        if body.__class__ is str and status is headers is web_socket is init is cf is webSocket:
            # All of them None. What WebResponse.__init__ does, for the most common of all.
            try:
                self._body = body.encode()
            except UnicodeEncodeError:
                self._body = encode_text(body)
            self._content_type = TEXT
            if status_text or statusText:
                self._status_text = status_text or statusText
            return
        body = as_body(body)
        if isinstance(body, WebResponse):
            if status is not None or status_text or headers is not None:
                raise ValueError(
                    "Expected no options when constructing Response from a js.Response"
                )
            self.__dict__ = body.__dict__  # the same response, not another one of it
            return
        if isinstance(status, Mapping | WebResponse):
            status, init = None, status
        try:
            super().__init__(
                body,
                from_user(init),
                status=int(status or 200),
                status_text=status_text or statusText or "",
                headers=_pairs(headers),
                web_socket=from_user(web_socket or webSocket),
                cf=from_user(cf),
                encode_body=encode_body if encode_body != "automatic" else encodeBody,
            )
        except errors.EdgekitError as error:
            also_javascripts(error)
            raise


async def fetch(resource: Any, init: Any = None, **options: Any) -> Response:
    """Send a request; its options as keywords, or as one dict.

    OSError when there is no answer. `fetcher` is a function to ask instead of the network.
    """
    from edgekit import client

    sent = options.pop("fetcher", None) or client.fetch
    return adopt(await sent(from_user(resource), from_user(init), **_options(options)))  # type: ignore[no-any-return]


# The class that stands for each of edgekit's; one of a subclass is what it is.
_CLASSES: dict[type, type] = {
    AsgiRequest: IncomingRequest,
    WebRequest: Request,
    WebResponse: Response,
    WebHeaders: Headers,
}


def adopt(value: Any) -> Any:
    """The value itself, seen as the class that `workers` has for it; a Blob or form as another one."""
    kind = value.__class__
    if kind in _CLASSES:
        value.__class__ = _CLASSES[kind]
        return value
    return forms.adopt(value)


convert.messages.append(adopt)


def as_body(body: Any) -> Any:
    """A body that edgekit takes; TypeError, with the SDK's words, for what none can be made of."""
    if isinstance(body, str | bytes) or body is None:
        return body
    if hasattr(type(body), "_to_edgekit"):
        body = from_user(body)
    taken = hasattr(body, "_as_body") or hasattr(body, "__iter__") or hasattr(body, "__aiter__")
    if isinstance(body, dict) or not (taken or isinstance(body, WebResponse | memoryview)):
        raise errors.WebTypeError(f"Unsupported type in Response: {type(body).__name__}")
    return body


def _options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a request as edgekit takes them."""
    for name, value in options.items():
        take = {"body": as_body, "headers": _pairs}.get(name, from_user)
        options[name] = take(value)
    return options


def _pairs(headers: Any) -> Any:
    """Headers as edgekit takes them: JavaScript's pairs may be lists."""
    headers = from_user(headers) if hasattr(type(headers), "_to_edgekit") else headers
    if headers is None:
        return None
    if isinstance(headers, WebHeaders):
        return headers
    if isinstance(headers, Mapping):
        return {name: _spelled(value) for name, value in headers.items()}
    pairs: dict[str, tuple[str, str]] = {}
    cookies = []
    for name, value in headers:
        key = str(name).lower()
        value = _spelled(value)
        if key == "set-cookie":
            cookies.append((name, value))
        else:  # a second value stands beside the first, as JavaScript's Headers send it
            pairs[key] = (name, f"{pairs[key][1]}, {value}" if key in pairs else value)
    return [*pairs.values(), *cookies]


def _spelled(value: Any) -> Any:
    """A header's value: numbers and booleans as JavaScript spells them. None stays, and is refused."""
    if value.__class__ is str or value is None:
        return value
    text = string(value)
    return value if text is None else text
