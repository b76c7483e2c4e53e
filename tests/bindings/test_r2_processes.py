"""Several processes put, delete, read and sweep the same objects: no reader misses a byte, no space is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit.engines.open import open_store

CROWD = Path(__file__).with_name("r2_crowd.py")


@pytest.mark.kills
async def test_three_processes_share_one_bucket(tmp_path: Path) -> None:
    command = [sys.executable, str(CROWD), str(tmp_path)]
    processes = [
        subprocess.Popen([*command, str(seed), "400"], stderr=subprocess.PIPE, text=True)
        for seed in range(3)
    ]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors

    store = open_store(f"sqlite:{tmp_path}", durable=False)
    store.blobs()
    await store.sweep_blobs(now=time.time())
    kept = {entry.key.decode() for entry in await store.records.list("blobs", now=0, limit=100)}
    files = {path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()}
    assert files == kept | {"layout"}
    await store.close()
