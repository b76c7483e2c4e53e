"""A copy of some SQLite database in the place of one of ours, in one step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import apsw

from edgekit.engines.sqlite_writer import Turn
from edgekit.errors import StorageError

_BUSY_MS = 10_000
_TABLES = (  # without those that belong to virtual ones
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')"
    r" AND name NOT LIKE 'sqlite\_%' ESCAPE '\'"
)
_MARKS = ("application_id", "user_version")


def replace(target: Path, source: Path, without: Callable[[str], bool]) -> list[str]:
    """Make `target`, a file of ours that may be in use, a copy of the database `source`.

    Tables that `without` names are left out; returns the names of the others. Who reads `target`
    meanwhile sees all of the old database, and then all of the new one. Blocks. StorageError, which
    names the file, when it cannot.
    """
    with ExitStack() as opened:
        theirs = _open(source)
        opened.callback(theirs.close)
        try:
            folder = opened.enter_context(TemporaryDirectory(dir=target.parent, prefix="copy-"))
            copy = apsw.Connection(f"{folder}/copy")
            opened.callback(copy.close)
            _copy(theirs, copy, source)
            names = [str(name) for (name,) in copy.execute(_TABLES)]
            for name in filter(without, names):
                quoted = name.replace('"', '""')
                copy.execute(f'DROP TABLE "{quoted}"')
            ours = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
            opened.callback(ours.close)
            ours.set_busy_timeout(_BUSY_MS)
            copy.pragma("journal_mode", "off")
            if (size := ours.pragma("page_size")) != copy.pragma("page_size"):
                copy.pragma("page_size", size)
                copy.execute("VACUUM")
            for mark in _MARKS:
                copy.pragma(mark, ours.pragma(mark))
            turn = Turn(target)
        except (apsw.Error, OSError) as error:
            raise StorageError(f"{source}: {error}") from error
        opened.callback(turn.close)
        with turn:
            _copy(copy, ours, target)
    return [name for name in names if not without(name)]


def _copy(source: apsw.Connection, target: apsw.Connection, named: Path) -> None:
    try:
        with target.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step()
    except apsw.Error as error:
        raise StorageError(f"{named}: {error}") from error


def _open(path: Path) -> apsw.Connection:
    try:
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        con = apsw.Connection(f"file:{quote(str(path))}?mode=ro", flags=flags)
        con.set_busy_timeout(_BUSY_MS)
        return con
    except apsw.Error as error:
        raise StorageError(f"{path}: {error}") from error
