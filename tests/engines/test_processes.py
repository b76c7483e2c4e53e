"""Several processes write to one store at the same time: none fails, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.engines.open import open_store

from .acknowledged import SPACE, value_of

WRITER = Path(__file__).with_name("acknowledged.py")
PROCESSES, TASKS, COUNT = 4, 5, 40


@pytest.mark.kills
async def test_four_processes_write_to_one_store(tmp_path: Path) -> None:
    command = [sys.executable, str(WRITER), str(tmp_path)]
    processes = [
        subprocess.Popen(
            [*command, f"p{n}", str(TASKS), str(COUNT)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    for process in processes:
        output, errors = process.communicate()
        assert errors == ""
        assert process.returncode == 0
        assert len(output.split()) == TASKS * COUNT

    store = open_store(f"sqlite:{tmp_path}", durable=True)
    for n in range(PROCESSES):
        for task in range(TASKS):
            names = [f"p{n}/{task}/{number}" for number in range(COUNT)]
            keys = [f"{name}/b".encode() for name in names]
            for name, record in zip(
                names, await store.records.get_many(SPACE, keys, now=0), strict=True
            ):
                assert record is not None, name
                assert b"".join(record.value) == value_of(name), name
    await store.close()
