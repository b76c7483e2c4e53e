"""Analytics in an SQLite file of its own, whose growth and commits are in nobody's way.

- **Writing.** `add` only appends to a list. While one batch is being committed the next one gathers,
  so that a point is in the file some milliseconds later, and any number of them share a commit.
- **Reading.** A connection of its own for each query, on which each dataset is a view, an authorizer
  allows nothing but reading, and time, rows and memory are limited.
- **Dialect.** SQLite's. What the platform's documentation uses in every example is there besides:
  now(), toDateTime(), toUnixTimestamp(), toStartOfInterval(), if(), count() and `INTERVAL '1' DAY`,
  which may stand after + and -, and in toStartOfInterval. `SHOW TABLES` lists the datasets.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from edgekit.engines.analytics import COLUMNS, KEEP_SECONDS, WIDTH, Answer, Point
from edgekit.errors import AnalyticsError

if TYPE_CHECKING:
    from edgekit.engines.sqlite_file import SQLiteFile
    from edgekit.engines.sqlite_memory import SQLiteMemory

logger = logging.getLogger(__name__)

_PENDING_BYTES = 16 * 1024 * 1024  # of points that wait to be written
_POINT_BYTES = 800  # what a point takes in memory beside its texts
_RETRY_SECONDS = 1.0
_SWEEP_ROWS = 1000  # what one step of a sweep removes at most
_MAX_SQL = 100_000  # bytes
_MAX_VALUE = 1_000_000  # bytes of one text in a query
_STEPS = 10_000  # of SQLite's machine between two looks at the clock

MIGRATIONS = (
    f"""
    CREATE TABLE points (
        id INTEGER PRIMARY KEY, dataset TEXT NOT NULL, timestamp TEXT NOT NULL,
        _sample_interval INTEGER NOT NULL, index1 TEXT NOT NULL,
        {", ".join(f"blob{n} TEXT NOT NULL DEFAULT ''" for n in range(1, WIDTH + 1))},
        {", ".join(f"double{n} REAL DEFAULT 0" for n in range(1, WIDTH + 1))}
    ) STRICT;
    CREATE INDEX points_time ON points (dataset, timestamp);
    """,
)

# One step down the index for each dataset, however many points it has.
_DATASETS = """
    WITH RECURSIVE found (name) AS (
        SELECT min(dataset) FROM points
        UNION ALL
        SELECT (SELECT min(dataset) FROM points WHERE dataset > name) FROM found
        WHERE name IS NOT NULL
    )
    SELECT name FROM found WHERE name IS NOT NULL"""
_DELETE_OLD = """
    DELETE FROM points WHERE id IN (
        SELECT id FROM points WHERE dataset = ? AND timestamp < ? LIMIT ?)"""

_ALLOWED = frozenset(
    (apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE)
)
_UNITS = {
    "SECOND": (1, "second"),
    "MINUTE": (1, "minute"),
    "HOUR": (1, "hour"),
    "DAY": (1, "day"),
    "WEEK": (7, "day"),
    "MONTH": (1, "month"),
    "QUARTER": (3, "month"),
    "YEAR": (1, "year"),
}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {"month": 1, "year": 12}
_WORDS = re.compile(
    r"(?P<sign>[+-]\s*)?\bINTERVAL\s+'?(?P<count>\d{1,6})'?\s+"
    rf"(?P<unit>{'|'.join(_UNITS)})S?\b"
    r"|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/",  # where no interval can stand
    re.IGNORECASE | re.DOTALL,
)
_SHOW_TABLES = re.compile(r"\s*SHOW\s+TABLES\s*;?\s*", re.IGNORECASE).fullmatch
_NO_TABLE = re.compile(r"no such table: (.*)").search


class _Row(NamedTuple):
    """A point as it is inserted: what it has, and no more."""

    blobs: int
    doubles: int
    values: list[Any]


class SQLiteAnalytics:
    """The protocol `Analytics` over a file with the schema MIGRATIONS."""

    def __init__(self, file: SQLiteFile | SQLiteMemory) -> None:
        self._file = file
        self._pending: list[_Row] = []
        self._newest: dict[
            tuple[str, str], list[Any]
        ] = {}  # of the pending rows, by dataset, index
        self._size = 0  # bytes of all rows that are pending or being written
        self._writing: asyncio.Future[None] | None = None
        self._retry: asyncio.TimerHandle | None = None  # there after a batch has failed

    def add(self, point: Point) -> None:
        texts = (point.dataset, point.index, *point.blobs)
        size = _POINT_BYTES + sum(map(len, texts))
        if self._size + size > _PENDING_BYTES:
            kept = self._newest.get((point.dataset, point.index))
            if kept is None:
                logger.error("analytics: a point of %s is lost: too many wait", point.dataset)
            else:
                kept[2] += 1
        else:
            row = [point.dataset, _text(point.time), 1, point.index, *point.blobs, *point.doubles]
            self._pending.append(_Row(len(point.blobs), len(point.doubles), row))
            self._newest[point.dataset, point.index] = row
            self._size += size
        # A loop that is closed will not tell that its last batch is done; a test's client has several.
        idle = self._writing is None or self._writing.get_loop().is_closed()
        if idle and self._retry is None:
            self._write()

    def _write(self) -> None:
        rows, size = self._pending, self._size
        self._pending = []
        self._newest = {}
        self._writing = self._file.write(partial(_insert, rows=rows), ops=len(rows), size=size)
        self._writing.add_done_callback(partial(self._written, rows, size))

    def _written(self, rows: list[_Row], size: int, done: asyncio.Future[None]) -> None:
        self._writing = None
        failing, self._retry = self._retry, None
        if failing is not None:
            failing.cancel()
        if (error := done.exception()) is None:
            self._size -= size
            if self._pending:
                self._write()
            return
        if failing is None:  # said once, not every second
            logger.error("analytics: points cannot be written, and wait: %s", error)
        self._pending = rows + self._pending
        self._retry = done.get_loop().call_later(_RETRY_SECONDS, self._write)

    async def flush(self) -> None:
        if self._writing is None and self._pending:
            self._write()
        while self._writing is not None and not self._writing.get_loop().is_closed():
            await asyncio.wait([self._writing])
            if self._retry is not None:
                return

    async def datasets(self) -> list[str]:
        return await self._file.read(_datasets)

    async def query(self, sql: str, *, now: float, rows: int, seconds: float) -> Answer:
        await self.flush()
        if _SHOW_TABLES(sql):
            return Answer(["dataset"], [(name,) for name in await self.datasets()], False)
        work = partial(_query, sql=sql, now=_text(now), rows=rows, seconds=seconds)
        return await self._file.read(work)

    async def sweep(self, *, now: float) -> None:
        before = _text(now - KEEP_SECONDS)
        for name in await self.datasets():
            while True:
                work = partial(_remove, dataset=name, before=before)
                if await self._file.write(work, ops=_SWEEP_ROWS, size=0) < _SWEEP_ROWS:
                    break

    async def close(self) -> None:
        await self.flush()
        if self._pending:
            logger.error(
                "analytics: %d points are lost: they could not be written", len(self._pending)
            )
            self._pending = []
        if self._retry is not None:
            self._retry.cancel()
        await self._file.close()


def _insert(con: apsw.Connection, *, rows: Sequence[_Row]) -> None:
    # Points of one place in a program have one shape: few statements, with few values.
    for (blobs, doubles), group in groupby(rows, itemgetter(0, 1)):
        con.executemany(_insertion(blobs, doubles), (row.values for row in group))


@cache
def _insertion(blobs: int, doubles: int) -> str:
    columns = [*COLUMNS[:4], *COLUMNS[4 : 4 + blobs], *COLUMNS[4 + WIDTH : 4 + WIDTH + doubles]]
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO points ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608


def _remove(con: apsw.Connection, *, dataset: str, before: str) -> int:
    con.execute(_DELETE_OLD, (dataset, before, _SWEEP_ROWS))
    return con.changes()


def _datasets(con: apsw.Connection) -> list[str]:
    return [name for (name,) in con.execute(_DATASETS)]


def _query(con: apsw.Connection, *, sql: str, now: str, rows: int, seconds: float) -> Answer:
    # SQLite keeps names for itself; and to it "Data" is "data", so that only one of them has a view.
    names = [name for name in _datasets(con) if not name.lower().startswith("sqlite_")]
    with _guarded(con, names, now, seconds):
        statements: list[list[str]] = []

        def begin(cursor: apsw.Cursor, *_: Any) -> bool:
            # Here even a statement that finds no rows tells its columns.
            statements.append([column[0] for column in cursor.get_description()])
            return len(statements) == 1

        cursor = con.cursor()
        cursor.exec_trace = begin
        try:
            found = list(islice(cursor.execute(_WORDS.sub(_interval, sql)), rows + 1))
            columns = statements[0] if statements else []
            return Answer(columns, found[:rows], len(found) > rows)
        except apsw.ExecTraceAbort:
            raise AnalyticsError("one statement at a time, please") from None
        except apsw.InterruptError:
            raise AnalyticsError(f"the query took longer than {seconds:g} s") from None
        except apsw.Error as error:
            raise AnalyticsError(_explained(str(error), names)) from error
        finally:
            cursor.close(True)


@contextmanager
def _guarded(
    con: apsw.Connection, names: Sequence[str], now: str, seconds: float
) -> Iterator[None]:
    """The connection with the datasets as views and the dialect's functions, and nothing but reading."""
    end = time.monotonic() + seconds
    limits = {
        apsw.SQLITE_LIMIT_LENGTH: _MAX_VALUE,
        apsw.SQLITE_LIMIT_SQL_LENGTH: _MAX_SQL,
        apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    }
    before = {limit: con.limit(limit) for limit in limits}
    columns = ", ".join(COLUMNS)
    for name in names:
        quoted, literal = name.replace('"', '""'), name.replace("'", "''")
        con.execute(
            f'CREATE TEMP VIEW IF NOT EXISTS "{quoted}" AS SELECT {columns} FROM main.points'  # noqa: S608
            f" WHERE dataset = '{literal}'"
        )
    functions: dict[str, tuple[Callable[..., Any], int]] = {
        # An overload of the JSON operator, which stands where "- INTERVAL" stood; see `_interval`.
        "->": (_moved, 2),
        "now": (lambda: now, 0),
        "toDateTime": (_to_text, 1),
        "toUnixTimestamp": (_to_seconds, 1),
        "toStartOfInterval": (_start_of, 2),
    }
    for name, (function, arguments) in functions.items():
        con.create_scalar_function(name, function, arguments, deterministic=True)
    try:
        for limit, value in limits.items():
            con.limit(limit, value)
        con.authorizer = _authorize
        con.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        yield
    finally:
        con.set_progress_handler(None)
        con.authorizer = None
        for limit, value in before.items():
            con.limit(limit, value)
        for name in names:
            con.execute('DROP VIEW IF EXISTS temp."{}"'.format(name.replace('"', '""')))


def _authorize(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    if action == apsw.SQLITE_FUNCTION and second == "load_extension":
        return apsw.SQLITE_DENY
    return apsw.SQLITE_OK if action in _ALLOWED else apsw.SQLITE_DENY


def _explained(message: str, names: Sequence[str]) -> str:
    if message.startswith(("not authorized", "authorization denied", "cannot modify")):
        return "only SELECT and SHOW TABLES can be run here"
    if (found := _NO_TABLE(message)) is not None:
        there = ", ".join(names) or "none yet"
        return f"there is no dataset {found[1]!r}; there are: {there}"
    return message


# --- the dialect -----------------------------------------------------------------------------------


def _interval(found: re.Match[str]) -> str:
    """`- INTERVAL '1' DAY` -> `-> '-1 day'`: an operator that a function of two arguments makes."""
    if found["unit"] is None:
        return found[0]
    times, unit = _UNITS[found["unit"].upper()]
    sign = (found["sign"] or "").strip()
    text = f"'{sign}{int(found['count']) * times} {unit}'"
    return f"-> {text}" if sign else text


def _moved(moment: Any, by: Any) -> str | None:
    count, _, unit = str(by).partition(" ")
    start = _parsed(moment)
    if start is None:
        return None
    if unit in _SECONDS:
        return _text(start.timestamp() + int(count) * _SECONDS[unit])
    year, month = _month(start, int(count) * _MONTHS[unit])
    if not 1 <= year <= 9999:
        return None
    day = min(start.day, monthrange(year, month)[1])
    return f"{year:04}-{month:02}-{day:02} {start:%H:%M:%S}"


def _start_of(moment: Any, every: Any) -> str | None:
    count, _, unit = str(every).partition(" ")
    start = _parsed(moment)
    if start is None or not count.isdecimal() or not int(count):
        return None
    if unit in _SECONDS:
        length = int(count) * _SECONDS[unit]
        at = int(start.timestamp())
        # Weeks begin on Mondays; 1970 began on a Thursday.
        shift = 3 * 86400 if length % (7 * 86400) == 0 else 0
        return _text(at - (at + shift) % length)
    passed = (start.year * 12 + start.month - 1) % (int(count) * _MONTHS[unit])
    year, month = _month(start, -passed)
    return f"{year:04}-{month:02}-01 00:00:00"


def _month(moment: datetime, later: int) -> tuple[int, int]:
    year, month = divmod(moment.year * 12 + moment.month - 1 + later, 12)
    return year, month + 1


def _to_text(value: Any) -> str | None:
    moment = _parsed(value)
    return None if moment is None else _text(moment.timestamp())


def _to_seconds(value: Any) -> int | None:
    moment = _parsed(value)
    return None if moment is None else int(moment.timestamp())


def _parsed(value: Any) -> datetime | None:
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(seconds: float) -> str:
    """Seconds since 1970 as `timestamp` has them."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")
