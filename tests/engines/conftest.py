"""An SQLite store in a folder of its own, and the connections it opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from edgekit.engines.sqlite import SQLiteRecords
from edgekit.engines.sqlite_file import SQLiteFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite3"


@pytest.fixture
async def records(path: Path) -> AsyncIterator[SQLiteRecords]:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    yield engine
    await engine.close()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[apsw.Connection]:
    """The connections opened from now on; the first one of an engine is the one that writes."""
    opened: list[apsw.Connection] = []
    monkeypatch.setattr(apsw, "connection_hooks", [opened.append])
    return opened
