"""What JavaScript makes of the plain arguments of a binding's call. Spec: Web IDL, ECMAScript.

For values that have an obvious counterpart there: None is null, and text, numbers and booleans are
themselves. Objects are no business of this file (nor is cloning them; that is a binding's values).
"""

from __future__ import annotations

import base64
import math
import re
from typing import Any, SupportsFloat

from edgekit import host

# What trim() takes away, and Number() passes over.
SPACE = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_DECIMAL = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|Infinity)"
).fullmatch
_PREFIXED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)").fullmatch
_BASE64_SPACE = str.maketrans("", "", "\t\n\f\r ")
OUT_OF_RANGE = "Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."


def integer(value: Any, error: type[Exception]) -> int:
    """A 32-bit integer: cut to a whole number; 0 for what is not a number; `error` if too large."""
    if not isinstance(value, int):
        if isinstance(value, str):
            value = number(value)
        elif not isinstance(value, float | SupportsFloat):
            return 0
        value = float(value)
        if value - value != 0:  # NaN or infinite
            return 0
    whole = int(value)
    if not -(2**31) <= whole < 2**31:
        raise error(OUT_OF_RANGE)
    return whole


def number(text: str) -> float:
    """What Number() makes of a string: of "" 0, of what is no number NaN."""
    text = text.strip(SPACE)
    if _DECIMAL(text):
        return float(text)
    if _PREFIXED(text):
        try:
            return float(int(text, 0))
        except OverflowError:
            return math.inf
    return math.nan if text else 0.0


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


def from_base64(text: str) -> bytes:
    """What base64 says, with white space in it, or without the padding at its end, if need be.

    ValueError for what is none.
    """
    data = text.translate(_BASE64_SPACE)
    return base64.b64decode(data + "=" * (-len(data) % 4), validate=True)


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
