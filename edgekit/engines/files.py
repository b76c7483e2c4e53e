"""Blobs as files of one folder, for any number of processes on one machine.

    incoming/NAME   being written, or just written; whoever writes it holds a lock on it
    ab/NAME         for good; `ab` are the first letters of its name

- **Crashes.** A file moves from the first place to the second after its record was committed, and a
  reader looks in both. So whatever a dead process has left unfinished lies in `incoming`, without a
  lock, and `recover` need not look elsewhere.
- **Readers.** An open file outlives its name: a reader opens it, and nothing that happens to the blob
  matters any more. Of a run of several blobs it opens one after the other, and holds a shared lock on
  the first one of the run meanwhile; `delete` takes that lock first.
- **Speed.** Bytes are written and hashed in threads, a batch at a time, while the next one arrives; read
  in threads, too, but for what is small: opening and reading that takes a few microseconds, and a
  thread and back a hundred.

Without flock (Windows), files that are open cannot be removed or moved, which protects them as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from edgekit.engines.base import CHUNK
from edgekit.engines.blobs import Piece, settled
from edgekit.errors import ConfigError, StorageError

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")

_LAYOUT = "edgekit blobs 1\n"  # what the file `layout` says; another text is another, later layout
_THREADS = 16  # mostly waiting for disks
_BATCH = 1024 * 1024  # bytes that are written, and hashed, at a time
_READ = 256 * 1024  # bytes that are read at a time; a reader holds twice that
_RECOVERED = 100  # files that `recover` has open at the same time
_BINARY = getattr(os, "O_BINARY", 0)


class FileBlobs:
    """The protocol `Blobs` over the folder `root`, which is created where there is none.

    With `durable`, a blob is on the disk when `finish` returns, otherwise in the system's cache.
    Raises ConfigError when the folder cannot be made, or was written by a newer edgekit.
    """

    def __init__(self, root: Path, *, durable: bool) -> None:
        # Texts: an object of pathlib takes longer to make than a small file to be read.
        self._root = str(root)
        self._incoming = str(root / "incoming")
        self._durable = durable
        self._folders: set[str] = set()  # those that are known to be there
        self._closed = False
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
            root.mkdir(mode=0o700, exist_ok=True)
            (root / "incoming").mkdir(mode=0o700, exist_ok=True)
            layout = root / "layout"
            if not layout.exists():
                layout.write_text(_LAYOUT)
            if layout.read_text() not in ("", _LAYOUT):  # empty: just being written by another one
                raise ConfigError(f"{root} was written by a newer edgekit: upgrade edgekit-asgi")
        except OSError as error:
            raise ConfigError(
                f"EDGEKIT_BLOBS: {root} cannot be a folder of blobs: {error.filename}: {error.strerror}"
            ) from error
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="edgekit-blobs")

    def create(self, *digests: str) -> FileBlobWriter:
        self._check_open()
        return FileBlobWriter(self, digests)

    async def open(self, pieces: Sequence[Piece], start: int, stop: int) -> FileBlobReader | None:
        self._check_open()
        parts: list[_Part] = []
        for name, size in pieces:
            first, last = max(start, 0), min(stop, size)
            if first < last:
                parts.append(_Part(name, first, last))
            start -= size
            stop -= size
        reader = FileBlobReader(self, parts)
        if len(parts) > 1:
            there = await self.run(reader.begin, pieces[0].name)
        else:
            try:
                there = reader.begin(None)
            except OSError as error:
                raise self.failed(error) from error
        return reader if there else None

    async def delete(self, names: Sequence[str]) -> bool:
        return await self.run(self._delete, names)

    async def recover(self, kept: Callable[[str], Awaitable[bool]]) -> None:
        while True:
            abandoned = await self.run(self._find_abandoned)
            for each in abandoned:
                keep = await kept(each.name)
                await self.run(self.settle if keep else self.remove, each.name)
            if len(abandoned) < _RECOVERED:
                return

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._threads.shutdown)

    # What writers and readers do here, too. `run` excepted, in a thread. ----------------------------

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """What `work` returns, run in a thread to its end even when the caller is cancelled."""
        try:
            return await settled(self.submit(work, *args))
        except OSError as error:
            raise self.failed(error) from error

    def submit(self, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        self._check_open()
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def failed(self, error: OSError) -> StorageError:
        return StorageError(f"{error.filename or self._root}: {error.strerror or error}")

    def begin(self, name: str) -> int:
        """A new file in `incoming`, locked."""
        path = f"{self._incoming}/{name}"
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
            if _lock(file, shared=False) and os.fstat(file).st_nlink:
                return file
            os.close(file)  # somebody who recovers found it before it was locked

    def sync(self, file: int) -> None:
        """Let a new file be on the disk, its name included, where the engine is durable."""
        if not self._durable:
            return
        if sys.platform == "darwin":
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
        else:
            os.fsync(file)
        if sys.platform != "win32":
            folder = os.open(self._incoming, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def settle(self, name: str) -> None:
        """Move a file to where it is for good, if it is still there."""
        place = self._place(name)
        if name[:2] not in self._folders:
            os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
            self._folders.add(name[:2])
        with suppress(FileNotFoundError):
            os.rename(f"{self._incoming}/{name}", place)

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        # In this order: it may just be moved from the first place to the second.
        for path in (f"{self._incoming}/{name}", self._place(name)):
            with suppress(FileNotFoundError):
                os.unlink(path)

    def find(self, name: str) -> int | None:
        """A file opened to be read; None where it is gone."""
        # It may move while it is looked for, and then it is in the last place.
        place = self._place(name)
        for path in (place, f"{self._incoming}/{name}", place):
            try:
                return os.open(path, os.O_RDONLY | _BINARY)
            except FileNotFoundError:
                continue
        return None

    # ------------------------------------------------------------------------------------------------

    def _place(self, name: str) -> str:
        if not name.isalnum():
            raise StorageError(f"{self._root}: {name!r} is not the name of a blob")
        return f"{self._root}/{name[:2]}/{name}"

    def _delete(self, names: Sequence[str]) -> bool:
        first = self.find(names[0]) if len(names) > 1 else None
        try:
            if first is not None and not _lock(first, shared=False, wait=False):
                return False
            for name in reversed(names):  # the first one, which says whether it was done, last
                self.remove(name)
        except PermissionError:  # Windows: somebody has it open
            if sys.platform == "win32":
                return False
            raise
        finally:
            if first is not None:
                os.close(first)
        return True

    def _find_abandoned(self) -> list[_Locked]:
        """Files in `incoming` that nobody is writing, opened and locked."""
        found: list[_Locked] = []
        with os.scandir(self._incoming) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    file = _Locked(entry.name, os.open(entry.path, os.O_RDWR | _BINARY))
                    if _lock(file.file, shared=False, wait=False) and os.fstat(file.file).st_nlink:
                        found.append(file)
                        if len(found) == _RECOVERED:
                            break
        return found

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self._root}: the store is closed")


class _Locked:
    """An open file; whoever forgets it, also by being cancelled, closes it, and so lets go of its lock."""

    def __init__(self, name: str, file: int) -> None:
        self.name = name
        self.file = file

    def __del__(self) -> None:
        os.close(self.file)


class FileBlobWriter:
    """The protocol `BlobWriter`: at most two batches of bytes are held, and hashed in parallel."""

    def __init__(self, engine: FileBlobs, digests: Sequence[str]) -> None:
        self.name = secrets.token_hex(16)
        self.size = 0
        self._engine = engine
        self._hashes = {digest: hashlib.new(digest, usedforsecurity=False) for digest in digests}
        self._file = -1
        self._batch: list[bytes] = []
        self._length = 0  # of the batch
        self._jobs: list[asyncio.Future[None]] = []  # what is done with the batch before
        self._named = False  # by a record

    async def write(self, data: bytes) -> None:
        self._batch.append(data)
        self._length += len(data)
        self.size += len(data)
        if self._length >= _BATCH:
            await self._check_jobs()
            batch, self._batch, self._length = self._batch, [], 0
            submit = self._engine.submit
            self._jobs.append(submit(self._write, batch))
            self._jobs += [submit(_update, each, batch) for each in self._hashes.values()]

    async def finish(self) -> dict[str, bytes]:
        await self._check_jobs()
        batch, self._batch = self._batch, []
        await self._engine.run(self._finish, batch)
        return {name: digest.digest() for name, digest in self._hashes.items()}

    async def keep(self) -> None:
        self._named = True  # should it fail: `recover` tries again
        await self._engine.run(self._keep)

    async def discard(self) -> None:
        if self._named or (self._file < 0 and not self._jobs):
            return
        await settled(self._give_up())

    async def _give_up(self) -> None:
        await self._jobs_done()
        await self._engine.run(self._discard)

    async def _jobs_done(self) -> list[BaseException]:
        """What went wrong with the batch before."""
        if not self._jobs:
            return []
        await asyncio.wait(self._jobs)
        jobs, self._jobs = self._jobs, []
        return [error for job in jobs if (error := job.exception()) is not None]

    async def _check_jobs(self) -> None:
        for error in await self._jobs_done():
            if isinstance(error, OSError):
                raise self._engine.failed(error) from error
            raise error

    def _write(self, batch: list[bytes]) -> None:
        if self._file < 0:
            self._file = self._engine.begin(self.name)
        for data in batch:
            with memoryview(data) as rest:
                done = 0
                while done < len(rest):
                    done += os.write(self._file, rest[done:])

    def _finish(self, batch: list[bytes]) -> None:
        self._write(batch)
        for digest in self._hashes.values():
            _update(digest, batch)
        self._engine.sync(self._file)

    def _keep(self) -> None:
        if sys.platform == "win32":  # where what is open cannot be moved
            self._close()
        self._engine.settle(self.name)
        self._close()

    def _discard(self) -> None:
        if self._file >= 0:
            if sys.platform == "win32":
                self._close()
            self._engine.remove(self.name)
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def __del__(self) -> None:
        self._close()  # a later sweep finds the file


class _Part(NamedTuple):
    """Bytes `start` up to `stop` of a blob."""

    name: str
    start: int
    stop: int


class FileBlobReader:
    """The protocol `BlobReader`; `begin` comes first."""

    def __init__(self, engine: FileBlobs, parts: list[_Part]) -> None:
        self._engine = engine
        self._parts = parts  # the first one is open
        self._file = -1
        self._lock = -1
        self._small: bytes | None = None  # all there is to read, read
        self._job: asyncio.Future[bytes] | None = None

    def begin(self, first_of_run: str | None) -> bool:
        """Take hold of the bytes; False when they are gone. With a name, waits for a lock on it."""
        if not self._parts:
            return True
        if first_of_run is not None:
            lock = self._engine.find(first_of_run)
            if lock is None:
                return False
            self._lock = lock
            if not (_lock(lock, shared=True) and os.fstat(lock).st_nlink):
                return False
        if not self._open_part():
            return False
        part = self._parts[0]
        if len(self._parts) == 1 and part.stop - part.start <= CHUNK:
            self._small = self._read()
        return True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if (small := self._small) is not None:
            self._small = None
            return small
        if self._job is None:
            if not self._parts:
                raise StopAsyncIteration
            self._job = self._engine.submit(self._read)
        try:
            await asyncio.wait([self._job])
            data = self._job.result()
        except OSError as error:
            raise self._engine.failed(error) from error
        # The next ones are read while these are sent.
        self._job = self._engine.submit(self._read) if self._parts else None
        return data

    async def aclose(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            await settled(asyncio.wait([job]))  # or it would read from a file that is closed
            job.exception()  # looked at, or it would be reported as never retrieved
        self._small = None
        self._parts = []
        self._close()

    def _open_part(self) -> bool:
        part = self._parts[0]
        file = self._engine.find(part.name)
        if file is None:
            return False
        self._file = file
        if part.start:
            os.lseek(file, part.start, os.SEEK_SET)
        return True

    def _read(self) -> bytes:
        """The next bytes; what has been read to its end is closed."""
        if self._file < 0 and not self._open_part():
            raise StorageError(f"the blob {self._parts[0].name} is missing from the store")
        name, start, stop = self._parts[0]
        data = os.read(self._file, min(stop - start, _READ))
        if not data:
            raise StorageError(f"the blob {name} in the store has been cut short")
        start += len(data)
        if start < stop:
            self._parts[0] = _Part(name, start, stop)
        else:
            del self._parts[0]
            file, self._file = self._file, -1
            os.close(file)
            if not self._parts:
                self._close()
        return data

    def _close(self) -> None:
        for file in (self._file, self._lock):
            if file >= 0:
                os.close(file)
        self._file = self._lock = -1

    def __del__(self) -> None:
        self._close()


def _update(digest: Any, batch: list[bytes]) -> None:
    for data in batch:
        digest.update(data)


def _lock(file: int, *, shared: bool, wait: bool = True) -> bool:
    """Take a lock that lasts until the file is closed; False when it is somebody else's."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(
            file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        )
    except BlockingIOError:
        return False
    return True
