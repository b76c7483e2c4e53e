"""D1Database over SQLite, fully durable, beside the standard library's bare sqlite3.

As in kv.py: sqlite3 has the same journal and the same `synchronous=FULL`, one transaction an insert,
and "grouped" is what it takes for groups of 50. Both make the rows of the result into dicts.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.figures import Goal, Report, ratios, spread
from benchmarks.kv import TASKS, Arguments, Bare, Work, goals_of, measure
from edgekit.bindings.d1 import D1Database
from edgekit.engines.open import open_store

ROWS = 5000

_TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL NOT NULL)"
_ONE = "SELECT id, name, score FROM users WHERE id = ?"
_MANY = "SELECT id, name, score FROM users WHERE id BETWEEN ? AND ? + 99"
_INSERT = "INSERT INTO users (name, score) VALUES (?, ?)"


class BareSQL(Bare):
    """What somebody writes by hand who needs rows."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute(_TABLE)

    def get(self, key: Any) -> Any:
        row = self.connection.execute(_ONE, (key,)).fetchone()
        return None if row is None else dict(row)

    def put(self, key: str, value: Any) -> None:
        self.connection.execute(_INSERT, (key, value))


class BareMany(BareSQL):
    """The same, a hundred rows at a time."""

    def get(self, key: Any) -> Any:
        return [dict(row) for row in self.connection.execute(_MANY, (key, key))]


async def run(rounds: int, smoke: bool) -> Report:
    """A row, a hundred rows, an insert; at 1 and 50 tasks."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:{folder}/edgekit", durable=True)
        db = D1Database(store.sql().open("benchmark"))
        one, many = BareSQL(Path(folder) / "one"), BareMany(Path(folder) / "many")
        try:
            await db.exec(_TABLE)
            await _fill(db, one, many)
            broken += await _differences(db, one, many)
            for work in _works(db, one, many, smoke):
                ours, single, grouped = await measure(work, rounds)
                cells = [f"{spread(times)}" if times else "" for times in (single, grouped, ours)]
                rows.append([work.title, *cells, f"{ratios(ours, single)}"])
                goals += [] if smoke else await goals_of(work, ours, single, grouped)
        finally:
            one.connection.close()
            many.connection.close()
            await store.close()
    note = (
        f"Microseconds an operation, {ROWS:,} rows: median of {rounds} interleaved rounds ± half the "
        f"interquartile range. SQLite {sqlite3.sqlite_version} in the standard library."
    )
    columns = ["operation", "sqlite3, µs", "sqlite3 grouped, µs", "edgekit, µs", "ratio"]
    return Report("D1", note, columns, rows, goals, broken)


def _works(db: D1Database, one: BareSQL, many: BareMany, smoke: bool) -> Iterator[Work]:
    select, hundred, insert = (db.prepare(sql) for sql in (_ONE, _MANY, _INSERT))

    async def first(key: Any) -> Any:
        return await select.bind(key).first()

    async def some(key: Any) -> Any:
        return (await hundred.bind(key, key).all()).results

    async def put(name: str, score: Any) -> Any:
        await insert.bind(name, score).run()

    def keys(count: int) -> Arguments:
        return [(random.randrange(1, ROWS - 100),) for _ in range(count)]  # type: ignore[misc]

    def people(count: int) -> Arguments:
        return [(f"name-{n}", random.random()) for n in range(count)]  # type: ignore[misc]

    for tasks in (1, TASKS):
        name = f"{tasks} task{'s' * (tasks > 1)}"
        count = 50 if smoke else 2000
        yield Work("get", f"select a row, {name}", tasks, partial(keys, count), first, one)
        yield Work("get", f"select 100 rows, {name}", tasks, partial(keys, count // 10), some, many)
        count = 50 if smoke or tasks == 1 else 500
        yield Work("put", f"insert a row, {name}", tasks, partial(people, count), put, one)


async def _fill(db: D1Database, *bare: Bare) -> None:
    people = [(f"name-{n}", n / 3) for n in range(ROWS)]
    for each in bare:
        each.put_group(*people)  # type: ignore[arg-type]
    insert = db.prepare(_INSERT)
    await asyncio.gather(*(insert.bind(*person).run() for person in people))


async def _differences(db: D1Database, one: BareSQL, many: BareMany) -> list[str]:
    """What is wrong with the rows of one and the other."""
    for key in range(1, ROWS, 499):
        row = await db.prepare(_ONE).bind(key).first()
        rows = (await db.prepare(_MANY).bind(key, key).all()).results
        if row.keys() != one.get(key).keys() or len(rows) != len(many.get(key)):
            return ["D1: the rows are not those of sqlite3"]
    return []
