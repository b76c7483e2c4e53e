"""What caches keep in an SQLite file of their own, which never waits for the disk.

Bodies up to 64 KiB are in the file, larger ones in a folder of blobs beside. For any number of
processes on one machine.

- **Size.** A total is kept by triggers. Whoever puts something too much removes the entries whose
  last use is longest ago; a use is noted once a minute, not with every read.
- **Cleaning.** Each put removes some of what has expired and of the blobs that nobody names any
  more, so that nothing else need run. What a dead process left half-written, the first put finds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import apsw

from edgekit.engines.base import CHUNK
from edgekit.engines.blobs import Blobs, BlobWriter, Piece, settled
from edgekit.engines.caches import Cached
from edgekit.errors import StorageError

if TYPE_CHECKING:
    from edgekit.engines.sqlite_file import SQLiteFile
    from edgekit.engines.sqlite_memory import SQLiteMemory

logger = logging.getLogger(__name__)

INLINE = CHUNK  # bytes of a body that is kept in the row

_USED_SECONDS = 60.0  # between two notes that an entry was used
_ROW_BYTES = 200  # what an entry takes beside its texts
_REMOVED = 100  # expired entries, and blobs, that one put removes at most

MIGRATIONS = (
    """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY, cache TEXT NOT NULL, key BLOB NOT NULL,
        expires REAL NOT NULL, used REAL NOT NULL, bytes INTEGER NOT NULL,
        meta BLOB NOT NULL, size INTEGER NOT NULL, body BLOB, blob TEXT,
        UNIQUE (cache, key)
    ) STRICT;
    CREATE INDEX entries_used ON entries (used);
    CREATE INDEX entries_expires ON entries (expires);
    CREATE INDEX entries_blob ON entries (blob) WHERE blob IS NOT NULL;
    CREATE TABLE total (bytes INTEGER NOT NULL) STRICT;
    INSERT INTO total VALUES (0);
    CREATE TABLE dropped (blob TEXT PRIMARY KEY) STRICT;
    CREATE TRIGGER entries_added AFTER INSERT ON entries BEGIN
        UPDATE total SET bytes = bytes + new.bytes;
    END;
    CREATE TRIGGER entries_removed AFTER DELETE ON entries BEGIN
        UPDATE total SET bytes = bytes - old.bytes;
        INSERT OR IGNORE INTO dropped SELECT old.blob WHERE old.blob IS NOT NULL;
    END;
    """,
)

_GET = """
    SELECT id, used, meta, size, body, blob FROM entries
    WHERE cache = ? AND key = ? AND expires > ?"""
_PUT = """
    INSERT INTO entries (cache, key, expires, used, bytes, meta, size, body, blob)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_DELETE = "DELETE FROM entries WHERE cache = ? AND key = ? RETURNING expires"
_EXPIRE = "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires <= ? LIMIT ?)"
# The oldest, as many as are needed for that many bytes, in steps that look at few.
_EVICT = """
    WITH oldest AS (SELECT id, used, bytes FROM entries ORDER BY used, id LIMIT 100)
    DELETE FROM entries WHERE id IN (
        SELECT id FROM (
            SELECT id, sum(bytes) OVER (ORDER BY used, id ROWS UNBOUNDED PRECEDING) - bytes AS before
            FROM oldest
        ) WHERE before < ?
    )"""


class SQLiteCache:
    """The protocol `CacheStore` over a file, or a database in memory, and blobs, which are its own."""

    def __init__(self, file: SQLiteFile | SQLiteMemory, blobs: Blobs) -> None:
        self._file = file
        self._blobs = blobs
        self._recovered = False

    async def get(self, cache: str, key: bytes, *, now: float) -> Cached | None:
        try:
            row = self._file.reader.execute(_GET, (cache, key, now)).fetchone()
        except apsw.Error as error:
            raise self._file.failed(error) from error
        if row is None:
            return None
        id, used, meta, size, body, blob = row
        if now - used >= _USED_SECONDS:
            self._note_use(id, now)
        return Cached(meta, size, body, blob)

    async def open(self, entry: Cached, start: int, stop: int) -> AsyncIterator[bytes] | None:
        assert entry.blob is not None
        return await self._blobs.open([Piece(entry.blob, entry.size)], start, stop)

    async def put(
        self,
        cache: str,
        key: bytes,
        meta: bytes,
        body: AsyncIterator[bytes],
        *,
        expires: float,
        now: float,
        limit: int,
    ) -> None:
        await self._recover()
        head = bytearray()
        writer: BlobWriter | None = None
        try:
            async for chunk in body:
                if writer is None:
                    if len(head) + len(chunk) <= INLINE:
                        head += chunk
                        continue
                    writer = self._blobs.create()
                    await writer.write(bytes(head))
                await writer.write(chunk)
            if writer is not None:
                await writer.finish()
            size = len(head) if writer is None else writer.size
            size_of_all = size + len(meta) + len(key) + len(cache) + _ROW_BYTES
            inline, blob = (bytes(head), None) if writer is None else (None, writer.name)
            row = (cache, key, expires, now, size_of_all, meta, size, inline, blob)

            def work(con: apsw.Connection) -> list[str]:
                con.execute(_DELETE, (cache, key)).fetchall()
                con.execute(_PUT, row)
                con.execute(_EXPIRE, (now, _REMOVED))
                _make_room(con, limit)
                return _dropped(con)

            async def commit() -> list[str]:
                dropped = await self._file.write(work, ops=4, size=len(head) + len(meta))
                if writer is not None:
                    await writer.keep()
                return dropped

            dropped = await settled(commit())
        except BaseException:
            if writer is not None:
                await writer.discard()
            raise
        await self._clean(dropped)

    async def delete(self, cache: str, key: bytes, *, now: float) -> bool:
        def work(con: apsw.Connection) -> tuple[bool, list[str]]:
            expires: Any = con.execute(_DELETE, (cache, key)).get
            return expires is not None and expires > now, _dropped(con)

        there, dropped = await self._file.write(work, ops=1, size=0)
        await self._clean(dropped)
        return there

    async def close(self) -> None:
        await self._file.close()
        await self._blobs.close()

    def _note_use(self, id: int, now: float) -> None:
        def work(con: apsw.Connection) -> None:
            con.execute("UPDATE entries SET used = max(used, ?) WHERE id = ?", (now, id))

        def done(future: asyncio.Future[None]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                logger.warning("the use of a cache entry could not be noted: %s", error)

        with suppress(StorageError):  # closed meanwhile
            self._file.write(work, ops=1, size=0).add_done_callback(done)

    async def _clean(self, dropped: list[str]) -> None:
        """Remove blobs that no entry names. What is left undone here, a later put does."""
        if not dropped:
            return

        def work(con: apsw.Connection) -> None:
            con.executemany("DELETE FROM dropped WHERE blob = ?", [(blob,) for blob in dropped])

        try:
            for blob in dropped:
                await self._blobs.delete([blob])
            await self._file.write(work, ops=len(dropped), size=0)
        except StorageError as error:
            logger.warning("bodies that no cache has any more cannot be removed now: %s", error)

    async def _recover(self) -> None:
        if self._recovered:
            return

        async def kept(name: str) -> bool:
            return await self._file.read(_named(name))

        await self._blobs.recover(kept)
        self._recovered = True


def _make_room(con: apsw.Connection, limit: int) -> None:
    while (excess := con.execute("SELECT bytes FROM total").get - limit) > 0:
        con.execute(_EVICT, (excess,))
        if not con.changes():
            return


def _dropped(con: apsw.Connection) -> list[str]:
    rows: Any = con.execute("SELECT blob FROM dropped LIMIT ?", (_REMOVED,))
    return [blob for (blob,) in rows]


def _named(name: str) -> Callable[[apsw.Connection], bool]:
    def work(con: apsw.Connection) -> bool:
        return con.execute("SELECT 1 FROM entries WHERE blob = ?", (name,)).get is not None

    return work
