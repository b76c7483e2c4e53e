"""A program for the tests beside it: writes to an SQL database, prints each run that was acknowledged.

    python acknowledged_sql.py FOLDER NAME TASKS COUNT

Each task makes COUNT runs, one after the other, of two rows that belong together: `NAME/task/n` with
the halves a and b. Some are large. When a run has returned, its name is printed.
"""

from __future__ import annotations

import asyncio
import os
import sys

from edgekit.engines.open import open_store
from edgekit.engines.sql import Query

SCHEMA = "CREATE TABLE IF NOT EXISTS t (name TEXT, half TEXT, value TEXT, PRIMARY KEY (name, half))"
INSERT = "INSERT INTO t VALUES (?, ?, ?)"


def value_of(name: str) -> str:
    """What was written under a name: it can be told from the name alone."""
    return name * (20_000 if name.endswith("7") else 3)


async def main(folder: str, name: str, tasks: int, count: int) -> None:
    store = open_store(f"sqlite:{folder}", durable=True)
    sql = store.sql().open("one")
    await sql.run([Query(SCHEMA)], timeout=30)

    async def write(task: int) -> None:
        for n in range(count):
            key = f"{name}/{task}/{n}"
            halves = [Query(INSERT, (key, half, value_of(key))) for half in "ab"]
            await sql.run(halves, timeout=30)
            os.write(1, f"{key}\n".encode())

    async with asyncio.TaskGroup() as group:
        for task in range(tasks):
            group.create_task(write(task))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
