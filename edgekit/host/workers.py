"""The host on real Workers (Pyodide): js.URL, the platform's clock, and msgspec where it is installed.

Without msgspec (Python 3.12 Workers have no wheel of it) a fallback encodes dataclasses, datetimes,
UUID, Decimal and Enum to the same bytes, and `json_decode(type=)` raises UnsupportedError.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

from edgekit.errors import UnsupportedError
from edgekit.host.url import URLRecord

try:
    from edgekit.host.cpython import JSONShapeError, JSONSyntaxError, json_decode, json_encode
except ImportError:

    class JSONSyntaxError(ValueError):  # type: ignore[no-redef]
        """The text is not JSON."""

    class JSONShapeError(ValueError):  # type: ignore[no-redef]
        """Never raised here: a type needs msgspec."""

        path = "$"

    def json_encode(value: Any) -> bytes:
        """Compact UTF-8 JSON; what msgspec would write."""
        text = json.dumps(
            _without_nan(value), ensure_ascii=False, separators=(",", ":"), default=_plain
        )
        return text.encode()

    def json_decode(data: bytes | bytearray | memoryview | str, type: Any = None) -> Any:
        """The value of a JSON text; UnsupportedError when a type is asked for."""
        if type is not None:
            raise UnsupportedError("json(type=...) needs msgspec, which this Python has no wheel of")
        try:
            return json.loads(
                data if isinstance(data, str) else bytes(data), parse_constant=_no_constant
            )
        except (ValueError, RecursionError) as error:
            raise JSONSyntaxError(str(error)) from None


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
        return {
            f.name: _without_nan(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
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
