"""Records in a store's SQLite file, which is sqlite_file.py's.

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

from collections.abc import Sequence
from functools import partial
from typing import cast

import apsw

from edgekit.engines.base import Delete, Entry, Fence, Put, Record, chunked, fences
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.errors import FencedOut

_INLINE = 768  # bytes of a value that are kept in its row
_SWEEP_ROWS = 100  # what one step of a sweep removes at most ...
_SWEEP_BYTES = 4 * 1024 * 1024  # ... in rows, and in bytes of their values

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
    """The protocol `Records` over a store's SQLite file."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._point = file.reader.cursor()

    async def get(self, space: str, key: bytes, *, now: float) -> Record | None:
        try:
            row = self._point.execute(_GET, (space, key)).get
        except apsw.Error as error:
            raise self._file.failed(error) from error
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
                records.extend(read_record(con, space, key, now) for key in keys)
            return records

        return await self._file.read(read)

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

        return await self._file.read(read)

    async def apply(
        self,
        ops: Sequence[Put | Delete],
        *,
        now: float,
        fence: Fence | Sequence[Fence] | None = None,
    ) -> None:
        size = sum(_size_of(op.value) for op in ops if isinstance(op, Put))
        work = partial(apply_ops, ops=ops, now=now, fence=fence)
        await self._file.write(work, ops=len(ops), size=size)

    async def sweep(self, *, now: float, limit: int = 1000) -> int:
        removed = 0
        while removed < limit:
            rows = min(limit - removed, _SWEEP_ROWS)
            work = partial(_sweep, now=now, limit=rows)
            step = await self._file.write(work, ops=rows, size=0)
            if step == 0:
                break
            removed += step
        return removed

    async def close(self) -> None:
        await self._file.close()


def read_record(con: apsw.Connection, space: str, key: bytes, now: float) -> Record | None:
    """`Records.get` within a transaction, for engines that keep theirs among the records."""
    row = con.execute(_GET, (space, key)).get
    if row is None:
        return None
    value, meta, expires = row
    if expires is not None and expires <= now:
        return None
    if value is not None:
        return Record([value], meta, expires)
    return Record([data for (data,) in con.execute(_GET_CHUNKS, (space, key))], meta, expires)


def apply_ops(
    con: apsw.Connection,
    *,
    ops: Sequence[Put | Delete],
    now: float,
    fence: Fence | Sequence[Fence] | None,
) -> None:
    """`Records.apply` within a transaction."""
    for space, key, token in fences(fence):
        held = read_record(con, space, key, now)
        if (held and b"".join(held.value)) != token:
            raise FencedOut(f"{space}: the lease is held by somebody else, or by nobody")
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
