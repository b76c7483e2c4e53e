"""Turns the store's URL into a `Store`: the one place that knows which engines there are.

It decides nothing about the location: where a relative path starts, and what the URL is when
nobody gave one, is config.py's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekit.engines.base import Records
from edgekit.engines.memory import MemoryRecords
from edgekit.errors import ConfigError

_DATABASE = "records.sqlite3"


@dataclass(frozen=True, slots=True)
class Store:
    """The engines of one deployment, opened."""

    records: Records

    async def close(self) -> None:
        """Finish the writes under way and release files and threads."""
        await self.records.close()


def open_store(store_url: str, blobs_url: str | None = None, *, durable: bool) -> Store:
    """The store at `store_url`, created where there is none; its large bytes at `blobs_url`.

    `sqlite:PATH`: the directory PATH, made readable by its owner alone, with the database in it.
    With `durable` a write is acknowledged when it survives a loss of power, otherwise when it
    survives the death of the process. `memory:`: a new, empty store with every call.
    Raises ConfigError, naming the URL or the path, when the store cannot be opened.
    """
    scheme, _, rest = store_url.partition(":")
    if store_url == "memory:":
        return Store(records=MemoryRecords())
    if scheme == "sqlite" and rest:
        return _open_sqlite(Path(rest), durable=durable)
    # The scheme alone: the rest of such a URL may hold a password.
    raise ConfigError(
        f"EDGEKIT_STORE: there is no store of the kind {scheme + ':'!r} here;"
        " what there is: sqlite:PATH, memory:"
    )


def _open_sqlite(folder: Path, *, durable: bool) -> Store:
    # These bring apsw, which memory: does without.
    from edgekit.engines.sqlite import SQLiteRecords
    from edgekit.engines.sqlite_file import SQLiteFile

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"EDGEKIT_STORE: {folder} cannot be made a directory: {error.filename}: {error.strerror}"
        ) from error
    file = SQLiteFile(folder / _DATABASE, durable=durable)
    return Store(records=SQLiteRecords(file))
