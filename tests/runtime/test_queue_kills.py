"""Processes are killed while they send and consume: what a send has acknowledged is handed out."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import apsw
import pytest

PROGRAM = Path(__file__).with_name("consuming.py")
ROUNDS = int(os.environ.get("EDGEKIT_KILLS", "5"))  # of two kills each


class Process:
    """One that runs, and what it has written."""

    def __init__(self, folder: Path, name: str, count: int) -> None:
        command = [sys.executable, str(PROGRAM), str(folder), name, str(count)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def read(self, lines: int) -> None:
        assert self.process.stdout is not None
        self.lines += [self.process.stdout.readline() for _ in range(lines)]

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> int:
        with self.process:
            assert self.process.stdout is not None
            self.lines += [line for line in self.process.stdout if line.endswith("\n")]
        return self.process.returncode

    def told(self, what: str) -> list[str]:
        return [line.split()[1] for line in self.lines if line.startswith(what + " ")]


@pytest.mark.kills
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_was_acknowledged_is_handed_out_after_kills(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    first, second = (Process(tmp_path, name, 100_000) for name in ("first", "second"))
    first.read(luck.randrange(1, 400))
    first.kill()
    second.read(luck.randrange(200, 800))
    second.kill()
    last = Process(tmp_path, "last", 0)
    assert last.end() == 0

    processes = (first, second, last)
    sent = {name for process in processes for name in process.told("sent")}
    got = Counter(name for process in processes for name in process.told("got"))
    assert sent - got.keys() == set()
    # Once by each that was killed, and again; three times where the handler asked for it.
    assert max(got.values()) <= 5
    con = apsw.Connection(str(tmp_path / "records.sqlite3"))
    assert con.pragma("integrity_check") == "ok"
    assert con.execute("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM bodies)").get == 0  # fmt: skip
    assert con.execute("SELECT count(*) FROM batches").get == 0
    assert con.execute("SELECT count + size FROM queues").get == 0
    con.close()
    assert [path.name for path in tmp_path.iterdir() if "holder" in path.name] == []


@pytest.mark.kills
def test_processes_that_live_hand_out_nothing_twice(tmp_path: Path) -> None:
    processes = [Process(tmp_path, f"p{n}", 100) for n in range(3)]
    assert [process.end() for process in processes] == [0, 0, 0]
    sent = [name for process in processes for name in process.told("sent")]
    got = Counter(name for process in processes for name in process.told("got"))
    assert len(sent) == 1200
    expected = {name: 3 if int(name.split("/")[2]) % 7 == 0 else 1 for name in sent}
    assert got == expected
