"""The web's types as JavaScript's side shows them: Headers, Request, Response, URL, forms, blobs.

Each is a view of edgekit's own, which has the rules. Spec: Fetch, URL, XMLHttpRequest, File API.
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
from edgekit.compat.javascript.proxy import JsNull
from edgekit.compat.javascript.text import whole
from edgekit.compat.javascript.values import entries_of, null, string
from edgekit.compat.javascript.views import Pairs, View
from edgekit.errors import WebSyntaxError
from edgekit.web import blob, formdata, headers, request, response, streams, url


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
    if isinstance(options, bool | int | float | str):
        raise TypeError_("parameter 2 is not of type 'object'.")
    if not isinstance(options, Mapping):
        return options  # type: ignore[no-any-return] # another Request or Response, which lends its own
    chosen = {key: value for key, value in options.items() if value is not None}
    if (given := chosen.get("headers")) is not None:
        chosen["headers"] = headers.Headers(_pairs(given))
    if (given := chosen.get("body")) is not None:
        chosen["body"] = _body(dict(entries_of(init)).get("body", given))
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
        kind = blob.media_type(self._it.headers.get("content-type") or "")
        return self._read(lambda data: view(blob.Blob([data], type=kind)))

    def formData(self) -> Any:
        """A promise of the body as a form."""

        async def read() -> Any:
            try:
                return view(await self._it.form_data())
            except WebSyntaxError as error:
                raise TypeError_(str(error)) from error
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
    if isinstance(opened, dict | list | set | frozenset | url.URL):
        return string(body)
    if opened is None or any(
        hasattr(opened, name) for name in ("_as_body", "__iter__", "__aiter__")
    ):
        return opened
    return string(body)


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
        simple = isinstance(init, bool | int | float | JsNull)
        self._it = url.URLSearchParams(string(init) if simple else _pairs(init))

    def toString(self) -> str:
        return str(self._it)

    def __len__(self) -> int:
        return len(self._it)

    def __iter__(self) -> Any:
        # Pyodide takes what has a size and a get for a mapping.
        return iter([name for name, _ in self._it.items()])

    def __getitem__(self, name: Any) -> Any:
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
        self._it = blob.Blob(_parts(parts), **_blob_options(options))

    def text(self) -> Any:
        return self._later(lambda: blob_text(self._it._read()))

    def arrayBuffer(self) -> Any:
        return self._later(lambda: ArrayBuffer.over(self._it._read()))

    def bytes(self) -> Any:
        return self._later(lambda: Uint8Array(ArrayBuffer.over(self._it._read())))

    def stream(self) -> Any:
        return view(self._it.stream())

    def slice(self, start: Any = 0, end: Any = None, type: Any = "") -> Any:
        last = None if end is None else whole(end)
        return view(self._it.slice(whole(start), last, string(type)))

    @staticmethod
    def _later(read: Any) -> Any:
        async def wait() -> Any:
            return read()

        return promise(wait())


def _blob_options(options: Any, *names: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name, value in () if not options else entries_of(options):
        if value is not None and name in ("type", "endings", *names):
            chosen[name] = whole(value) if name == "lastModified" else string(value)
    return chosen


def _parts(parts: Any) -> list[Any]:
    if isinstance(parts, str | bytes | Blob):
        raise TypeError_("The provided value cannot be converted to a sequence.")
    return [_part(part) for part in (() if parts is None else parts)]


def _part(part: Any) -> Any:
    opened = native(part)
    known = isinstance(opened, str | bytes | bytearray | memoryview | blob.Blob)
    return opened if known else string(part)


class File(Blob, of=blob.File, reads="lastModified"):
    """`File.new(parts, name, {"type": ...})`."""

    __slots__ = ()
    name = property(lambda self: self._it.name)  # not by the table: the class has a name of its own

    def __init__(self, parts: Any, name: Any, options: Any = None) -> None:
        self._it = blob.File(_parts(parts), string(name), **_blob_options(options, "lastModified"))
