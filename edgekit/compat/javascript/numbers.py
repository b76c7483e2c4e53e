"""Numbers of JavaScript's: Math, Number, BigInt, Boolean. Arguments are converted, and no result is an error."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

from edgekit.compat.javascript.errors import RangeError, SyntaxError_, TypeError_
from edgekit.compat.javascript.proxy import JsProxy, JsType, is_js
from edgekit.compat.javascript.text import parseFloat, parseInt, to_number
from edgekit.compat.javascript.values import number, string


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


def _round(value: float) -> float:
    low = math.floor(value)
    return low if value - low < 0.5 else low + 1


def _cbrt(value: float) -> float:
    root = math.cbrt(value)
    near = float(round(root)) if abs(root) < 2**53 else root
    return near if near**3 == value else root


def _pow(base: float, exponent: float) -> float:
    if abs(base) == 1 and not math.isfinite(exponent):
        return math.nan  # Python says 1, as C does
    return math.pow(base, exponent)


def _fround(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _imul(one: float, other: float) -> int:
    if not math.isfinite(other):
        return 0
    product = (int(one) * int(other)) & 0xFFFFFFFF
    return product - (1 << 32) if product >> 31 else product


def _extreme(choose: Any, empty: float) -> Callable[..., float]:
    def extreme(*values: float) -> float:
        return math.nan if any(v != v for v in values) else choose(values, default=empty)

    return extreme


def _function(function: Callable[..., float], name: str) -> Any:
    def call(*values: Any) -> int | float:
        count = _COUNTS.get(name, 1)
        given = [v if isinstance(v, float) else to_number(v) for v in values[:count]]
        if count is not None:
            given += [math.nan] * (count - len(given))
        if name in _WHOLE and not math.isfinite(given[0]):
            return given[0] if name in _KEPT else 0
        try:
            return number(float(function(*given)))
        except ValueError:  # of the logarithms and pow at 0, and of atanh at 1: a pole
            if name.startswith("log") and given[0] == (-1 if name == "log1p" else 0):
                return -math.inf
            if name == "pow" and given[0] == 0:
                odd = given[1] % 2 == 1
                return math.copysign(math.inf, given[0]) if odd else math.inf
            pole = name == "atanh" and abs(given[0]) == 1
            return math.copysign(math.inf, given[0]) if pole else math.nan
        except OverflowError:
            even = name == "cosh" or (name == "pow" and given[1] % 2 == 0)
            return math.inf if even else math.copysign(math.inf, given[0])

    call.__name__ = name
    return staticmethod(call)


# How many arguments count, if not one: a callback of an array's is given more.
_COUNTS = {"max": None, "min": None, "hypot": None, "pow": 2, "atan2": 2, "imul": 2}
_KEPT = frozenset({"floor", "ceil", "trunc", "round"})
_WHOLE = _KEPT | {"clz32", "imul"}
_OTHERS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "round": _round,
    "cbrt": _cbrt,
    "pow": _pow,
    "fround": _fround,
    "imul": _imul,
    "clz32": lambda value: 32 - (int(value) & 0xFFFFFFFF).bit_length(),
    "sign": lambda value: value if value != value else (value > 0) - (value < 0),
    "max": _extreme(max, -math.inf),
    "min": _extreme(min, math.inf),
}
_NAMED = (
    "floor ceil trunc sqrt exp expm1 log log10 log2 log1p sin cos tan asin acos atan atan2 sinh cosh"
    " tanh asinh acosh atanh hypot"
)
for _name in _NAMED.split():
    _OTHERS[_name] = getattr(math, _name)
for _name, _each in _OTHERS.items():
    setattr(Math, _name, _function(_each, _name))
Math = Math()  # type: ignore[assignment,misc]


# Classes that convert -----------------------------------------------------------------------------------


class Converter(JsType):
    """Classes that are called without `new`, to convert."""

    def __call__(cls, *args: Any) -> Any:
        return cls._convert(*args)  # type: ignore[attr-defined]

    def new(cls, *args: Any, **kwargs: Any) -> Any:
        return boxed(cls, cls._convert(*args))  # type: ignore[attr-defined]


def boxed(cls: Any, value: Any) -> Any:
    """The object that `new` makes of a value."""
    box = object.__new__(cls)
    box._value = value
    return box


class Box(JsProxy, metaclass=Converter):
    """An object of a value that is none."""

    _value: Any

    def valueOf(self) -> Any:
        return self._value

    def toString(self, *args: Any) -> str:
        return string(self._value)

    def _to_edgekit(self) -> Any:
        return self._value


class Number(Box):
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
        """With so many decimals, halves away from zero."""
        value = self._value
        if value - value != 0 or abs(value) >= 1e21:
            return string(value)
        return _rounded(value, f".{digits}f")

    def toExponential(self, digits: int) -> str:
        """As in `1.23e+4`."""
        if self._value - self._value != 0:
            return string(self._value)
        if not self._value:  # of which Decimal makes 0.00e+2
            return f"{0:.{digits}f}e+0"
        return _rounded(self._value, f".{digits}e")

    def toPrecision(self, digits: int) -> str:
        """With so many digits in all."""
        text = self.toExponential(digits - 1)
        exponent = int(text.partition("e")[2] or 0)
        if "e" not in text or exponent < -6 or exponent >= digits:
            return text
        return _rounded(self._value, f".{digits - 1 - exponent}f")

    def toString(self, radix: Any = None) -> str:
        """The number in base `radix`, 10 without; a whole one, where it is another base."""
        value = self._value
        base = 10 if radix is None else int(radix)
        if not 2 <= base <= 36:
            raise RangeError("toString() radix must be between 2 and 36")
        if base == 10 or value - value != 0:
            return string(value)
        if value != int(value):
            raise TypeError_(f"{value} in base {base}: only whole numbers are written so here")
        digits, rest = "", abs(int(value))
        while rest:
            rest, digit = divmod(rest, base)
            digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        return ("-" if value < 0 else "") + (digits or "0")


def _rounded(value: float, form: str) -> str:
    """The number in that form, halves away from zero."""
    with localcontext(Context(prec=1100, rounding=ROUND_HALF_UP)):
        return format(Decimal(value), form)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Boolean(Box):
    """`js.Boolean(value)`."""

    @staticmethod
    def _convert(value: Any = None) -> bool:
        if isinstance(value, float) and value != value:
            return False
        if is_js(value):
            return True  # every object is, an empty array too
        return bool(value)


class BigInt(Box):
    """`js.BigInt(value)`: an int."""

    @staticmethod
    def _convert(value: Any) -> int:
        if isinstance(value, str):
            try:
                return int(value.strip() or "0", 0)
            except ValueError:
                raise SyntaxError_(f"Cannot convert {value} to a BigInt") from None
        if isinstance(value, float) and not value.is_integer():
            raise RangeError(
                f"The number {string(value)} cannot be converted to a BigInt because it is not "
                "an integer"
            )
        try:
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


def isNaN(value: Any = None) -> bool:
    converted = to_number(value)
    return converted != converted


def isFinite(value: Any = None) -> bool:
    converted = to_number(value)
    return converted - converted == 0
