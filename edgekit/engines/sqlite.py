"""Records in one SQLite file, through apsw: for any number of processes on one machine.

Not for a network file system (SQLite's WAL needs shared memory), and not to be carried across a
fork: open it in the process that uses it, and use it from one event loop at a time.

- **Reads.** A point read costs a few microseconds, and a hop to a thread and back about a hundred:
  so `get` runs on the event loop. What may take longer (`list`, `get_many`, values above CHUNK)
  runs in a few reader threads, from one snapshot each.
- **Writes** are grouped by one thread: sqlite_writer.py.
- **Layout.** `records` is a B-tree in the order of (space, key) with small values in it. A row above
  1002 bytes would spill to overflow pages, and large rows make the tree deep, so values above
  _INLINE bytes lie in `chunks`, in consecutive rows; triggers remove them with their record.
  (60,000 values of 2 KB: a read takes 6 us instead of 23, a write 17 instead of 31.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import apsw

from edgekit.engines.base import Delete, Entry, Fence, Put, Record, chunked
from edgekit.engines.sqlite_writer import SQLiteWriter, Turn
from edgekit.errors import ConfigError, FencedOut, StorageError

T = TypeVar("T")

_APPLICATION_ID = 0x65646765  # "edge": tells our files from other people's SQLite files
_INLINE = 768  # bytes of a value that are kept in its row
_SWEEP_ROWS = 100  # what one step of a sweep removes at most ...
_SWEEP_BYTES = 4 * 1024 * 1024  # ... in rows, and in bytes of their values
_READERS = 4
_BUSY_MS = 5000  # for what takes no turns: a backup, somebody's sqlite3 shell

# Version n of the schema is reached by the n-th script. Add scripts; never edit a released one.
_MIGRATIONS = (
    """
    CREATE TABLE records (
        space TEXT NOT NULL, key BLOB NOT NULL, expires REAL, size INTEGER NOT NULL,
        meta BLOB NOT NULL, first_chunk INTEGER, last_chunk INTEGER, value BLOB,
        PRIMARY KEY (space, key)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;
    CREATE TABLE chunks (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
    CREATE TRIGGER records_replaced AFTER UPDATE ON records WHEN old.first_chunk IS NOT NULL BEGIN
        DELETE FROM chunks WHERE id BETWEEN old.first_chunk AND old.last_chunk;
    END;
    CREATE TRIGGER records_removed AFTER DELETE ON records WHEN old.first_chunk IS NOT NULL BEGIN
        DELETE FROM chunks WHERE id BETWEEN old.first_chunk AND old.last_chunk;
    END;
    """,
)

# One statement, hence one snapshot. The value of a record with several chunks comes out as NULL.
_GET = """
    SELECT
        coalesce(value, (SELECT data FROM chunks WHERE id = first_chunk AND id = last_chunk)),
        meta, expires
    FROM records WHERE space = ? AND key = ?"""
_GET_CHUNKS = """
    SELECT data FROM records JOIN chunks ON id BETWEEN first_chunk AND last_chunk
    WHERE space = ? AND key = ? ORDER BY id"""
_LIST = """
    SELECT key, meta, expires, size FROM records
    WHERE space = ? AND key >= ? AND (expires IS NULL OR expires > ?)
    ORDER BY key LIMIT ?"""
_LIST_UNTIL = """
    SELECT key, meta, expires, size FROM records
    WHERE space = ? AND key >= ? AND key < ? AND (expires IS NULL OR expires > ?)
    ORDER BY key LIMIT ?"""
_PUT = """
    INSERT INTO records (space, key, expires, size, meta, first_chunk, last_chunk, value)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET expires = excluded.expires, size = excluded.size,
        meta = excluded.meta, first_chunk = excluded.first_chunk,
        last_chunk = excluded.last_chunk, value = excluded.value"""
_PUT_CHUNK = "INSERT INTO chunks (data) VALUES (?)"
_DELETE = "DELETE FROM records WHERE space = ? AND key = ?"
_EXPIRED = "SELECT space, key, size FROM records WHERE expires <= ? ORDER BY expires LIMIT ?"


class SQLiteRecords:
    """The protocol `Records` over the SQLite file at `path`, which is created where there is none.

    With `durable` a write is acknowledged when it survives a loss of power (`synchronous=FULL`),
    otherwise when it survives the death of the process (`NORMAL`).
    Raises ConfigError, naming the path, when the file cannot be opened, is damaged, is not
    edgekit's, or was written by a newer edgekit.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._closed = False
        try:
            with ExitStack() as undo:
                turn = Turn(path)
                undo.callback(turn.close)
                with turn:  # of several processes that start together, one creates the schema
                    con = _connect(path)
                    undo.callback(con.close)
                    _prepare(con, path)
                    con.pragma("synchronous", "FULL" if durable else "NORMAL")
                    con.pragma("fullfsync", durable)  # macOS: an fsync that reaches the disk
                    self._reader = _connect(path)
                undo.pop_all()
        except (apsw.Error, OSError) as error:
            raise ConfigError(f"The store {path} cannot be opened: {error}") from error
        self._writer = SQLiteWriter(con, turn, path)
        self._point = self._reader.cursor()
        self._idle_readers: list[apsw.Connection] = []
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="edgekit-read")

    async def get(self, space: str, key: bytes, *, now: float) -> Record | None:
        try:
            row = self._point.execute(_GET, (space, key)).get
        except apsw.Error as error:
            self._check_open()
            raise StorageError(f"{self._path}: {error}") from error
        if row is None:
            return None
        value, meta, expires = row
        if expires is not None and expires <= now:
            return None
        if value is None:  # several chunks, to be read again from one snapshot
            return (await self.get_many(space, (key,), now=now))[0]
        return Record([value], meta, expires)

    async def get_many(
        self, space: str, keys: Sequence[bytes], *, now: float
    ) -> list[Record | None]:
        def read(con: apsw.Connection) -> list[Record | None]:
            records: list[Record | None] = []
            with con:  # one transaction, hence one snapshot
                records.extend(_read(con, space, key, now) for key in keys)
            return records

        return await self._in_thread(read)

    async def list(
        self,
        space: str,
        *,
        now: float,
        prefix: bytes = b"",
        after: bytes | None = None,
        limit: int,
    ) -> list[Entry]:
        first = prefix if after is None else max(prefix, after + b"\0")
        end = _end_of(prefix)
        limit = max(limit, 0)  # to SQLite a negative one means all

        def read(con: apsw.Connection) -> list[Entry]:
            if end is None:
                rows = con.execute(_LIST, (space, first, now, limit))
            else:
                rows = con.execute(_LIST_UNTIL, (space, first, end, now, limit))
            return [Entry(*row) for row in rows]

        return await self._in_thread(read)

    async def apply(
        self, ops: Sequence[Put | Delete], *, now: float, fence: Fence | None = None
    ) -> None:
        self._check_open()
        size = sum(_size_of(op.value) for op in ops if isinstance(op, Put))
        work = partial(_apply, ops=ops, now=now, fence=fence)
        await self._writer.write(work, ops=len(ops), size=size)

    async def sweep(self, *, now: float, limit: int = 1000) -> int:
        removed = 0
        while removed < limit:
            self._check_open()
            rows = min(limit - removed, _SWEEP_ROWS)
            work = partial(_sweep, now=now, limit=rows)
            step = await self._writer.write(work, ops=rows, size=0)
            if step == 0:
                break
            removed += step
        return removed

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._reader.close()
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._threads.shutdown()
        for con in self._idle_readers:
            con.close()
        self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self._path}: the store is closed")

    async def _in_thread(self, read: Callable[[apsw.Connection], T]) -> T:
        def run() -> T:
            try:
                con = self._idle_readers.pop()
            except IndexError:
                con = _connect(self._path)
            try:
                return read(con)
            finally:
                self._idle_readers.append(con)

        self._check_open()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except apsw.Error as error:
            raise StorageError(f"{self._path}: {error}") from error


def _connect(path: Path) -> apsw.Connection:
    con = apsw.Connection(str(path))
    con.set_busy_timeout(_BUSY_MS)
    con.pragma("cache_size", -8000)  # KiB
    con.pragma("journal_size_limit", 16 * 1024 * 1024)
    return con


def _prepare(con: apsw.Connection, path: Path) -> None:
    """Check that the file is ours, and bring its schema up to date."""
    if con.readonly("main"):
        raise ConfigError(f"{path} cannot be written by this user")
    version = con.pragma("user_version")
    if con.pragma("application_id") != _APPLICATION_ID:
        if version or con.execute("SELECT 1 FROM sqlite_schema").get is not None:
            raise ConfigError(f"{path} is an SQLite file of some other program, not a store")
    elif version > len(_MIGRATIONS):
        raise ConfigError(
            f"{path} was written by a newer edgekit (schema {version}, this one knows"
            f" {len(_MIGRATIONS)}): upgrade edgekit-asgi"
        )
    con.pragma("journal_mode", "wal")
    if version < len(_MIGRATIONS):
        con.execute("BEGIN IMMEDIATE")
        # Asked again: where there is no flock, another process may have been faster.
        for script in _MIGRATIONS[con.pragma("user_version") :]:
            con.execute(script)
        con.pragma("application_id", _APPLICATION_ID)
        con.pragma("user_version", len(_MIGRATIONS))
        con.execute("COMMIT")


def _read(con: apsw.Connection, space: str, key: bytes, now: float) -> Record | None:
    row = con.execute(_GET, (space, key)).get
    if row is None:
        return None
    value, meta, expires = row
    if expires is not None and expires <= now:
        return None
    if value is not None:
        return Record([value], meta, expires)
    return Record([data for (data,) in con.execute(_GET_CHUNKS, (space, key))], meta, expires)


def _apply(
    con: apsw.Connection, *, ops: Sequence[Put | Delete], now: float, fence: Fence | None
) -> None:
    if fence is not None:
        held = _read(con, fence.space, fence.key, now)
        if held is None or b"".join(held.value) != fence.token:
            raise FencedOut(f"{fence.space}: the lease is held by somebody else, or by nobody")
    for op in ops:
        if isinstance(op, Delete):
            con.execute(_DELETE, op)
            continue
        chunks = chunked(op.value)
        size = _size_of(chunks)
        first = last = value = None
        if size <= _INLINE:
            value = chunks[0]
        else:
            for chunk in chunks:
                con.execute(_PUT_CHUNK, (chunk,))
            last = con.last_insert_rowid()  # ids are consecutive: nobody else is writing
            first = last - len(chunks) + 1
        con.execute(_PUT, (op.space, op.key, op.expires, size, op.meta, first, last, value))


def _sweep(con: apsw.Connection, *, now: float, limit: int) -> int:
    removed = size = 0
    expired = cast("list[tuple[str, bytes, int]]", con.execute(_EXPIRED, (now, limit)).fetchall())
    for space, key, length in expired:
        con.execute(_DELETE, (space, key))
        removed += 1
        size += length
        if size > _SWEEP_BYTES:
            break
    return removed


def _size_of(value: bytes | Sequence[bytes]) -> int:
    return len(value) if isinstance(value, bytes) else sum(map(len, value))


def _end_of(prefix: bytes) -> bytes | None:
    """The first key after all that start with `prefix`; None where there is no such key."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None
