"""A process is killed while it writes: what it acknowledged is there, and nothing is half there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from edgekit.engines.base import Records
from edgekit.engines.open import open_store

from .acknowledged import SPACE, value_of

WRITER = Path(__file__).with_name("acknowledged.py")
ROUNDS = int(os.environ.get("EDGEKIT_KILLS", "5"))


async def value_in(records: Records, key: str) -> bytes | None:
    record = await records.get(SPACE, key.encode(), now=0)
    return record and b"".join(record.value)


@pytest.mark.kills
@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    acknowledged: list[str] = []
    for life in ("first", "second"):  # the second one starts from what the first one left
        command = [sys.executable, str(WRITER), str(tmp_path), life, "10", "100000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(luck.randrange(1, 300)):
                acknowledged.append(process.stdout.readline().strip())
            process.kill()
            acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]

    store = open_store(f"sqlite:{tmp_path}", durable=True)
    for name in acknowledged:
        assert await value_in(store.records, f"{name}/a") == value_of(name), name
    after: bytes | None = None
    found = 0
    while entries := await store.records.list(SPACE, now=0, after=after, limit=1000):
        for entry in entries:
            name = entry.key.decode()[:-2]
            for half in "ab":  # acknowledged or not: both, and whole
                assert await value_in(store.records, f"{name}/{half}") == value_of(name), name
        found += len(entries)
        after = entries[-1].key
    assert found >= 2 * len(acknowledged)
    await store.close()
    con = apsw.Connection(str(tmp_path / "records.sqlite3"))
    assert con.pragma("integrity_check") == "ok"
    con.close()
