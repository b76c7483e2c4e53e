"""The web's types as JavaScript's side shows them: Headers, Request, Response, URL, forms, blobs, signals.

Each is a view of edgekit's own, which has the rules. Spec: Fetch, URL, XMLHttpRequest, File API, DOM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.compat.javascript.arrays import ArrayBuffer, Uint8Array
from edgekit.compat.javascript.convert import native, view, view_or_null
from edgekit.compat.javascript.errors import TypeError_, rethrow
from edgekit.compat.javascript.jsontext import parse, stringify
from edgekit.compat.javascript.maps import MutableMap
from edgekit.compat.javascript.promises import promise
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import null, string
from edgekit.compat.javascript.views import Events, Pairs, View, on_property
from edgekit.web import abort, blob, events, formdata, headers, request, response, streams, url


def _pairs(init: Any) -> Any:
    """What Headers, forms and queries are made of: text, pairs, a mapping, or another of them."""
    if init is None or isinstance(init, str):
        return init
    opened = native(init)
    if isinstance(opened, Mapping):
        return [(string(name), _scalar(value)) for name, value in opened.items()]
    try:
        return [(string(name), _scalar(value)) for name, value in map(list, opened)]
    except (TypeError, ValueError):
        raise TypeError_("The provided value cannot be converted to a sequence.") from None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, blob.Blob) else string(value)


class Headers(Pairs, of=headers.Headers, methods="getSetCookie"):
    """Of a request or a response: `Headers.new(pairs, or an object)`."""

    __slots__ = ()

    def __init__(self, init: Any = None) -> None:
        self._it = headers.Headers(_pairs(init) or None)

    def getAll(self, name: Any) -> Any:
        """Every value; of Set-Cookie only, as on Workers."""
        if string(name).lower() != "set-cookie":
            raise TypeError_('getAll() can only be used with the header name "Set-Cookie".')
        return view(self._it.get_set_cookie())


def _options(init: Any) -> dict[str, Any]:
    """The options of a request or response, as edgekit takes them."""
    options = native(init)
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        return options  # type: ignore[no-any-return] # another Request or Response, which lends its own
    chosen = {key: value for key, value in options.items() if value is not None}
    if (given := chosen.get("headers")) is not None:
        chosen["headers"] = headers.Headers(_pairs(given))
    return chosen


class _Message(View):
    """What Request and Response have in common: a body that is read once."""

    __slots__ = ()

    @property
    def body(self) -> Any:
        stream = self._it.body
        return null() if stream is None else view(stream)

    def text(self) -> Any:
        """A promise of the body as text."""
        return self._read(lambda data: str(blob_text(data)))

    def json(self) -> Any:
        """A promise of the body as parsed JSON."""
        return self._read(lambda data: parse(blob_text(data)))

    def arrayBuffer(self) -> Any:
        """A promise of the body as an ArrayBuffer."""
        return self._read(ArrayBuffer.over)

    def bytes(self) -> Any:
        """A promise of the body as an Uint8Array."""
        return self._read(lambda data: Uint8Array(ArrayBuffer.over(data)))

    def blob(self) -> Any:
        """A promise of the body as a Blob."""
        kind = self._it.headers.get("content-type") or ""
        return self._read(lambda data: view(blob.Blob([data], type=kind)))

    def formData(self) -> Any:
        """A promise of the body as a form."""

        async def read() -> Any:
            try:
                return view(await self._it.form_data())
            except Exception as error:
                rethrow(error)

        return promise(read())

    def _read(self, show: Any) -> Any:
        # The body is whoever's who asked first, not whoever's whose task ran first.
        try:
            taken = self._it._take()
        except Exception as error:
            taken = error

        async def read() -> Any:
            try:
                if isinstance(taken, Exception):
                    raise taken
                whole = isinstance(taken, streams.ReadableStream)
                return show(await taken.read_all() if whole else taken or b"")
            except Exception as error:
                rethrow(error)

        return promise(read())

    def clone(self) -> Any:
        """A second one of the same body."""
        try:
            return view(self._it.clone())
        except Exception as error:
            rethrow(error)

    def toString(self) -> str:
        return f"[object {self.constructor.name}]"  # type: ignore[attr-defined]


def blob_text(data: bytes) -> str:
    """UTF-8 as bodies are read: U+FFFD for what is not, without a byte order mark."""
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


class Request(
    _Message,
    of=request.Request,
    reads="method url headers bodyUsed redirect cf signal",
):
    """`Request.new(url or request, options)`."""

    __slots__ = ()
    cache = "default"
    credentials = "same-origin"
    destination = ""
    integrity = ""
    keepalive = False
    mode = "cors"
    referrer = "about:client"
    referrerPolicy = ""
    fetcher = property(lambda self: null())

    def __init__(self, input: Any, init: Any = None) -> None:
        source = native(input)
        if not isinstance(source, request.Request):
            source = str(source)
        self._it = request.Request(source, _options(init) or None)


class _Json:
    """`Response.json(value)` makes a response, `response.json()` reads one."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return _json_response if instance is None else lambda: _Message.json(instance)


def _json_response(value: Any = None, init: Any = None, **options: Any) -> Any:
    """A response of `value` as JSON."""
    text = stringify(value)
    if text is None:
        raise TypeError_("Value is not JSON serializable")
    chosen = {**_options(init), **_options(options)}
    given = headers.Headers(chosen.pop("headers", None))
    if not given.has("content-type"):
        given.set("content-type", "application/json")
    try:
        return view(response.Response(text.encode(), chosen, headers=given))
    except Exception as error:
        rethrow(error)


class Response(
    _Message,
    of=response.Response,
    reads="status ok headers url type redirected bodyUsed webSocket cf",
    nullable="webSocket",
):
    """`Response.new(body, options)`, `Response.json(value)`, `Response.redirect(url, status)`."""

    __slots__ = ()
    json = _Json()

    def __init__(self, body: Any = None, init: Any = None) -> None:
        self._it = response.Response(_body(body), _options(init) or None)

    @staticmethod
    def redirect(url: Any, status: int = 302) -> Any:
        """A redirect to an absolute URL."""
        try:
            return view(response.Response.redirect(str(native(url)), int(status)))
        except Exception as error:
            rethrow(error)

    @staticmethod
    def error() -> Any:
        """A network error."""
        return view(response.Response.error())

    @property
    def statusText(self) -> str:
        it = self._it
        return str(it.status_text if it.url else it._status_text)


def _body(body: Any) -> Any:
    opened = native(body)
    # Anything that is no body is text, as wherever the standards take a string.
    if isinstance(opened, bool | int | float | dict | list) or type(opened) is url.URL:
        return string(body)
    return opened


class URL(
    View,
    of=url.URL,
    reads="origin searchParams",
    writes="href protocol username password host hostname port pathname search hash",
    methods="toJSON",
):
    """`URL.new(url, base)`; its parts can be set."""

    __slots__ = ()

    def __init__(self, address: Any, base: Any = None) -> None:
        try:
            self._it = url.URL(str(native(address)), _base(base))
        except Exception as error:
            raise TypeError_("Invalid URL") from error

    @staticmethod
    def canParse(address: Any, base: Any = None) -> bool:
        return url.URL.can_parse(str(native(address)), _base(base))

    @staticmethod
    def parse(address: Any, base: Any = None) -> Any:
        return view_or_null(url.URL.parse(str(native(address)), _base(base)))

    def toString(self) -> str:
        return str(self._it)


def _base(base: Any) -> str | None:
    return None if base is None else str(native(base))


class URLSearchParams(Pairs, MutableMap, of=url.URLSearchParams, reads="size", methods="sort"):
    """`URLSearchParams.new(text, pairs or an object)`."""

    __slots__ = ()

    def __init__(self, init: Any = None) -> None:
        self._it = url.URLSearchParams(_pairs(init))

    def toString(self) -> str:
        return str(self._it)

    def __len__(self) -> int:
        return len(self._it)

    def __iter__(self) -> Any:
        # Pyodide takes what has a size and a get for a mapping.
        return iter([name for name, _ in self._it.items()])

    def __getitem__(self, name: Any) -> Any:
        if not self.has(name):
            raise KeyError(name)
        return self.get(name)


class FormData(Pairs, of=formdata.FormData):
    """`FormData.new()`; values are text or Files."""

    __slots__ = ()

    def __init__(self, init: Any = None) -> None:
        self._it = formdata.FormData(None if init is None else _pairs(init))


class Blob(View, of=blob.Blob, reads="size type"):
    """`Blob.new(parts, {"type": ...})`."""

    __slots__ = ()

    def __init__(self, parts: Any = (), options: Any = None) -> None:
        chosen: Any = native(options) or {}
        self._it = blob.Blob(_parts(parts), chosen)

    def text(self) -> Any:
        return self._later(lambda: blob_text(self._it._read()))

    def arrayBuffer(self) -> Any:
        return self._later(lambda: ArrayBuffer.over(self._it._read()))

    def bytes(self) -> Any:
        return self._later(lambda: Uint8Array(ArrayBuffer.over(self._it._read())))

    def stream(self) -> Any:
        return view(self._it.stream())

    def slice(self, start: int = 0, end: int | None = None, type: str = "") -> Any:
        return view(self._it.slice(start, end, type))

    @staticmethod
    def _later(read: Any) -> Any:
        async def wait() -> Any:
            return read()

        return promise(wait())


def _parts(parts: Any) -> list[Any]:
    if isinstance(parts, str | bytes | Blob):
        raise TypeError_("The provided value cannot be converted to a sequence.")
    opened = [native(part) for part in (() if parts is None else parts)]
    return [
        part if isinstance(part, str | bytes | bytearray | memoryview | blob.Blob) else string(part)
        for part in opened
    ]


class File(Blob, of=blob.File, reads="lastModified"):
    """`File.new(parts, name, {"type": ...})`."""

    __slots__ = ()
    name = property(lambda self: self._it.name)  # not by the table: the class has a name of its own

    def __init__(self, parts: Any, name: Any, options: Any = None) -> None:
        chosen: Any = native(options) or {}
        self._it = blob.File(_parts(parts), string(name), chosen)


# Events and signals -----------------------------------------------------------------------------------


class Event(JsProxy):
    """`Event.new(type)`, and what listeners are given."""

    def __init__(self, type: Any, init: Any = None) -> None:
        self.type = string(type)
        self.target: Any = null()
        self.defaultPrevented = False
        self.cancelable = bool(_options(init).get("cancelable")) if init is not None else False
        self.timeStamp = 0

    @property
    def currentTarget(self) -> Any:
        return self.target

    def preventDefault(self) -> None:
        self.defaultPrevented = self.cancelable

    def stopPropagation(self) -> None:
        """Nothing: events here do not propagate."""

    stopImmediatePropagation = stopPropagation


class CustomEvent(Event):
    """An event with a `detail`."""

    def __init__(self, type: Any, init: Any = None) -> None:
        super().__init__(type, init)
        self.detail = getattr(init, "detail", null())


class EventView(View, of=events.Event, reads="type target"):
    """An event that edgekit tells of."""

    _js_name = "Event"
    __slots__ = ()

    @property
    def currentTarget(self) -> Any:
        return view(self._it.target)


class EventTarget(JsProxy):
    """`EventTarget.new()`: listeners, and `dispatchEvent` that calls them."""

    def __init__(self) -> None:
        self._listeners: list[tuple[str, Any, bool]] = []

    def addEventListener(self, type: str, listener: Any, options: Any = None) -> None:
        once = bool(_options(options).get("once")) if options is not None else False
        if not any(t == type and native(f) == native(listener) for t, f, _ in self._listeners):
            self._listeners.append((type, listener, once))

    def removeEventListener(self, type: str, listener: Any, options: Any = None) -> None:
        self._listeners = [
            x for x in self._listeners if x[0] != type or native(x[1]) != native(listener)
        ]

    def dispatchEvent(self, event: Any) -> bool:
        """Call the listeners of the event's type; whether nobody prevented its default."""
        event.target = self
        for type, listener, once in list(self._listeners):
            if type == event.type:
                if once:
                    self.removeEventListener(type, listener)
                (getattr(listener, "handleEvent", None) or listener)(event)
        return not event.defaultPrevented


class AbortSignal(Events, of=abort.AbortSignal, reads="aborted", methods="throwIfAborted"):
    """`AbortSignal.timeout(ms)`, `AbortSignal.abort(reason)`, `AbortSignal.any(signals)`."""

    __slots__ = ()
    onabort = on_property("abort")

    @property
    def reason(self) -> Any:
        return view(self._it.reason)

    @staticmethod
    def abort(reason: Any = None) -> Any:
        return view(abort.AbortSignal.abort(reason))

    @staticmethod
    def timeout(milliseconds: float) -> Any:
        return view(abort.AbortSignal.timeout(milliseconds))

    @staticmethod
    def any(signals: Any) -> Any:
        return view(abort.AbortSignal.any([native(signal) for signal in signals]))


class AbortController(View, of=abort.AbortController, reads="signal"):
    """`AbortController.new()`."""

    __slots__ = ()

    def __init__(self) -> None:
        self._it = abort.AbortController()

    def abort(self, reason: Any = None) -> None:
        """Abort the signal; without a reason, with an AbortError."""
        self._it.abort(reason)
