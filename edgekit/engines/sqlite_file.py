"""One SQLite file of a store: its schema, the connections that read it, the thread that writes it.

Engines that keep their data in one file (records, queues, leases) share one `SQLiteFile`, and so one
writer and one commit. It knows nothing of what they keep but the schema, which is one, so that its
version is one. Through apsw, for any number of processes on one machine; not for a network file
system (SQLite's WAL needs shared memory), and not to be carried across a fork: open it in the process
that uses it, and use it from one event loop at a time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

import apsw

from edgekit.engines.sqlite_writer import SQLiteWriter, Turn
from edgekit.errors import ConfigError, StorageError

T = TypeVar("T")

_APPLICATION_ID = 0x65646765  # "edge": tells our files from other people's SQLite files
_READERS = 4
_BUSY_MS = 5000  # for what takes no turns: a backup, somebody's sqlite3 shell

QUEUES = """
    CREATE TABLE queues (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created REAL NOT NULL,
        paused INTEGER NOT NULL DEFAULT 0, delay REAL NOT NULL DEFAULT 0, retention REAL NOT NULL,
        count INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY, queue INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL,
        sent REAL NOT NULL, arrived REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL,
        batch INTEGER, size INTEGER NOT NULL, body BLOB
    ) STRICT;
    CREATE INDEX messages_due ON messages (queue, due);
    CREATE INDEX messages_arrived ON messages (queue, arrived);
    CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, holder INTEGER NOT NULL,
        until REAL NOT NULL
    ) STRICT;
    CREATE TRIGGER messages_sent AFTER INSERT ON messages BEGIN
        UPDATE queues SET count = count + 1, size = size + new.size WHERE id = new.queue;
    END;
    CREATE TRIGGER messages_moved AFTER UPDATE OF queue ON messages BEGIN
        UPDATE queues SET count = count - 1, size = size - old.size WHERE id = old.queue;
        UPDATE queues SET count = count + 1, size = size + new.size WHERE id = new.queue;
    END;
    CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN
        UPDATE queues SET count = count - 1, size = size - old.size WHERE id = old.queue;
        DELETE FROM bodies WHERE old.body IS NULL AND number = old.number;
    END;
    """

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
    QUEUES,
)


class SQLiteFile:
    """The SQLite file at `path`, which is created where there is none.

    With `durable` a write is acknowledged when it survives a loss of power (`synchronous=FULL`),
    otherwise when it survives the death of the process (`NORMAL`). `reader` is for point reads on
    the event loop: a few microseconds, where a hop to a thread and back costs about a hundred.
    `migrations` is the schema of a file of its own, for what grows by itself and would be in the way.
    `configure` gets each connection before it is used, and whether it is the one that writes.
    Raises ConfigError, naming the path, when the file cannot be opened, is damaged, is not
    edgekit's, or was written by a newer edgekit.
    """

    def __init__(
        self,
        path: Path,
        *,
        durable: bool,
        migrations: Sequence[str] | None = None,
        configure: Callable[[apsw.Connection, bool], None] = lambda con, writes: None,
    ) -> None:
        self.path = path
        self._configure = configure
        self._closed = False
        try:
            with ExitStack() as undo:
                turn = Turn(path)
                undo.callback(turn.close)
                with turn:  # of several processes that start together, one creates the schema
                    con = _connect(path)
                    undo.callback(con.close)
                    _prepare(con, path, _MIGRATIONS if migrations is None else migrations)
                    con.pragma("synchronous", "FULL" if durable else "NORMAL")
                    con.pragma("fullfsync", durable)  # macOS: an fsync that reaches the disk
                    configure(con, True)
                    self.reader = self._connect_reader()
                undo.pop_all()
        except (apsw.Error, OSError) as error:
            raise ConfigError(f"The store {path} cannot be opened: {error}") from error
        self._writer = SQLiteWriter(con, turn, path)
        self._idle_readers: list[apsw.Connection] = []
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="edgekit-read")

    def write(
        self, work: Callable[[apsw.Connection], T], *, ops: int, size: int
    ) -> asyncio.Future[T]:
        """See SQLiteWriter.write; StorageError after `close`."""
        self._check_open()
        return self._writer.write(work, ops=ops, size=size)

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """What `work` returns, run in a thread on a connection of its own: for what takes longer."""

        def run() -> T:
            try:
                con = self._idle_readers.pop()
            except IndexError:
                con = self._connect_reader()
            try:
                return work(con)
            finally:
                self._idle_readers.append(con)

        self._check_open()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except apsw.Error as error:
            raise StorageError(f"{self.path}: {error}") from error

    def _connect_reader(self) -> apsw.Connection:
        con = _connect(self.path)
        self._configure(con, False)
        return con

    def failed(self, error: apsw.Error) -> StorageError:
        """What to raise when a read on `reader` raised `error`."""
        return StorageError(f"{self.path}: {'the store is closed' if self._closed else error}")

    async def close(self) -> None:
        """Finish the writes under way, then release files and threads. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self.reader.close()
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._threads.shutdown()
        for con in self._idle_readers:
            con.close()
        self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self.path}: the store is closed")


def _connect(path: Path) -> apsw.Connection:
    with suppress(OSError):  # what cannot be made here cannot be opened below, which says why
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # or it could be read by others
    con = apsw.Connection(str(path))
    con.set_busy_timeout(_BUSY_MS)
    con.pragma("cache_size", -8000)  # KiB
    con.pragma("journal_size_limit", 16 * 1024 * 1024)
    return con


def _prepare(con: apsw.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Check that the file is ours, and bring its schema up to date."""
    if con.readonly("main"):
        raise ConfigError(f"{path} cannot be written by this user")
    version = con.pragma("user_version")
    if con.pragma("application_id") != _APPLICATION_ID:
        if version or con.execute("SELECT 1 FROM sqlite_schema").get is not None:
            raise ConfigError(f"{path} is an SQLite file of some other program, not a store")
    elif version > len(migrations):
        raise ConfigError(
            f"{path} was written by a newer edgekit (schema {version}, this one knows"
            f" {len(migrations)}): upgrade edgekit-asgi"
        )
    con.pragma("journal_mode", "wal")
    if version < len(migrations):
        con.execute("BEGIN IMMEDIATE")
        # Asked again: where there is no flock, another process may have been faster.
        for script in migrations[con.pragma("user_version") :]:
            con.execute(script)
        con.pragma("application_id", _APPLICATION_ID)
        con.pragma("user_version", len(migrations))
        con.execute("COMMIT")
