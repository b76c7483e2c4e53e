"""Data points, kept by dataset and time, and read by SQL: the words and the protocol.

As all engines it knows no Workers and never asks the time; the columns a query sees are those of
`COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

WIDTH = 20  # blobs of a point, and doubles
KEEP_SECONDS = 92 * 86400  # three months, as the platform keeps them

COLUMNS = (
    "dataset",
    "timestamp",  # "2026-11-25 21:44:06", UTC
    "_sample_interval",
    "index1",
    *(f"blob{n}" for n in range(1, WIDTH + 1)),
    *(f"double{n}" for n in range(1, WIDTH + 1)),
)


class Point(NamedTuple):
    """One data point; `time` in seconds since 1970. Blobs and doubles that are not there are "" and 0."""

    dataset: str
    time: float
    index: str  # type: ignore[assignment] # a tuple has a method of that name
    blobs: Sequence[str]
    doubles: Sequence[float]


class Answer(NamedTuple):
    """Rows of a query; `cut` says that there were more than were asked for."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    cut: bool


class Analytics(Protocol):
    """Points of all datasets, from any number of processes, used from one event loop at a time."""

    def add(self, point: Point) -> None:
        """Take a point; it is written soon, and lost where the process dies before.

        Never waits. Where points come faster than they can be written, and memory for those that
        wait is used up, a point is counted in `_sample_interval` of an earlier one with the same
        dataset and index instead of being kept.
        """
        ...

    async def flush(self) -> None:
        """Wait until all points taken so far are written, or writing them has failed."""
        ...

    async def datasets(self) -> list[str]:
        """The names of all datasets that have points, sorted."""
        ...

    async def query(self, sql: str, *, now: float, rows: int, seconds: float) -> Answer:
        """Run one statement that reads; each dataset is a table. At most `rows` rows, `seconds` long.

        The dialect is SQLite's, with the functions and intervals described in `sqlite_analytics.py`.
        Raises AnalyticsError when the statement is wrong, writes, or takes too long.
        """
        ...

    async def sweep(self, *, now: float) -> None:
        """Remove the points that are older than KEEP_SECONDS."""
        ...

    async def close(self) -> None:
        """Flush, then release files and threads. Closing twice is fine."""
        ...
