"""A program for the tests beside it: writes to a store and prints each write that was acknowledged.

    python acknowledged.py FOLDER NAME TASKS COUNT

Each task makes COUNT writes, one after the other. A write is one `apply` of two records of the same
value, `NAME/task/n/a` and `.../b`, some of them large; when it has returned, `NAME/task/n` is printed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys

from edgekit.engines.base import Put
from edgekit.engines.open import open_store

SPACE = "kv/test"


def value_of(name: str) -> bytes:
    """What was written under a name: it can be told from the name alone."""
    digest = hashlib.sha256(name.encode()).digest()
    size = 200_000 if digest[0] < 8 else digest[1] * 8
    return (digest * (size // 32 + 1))[:size]


async def main(folder: str, name: str, tasks: int, count: int) -> None:
    store = open_store(f"sqlite:{folder}", durable=True)

    async def write(task: int) -> None:
        for n in range(count):
            key = f"{name}/{task}/{n}"
            value = value_of(key)
            ops = [Put(SPACE, f"{key}/{half}".encode(), value) for half in "ab"]
            await store.records.apply(ops, now=0)
            os.write(1, f"{key}\n".encode())

    async with asyncio.TaskGroup() as group:
        for task in range(tasks):
            group.create_task(write(task))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
