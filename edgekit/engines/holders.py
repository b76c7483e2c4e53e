"""Tells whether the process that holds something is still alive, on one machine, at once.

Each holder keeps a file of its own locked (flock); the system lets go of the lock when the process
is gone, however it went. So no heartbeat is needed, and a process that is busy for long is not taken
for a dead one. Where there is no flock (Windows) nobody is ever found dead, and what was held comes
back by its own time limit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Holder:
    """This process' part. `id` is a random number of 63 bits; files are `path` with it appended."""

    def __init__(self, path: Path) -> None:
        self.id = int.from_bytes(os.urandom(8), "big") >> 1
        self._path = path
        self._file: int | None = None

    def hold(self) -> None:
        """Be alive from now on, for the others."""
        if self._file is not None or sys.platform == "win32":
            return
        # Locked before it has its name, or it could be taken for a dead one's in between.
        name = self._name(self.id)
        fresh = name.with_name(f"{name.name}.new")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            fresh.rename(name)
        except OSError:
            os.close(file)
            raise
        self._file = file

    @contextmanager
    def dead(self) -> Iterator[list[int]]:
        """The ids of holders that are dead. Their files go when all inside has been done without an
        error; others who ask meanwhile do not see them.
        """
        found: dict[int, tuple[Path, int]] = {}
        try:
            for path in self._others():
                if (file := _take(path)) is not None:
                    found[int(path.name.rpartition("-")[2], 16)] = (path, file)
            yield list(found)
            for path, _ in found.values():
                path.unlink(missing_ok=True)
        finally:
            for _, file in found.values():
                os.close(file)

    def close(self) -> None:
        """Hold nothing any more."""
        if self._file is not None:
            self._name(self.id).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _name(self, id: int) -> Path:
        return self._path.with_name(f"{self._path.name}-holder-{id:016x}")

    def _others(self) -> list[Path]:
        start, own = f"{self._path.name}-holder-", self._name(self.id).name
        with os.scandir(self._path.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(start)]
        return [
            self._path.with_name(name)
            for name in names
            if name != own and len(name) == len(own)  # not one that is being made
        ]


def _take(path: Path) -> int | None:
    """The file, locked by us; None where somebody else has it."""
    if sys.platform == "win32":
        return None
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
