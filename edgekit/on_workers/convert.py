"""Values across the border between Python and JavaScript, both ways.

What arrives is what a handler sees on ASGI: None for null and undefined, Plain for objects, bytes for
buffers, aware datetimes for dates, and our own classes for the platform's, by `CLASSES`. Pyodide 0.26
(Python 3.12) has no null: it shows null and undefined as None, and makes None undefined. Where a
binding tells the two apart, `call` and `into_js` see to it that a null arrives.
"""

from __future__ import annotations

import builtins
import datetime
import json
from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import JsProxy, to_js

from edgekit.web.spelling import Plain

try:
    from pyodide.ffi import jsnull as jsnull
except ImportError:  # Pyodide 0.26
    jsnull = None

_SIMPLE = frozenset({str, int, float, bool})
_BOXES = frozenset({"BigInt", "Boolean", "Number", "String"})
_UTC = datetime.timezone.utc  # noqa: UP017 - datetime.UTC is the same, looked up twice

# The name of a JavaScript class -> what makes our object of one; and our class -> what makes
# JavaScript's of one. http.py and services.py fill them.
CLASSES: dict[str, Callable[[Any], Any]] = {}
INTO: dict[type, Callable[[Any], Any]] = {}


def is_null(value: Any) -> bool:
    """Whether it is null or undefined."""
    return value is None or value is jsnull


def kind_of(value: Any) -> str:
    """The name of a JavaScript object's class; "Object" where it has none."""
    constructor = getattr(value, "constructor", None)
    return str(getattr(constructor, "name", "")) or "Object"


def from_js(value: Any) -> Any:
    """A JavaScript value as a handler is to see it; objects of unknown classes stay what they are."""
    if value.__class__ in _SIMPLE:
        return value
    if is_null(value):
        return None
    if not isinstance(value, JsProxy):
        return value
    kind = kind_of(value)
    if kind == "Object":
        return Plain({key: from_js(item) for key, item in js.Object.entries(value)})
    if kind == "Array":
        return [from_js(item) for item in value]
    if kind == "ArrayBuffer" or js.ArrayBuffer.isView(value):
        return value.to_bytes()
    if kind == "Date":
        return datetime.datetime.fromtimestamp(value.getTime() / 1000, _UTC)
    if kind == "Map":
        return {from_js(key): from_js(item) for key, item in js.Array.from_(value)}
    if kind == "Set":
        return {from_js(item) for item in js.Array.from_(value)}
    if kind in _BOXES:
        return value.valueOf()
    if js.Object.prototype.toString.call(value) == "[object Error]" or kind.endswith("Error"):
        return _error_from_js(value)
    make = CLASSES.get(kind)
    return value if make is None else make(value)


def _error_from_js(value: Any) -> Exception:
    name, message = text_of(value)
    kinds = {"TypeError": TypeError, "RangeError": ValueError}
    kind = kinds.get(name) or getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        return kind(message)
    return Exception(message)


def arrived(value: Any) -> Any:
    """What the platform hands to a handler or method, whether or not the SDK has converted it."""
    if isinstance(value, JsProxy) or value.__class__ in _SIMPLE:
        return from_js(value)
    if is_null(value):
        return None
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, dict):
        return Plain({key: arrived(item) for key, item in value.items()})
    if isinstance(value, list):
        return [arrived(item) for item in value]
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return value.astimezone(_UTC)
    for wrapper in ("js_object", "_binding"):  # the SDK's
        if (inner := getattr(value, wrapper, None)) is not None:
            return from_js(inner)
    return value


def into_js(value: Any) -> Any:
    """A Python value as JavaScript's: dicts become objects, bytes Uint8Arrays, None null.

    An int becomes a Number as far as Numbers are exact, and a BigInt beyond.
    """
    if value.__class__ in _SIMPLE:
        return _number(value) if value.__class__ is int else value
    if value is None:
        return jsnull
    if jsnull is None and _has_none(value):
        return _by_hand(value)
    return to_js(_prepared(value), dict_converter=js.Object.fromEntries, default_converter=_object)


def _object(value: Any, convert: Any = None, cache: Any = None) -> Any:
    """What `to_js` does not know: our objects that stand for the platform's, dates, errors."""
    if value is None:
        return jsnull
    made = getattr(value, "_to_js", None)
    if made is not None:
        return made()
    if isinstance(value, datetime.datetime):
        return js.Date.new(value.timestamp() * 1000)
    if isinstance(value, BaseException):
        return _error(value)
    for cls in type(value).__mro__:
        if (make := INTO.get(cls)) is not None:
            return make(value)
    return value


def _error(error: BaseException) -> Any:
    """JavaScript's error for one of Python's: of its class, or with its class for a name."""
    for cls, name in ((TypeError, "TypeError"), (ValueError, "RangeError")):
        if isinstance(error, cls):
            return getattr(js, name).new(str(error))
    made = js.Error.new(str(error))
    made.name = type(error).__name__
    return made


def _number(value: int) -> int | float:
    # Pyodide makes a BigInt of what has more than 32 bits.
    return float(value) if 2**31 <= abs(value) <= 2**53 else value


def _prepared(value: Any) -> Any:
    if value is None:
        return jsnull
    if value.__class__ is int:
        return _number(value)
    if isinstance(value, dict):
        return {str(key): _prepared(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_prepared(item) for item in value]
    return value


def _by_hand(value: Any) -> Any:
    """A dict or list with a None in it, for a Pyodide that has no null: JavaScript puts it there."""
    if isinstance(value, dict):
        made = js.Object.new()
        for key, item in value.items():
            part = _NULL.format(json.dumps(str(key)))
            given = (
                js.JSON.parse(part)
                if item is None
                else to_js({str(key): into_js(item)}, dict_converter=js.Object.fromEntries)
            )
            js.Object.assign(made, given)
        return made
    made = js.Array.new()
    for item in value:
        made = made.concat(js.JSON.parse("[null]") if item is None else js.Array.of(into_js(item)))
    return made


_NULL = "{{{}:null}}"


def _has_none(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_none, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_none, value))
    return value is None


def call(target: Any, method: str, *args: Any) -> Any:
    """`target.method(*args)` with the arguments converted; the result is JavaScript's.

    By Reflect: Pyodide would call the method's own `apply`, which of another Worker's method is one
    more method of the other Worker.
    """
    return js.Reflect.apply(getattr(target, method), target, into_js(list(args)))


def text_of(error: Any) -> tuple[str, str]:
    """Class name and message of a JavaScript error."""
    return str(getattr(error, "name", "Error")), str(getattr(error, "message", error))
