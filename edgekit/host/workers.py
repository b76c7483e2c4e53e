"""The host on real Workers (Pyodide): js.URL, the platform's clock, and msgspec where it is installed.

Without msgspec (Python 3.12 Workers have no wheel of it) a fallback encodes dataclasses, datetimes,
UUID, Decimal and Enum to the same bytes, and `json_decode(type=)` raises UnsupportedError.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from edgekit.errors import UnsupportedError
from edgekit.host.url import URLRecord

try:
    from edgekit.host.cpython import (
        JSONShapeError,
        JSONSyntaxError,
        convert,
        json_decode,
        json_encode,
    )
except ImportError:

    class JSONSyntaxError(ValueError):  # type: ignore[no-redef]
        """The text is not JSON."""

    class JSONShapeError(ValueError):  # type: ignore[no-redef]
        """A value is not of the type asked for; `path` says where, as far as it is known here."""

        def __init__(self, message: str, path: str) -> None:
            super().__init__(message)
            self.path = path

    def json_encode(value: Any) -> bytes:
        """Compact UTF-8 JSON; what msgspec would write."""
        text = json.dumps(
            _without_nan(value), ensure_ascii=False, separators=(",", ":"), default=_plain
        )
        return text.encode()

    def json_decode(data: bytes | bytearray | memoryview | str, type: Any = None) -> Any:
        """The value of a JSON text; UnsupportedError when a type is asked for."""
        if type is not None:
            raise UnsupportedError(
                "json(type=...) needs msgspec, which this Python has no wheel of"
            )
        try:
            # Decoded here, because json would guess UTF-16 and UTF-32 too.
            text = data if isinstance(data, str) else bytes(data).decode()
            return json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise JSONSyntaxError(str(error)) from None

    def convert(value: Any, type: Any) -> Any:
        """A configured value as `type`: str, int, float, bool, list, dict, Literal, and unions of them.

        A str that is no `type` may also spell one in JSON. Of lists and dicts only the outermost type
        is checked. Raises JSONShapeError, and UnsupportedError for a type that needs msgspec.
        """
        for candidate in (value, *_spelled(value)):
            if _is_a(candidate, type):
                return float(candidate) if type is float else candidate
        name = getattr(type, "__name__", str(type))
        raise JSONShapeError(f"Expected `{name}`, got `{value.__class__.__name__}`", "$")


def _spelled(value: Any) -> list[Any]:
    """What a str may spell, beside itself: JSON, and True, FALSE, 1 or 0 for a bool."""
    found: list[Any] = []
    if isinstance(value, str):
        with suppress(JSONSyntaxError):
            found.append(json_decode(value))
        if value.lower() in ("1", "true", "0", "false"):
            found.append(value.lower() in ("1", "true"))
    return found


def _is_a(value: Any, kind: Any) -> bool:
    origin = get_origin(kind) or kind
    if origin is Annotated:
        return _is_a(value, kind.__origin__)
    if origin in (Union, types.UnionType):
        return any(_is_a(value, one) for one in get_args(kind))
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in get_args(kind))
    if kind in (Any, object):
        return True
    if kind in (None, type(None)):
        return value is None
    if origin is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin in (str, bool, list, dict):
        return isinstance(value, origin)
    raise UnsupportedError(
        f"a variable of type {kind} needs msgspec, which this Python has no wheel of"
    )


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(v) for v in value]
    return value


def _plain(value: Any) -> Any:
    # Imported here: none of these is needed by a Worker that sends plain JSON.
    import base64
    import dataclasses
    import datetime
    import decimal
    import enum
    import uuid

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _without_nan(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime.datetime | datetime.time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


class SystemClock:
    """The platform's clock, which stands still between two waits for I/O."""

    now = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)


def random_bytes(count: int) -> bytes:
    """Bytes from the platform's generator; not at import, where Workers forbid it."""
    return os.urandom(count)


def parse_url(url: str, base: str | None = None) -> URLRecord | None:
    """Parse and normalise by the WHATWG rules; None when it is no URL."""
    import js

    if not (js.URL.canParse(url) if base is None else js.URL.canParse(url, base)):
        return None
    return _record(js.URL.new(url) if base is None else js.URL.new(url, base))


def set_url_part(href: str, part: str, value: str) -> URLRecord:
    """`href` with one part set, by the rules of the URL standard's setters (a bad value changes nothing)."""
    import js

    url = js.URL.new(href)
    setattr(url, part, value)
    return _record(url)


def _record(url: Any) -> URLRecord:
    return URLRecord(*(getattr(url, name) for name in URLRecord._fields))
