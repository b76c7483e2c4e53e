"""Part (c): a queue over SQLite, fully durable, beside a table that somebody writes by hand.

End to end is what a Worker sees: 50 tasks send, one message after the other, while one consumer gets
batches, returns, and its messages are acknowledged; the time ends when the queue is empty. By hand it
is one process with sqlite3: a transaction for each message sent, and one for each batch that is taken
and removed (no claims, no attempts, no second process). Both sides work in the temporary directory;
where that is not a disk, the figures say nothing. The time is wall-clock time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from benchmarks.figures import Goal, Report, profiled, ratios, spread
from edgekit.bindings.queues import MessageBatch, Queue
from edgekit.context import ExecutionContext
from edgekit.engines.open import open_store
from edgekit.kinds import QueueConsumerConfig
from edgekit.runtime.consumers import Consumer

TASKS = 50
BATCHES = (10, 100)  # the default, and the largest
GOAL = 5000  # messages a second


class Bare:
    """A queue by hand."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("CREATE TABLE queue (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")

    def end_to_end(self, count: int, batch: int) -> float:
        start = time.perf_counter()
        for number in range(count):
            self.connection.execute("INSERT INTO queue (body) VALUES (?)", (_body(number),))
        while True:
            self.connection.execute("BEGIN IMMEDIATE")
            sql = "DELETE FROM queue WHERE id IN (SELECT id FROM queue ORDER BY id LIMIT ?) RETURNING id"
            taken = self.connection.execute(sql, (batch,)).fetchall()
            self.connection.execute("COMMIT")
            if not taken:
                return time.perf_counter() - start


class Ours:
    """One process' part: a producer, and a consumer whose handler only looks at the bodies."""

    def __init__(self, store: Any, batch: int) -> None:
        self.handled: list[int] = []
        self._expected = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        config = QueueConsumerConfig(
            queue=f"benchmark-{batch}", max_batch_size=batch, max_batch_timeout=0.05
        )
        self._queues = store.queues()
        self._name = config.queue
        self._queue = Queue(self._queues, config.queue)
        self.consumer = Consumer(config, queues=self._queues, run=self._run, spawn=self._spawn)

    async def end_to_end(self, count: int) -> float:
        self.handled.clear()
        numbers = iter(range(count))

        async def send() -> None:
            for number in numbers:
                await self._queue.send({"text": _body(number)})

        start = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(TASKS)))
        while (await self._queues.backlog(self._name)).messages:
            await asyncio.sleep(0.002)
        return time.perf_counter() - start

    async def _run(self, kind: str, batch: MessageBatch, ctx: ExecutionContext) -> None:
        self.handled += [int(message.body.text[:8]) for message in batch.messages]

    def _spawn(self, coroutine: Coroutine[Any, Any, None], *_: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def run(rounds: int, smoke: bool) -> Report:
    """Both batch sizes, messages of 100 bytes."""
    count = 100 if smoke else 5000
    rows: list[list[str]] = []
    goals: list[Goal] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:{folder}/edgekit", durable=True)
        bare = Bare(Path(folder) / "bare.sqlite3")
        for batch in BATCHES:
            side = Ours(store, batch)
            await side.consumer.start()
            ours: list[float] = []
            others: list[float] = []
            for number in range(-1, rounds):  # the first round warms
                mine = await side.end_to_end(count)
                if sorted(side.handled) != list(range(count)):
                    broken.append(f"queues: {len(side.handled)} of {count} messages were handled")
                other = bare.end_to_end(count, batch)
                if number >= 0:
                    ours.append(count / mine)
                    others.append(count / other)
            title = f"end to end, batches of {batch}"
            rows.append([title, f"{spread(others)}", f"{spread(ours)}", f"{ratios(ours, others)}"])
            goal = Goal(f"{title}: at least {GOAL:,} a second", spread(ours), GOAL, least=True)
            if goal.verdict != "reached" and not smoke:
                profile = await profiled(lambda: side.end_to_end(count), count)  # noqa: B023
                goal = goal._replace(profile=profile)
            goals += [] if smoke else [goal]
            await side.consumer.stop()
        bare.connection.close()
        await store.close()
    note = (
        f"Messages a second ({count:,} of 100 bytes, {TASKS} tasks that send): median of {rounds}"
        " interleaved rounds ± half the interquartile range. More is better."
    )
    return Report("Queues", note, ["queue", "sqlite3", "edgekit", "ratio"], rows, goals, broken)


def _body(number: int) -> str:
    return f"{number:08}".ljust(89, ".")
