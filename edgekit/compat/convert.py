"""Between edgekit's values and what code of a Workers project expects of them.

The platform's SDK turns JavaScript values into Python ones, and back, at every binding. Here both
sides are Python, and nearly all values are the same; this file has what is not. `to_user` is for what
bindings return, `from_user` for what they are given. Code that talks to bindings without the SDK
(`on_fetch` without `@handler`, and whatever comes from `js`) is the business of `javascript/`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgekit.errors import EdgekitError
from edgekit.web.blob import Blob as WebBlob
from edgekit.web.formdata import FormData as WebFormData
from edgekit.web.headers import Headers as WebHeaders
from edgekit.web.request import Request as WebRequest
from edgekit.web.response import Response as WebResponse
from edgekit.web.spelling import Plain
from edgekit.web.streams import ReadableStream, StreamReader


class Constructor:
    """What `value.constructor` is: by its `name`, code tells JavaScript's objects apart."""

    def __init__(self, name: str) -> None:
        self.name = name


class ToPy:
    """For code of a time when what bindings return was not converted yet: `result.to_py()`."""

    __slots__ = ()

    def to_py(self, **options: Any) -> Any:
        """Plain dicts and lists."""
        return plain(self)


class JsDict(ToPy, Plain):
    """A plain object, as the SDK converts it: a dict with attributes."""

    __slots__ = ()


class JsList(ToPy, list[Any]):
    """An array, as the SDK converts it: a list."""

    @property
    def length(self) -> int:
        return len(self)


def plain(value: Any) -> Any:
    """Dicts and lists of any class as Python's own, all the way down."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


class Buffer(bytes):
    """An ArrayBuffer that the SDK leaves JavaScript's: bytes, with the names that memoryview and Pyodide's proxies have for them."""

    _js_proxy = True  # to isinstance(_, JsProxy), as what else is left JavaScript's
    constructor = Constructor("ArrayBuffer")

    @property
    def byteLength(self) -> int:
        return len(self)

    length = nbytes = byteLength

    @property
    def buffer(self) -> Buffer:
        return self

    def to_bytes(self) -> bytes:
        """A copy as plain bytes."""
        return bytes(self)

    tobytes = to_bytes

    def to_py(self, **options: Any) -> memoryview:
        """A view of the bytes."""
        return memoryview(self)

    def to_memoryview(self) -> memoryview:
        """A view of the bytes."""
        return memoryview(self)

    def to_string(self, encoding: str | None = None) -> str:
        """The bytes as text, UTF-8 unless said otherwise."""
        return self.decode(encoding or "utf-8")

    def slice(self, start: int = 0, end: int | None = None) -> Buffer:
        """The bytes from `start` up to `end`."""
        return Buffer(self[start:end])

    subarray = slice


class Date(datetime):
    """A moment as the SDK gives it: a naive datetime in local time, with the names a Date has."""

    constructor = Constructor("Date")

    @classmethod
    def of(cls, moment: datetime) -> Date:
        """The same moment; a naive one is in local time already."""
        return cls.fromtimestamp(moment.timestamp())

    def getTime(self) -> int:
        """Milliseconds since 1970."""
        return round(self.timestamp() * 1000)

    valueOf = getTime

    def toISOString(self) -> str:
        """As in `2026-01-31T12:00:00.000Z`."""
        text = self.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")

    toJSON = toISOString


class Object(JsDict):
    """An object that the SDK leaves JavaScript's, as `request.cf` and variables that are JSON are.

    A dict with attributes, which has a proxy's methods too.
    """

    __slots__ = ()
    _js_proxy = True
    constructor = Constructor("Object")

    def object_keys(self) -> Array:
        """The names of its properties."""
        return Array(self)

    def object_values(self) -> Array:
        """Their values."""
        return Array(self.values())

    def object_entries(self) -> Array:
        """Pairs of both."""
        return Array(Array(pair) for pair in self.items())

    def as_object_map(self, **options: Any) -> Object:
        """The object itself, which is a mapping."""
        return self

    as_py_json = as_object_map


# What Workers tell of every request, in `request.cf`.
TOLD = frozenset(
    """
    asn asOrganization botManagement city clientAcceptEncoding clientTcpRtt colo continent country
    edgeRequestKeepAliveStatus httpProtocol isEUCountry latitude longitude metroCode postalCode region
    regionCode requestPriority timezone tlsCipher tlsClientAuth tlsClientHelloLength tlsClientRandom
    tlsVersion verifiedBotCategory
    """.split()  # noqa: SIM905
)


class Cf(Object):
    """`request.cf`: what the platform tells of every request, and nobody knows here, is None."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in self or name not in TOLD:
                return super().__getattr__(name)
            return None


class Array(JsList):
    """An array inside of an Object."""

    _js_proxy = True
    constructor = Constructor("Array")


def left(value: Any) -> Any:
    """JSON as the SDK leaves it: dicts as Object, lists as Array."""
    if isinstance(value, dict):
        return Object({key: left(item) for key, item in value.items()})
    return Array(map(left, value)) if isinstance(value, list) else value


class Stream(ReadableStream):
    """A ReadableStream whose chunks have the methods that Pyodide's proxies of them have."""

    __slots__ = ()
    _js_proxy = True
    constructor = Constructor("ReadableStream")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _buffers(super().__aiter__())

    def get_reader(self) -> StreamReader:
        """As ReadableStream's; each `value` is a Buffer."""
        self._lock()
        return _Reader(self)

    def tee(self, **options: Any) -> tuple[ReadableStream, ReadableStream]:
        """As ReadableStream's."""
        first, second = super().tee(**options)
        return adopt_stream(first), adopt_stream(second)


class _Reader(StreamReader):
    __slots__ = ()

    async def read(self) -> Plain:
        result = await super().read()
        if result["value"] is not None:
            result["value"] = Buffer(result["value"])
        return result


async def _buffers(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield Buffer(chunk)
    finally:
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()


def adopt_stream(stream: ReadableStream) -> Stream:
    """The stream itself, seen as a Stream."""
    if stream.__class__ is ReadableStream:
        stream.__class__ = Stream
    return stream  # type: ignore[return-value]


_ATOMS = frozenset({str, int, float, bool, type(None)})
Convert = Callable[[Any], Any]
# What makes the SDK's messages of edgekit's: http.py puts it here, which is built on this file.
messages: list[Convert] = []


def to_user(value: Any, own: Convert | None = None) -> Any:
    """A value of edgekit's as the SDK gives it: bytes as memoryview, a datetime naive, dicts with
    attributes, messages of `http.py`. Anything else, which `own` may convert, is as it was.
    """
    kind = value.__class__
    if kind in _ATOMS:
        return value
    if kind is bytes:
        return memoryview(value)
    if kind is list:
        return [to_user(item, own) for item in value]
    if kind is dict or kind is Plain:
        return JsDict({key: to_user(item, own) for key, item in value.items()})
    if kind is set:
        return {to_user(item, own) for item in value}
    if isinstance(value, ReadableStream):
        return adopt_stream(value)
    if isinstance(value, datetime):
        return value if value.tzinfo is None else Date.of(value)
    if isinstance(value, WebResponse | WebRequest | WebBlob | WebFormData | WebHeaders):
        return messages[0](value) if messages else value
    return own(value) if own is not None else value


def from_user(value: Any) -> Any:
    """What a binding is given, as edgekit's bindings take it; the value itself where nothing differs."""
    kind = value.__class__
    if kind in _ATOMS or kind is bytes:
        return value
    if kind is list or kind is tuple:
        return [from_user(item) for item in value]
    # Of the class: an RPC stub has every attribute.
    unwrap = getattr(type(value), "_to_edgekit", None)
    if unwrap is not None:
        return unwrap(value)
    if isinstance(value, dict):
        return {from_user(key): from_user(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.astimezone(UTC)
    return value


# `js` is built on this file, and loaded only where a project asks for what it has.


def also_javascripts(error: EdgekitError) -> None:
    """Let code catch the error as a JsException too."""
    import_module("edgekit.compat.javascript.errors").thrown(error)


def view(value: Any) -> Any:
    """What `js_object` is."""
    return import_module("edgekit.compat.javascript.convert").view(value)
