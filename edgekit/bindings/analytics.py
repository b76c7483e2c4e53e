"""AnalyticsEngineDataset: data points, written beside the answer. Spec: Workers Analytics Engine.

Limits, texts and what becomes of odd arguments are those of the real runtime. Points are read by
`edgekit analytics "SELECT ..."`, not by Workers. What the platform does at high volume happens here
only where memory would run out: a point is then counted in another one's `_sample_interval`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from edgekit import host
from edgekit.bindings.webidl import number, string, utf8
from edgekit.engines.analytics import Point
from edgekit.errors import AnalyticsTypeError
from edgekit.web.spelling import Spelled

if TYPE_CHECKING:
    from edgekit.engines.analytics import Analytics

MAX_BLOBS = 20
MAX_BLOB_BYTES = 16 * 1024  # of all blobs of a point
MAX_DOUBLES = 20
MAX_INDEXES = 1
MAX_INDEX_BYTES = 96

_FIELDS = ("blobs", "doubles", "indexes")


class AnalyticsEngineDataset(Spelled):
    """`env.POINTS.write_data_point(blobs=["Seattle"], doubles=[25, 0.5], indexes=["a3cd45"])`."""

    __slots__ = ("_analytics", "_dataset")

    binding_kind: ClassVar[str] = "analytics_engine_datasets"

    def __init__(self, analytics: Analytics, dataset: str) -> None:
        self._analytics = analytics
        self._dataset = dataset

    def write_data_point(
        self,
        event: Mapping[str, Any] | None = None,
        /,
        *,
        blobs: Sequence[str | bytes | None] = (),
        doubles: Sequence[float] = (),
        indexes: Sequence[str | bytes | None] = (),
    ) -> None:
        """Write a data point, soon; nothing to await, nothing returned.

        `blobs`: up to 20 texts, together 16 KiB of UTF-8; `doubles`: up to 20 numbers; `indexes`: at
        most one text of up to 96 bytes, the key by which the platform samples. All may also come as
        one dict. Raises AnalyticsTypeError for more, or for what is no list.
        """
        given: Mapping[str, Any] = {"blobs": blobs, "doubles": doubles, "indexes": indexes}
        if isinstance(event, Mapping):
            given = {**given, **{name: event[name] for name in _FIELDS if name in event}}
        elif event is not None and not isinstance(event, list | tuple):  # objects, if odd ones
            raise AnalyticsTypeError(
                "Failed to execute 'writeDataPoint' on 'AnalyticsEngine': parameter 1 is not of type"
                " 'AnalyticsEngineEvent'."
            )
        texts = [_text(value) for value in _list("blobs", given["blobs"])]
        numbers = [_number(value) for value in _list("doubles", given["doubles"])]
        keys = [_text(value) for value in _list("indexes", given["indexes"])]
        _check_count("indexes", len(keys), MAX_INDEXES)
        if keys and _size(keys[0]) > MAX_INDEX_BYTES:
            raise _refused(f"Size of indexes[0] exceeds {MAX_INDEX_BYTES} bytes).")
        _check_count("blobs", len(texts), MAX_BLOBS)
        if sum(map(_size, texts)) > MAX_BLOB_BYTES:
            raise _refused(f"Cumulative size of blobs exceeds {MAX_BLOB_BYTES} bytes).")
        _check_count("doubles", len(numbers), MAX_DOUBLES)
        index = keys[0] if keys else ""
        self._analytics.add(Point(self._dataset, host.now(), index, texts, numbers))


def _refused(message: str) -> AnalyticsTypeError:
    return AnalyticsTypeError(f"writeDataPoint(): {message}")


def _check_count(name: str, count: int, most: int) -> None:
    if count > most:
        raise _refused(f"Maximum of {most} {name} supported.")


def _list(name: str, value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple):
        return value
    raise AnalyticsTypeError(
        f"Incorrect type for the '{name}' field on 'AnalyticsEngineEvent': the provided value is not"
        " of type 'Array'."
    )


def _text(value: Any) -> str:
    """A text, in which what is no UTF-8 is replaced."""
    if value.__class__ is str and value.isascii():
        return str(value)
    if value is None:
        return ""
    if not isinstance(value, bytes | bytearray | memoryview):
        text = string(value)
        value = utf8("[object Object]" if text is None else text)
    return bytes(value).decode("utf-8", "replace")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _number(value: Any) -> float:
    """What JavaScript's Number() makes of it; NaN is kept as nothing (NULL)."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        return number(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
    except OverflowError:  # an int that no double can hold
        return math.inf if value > 0 else -math.inf
