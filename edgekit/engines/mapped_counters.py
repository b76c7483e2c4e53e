"""Counters in a file that all processes of one machine map into memory.

Not durable, and approximate when there are more keys than room: then what is
forgotten first is the key whose time is over, or ends, first. The table is of fixed size
(8 MiB); an update takes a lock that the kernel frees when its holder dies. It costs about 3 us; in an SQLite file without any fsync it cost 11 to 17, and cleaning up.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from hashlib import blake2b
from pathlib import Path
from struct import Struct

from edgekit.errors import ConfigError, StorageError

if sys.platform != "win32":
    import fcntl

_WAYS = 16  # places where a key may be
_SETS = 2**15
_SET = Struct(f"<{_WAYS}Q{_WAYS}I{_WAYS}I")  # fingerprints, ends, counts
_FINGERPRINT = Struct("<Q")
_NUMBER = Struct("<I")
_ENDS = _WAYS * _FINGERPRINT.size
_COUNTS = _ENDS + _WAYS * _NUMBER.size
_SIZE = _SETS * _SET.size  # 8 MiB, 524,288 keys; exact up to about 100,000 at a time
_LONGEST = 3600  # seconds: an end further away than this is not one of ours


class MappedCounters:
    """The protocol `Counters` over a table in the file at `path`, made where there is none; None: in this process alone.

    Raises ConfigError when the file cannot be made. Where there is no flock (Windows) processes that
    count one key in the same microsecond may count it once.
    """

    def __init__(self, path: Path | None) -> None:
        self._threads = threading.Lock()
        self._fd: int | None = None
        try:
            if path is None:
                self._table = mmap.mmap(-1, _SIZE)
            else:
                self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                self._table = self._mapped(self._fd)
        except OSError as error:
            self._release()
            raise ConfigError(f"The counters {path} cannot be opened: {error}") from error

    def take(self, key: bytes, *, limit: float, end: int) -> bool:
        digest = blake2b(key, digest_size=12).digest()
        fingerprint = _FINGERPRINT.unpack_from(digest)[0] or 1
        at = _NUMBER.unpack_from(digest, 8)[0] % _SETS * _SET.size
        table = self._table
        with self._threads:
            self._lock()
            try:
                row = _SET.unpack_from(table, at)
                try:
                    way = row.index(fingerprint, 0, _WAYS)
                    count = row[_WAYS * 2 + way] if row[_WAYS + way] == end else 0
                except ValueError:
                    way, count = _oldest(row, end), 0
                if count >= limit:
                    return False
                _FINGERPRINT.pack_into(table, at + way * _FINGERPRINT.size, fingerprint)
                _NUMBER.pack_into(table, at + _ENDS + way * _NUMBER.size, end)
                _NUMBER.pack_into(table, at + _COUNTS + way * _NUMBER.size, count + 1)
                return True
            except ValueError as error:
                raise StorageError("the counters are closed") from error
            finally:
                self._unlock()

    async def close(self) -> None:
        self._release()

    def _release(self) -> None:
        if (table := getattr(self, "_table", None)) is not None:
            table.close()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _mapped(self, fd: int) -> mmap.mmap:
        self._lock()
        try:
            if os.fstat(fd).st_size != _SIZE:
                # Written, not only made long: a full disk is to show here, not as a signal later.
                os.ftruncate(fd, 0)
                zeros = memoryview(bytes(_SIZE))
                while zeros:
                    zeros = zeros[os.write(fd, zeros) :]
        except OSError:
            os.ftruncate(fd, 0)
            raise
        finally:
            self._unlock()
        return mmap.mmap(fd, _SIZE)

    def _lock(self) -> None:
        if sys.platform != "win32" and self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def _unlock(self) -> None:
        if sys.platform != "win32" and self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)


def _oldest(row: tuple[int, ...], end: int) -> int:
    """Where a new key goes: an end that is far away is left over from a damaged file."""
    ends = [0 if each > end + _LONGEST else each for each in row[_WAYS : _WAYS * 2]]
    return ends.index(min(ends))
