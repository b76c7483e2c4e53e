"""What `SQLiteFile` is for a store on disk, for one in memory: one connection, and a lock around it.

For engines whose work is SQL anyway, so that they need no second implementation. What is in it is
gone when it is closed. Unlike the other engines in memory it needs apsw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeVar

import apsw

from edgekit.errors import StorageError

T = TypeVar("T")


class SQLiteMemory:
    """An empty database with the schema that `migrations` make; its methods are SQLiteFile's."""

    def __init__(self, migrations: Sequence[str]) -> None:
        self._con = apsw.Connection(":memory:")
        # For point reads on the event loop, as SQLiteFile's; not beside `read`, which uses a thread.
        self.reader = self._con
        self._lock = Lock()
        self._closed = False
        for script in migrations:
            self._con.execute(script)

    def write(
        self, work: Callable[[apsw.Connection], T], *, ops: int, size: int
    ) -> asyncio.Future[T]:
        """See SQLiteWriter.write. It is done when this returns, but on the loop's next turn known."""
        self._check_open()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            with self._lock, self._con:
                future.set_result(work(self._con))
        except apsw.Error as error:
            future.set_exception(_failed(error))
        except Exception as error:
            future.set_exception(error)
        return future

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """What `work` returns, run in a thread."""

        def run() -> T:
            with self._lock:
                return work(self._con)

        self._check_open()
        try:
            return await asyncio.to_thread(run)
        except apsw.Error as error:
            raise _failed(error) from error

    async def close(self) -> None:
        """Closing twice is fine."""
        self._closed = True
        self._con.close()

    def failed(self, error: apsw.Error) -> StorageError:
        """What to raise when a read on `reader` raised `error`."""
        return StorageError(f"memory: {'the store is closed' if self._closed else error}")

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("memory: the store is closed")


def _failed(error: apsw.Error) -> StorageError:
    failure = StorageError(f"memory: {error}")
    failure.__cause__ = error
    return failure
