"""Turns the store's URL into a `Store`: the one place that knows which engines there are.

It decides nothing about the location: where a relative path starts, and what the URL is when
nobody gave one, is config.py's business.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.engines.analytics import Analytics
from edgekit.engines.base import Leases, Records
from edgekit.engines.blobs import Blobs, sweep
from edgekit.engines.caches import CacheStore
from edgekit.engines.counters import Counters
from edgekit.engines.later import Later
from edgekit.engines.leases import MemoryLeases
from edgekit.engines.memory import MemoryRecords
from edgekit.engines.memory_blobs import MemoryBlobs
from edgekit.engines.queues import Queues
from edgekit.engines.sql import SqlDatabases
from edgekit.engines.vectors import Vectors
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.engines.sqlite_file import SQLiteFile

_DATABASE = "records.sqlite3"
_ANALYTICS = "analytics.sqlite3"
_VECTORS = "vectors.sqlite3"
_SQL = "d1"
_CACHE = "cache.sqlite3"
_CACHE_BLOBS = "cache"
_COUNTERS = "counters-1"
_BLOBS = "blobs"


def _open_analytics(folder: Path | None = None) -> Analytics:
    from edgekit.engines import sqlite_analytics
    from edgekit.engines.sqlite_file import SQLiteFile
    from edgekit.engines.sqlite_memory import SQLiteMemory

    schema = sqlite_analytics.MIGRATIONS
    if folder is None:
        return sqlite_analytics.SQLiteAnalytics(SQLiteMemory(schema))
    # Never waits for the disk: points are written behind the answer, and some may be lost anyway.
    file = SQLiteFile(folder / _ANALYTICS, durable=False, migrations=schema)
    return sqlite_analytics.SQLiteAnalytics(file)


def _open_vectors(folder: Path | None = None, durable: bool = False) -> Vectors:
    try:
        from edgekit.engines import sqlite_vectors
    except ImportError as error:
        raise ConfigError(
            f"vectorize needs the package {error.name}: pip install 'edgekit-asgi[vectorize]'"
        ) from error
    from edgekit.engines.sqlite_file import SQLiteFile
    from edgekit.engines.sqlite_memory import SQLiteMemory

    schema = sqlite_vectors.MIGRATIONS
    if folder is None:
        return sqlite_vectors.SQLiteVectors(SQLiteMemory(schema))
    file = SQLiteFile(folder / _VECTORS, durable=durable, migrations=schema)
    return sqlite_vectors.SQLiteVectors(file)


def _open_sql(folder: Path | None = None, durable: bool = False) -> SqlDatabases:
    from edgekit.engines.sqlite_sql import SQLiteDatabases

    return SQLiteDatabases(folder and folder / _SQL, durable=durable)


def _open_queues(file: SQLiteFile | None = None) -> Queues:
    from edgekit.engines.sqlite_file import QUEUES
    from edgekit.engines.sqlite_memory import SQLiteMemory
    from edgekit.engines.sqlite_queues import SQLiteQueues

    return SQLiteQueues(file or SQLiteMemory((QUEUES,)))


def _open_cache(folder: Path | None = None) -> CacheStore:
    from edgekit.engines import sqlite_cache
    from edgekit.engines.files import FileBlobs
    from edgekit.engines.memory_blobs import MemoryBlobs
    from edgekit.engines.sqlite_file import SQLiteFile
    from edgekit.engines.sqlite_memory import SQLiteMemory

    schema = sqlite_cache.MIGRATIONS
    if folder is None:
        return sqlite_cache.SQLiteCache(SQLiteMemory(schema), MemoryBlobs())
    return sqlite_cache.SQLiteCache(
        SQLiteFile(folder / _CACHE, durable=False, migrations=schema),
        FileBlobs(folder / _CACHE_BLOBS, durable=False),
    )


def _open_counters(folder: Path | None = None) -> Counters:
    from edgekit.engines.mapped_counters import MappedCounters

    return MappedCounters(folder and folder / _COUNTERS)


@dataclass(frozen=True, slots=True)
class Store:
    """The engines of one deployment, opened."""

    records: Records
    leases: Leases
    blobs: Later[Blobs] = field(default_factory=lambda: Later(MemoryBlobs))
    queues: Later[Queues] = field(default_factory=lambda: Later(_open_queues))
    sql: Later[SqlDatabases] = field(default_factory=lambda: Later(_open_sql))
    analytics: Later[Analytics] = field(default_factory=lambda: Later(_open_analytics))
    vectors: Later[Vectors] = field(default_factory=lambda: Later(_open_vectors))
    caches: Later[CacheStore] = field(default_factory=lambda: Later(_open_cache))
    counters: Later[Counters] = field(default_factory=lambda: Later(_open_counters))

    async def sweep(self, *, now: float) -> None:
        """Remove what has expired, and the bytes that no record names."""
        while await self.records.sweep(now=now) >= 1000:
            pass
        if self.queues.opened is not None:
            await self.queues.opened.sweep(now=now)
        if self.analytics.opened is not None:
            await self.analytics.opened.sweep(now=now)
        await self.sweep_blobs(now=now)

    async def sweep_blobs(self, *, now: float) -> None:
        """Remove the bytes that no record names, such as those that a process which died has left."""
        if self.blobs.opened is not None:
            await sweep(self.records, self.blobs.opened, now=now)

    async def close(self) -> None:
        """Finish the writes under way and release files and threads; all, whichever of them fail."""
        async with AsyncExitStack() as steps:  # from the last to the first
            steps.push_async_callback(self.records.close)
            steps.push_async_callback(self.queues.close)  # which use the records' file
            for engine in (self.counters, self.caches, self.vectors, self.analytics, self.sql):
                steps.push_async_callback(engine.close)
            steps.push_async_callback(self.blobs.close)


def open_store(store_url: str, blobs_url: str | None = None, *, durable: bool) -> Store:
    """The store at `store_url`, created where there is none; its large bytes at `blobs_url`.

    `sqlite:PATH`: the directory PATH, made readable by its owner alone, with the database in it.
    With `durable` a write is acknowledged when it survives a loss of power, otherwise when it
    survives the death of the process. `memory:`: a new, empty store with every call.
    `file:PATH`: another directory for the blobs, of this store alone; by default one within the store's.
    Raises ConfigError, naming the URL or the path, when the store cannot be opened.
    """
    scheme, _, rest = store_url.partition(":")
    if store_url == "memory:":
        records = MemoryRecords()
        return Store(
            records=records,
            leases=MemoryLeases(records),
            blobs=Later(partial(_open_blobs, blobs_url, None, durable)),
        )
    if scheme == "sqlite" and rest:
        return _open_sqlite(Path(rest), blobs_url, durable=durable)
    # The scheme alone: the rest of such a URL may hold a password.
    raise ConfigError(
        f"EDGEKIT_STORE: there is no store of the kind {scheme + ':'!r} here;"
        " what there is: sqlite:PATH, memory:"
    )


def _open_blobs(url: str | None, folder: Path | None, durable: bool) -> Blobs:
    scheme, _, rest = (url or "").partition(":")
    if scheme == "file" and rest:
        folder = Path(rest)
    elif url:
        raise ConfigError(
            f"EDGEKIT_BLOBS: there are no blobs of the kind {scheme + ':'!r} here; what there is: file:PATH"
        )
    if folder is None:
        return MemoryBlobs()
    from edgekit.engines.files import FileBlobs

    return FileBlobs(folder, durable=durable)


def _open_sqlite(folder: Path, blobs_url: str | None, *, durable: bool) -> Store:
    # These bring apsw, which memory: does without.
    from edgekit.engines.sqlite import SQLiteRecords
    from edgekit.engines.sqlite_file import SQLiteFile
    from edgekit.engines.sqlite_leases import SQLiteLeases

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"EDGEKIT_STORE: {folder} cannot be made a directory: {error.filename}: {error.strerror}"
        ) from error
    file = SQLiteFile(folder / _DATABASE, durable=durable)
    return Store(
        records=SQLiteRecords(file),
        leases=SQLiteLeases(file),
        blobs=Later(partial(_open_blobs, blobs_url, folder / _BLOBS, durable)),
        queues=Later(partial(_open_queues, file)),
        sql=Later(partial(_open_sql, folder, durable)),
        analytics=Later(partial(_open_analytics, folder)),
        vectors=Later(partial(_open_vectors, folder, durable)),
        caches=Later(partial(_open_cache, folder)),
        counters=Later(partial(_open_counters, folder)),
    )
