"""The smaller names of JavaScript's global scope: String, Symbol, fetch, structuredClone and others."""

from __future__ import annotations

import logging
import weakref
from typing import Any

from edgekit.compat.javascript.convert import data, native, view
from edgekit.compat.javascript.errors import (
    DOMException,
    JsException,
    RangeError,
    rethrow,
)
from edgekit.compat.javascript.maps import Map, Set
from edgekit.compat.javascript.numbers import Box, boxed
from edgekit.compat.javascript.promises import promise
from edgekit.compat.javascript.proxy import Function, JsNull, JsProxy
from edgekit.compat.javascript.timers import Performance, Scheduler
from edgekit.compat.javascript.values import Array, Object, entries_of, string
from edgekit.errors import FetchError, UnsupportedError

logger = logging.getLogger("edgekit.console")

performance = Performance()
scheduler = Scheduler()


class String(Box):
    """`js.String(value)`."""

    @staticmethod
    def _convert(value: Any = "") -> str:
        return string(value)

    @staticmethod
    def fromCharCode(*codes: int) -> str:
        units = b"".join(int(code & 0xFFFF).to_bytes(2, "little") for code in codes)
        return units.decode("utf-16-le", "surrogatepass")

    @staticmethod
    def fromCodePoint(*codes: int) -> str:
        for code in codes:
            if not 0 <= code < 0x110000:
                raise RangeError(f"Invalid code point {string(code)}")
        return "".join(map(chr, codes))


class Symbol(Box):
    """`js.Symbol(description)`, and the well-known ones, which mean nothing here."""

    iterator: Any
    asyncIterator: Any

    @staticmethod
    def _convert(description: Any = None) -> Any:
        return boxed(Symbol, description)

    @staticmethod
    def for_(key: Any) -> Any:
        return _symbols.setdefault(string(key), boxed(Symbol, key))

    @property
    def description(self) -> Any:
        return self._value

    def toString(self, *args: Any) -> str:
        return f"Symbol({'' if self._value is None else string(self._value)})"


_symbols: dict[str, Any] = {}
for _name in ("iterator", "asyncIterator", "toStringTag", "dispose", "asyncDispose", "hasInstance"):
    setattr(Symbol, _name, boxed(Symbol, f"Symbol.{_name}"))


class Function(Function):  # type: ignore[no-redef]
    """`js.Function`: its name; making one of text is refused."""

    @classmethod
    def _new(cls, *args: Any) -> Any:
        raise JsException("EvalError", "Code generation from strings disallowed for this context")


class Reflect(JsProxy):
    """`js.Reflect`, for properties and calls."""

    @staticmethod
    def get(target: Any, name: Any, *receiver: Any) -> Any:
        return getattr(target, string(name), None)

    @staticmethod
    def set(target: Any, name: Any, value: Any, *receiver: Any) -> bool:
        setattr(target, string(name), value)
        return True

    @staticmethod
    def has(target: Any, name: Any) -> bool:
        return hasattr(target, string(name))

    @staticmethod
    def ownKeys(target: Any) -> Array:
        return Array.over([string(name) for name, _ in entries_of(target)])

    @staticmethod
    def deleteProperty(target: Any, name: Any) -> bool:
        if hasattr(target, string(name)):
            delattr(target, string(name))
        return True

    @staticmethod
    def apply(function: Any, this: Any, args: Any) -> Any:
        return function(*args)

    @staticmethod
    def construct(target: Any, args: Any, *new_target: Any) -> Any:
        return target.new(*args)


Reflect = Reflect()  # type: ignore[assignment,misc]


class WeakMap(Map):
    """A Map: its keys are held, as there is nobody who would tell when they go."""


class WeakSet(Set):
    """A Set, as WeakMap is a Map."""


class WeakRef(JsProxy):
    """`WeakRef.new(object).deref()`."""

    def __init__(self, target: Any) -> None:
        self._target: Any
        try:
            self._target = weakref.ref(target)
        except TypeError:
            self._target = lambda: target

    def deref(self) -> Any:
        return self._target()


class _Refused:
    """A part of JavaScript that needs its engine: known by name, refused when used."""

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedError(f"js.{self._name}.{name}: {self._reason}")


Intl = _Refused("Intl", "formats of languages are not here; use a package such as babel")


class Navigator(JsProxy):
    """`js.navigator`."""

    userAgent = "Cloudflare-Workers"
    hardwareConcurrency = 1
    language = "en"

    def sendBeacon(self, url: Any, body: Any = None) -> bool:
        """Send a POST and do not wait for the answer."""
        sent = fetch(url, Object.over({"method": "POST", "body": body}))
        sent.add_done_callback(lambda task: task.cancelled() or task.exception())
        return True


navigator = Navigator()


def fetch(input: Any, init: Any = None) -> Any:
    """A promise of the response."""
    from edgekit import client
    from edgekit.compat.javascript.web import _options
    from edgekit.web.request import Request

    try:
        opened, options = native(input), _options(init)
        source = opened if isinstance(opened, Request) else str(opened)
        if isinstance(options, dict):
            options.pop("fetcher", None)
        sent = client.fetch(source, options or None)
    except Exception as error:
        rethrow(error)

    async def wait() -> Any:
        try:
            return view(await sent)
        except FetchError as error:
            raise JsException("TypeError", str(error)) from error
        except Exception as error:
            rethrow(error)

    try:
        return promise(wait())
    except Exception:
        sent.close()
        raise


def structuredClone(value: Any, options: Any = None) -> Any:
    """A copy of a value that shares nothing with it; a DataCloneError for what has none."""
    return _cloned(value, {})


def _cloned(value: Any, known: dict[int, Any]) -> Any:
    if id(value) in known:
        return known[id(value)]
    if value is None or isinstance(value, str | int | float | JsNull):
        return value
    if type(value) is Object:
        fields: dict[str, Any] = {}
        made: Any = Object.over(fields)
        known[id(value)] = made
        for name, item in value._entries():
            fields[name] = _cloned(item, known)
        return made
    if type(value) is Array:
        made = known[id(value)] = Array.over([])
        made.extend(_cloned(item, known) for item in list(value))
        return made
    if type(value) is Map:
        made = known[id(value)] = Map()
        for key, item in value.items():
            made.set(_cloned(key, known), _cloned(item, known))
        return made
    if type(value) is Set:
        made = known[id(value)] = Set()
        for item in value:
            made.add(_cloned(item, known))
        return made
    if isinstance(value, list | tuple | dict):
        return _cloned(data(value), known)
    from edgekit.compat.javascript.arrays import ArrayBuffer, JsBuffer
    from edgekit.compat.javascript.dates import Date
    from edgekit.compat.javascript.regexp import RegExp
    from edgekit.compat.javascript.web import Blob

    if isinstance(value, ArrayBuffer):
        return ArrayBuffer.over(value.to_bytes())
    if isinstance(value, JsBuffer):
        return type(value).new(ArrayBuffer.over(value.to_bytes()))
    if isinstance(value, Date):
        return Date(value.getTime())
    if isinstance(value, RegExp):
        return RegExp(value)
    if isinstance(value, Blob | Exception):
        return value
    raise DOMException(f"{string(value)} could not be cloned.", "DataCloneError")


def reportError(error: Any = None) -> None:
    """Log an error."""
    logger.error("%s", error, exc_info=error if isinstance(error, BaseException) else None)


def addEventListener(type: Any, listener: Any, options: Any = None) -> None:
    """Refused: Workers in Python have handlers."""
    raise UnsupportedError(
        f"js.addEventListener({string(type)!r}): write a handler, such as the method fetch() of Default"
    )


def __getattr__(name: str) -> Any:
    if name == "HTMLRewriter":
        from edgekit.compat.javascript.rewriter import HTMLRewriter

        return HTMLRewriter
    raise AttributeError(name)
