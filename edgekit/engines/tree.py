"""A folder of files as it lies there, read only: what static assets are served from.

Not a store: nothing is written, and nothing here knows URLs. Only what a scan has found can be
opened, by the name it was found under, so no spelling of a name leads out of the folder. Links are
followed as long as they stay inside it. What a file is when it is opened may differ from what the
scan saw: it may have been replaced (a new one is served, under a tag of its own), have gone or
become something else (it counts as gone), or change while it is read (StorageError, so that nobody
takes a mixture of two versions for one).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from edgekit.errors import StorageError

SMALL = 64 * 1024  # bytes of a file up to which it is read on the event loop, in one piece
PIECE = 256 * 1024  # bytes that are read at a time, in a thread, of a larger one

# A file system's clock ticks every few milliseconds, so that a second change may leave no trace in
# the times. What was changed as recently as this is looked at again (seconds).
_UNSETTLED = 2.0

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # or a pipe in a file's place would keep us waiting
)

Stamp = tuple[int, int, int]  # time of change in ns, size, inode


class Tree:
    """The files below `root`: `files` by name, such as "/css/site.css".

    `ignored(name)` says what is left out; a folder's name ends with a slash. More than `most` files
    raise `too_many(number)`, one of more than `largest` bytes `too_large(path, size)`. `notes` tell
    what was passed over. `now` is the time in seconds. What `before` knew of files that are still
    there is kept. OSError when a folder cannot be read.
    """

    def __init__(
        self,
        root: Path,
        ignored: Callable[[str], bool],
        *,
        now: float,
        most: int,
        largest: int,
        too_many: Callable[[int], Exception],
        too_large: Callable[[str, int], Exception],
        before: Tree | None = None,
    ) -> None:
        known = before.files if before is not None else {}
        self.files: dict[str, File] = {}
        self.notes: list[str] = []
        self._folders: dict[str, int | None] = {}  # when each was changed; None: look again
        top = os.path.realpath(root)
        inside = os.path.join(top, "")
        pending = [(top, "/", frozenset([top]))]
        while pending:
            folder, prefix, above = pending.pop()
            try:
                changed = os.stat(folder).st_mtime_ns
                with os.scandir(folder) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except FileNotFoundError:
                if folder == top:
                    raise
                continue  # it went while we looked
            self._folders[folder] = changed if _settled(changed, now) else None
            for entry in found:
                name = prefix + entry.name
                path = entry.path
                if not _has_utf8(name):
                    self.notes.append(f"{path!r} has a name that is no UTF-8: it is not served")
                    continue
                if entry.is_symlink():
                    path = os.path.realpath(path)
                    if path != top and not path.startswith(inside):
                        if not ignored(name):
                            self.notes.append(f"{entry.path} leads out of {root}: it is not served")
                        continue
                if entry.is_dir():
                    # A link to a folder above it would go on for ever.
                    if path not in above and not ignored(name + "/"):
                        pending.append((path, name + "/", above | {path}))
                elif entry.is_file() and not ignored(name):
                    try:
                        size = entry.stat().st_size
                    except FileNotFoundError:
                        continue
                    if size > largest:
                        raise too_large(entry.path, size)
                    file = known.get(name)
                    if file is None or file.path != path:
                        file = File(name, path)
                    self.files[name] = file
                    if len(self.files) > most:
                        raise too_many(len(self.files))

    def changed(self) -> bool:
        """Whether something may have been added, removed or renamed since the scan."""
        try:
            return any(
                before is None or os.stat(folder).st_mtime_ns != before
                for folder, before in self._folders.items()
            )
        except OSError:
            return True


class File:
    """One file. `name` is what it was found under, `path` where it really lies."""

    __slots__ = ("_tag", "name", "path")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self._tag: tuple[Stamp, str] | None = None

    async def open(self, *, now: float) -> OpenFile | None:
        """The file as it is now, with its tag; None when it is not there any more.

        StorageError when it is there and cannot be read.
        """
        file = self._open()
        if file is None:
            return None
        if self._tag is not None and self._tag[0] == file.stamp:
            file.tag = self._tag[1]
            return file
        file.tag = file.digest() if file.size <= SMALL else await asyncio.to_thread(file.digest)
        if _settled(file.stamp[0], now):
            self._tag = (file.stamp, file.tag)
        return file

    def changed_ns(self) -> int:
        """When the file was changed, in ns since 1970; 0 when it is not there any more."""
        try:
            return os.stat(self.path).st_mtime_ns
        except OSError:
            return 0

    def _open(self) -> OpenFile | None:
        try:
            descriptor = os.open(self.path, _FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            # ELOOP says that it was a link just now, whatever it is by this time.
            if error.errno == errno.ELOOP or os.path.islink(self.path) or os.path.isdir(self.path):
                return None
            raise StorageError(f"{self.path} cannot be read: {error.strerror}") from error
        file = OpenFile(self.path, descriptor)
        # A folder on the way may have become a link, to anywhere.
        if not file.regular or _place(descriptor, self.path) != self.path:
            file.close()
            return None
        return file


class OpenFile:
    """A file that is open: its `size`, its `tag` (32 digits that change with the content).

    It is closed by `close`, by reading its content to the end, and when nobody holds it any more.
    """

    __slots__ = ("_descriptor", "path", "regular", "size", "stamp", "tag")

    def __init__(self, path: str, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self.path = path
        status = os.fstat(descriptor)
        self.regular = stat.S_ISREG(status.st_mode)
        self.stamp = _stamp(status)
        self.size = status.st_size
        self.tag = ""

    def digest(self) -> str:
        """The tag: a hash of the content."""
        hashed = hashlib.blake2b(digest_size=16)
        position = 0
        while position < self.size:
            piece = self._read(position, min(PIECE, self.size - position))
            hashed.update(piece)
            position += len(piece)
        self._check()
        return hashed.hexdigest()

    def content(self, start: int, end: int) -> bytes | Part:
        """The bytes from `start` to before `end`: at once, or of a file that is not small, a stream."""
        if self.size > SMALL:
            return Part(self, start, end)
        data = b""
        while len(data) < end - start:
            data += self._read(start + len(data), end - start - len(data))
        self._check()
        self.close()
        return data

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    __del__ = close  # a response may never be sent

    def _read(self, position: int, length: int) -> bytes:
        assert self._descriptor is not None
        if hasattr(os, "pread"):
            data = os.pread(self._descriptor, length, position)
        else:  # Windows; nobody else uses this descriptor
            os.lseek(self._descriptor, position, os.SEEK_SET)
            data = os.read(self._descriptor, length)
        if not data:
            raise StorageError(f"{self.path} became shorter while it was read")
        return data

    def _check(self) -> None:
        assert self._descriptor is not None
        if _stamp(os.fstat(self._descriptor)) != self.stamp:
            raise StorageError(f"{self.path} changed while it was read")


class Part:
    """A part of an open file as an async iterator of bytes, of PIECE bytes at most."""

    __slots__ = ("_end", "_file", "_position")

    def __init__(self, file: OpenFile, start: int, end: int) -> None:
        self._file = file
        self._position = start
        self._end = end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        left = self._end - self._position
        if left <= 0:
            await self.aclose()
            raise StopAsyncIteration
        data = await asyncio.to_thread(self._next, min(PIECE, left))
        self._position += len(data)
        return data

    def _next(self, length: int) -> bytes:
        data = self._file._read(self._position, length)
        if self._position + len(data) == self._end:
            self._file._check()  # before the last piece: without it the client sees that it is cut
        return data

    async def aclose(self) -> None:
        self._position = self._end
        self._file.close()


def _place(descriptor: int, path: str) -> str:
    """Where an open file lies, or lay before another one took its place."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")
    except OSError:  # not Linux; this asks many times as much
        return os.path.realpath(path)


def _settled(changed_ns: int, now: float) -> bool:
    return now - changed_ns / 1e9 > _UNSETTLED


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _has_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
