"""The one thread that writes to an SQLite file: group commit, and turns among processes.

It knows nothing of what is written: a write is a function of a connection, run within a
transaction. All engines that keep their data in one SQLite file of one process share one writer.

- **Group commit.** What has queued up while the previous commit was made becomes one transaction,
  so that fifty callers wait for one fsync. When a group fails, each of its writes is tried alone,
  and only those at fault see the error. (Savepoints around each would cost every write, and do not
  help where SQLite rolls back by itself: full disk, I/O error.)
- **Processes.** SQLite lets writers poll for its lock, and one that just had it mostly gets it
  again: four writing processes kept each other waiting for seconds. `Turn` lets them take turns.
- **The WAL** is written back by whichever writer finds it long, after its callers have their answer
  but within its turn: outside of it others append meanwhile, and the WAL, never written back to its
  end, never starts anew (it grew to 134 MB in four seconds).
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import apsw

from edgekit.errors import FencedOut, StorageError

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")

_log = logging.getLogger(__name__)

_GROUP_OPS = 128  # a group is closed at this many operations ...
_GROUP_BYTES = 512 * 1024  # ... or bytes, which keeps a commit below 10 ms
_CHECKPOINT_PAGES = 1000  # 4 MiB of WAL, as SQLite's own default


class Turn:
    """A lock among the writers of one file, in all processes, that each gets in its turn.

    Two locked files make a turnstile: who comes next holds `next` while waiting for `turn`, and
    lets go of it once it has both. With one lock, who has just let go mostly takes it again (the
    longest wait of four processes: 570 ms, against 9). Where there is no flock (Windows) it does
    nothing: SQLite's own lock is left, which is correct but not fair.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT
        self._next = os.open(f"{path}-next", flags, 0o600)
        try:
            self._turn = os.open(f"{path}-turn", flags, 0o600)
        except OSError:
            os.close(self._next)
            raise

    def __enter__(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._next, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._turn, fcntl.LOCK_EX)
            finally:
                fcntl.flock(self._next, fcntl.LOCK_UN)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._next)
        os.close(self._turn)


class _Write(NamedTuple):
    """What a caller waits for: work to be done in a transaction, and how much it is."""

    work: Callable[[apsw.Connection], Any]
    ops: int
    size: int
    future: asyncio.Future[Any]


class SQLiteWriter:
    """Owns `con`, the connection to `path` that is written with, and `turn`, until it is closed."""

    def __init__(self, con: apsw.Connection, turn: Turn, path: Path) -> None:
        self._con = con
        self._turn = turn
        self._path = path
        con.set_wal_hook(self._note_wal)  # in place of SQLite's own checkpoints
        self._wal_pages = 0
        self._checkpoint_at = _CHECKPOINT_PAGES
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        # A daemon: a program that forgot to close its store still ends.
        self._thread = threading.Thread(target=self._run, name="edgekit-write", daemon=True)
        self._thread.start()

    def write(
        self, work: Callable[[apsw.Connection], T], *, ops: int, size: int
    ) -> asyncio.Future[T]:
        """What `work` returns, once the transaction that it took part in is committed.

        `work` may run twice (see above), raises FencedOut only before it has written anything, and
        must not be called after `close`. `ops` and `size` (bytes) tell how much it is.
        Errors of SQLite and of the system arrive as StorageError, all others as they are.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(work, ops, size, future))
        return future

    def close(self) -> None:
        """Make all writes that are queued, then close the connection. Blocks; not on the loop."""
        self._queue.put(None)
        self._thread.join()
        with self._turn:  # the last process out writes the WAL back and removes it
            self._con.close()
        self._turn.close()

    def _run(self) -> None:
        for group in self._groups():
            _deliver(group, self._commit(group))
            group.clear()  # or a large value would stay in memory until the next write
            self._checkpoint()

    def _groups(self) -> Iterator[list[_Write]]:
        """All writes in order, in groups of those that wait at the same time, until `close`."""
        write = self._queue.get()
        while write is not None:
            group, ops, size, empty = [write], write.ops, write.size, False
            try:
                while (write := self._queue.get_nowait()) is not None:
                    ops += write.ops
                    size += write.size
                    if ops > _GROUP_OPS or size > _GROUP_BYTES:
                        break
                    group.append(write)
            except queue.Empty:
                write, empty = None, True
            yield group
            if empty:
                write = self._queue.get()

    def _commit(self, group: Sequence[_Write]) -> list[Any]:
        """Make a group of writes: what each of them returned or, as a value, raised."""
        try:
            return self._transact(group)
        except Exception as error:
            # Busy: somebody else holds the file, and has while SQLite waited for it.
            if len(group) == 1 or isinstance(error, apsw.BusyError):
                return [self._outcome(error) for _ in group]
        return [outcome for write in group for outcome in self._commit((write,))]

    def _transact(self, group: Sequence[_Write]) -> list[Any]:
        con = self._con
        with self._turn:
            con.execute("BEGIN IMMEDIATE")
            try:
                outcomes: list[Any] = []
                for write in group:
                    try:
                        outcomes.append(write.work(con))
                    except FencedOut as error:
                        outcomes.append(error)
                con.execute("COMMIT")
            except BaseException:
                if con.in_transaction:  # SQLite may have rolled it back already
                    con.execute("ROLLBACK")
                raise
            return outcomes

    def _outcome(self, error: Exception) -> Exception:
        if not isinstance(error, apsw.Error | OSError):
            return error
        outcome = StorageError(f"{self._path}: {error}")
        outcome.__cause__ = error
        return outcome

    def _note_wal(self, con: apsw.Connection, name: str, pages: int) -> int:
        if pages < self._wal_pages:  # it has started anew
            self._checkpoint_at = _CHECKPOINT_PAGES
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        if self._wal_pages < self._checkpoint_at:
            return
        # A reader may keep the WAL from starting anew: then not again with every commit.
        self._checkpoint_at = self._wal_pages + _CHECKPOINT_PAGES
        try:
            with self._turn:
                self._con.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.Error, OSError) as error:  # nothing is lost: it is in the WAL
            _log.warning("%s: the WAL cannot be written back now: %s", self._path, error)


def _deliver(group: Sequence[_Write], outcomes: Sequence[Any]) -> None:
    """Hand the outcomes to those who wait: one wake-up of a loop, not one for each caller."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for write, outcome in zip(group, outcomes, strict=True):
        loops.setdefault(write.future.get_loop(), []).append((write.future, outcome))
    for loop, settled in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in settled:
        if future.done():  # its caller was cancelled
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
