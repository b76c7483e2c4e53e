"""The smaller names of JavaScript's global scope: Math, Number, Symbol, fetch, structuredClone and others."""

from __future__ import annotations

import logging
import math
import random
import weakref
from typing import Any

from edgekit.compat.javascript.convert import data, native, view
from edgekit.compat.javascript.errors import (
    DOMException,
    JsException,
    RangeError,
    TypeError_,
    rethrow,
)
from edgekit.compat.javascript.maps import Map, Set
from edgekit.compat.javascript.promises import promise
from edgekit.compat.javascript.proxy import Function, JsNull, JsProxy, JsType, is_js
from edgekit.compat.javascript.text import parseFloat, parseInt, to_number
from edgekit.compat.javascript.timers import Performance, Scheduler
from edgekit.compat.javascript.values import Array, Object, entries_of, number, string
from edgekit.errors import FetchError, UnsupportedError

logger = logging.getLogger("edgekit.console")

performance = Performance()
scheduler = Scheduler()


class Math(JsProxy):
    """`js.Math`."""

    E, LN10, LN2, LOG10E, LOG2E = (
        math.e,
        math.log(10),
        math.log(2),
        math.log10(math.e),
        1 / math.log(2),
    )
    PI, SQRT1_2, SQRT2 = math.pi, math.sqrt(0.5), math.sqrt(2)
    random = staticmethod(random.random)

    @staticmethod
    def round(value: float) -> int | float:
        return number(float(math.floor(value + 0.5)))

    @staticmethod
    def max(*values: float) -> int | float:
        return max(values, default=-math.inf)

    @staticmethod
    def min(*values: float) -> int | float:
        return min(values, default=math.inf)

    @staticmethod
    def pow(base: float, exponent: float) -> int | float:
        return number(float(base) ** float(exponent))

    @staticmethod
    def sign(value: float) -> int:
        return (value > 0) - (value < 0)

    @staticmethod
    def abs(value: float) -> int | float:
        return abs(value)

    @staticmethod
    def hypot(*values: float) -> int | float:
        return number(math.hypot(*values))


def _static(function: Any) -> Any:
    return staticmethod(lambda *values: number(function(*values)))


for _name in ("floor", "ceil", "trunc"):
    setattr(Math, _name, _static(getattr(math, _name)))
for _name in "sqrt cbrt exp expm1 log log10 log2 log1p sin cos tan asin acos atan atan2 sinh cosh tanh".split():  # noqa: SIM905
    setattr(Math, _name, _static(getattr(math, _name)))
Math = Math()  # type: ignore[assignment,misc]


class _Converter(JsType):
    """Classes that are called without `new`, to convert."""

    def __call__(cls, *args: Any) -> Any:
        return cls._convert(*args)  # type: ignore[attr-defined]

    def new(cls, *args: Any, **kwargs: Any) -> Any:
        return _boxed(cls, cls._convert(*args))  # type: ignore[attr-defined]


def _boxed(cls: Any, value: Any) -> Any:
    box = object.__new__(cls)
    box._value = value
    return box


class _Box(JsProxy, metaclass=_Converter):
    _value: Any

    def valueOf(self) -> Any:
        return self._value

    def toString(self, *args: Any) -> str:
        return string(self._value)

    def _to_edgekit(self) -> Any:
        return self._value


class Number(_Box):
    """`js.Number(value)`, and what numbers can be asked."""

    MAX_SAFE_INTEGER, MIN_SAFE_INTEGER = 2**53 - 1, -(2**53) + 1
    MAX_VALUE, MIN_VALUE, EPSILON = 1.7976931348623157e308, 5e-324, 2.0**-52
    POSITIVE_INFINITY, NEGATIVE_INFINITY, NaN = math.inf, -math.inf, math.nan
    parseInt, parseFloat = staticmethod(parseInt), staticmethod(parseFloat)
    _convert = staticmethod(to_number)

    @staticmethod
    def isInteger(value: Any) -> bool:
        return _is_number(value) and value - value == 0 and value == int(value)

    @staticmethod
    def isSafeInteger(value: Any) -> bool:
        return Number.isInteger(value) and abs(value) < 2**53

    @staticmethod
    def isFinite(value: Any) -> bool:
        return _is_number(value) and value - value == 0

    @staticmethod
    def isNaN(value: Any) -> bool:
        return _is_number(value) and value != value

    def toFixed(self, digits: int = 0) -> str:
        return f"{self._value:.{digits}f}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class String(_Box):
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
        return "".join(map(chr, codes))


class Boolean(_Box):
    """`js.Boolean(value)`."""

    @staticmethod
    def _convert(value: Any = None) -> bool:
        if isinstance(value, float) and value != value:
            return False
        if is_js(value):
            return True  # every object is, an empty array too
        return bool(value)


class BigInt(_Box):
    """`js.BigInt(value)`: an int."""

    @staticmethod
    def _convert(value: Any) -> int:
        try:
            if isinstance(value, str):
                return int(value.strip() or "0", 0)
            if isinstance(value, float) and not value.is_integer():
                raise RangeError(
                    f"The number {string(value)} cannot be converted to a BigInt because it is not "
                    "an integer"
                )
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise TypeError_(f"Cannot convert {string(value)} to a BigInt") from None

    @staticmethod
    def asUintN(bits: int, value: int) -> int:
        return value & ((1 << bits) - 1)

    @staticmethod
    def asIntN(bits: int, value: int) -> int:
        cut = value & ((1 << bits) - 1)
        return cut - (1 << bits) if bits and cut >> (bits - 1) else cut


class Symbol(_Box):
    """`js.Symbol(description)`, and the well-known ones, which mean nothing here."""

    iterator: Any
    asyncIterator: Any

    @staticmethod
    def _convert(description: Any = None) -> Any:
        return _boxed(Symbol, description)

    @staticmethod
    def for_(key: Any) -> Any:
        return _symbols.setdefault(string(key), _boxed(Symbol, key))

    @property
    def description(self) -> Any:
        return self._value

    def toString(self, *args: Any) -> str:
        return f"Symbol({'' if self._value is None else string(self._value)})"


_symbols: dict[str, Any] = {}
for _name in ("iterator", "asyncIterator", "toStringTag", "dispose", "asyncDispose", "hasInstance"):
    setattr(Symbol, _name, _boxed(Symbol, f"Symbol.{_name}"))


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


def isNaN(value: Any = None) -> bool:
    converted = to_number(value)
    return converted != converted


def isFinite(value: Any = None) -> bool:
    converted = to_number(value)
    return converted - converted == 0


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


def structuredClone(value: Any = None, options: Any = None) -> Any:
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
    from edgekit.compat.javascript.web import Blob

    if isinstance(value, ArrayBuffer):
        return ArrayBuffer.over(value.to_bytes())
    if isinstance(value, JsBuffer):
        return type(value).new(ArrayBuffer.over(value.to_bytes()))
    if isinstance(value, Date):
        return Date(value.getTime())
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
