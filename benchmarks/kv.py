"""Part (b): KVNamespace over SQLite, fully durable, beside the standard library's bare sqlite3.

sqlite3 reads and writes one row of one table with the same journal and the same `synchronous=FULL`,
one transaction a put. It blocks, so many tasks do not help it: its figure is that of one after the
other. "Grouped" is what bare sqlite3 takes with 50 puts a transaction: how far grouping can help on
this disk. Both sides work in the temporary directory; where that is not a disk, the puts say nothing.
The time is wall-clock time, because a put mostly waits.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Goal, Report, profiled, ratios, spread
from edgekit.bindings.kv import KVNamespace
from edgekit.engines.open import open_store

SIZES = {"100 B": 100, "10 KiB": 10 * 1024}
KEYS = 5000
TASKS = 50

Arguments = list[tuple[str, ...]]


class Bare:
    """What somebody writes by hand who needs a table of keys and values."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def get(self, key: str) -> str | None:
        row = self.connection.execute("SELECT value FROM kv WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def put(self, key: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO kv VALUES (?, ?)", (key, value))

    def put_group(self, *pairs: tuple[str, str]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        for key, value in pairs:
            self.put(key, value)
        self.connection.execute("COMMIT")


class Work(NamedTuple):
    """One row: `prepare()` gives a round's arguments, new ones each time, one tuple a call."""

    kind: str
    title: str
    tasks: int
    prepare: Callable[[], Arguments]
    ours: Callable[..., Awaitable[Any]]
    bare: Bare


async def run(rounds: int, smoke: bool) -> Report:
    """All sizes, both operations, at 1 and 50 tasks."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    broken: list[str] = []
    for title, size in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(f"sqlite:{folder}/edgekit", durable=True)
            bare = Bare(Path(folder) / "bare.sqlite3")
            try:
                kv = KVNamespace(store.records, "kv/benchmark")
                broken += await _fill(kv, bare, size, 100 if smoke else KEYS)
                for work in _works(kv, bare, title, size, smoke):
                    ours, single, grouped = await measure(work, rounds)
                    series = [single, grouped, ours]
                    cells = [f"{spread(times)}" if times else "" for times in series]
                    rows.append([work.title, *cells, f"{ratios(ours, single)}"])
                    goals += [] if smoke else await goals_of(work, ours, single, grouped)
            finally:
                bare.connection.close()
                await store.close()
    note = (
        f"Microseconds an operation, {KEYS:,} keys: median of {rounds} interleaved rounds ± half the "
        f"interquartile range. SQLite {sqlite3.sqlite_version} in the standard library."
    )
    columns = ["operation", "sqlite3, µs", "sqlite3 grouped, µs", "edgekit, µs", "ratio"]
    return Report("KV", note, columns, rows, goals, broken)


def _works(kv: KVNamespace, bare: Bare, title: str, size: int, smoke: bool) -> Iterator[Work]:
    def gets(count: int) -> Arguments:
        return [(f"key-{i}",) for i in random.choices(range(100 if smoke else KEYS), k=count)]

    def puts(count: int) -> Arguments:
        keys = random.sample(range(100 if smoke else KEYS), k=count)
        return [(f"key-{i}", _fresh(size)) for i in keys]

    for tasks in (1, TASKS):
        name = f"{title}, {tasks} task{'s' * (tasks > 1)}"
        count = 50 if smoke else 2000
        yield Work("get", f"get {name}", tasks, partial(gets, count), kv.get, bare)
        count = 50 if smoke or tasks == 1 else 500
        yield Work("put", f"put {name}", tasks, partial(puts, count), kv.put, bare)


def _fresh(size: int) -> str:
    """A text of `size` bytes that nobody has seen before."""
    return os.urandom(size // 2).hex()


async def _fill(kv: KVNamespace, bare: Bare, size: int, keys: int) -> list[str]:
    """Put the keys into both; what is wrong with what one then gets."""
    values = {f"key-{i}": _fresh(size) for i in range(keys)}
    bare.put_group(*values.items())
    await asyncio.gather(*(kv.put(key, value) for key, value in values.items()))
    wrong = [
        key for key, value in values.items() if not await kv.get(key) == bare.get(key) == value
    ]
    return [f"KV: {len(wrong)} values of {size} bytes are not what was put"] if wrong else []


async def measure(work: Work, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Microseconds an operation, round by round: edgekit, sqlite3, sqlite3 with groups (if it makes sense)."""
    ours: list[float] = []
    single: list[float] = []
    grouped: list[float] = []
    bare = work.bare.get if work.kind == "get" else work.bare.put
    for number in range(-1, rounds):  # the first round warms
        calls = work.prepare()
        if number % 2:
            mine, other = await _timed(work, calls), _timed_bare(bare, calls, len(calls))
        else:
            other, mine = _timed_bare(bare, calls, len(calls)), await _timed(work, calls)
        if number >= 0:
            ours.append(mine)
            single.append(other)
            if work.kind == "put" and work.tasks > 1:
                calls = work.prepare()
                groups = [calls[i : i + TASKS] for i in range(0, len(calls), TASKS)]
                grouped.append(_timed_bare(work.bare.put_group, groups, len(calls)))
    return ours, single, grouped


async def _timed(work: Work, calls: Arguments) -> float:
    async def one(share: Arguments) -> None:
        for arguments in share:
            await work.ours(*arguments)

    start = time.perf_counter()
    if work.tasks == 1:
        await one(calls)
    else:
        await asyncio.gather(*(one(calls[i :: work.tasks]) for i in range(work.tasks)))
    return (time.perf_counter() - start) / len(calls) * 1e6


def _timed_bare(call: Callable[..., Any], calls: Sequence[Sequence[Any]], operations: int) -> float:
    start = time.perf_counter()
    for arguments in calls:
        call(*arguments)
    return (time.perf_counter() - start) / operations * 1e6


async def goals_of(
    work: Work, ours: list[float], single: list[float], grouped: list[float]
) -> list[Goal]:
    """What is to be reached by a row, and where the time goes if it is not."""
    share = ""
    if work.kind == "get":
        goal = Goal(f"{work.title}: at most 2x sqlite3", ratios(ours, single), 2)
    elif work.tasks > 1:
        text = f"{work.title}: at least 5x faster than a transaction each"
        goal = Goal(text, ratios(single, ours), 5, least=True)
        share = (
            f"{spread(grouped)} of {spread(ours)} µs is what bare sqlite3 takes to write groups of"
            f" {TASKS}; that is {ratios(single, grouped)}x faster than a transaction each.\n"
            "The event loop's thread:\n"
        )
    else:
        return []
    if goal.verdict != "reached":
        calls = work.prepare()
        profile = await profiled(lambda: _timed(work, calls), len(calls))
        goal = goal._replace(profile=share + profile)
    return [goal]
