"""What the bindings' suites run on: an `env` over every engine, and a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgekit import host
from edgekit.bindings import r2_space
from edgekit.bindings.kv import KVNamespace
from edgekit.bindings.r2 import R2Bucket
from edgekit.engines.base import Records
from edgekit.engines.memory import MemoryRecords
from edgekit.engines.open import Store, open_store
from edgekit.engines.sqlite import SQLiteRecords
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.testing.clock import ManualClock


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    clock = ManualClock(1_800_000_000.5)
    with host.use_clock(clock):
        yield clock


@pytest.fixture(params=["memory", "sqlite"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    engine: Records = (
        MemoryRecords()
        if request.param == "memory"
        else SQLiteRecords(SQLiteFile(tmp_path / "records.sqlite3", durable=False))
    )
    yield engine
    await engine.close()


@pytest.fixture
def env(records: Records, clock: ManualClock) -> SimpleNamespace:
    return SimpleNamespace(KV=KVNamespace(records, "kv/one"), OTHER=KVNamespace(records, "kv/two"))


# Where every object's bytes are in blobs; and where those of small ones are in their records.
STORES = {"memory": "memory:", "files": "sqlite:{}/state", "records": "sqlite:{}/state"}


@pytest.fixture(params=STORES)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Store]:
    if request.param != "records":
        monkeypatch.setattr(r2_space, "HELD", 0)
    store = open_store(STORES[request.param].format(tmp_path), durable=False)
    yield store
    await store.close()


@pytest.fixture
def bucket(store: Store, clock: ManualClock) -> R2Bucket:
    return R2Bucket(store.records, store.blobs(), "r2/photos")
