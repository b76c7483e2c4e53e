"""What JavaScript makes of the plain arguments of a binding's call. Spec: Web IDL, ECMAScript.

For values that have an obvious counterpart there: None is null, and text, numbers and booleans are
themselves. Objects are no business of this file (nor is cloning them; that is a binding's values).
"""

from __future__ import annotations

from typing import Any

from edgekit import host

OUT_OF_RANGE = "Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."


def integer(value: Any, error: type[Exception]) -> int:
    """A 32-bit integer: cut to a whole number; 0 for what is not a number; `error` if too large."""
    if not isinstance(value, int):
        try:
            value = float(value)
        except (TypeError, ValueError):
            return 0
        if value - value != 0:  # NaN or infinite
            return 0
    number = int(value)
    if not -(2**31) <= number < 2**31:
        raise error(OUT_OF_RANGE)
    return number


def string(value: Any) -> str | None:
    """A string: None, booleans and numbers spelled out; None (the answer) for an object."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if not isinstance(value, float):
        return None
    if value - value != 0:
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), "NaN")
    if not value.is_integer():
        return host.json_encode(value).decode()
    return str(int(value)) if abs(value) < 1e21 else repr(value)


def utf8(text: str) -> bytes:
    """A string's UTF-8. A surrogate that is not half of a pair becomes three bytes, as in V8."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return paired.encode("utf-8", "surrogatepass")


def json_value(value: Any) -> Any:
    """A value whose JSON is JSON.stringify's: floats without a fraction are integers there."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value
