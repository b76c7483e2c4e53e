"""Values between Python, JavaScript and SQLite, as they cross D1. Spec: the platform's own d1-api.

What is bound goes through JSON there: every number is a double (hence REAL, where the column has no
other type), NaN and the infinities are NULL, bytes are a blob. What comes back too: blobs are lists of
numbers, integers beyond 2**53 lose their last digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.bindings.webidl import string
from edgekit.errors import D1Error
from edgekit.web.spelling import Plain

if TYPE_CHECKING:
    from edgekit.engines.sql import SqlValue

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SAFE = 2**53 - 1  # beyond it, Pyodide makes a bigint of an int, and a float of a number


def bound(value: Any) -> SqlValue:
    """A value for a parameter. Raises D1Error with the platform's D1_TYPE_ERROR."""
    if value is None:
        return None
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, int):
        if -_SAFE <= value <= _SAFE:
            return float(value)
        raise _unsupported("bigint", str(value))
    if isinstance(value, float):
        return value + 0.0 if value - value == 0 else None  # -0.0 is "0" in JSON
    if isinstance(value, list | tuple):
        if all(map(_is_byte, value)):
            return bytes(map(int, value))
        raise _unsupported("object", _spelled(value))
    try:
        view = memoryview(value)
    except TypeError:
        kind = "function" if callable(value) else "object"
        raise _unsupported(kind, _spelled(value)) from None
    if view.itemsize == 1:
        return bytes(view)
    return bytes(int(item) & 0xFF for item in view.tolist())


def text(value: str) -> str:
    """Text as it comes back from the platform: for half of a surrogate pair, U+FFFD three times."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        paired = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return _LONE_SURROGATE.sub("\ufffd" * 3, paired)
    return value


def objects(columns: Sequence[str], rows: Iterable[Sequence[SqlValue]]) -> list[Plain]:
    """Rows as objects; of several columns with one name the last counts."""
    return [Plain(zip(columns, cells(row))) for row in rows]  # noqa: B905 - strict takes its time


def cells(row: Sequence[SqlValue]) -> Sequence[Any]:
    """A row's values as they come out of JSON."""
    for value in row:
        kind = value.__class__
        if kind is str:
            continue
        if kind is int:
            if -_SAFE <= value <= _SAFE:  # type: ignore[operator]
                continue
        elif kind is float:
            if value % 1 and value - value == 0:  # type: ignore[operator]
                continue
        elif value is None:
            continue
        return [_cell(value) for value in row]
    return row


def _cell(value: SqlValue) -> Any:
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, int):
        return value if -_SAFE <= value <= _SAFE else float(value)
    if isinstance(value, float):
        if value - value != 0:
            return None
        return int(value) if value.is_integer() and -_SAFE <= value <= _SAFE else value
    return value


def _is_byte(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 256


def _unsupported(kind: str, spelled: str) -> D1Error:
    return D1Error(f"D1_TYPE_ERROR: Type '{kind}' not supported for value '{spelled}'")


def _spelled(value: Any) -> str:
    """An object as JavaScript's String() has it."""
    if isinstance(value, list | tuple):
        return ",".join("" if item is None else _spelled(item) for item in value)
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, bytes | bytearray):
        return "[object ArrayBuffer]"
    plain = string(value)
    return str(value) if plain is None else plain
