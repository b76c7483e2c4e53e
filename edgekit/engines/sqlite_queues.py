"""Queues in a store's SQLite file (or, with SQLiteMemory, in memory), for any number of processes.

- **Handing out.** A message that is handed out is due again when its batch's time is over: one
  column, and one index, say what is due. `batches` has a row for each batch under way, which is how
  all processes together keep to a concurrency, and how a dead one's batches are found (holders.py).
- **Reads** (`waiting`) are points of an index, and run on the event loop. Everything else is a write,
  grouped with whatever else is being written.
- **Layout.** A body above _INLINE bytes lies in a table of its own, or every change of a message's
  state would write it again. `queues` counts messages and bytes, by triggers: a backlog of a million
  costs no more to tell than an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import apsw

from edgekit.engines.holders import Holder
from edgekit.engines.queues import (
    RETENTION,
    Backlog,
    Batch,
    Claimed,
    Notice,
    QueueState,
    Sent,
    Waiting,
)
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.errors import StorageError

T = TypeVar("T")

_INLINE = 768  # bytes of a body that are kept in its message's row
_SWEEP_ROWS = 100  # what one step of a sweep or purge removes at most, so that others may write

_QUEUE = "SELECT id, paused, delay, retention, count, size FROM queues WHERE name = ?"
_CREATE = """
    INSERT INTO queues (name, created, retention) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET name = name
    RETURNING id, paused, delay, retention, count, size"""
_OLDEST = "SELECT sent FROM messages WHERE queue = ? ORDER BY arrived, number LIMIT 1"
_SEND = """
    INSERT INTO messages (queue, id, kind, sent, arrived, due, attempts, size, body)
    VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)"""
_SEND_BODY = "INSERT INTO bodies (number, body) VALUES (?, ?)"
_BODY = "SELECT body FROM bodies WHERE number = ?"
_DUE = "SELECT due FROM messages WHERE queue = ? ORDER BY due LIMIT ?"
_EXPIRED = """
    DELETE FROM messages WHERE number IN
        (SELECT number FROM messages WHERE queue = ? AND arrived <= ? LIMIT ?)
    RETURNING number"""
_RUNNING = "SELECT count(*) FROM batches WHERE queue = ?"
_BEGIN_BATCH = "INSERT INTO batches (queue, holder, until) VALUES (?, ?, ?)"
_CLAIM = """
    UPDATE messages SET batch = ?, due = ?, attempts = attempts + 1 WHERE number IN
        (SELECT number FROM messages WHERE queue = ? AND due <= ? AND arrived > ?
            ORDER BY due, number LIMIT ?)
    RETURNING number, id, kind, body, sent, attempts"""
_END_BATCH = "DELETE FROM batches WHERE id = ?"
_LAPSED = "DELETE FROM batches WHERE until <= ?"
_RETRY = """
    UPDATE messages SET batch = NULL, due = ?
    WHERE number = ? AND queue = ? AND due = ? AND batch = ?"""
_BURY = """
    UPDATE messages SET batch = NULL, due = ?, arrived = ?, attempts = 0, queue = ?
    WHERE number = ? AND queue = ? AND due = ? AND batch = ?"""
_ACK = "DELETE FROM messages WHERE queue = ? AND due = ? AND batch = ?"
_FREE = "UPDATE messages SET batch = NULL, due = ? WHERE queue = ? AND due = ? AND batch = ?"
_HELD = """
    SELECT batches.id, queues.id, queues.name, batches.until
    FROM batches JOIN queues ON queues.id = batches.queue WHERE holder = ?"""
_PURGE = """
    DELETE FROM messages WHERE number IN (SELECT number FROM messages WHERE queue = ? LIMIT ?)
    RETURNING number"""
_CONFIGURE = """
    UPDATE queues SET paused = coalesce(?, paused), delay = coalesce(?, delay),
        retention = coalesce(?, retention) WHERE id = ?"""
_LIST = "SELECT name, created, count, size, paused, delay, retention, id FROM queues ORDER BY name"


class _Queue(NamedTuple):
    id: int
    paused: int
    delay: float
    retention: float
    messages: int
    size: int


class SQLiteQueues:
    """The protocol `Queues`. A file on disk is somebody else's to close, after this."""

    def __init__(self, file: SQLiteFile | SQLiteMemory) -> None:
        self._file = file
        self.shared = isinstance(file, SQLiteFile)
        self._holder = Holder(file.path) if isinstance(file, SQLiteFile) else None
        self._notices: dict[str, list[Notice]] = {}
        self._claims = False  # whether there may be batches of ours

    async def send(self, queue: str, messages: Sequence[Sent], *, now: float) -> Backlog:
        size = sum(len(message.body) for message in messages)
        work = partial(_send, name=queue, messages=messages, now=now)
        backlog, delay = await self._write(work, ops=len(messages), size=size)
        first = min(delay if message.delay is None else message.delay for message in messages)
        self._notify(queue, now + first, len(messages))
        return backlog

    async def backlog(self, queue: str) -> Backlog:
        try:
            found = _find(self._file.reader, queue)
            return _backlog(self._file.reader, found) if found else Backlog(0, 0, None)
        except apsw.Error as error:
            raise self._file.failed(error) from error

    async def waiting(self, queue: str, *, now: float, limit: int) -> Waiting:
        try:
            found = _find(self._file.reader, queue)
            if found is None or found.paused:
                return Waiting(0, now, None)
            rows = self._file.reader.execute(_DUE, (found.id, limit + 1)).fetchall()
        except apsw.Error as error:
            raise self._file.failed(error) from error
        moments: list[Any] = [due for (due,) in rows]
        ready = sum(due <= now for due in moments)
        later = moments[ready] if ready < len(moments) else None
        return Waiting(min(ready, limit), moments[0] if ready else now, later)

    async def claim(
        self,
        queue: str,
        *,
        limit: int,
        batches: int,
        concurrency: int | None,
        now: float,
        until: float,
    ) -> list[Batch]:
        if self._holder is not None:
            try:
                self._holder.hold()
            except OSError as error:
                raise StorageError(f"{error.filename}: {error.strerror}") from error
        self._claims = True
        work = partial(
            _claim,
            name=queue,
            holder=self._holder.id if self._holder else 0,
            limit=limit,
            batches=batches,
            concurrency=concurrency,
            now=now,
            until=until,
        )
        return await self._write(work, ops=limit * batches, size=0)

    async def settle(
        self,
        batch: Batch,
        *,
        retry: Sequence[tuple[int, float]] = (),
        dead: Sequence[int] = (),
        dead_letter_queue: str | None = None,
        now: float,
    ) -> None:
        work = partial(
            _settle,
            batch=batch,
            retry=retry,
            dead=dead,
            dead_letter_queue=dead_letter_queue,
            now=now,
        )
        await self._write(work, ops=len(batch.messages), size=0)
        if retry:
            self._notify(batch.queue, min(due for _, due in retry), len(retry))
        if dead and dead_letter_queue is not None:
            self._notify(dead_letter_queue, now, len(dead))

    async def recover(self, *, now: float) -> int:
        if self._holder is None:
            return 0
        with self._holder.dead() as ids:
            return await self._free(ids, now) if ids else 0

    async def purge(self, queue: str, *, now: float) -> int:
        def step(con: apsw.Connection) -> int:
            found = _find(con, queue)
            return _removed(con, _PURGE, (found.id, _SWEEP_ROWS)) if found else 0

        removed = 0
        while count := await self._write(step, ops=_SWEEP_ROWS, size=0):
            removed += count
        return removed

    async def configure(
        self,
        queue: str,
        *,
        paused: bool | None = None,
        delay: float | None = None,
        retention: float | None = None,
        now: float,
    ) -> None:
        def work(con: apsw.Connection) -> None:
            found = _made(con, queue, now)
            con.execute(_CONFIGURE, (paused, delay, retention, found.id))

        await self._write(work, ops=1, size=0)
        self._notify(queue, now, 0)

    async def delete(self, queue: str) -> bool:
        def work(con: apsw.Connection) -> bool:
            found = _find(con, queue)
            if found is None:
                return False
            for table in ("messages", "batches"):
                con.execute(f"DELETE FROM {table} WHERE queue = ?", (found.id,))  # noqa: S608
            con.execute("DELETE FROM queues WHERE id = ?", (found.id,))
            return True

        await self.purge(queue, now=0)  # in steps; this leaves little to do at once
        return await self._write(work, ops=_SWEEP_ROWS, size=0)

    async def list(self) -> list[QueueState]:
        states = []
        try:
            rows: Any = self._file.reader.execute(_LIST).fetchall()
            for row in rows:
                name, created, count, size, paused, delay, retention, id = row
                oldest: Any = self._file.reader.execute(_OLDEST, (id,)).get
                backlog = Backlog(count, size, oldest)
                states.append(QueueState(name, created, backlog, bool(paused), delay, retention))
        except apsw.Error as error:
            raise self._file.failed(error) from error
        return states

    async def sweep(self, *, now: float, limit: int = 1000) -> int:
        removed = 0
        for state in await self.list():
            while removed < limit:
                rows = min(limit - removed, _SWEEP_ROWS)
                work = partial(_expire, name=state.name, now=now, limit=rows)
                step = await self._write(work, ops=rows, size=0)
                removed += step
                if step < rows:
                    break
        return removed

    def watch(self, queue: str, notice: Notice) -> Callable[[], None]:
        notices = self._notices.setdefault(queue, [])
        notices.append(notice)
        return partial(notices.remove, notice)

    async def close(self) -> None:
        if self._claims:
            self._claims = False
            await self._free([self._holder.id if self._holder else 0], None)
        if self._holder is not None:
            self._holder.close()
        if isinstance(self._file, SQLiteMemory):
            await self._file.close()

    async def _free(self, holders: Sequence[int], now: float | None) -> int:
        """Make due now (or, without a time, since ever) what these hold."""
        names = await self._write(partial(_free, holders=holders, now=now or 0.0), ops=1, size=0)
        for name in names:
            self._notify(name, now or 0.0, 0)
        return len(names)

    async def _write(self, work: Callable[[apsw.Connection], T], *, ops: int, size: int) -> T:
        return await self._file.write(work, ops=ops, size=size)

    def _notify(self, queue: str, due: float, count: int) -> None:
        for notice in self._notices.get(queue, ()):
            notice(due, count)


def _find(con: apsw.Connection, name: str) -> _Queue | None:
    row: Any = con.execute(_QUEUE, (name,)).fetchone()
    return None if row is None else _Queue(*row)


def _made(con: apsw.Connection, name: str, now: float) -> _Queue:
    found = _find(con, name)
    if found is None:
        rows: Any = con.execute(_CREATE, (name, now, RETENTION)).fetchall()
        [row] = rows
        found = _Queue(*row)
    return found


def _send(
    con: apsw.Connection, *, name: str, messages: Sequence[Sent], now: float
) -> tuple[Backlog, float]:
    queue = _made(con, name, now)
    for id, kind, body, sent, delay in messages:
        due = now + (queue.delay if delay is None else delay)
        length = len(body)
        inline = body if length <= _INLINE else None
        con.execute(_SEND, (queue.id, id, kind, sent, now, due, length, inline))
        if inline is None:
            con.execute(_SEND_BODY, (con.last_insert_rowid(), body))
    return _backlog(con, _made(con, name, now)), queue.delay


def _backlog(con: apsw.Connection, queue: _Queue) -> Backlog:
    oldest: Any = con.execute(_OLDEST, (queue.id,)).get
    return Backlog(queue.messages, queue.size, oldest)


def _claim(
    con: apsw.Connection,
    *,
    name: str,
    holder: int,
    limit: int,
    batches: int,
    concurrency: int | None,
    now: float,
    until: float,
) -> list[Batch]:
    queue = _find(con, name)
    if queue is None or queue.paused:
        return []
    con.execute(_LAPSED, (now,))
    if concurrency is not None:
        running: Any = con.execute(_RUNNING, (queue.id,)).get
        batches = min(batches, concurrency - running)
    backlog = _backlog(con, queue)
    claimed: list[Batch] = []
    for _ in range(batches):
        con.execute(_BEGIN_BATCH, (queue.id, holder, until))
        id = con.last_insert_rowid()
        of_age = now - queue.retention
        rows: Any = con.execute(_CLAIM, (id, until, queue.id, now, of_age, limit)).fetchall()
        if not rows:
            con.execute(_END_BATCH, (id,))
            break
        messages = [Claimed(*row) for row in sorted(rows)]
        for at, message in enumerate(messages):
            if message.body is None:
                body: Any = con.execute(_BODY, (message.number,)).get
                messages[at] = message._replace(body=body)
        claimed.append(Batch(id, name, until, backlog, messages))
    return claimed


def _settle(
    con: apsw.Connection,
    *,
    batch: Batch,
    retry: Sequence[tuple[int, float]],
    dead: Sequence[int],
    dead_letter_queue: str | None,
    now: float,
) -> None:
    queue = _find(con, batch.queue)
    if queue is None:  # deleted meanwhile, with its messages
        return
    of_batch = (queue.id, batch.until, batch.id)
    for number, due in retry:
        con.execute(_RETRY, (due, number, *of_batch))
    if dead and dead_letter_queue is not None:
        letters = _made(con, dead_letter_queue, now)
        for number in dead:
            con.execute(_BURY, (now, now, letters.id, number, *of_batch))
    con.execute(_ACK, of_batch)
    con.execute(_END_BATCH, (batch.id,))


def _expire(con: apsw.Connection, *, name: str, now: float, limit: int) -> int:
    queue = _find(con, name)
    if queue is None:
        return 0
    return _removed(con, _EXPIRED, (queue.id, now - queue.retention, limit))


def _free(con: apsw.Connection, *, holders: Sequence[int], now: float) -> list[str]:
    names: list[str] = []
    for holder in holders:
        for id, queue, name, until in con.execute(_HELD, (holder,)).fetchall():
            con.execute(_FREE, (now, queue, until, id))
            con.execute(_END_BATCH, (id,))
            names.append(str(name))
    return names


def _removed(con: apsw.Connection, sql: str, arguments: tuple[Any, ...]) -> int:
    return len(con.execute(sql, arguments).fetchall())
