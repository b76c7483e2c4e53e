"""Processes that write SQL: killed, what they acknowledged is there; several at once, nothing is lost."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from .acknowledged_sql import value_of
from .test_kill import ROUNDS

WRITER = Path(__file__).with_name("acknowledged_sql.py")


def found(folder: Path) -> dict[str, list[str]]:
    """The values by their name, of a database that is whole."""
    con = apsw.Connection(str(folder / "d1" / "one.sqlite3"))
    assert con.pragma("integrity_check") == "ok"
    values: dict[str, list[str]] = {}
    for name, value in con.execute("SELECT name, value FROM t"):
        values.setdefault(str(name), []).append(str(value))
    con.close()
    return values


@pytest.mark.kills
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, seed: int) -> None:
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
    values = found(tmp_path)
    assert set(acknowledged) <= values.keys()
    for name, halves in values.items():  # acknowledged or not: both, and whole
        assert halves == [value_of(name)] * 2


@pytest.mark.kills
def test_four_processes_write_to_one_database(tmp_path: Path) -> None:
    command = [sys.executable, str(WRITER), str(tmp_path)]
    processes = [
        subprocess.Popen(
            [*command, f"p{n}", "5", "40"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    acknowledged = []
    for process in processes:
        output, errors = process.communicate()
        assert errors == ""
        assert process.returncode == 0
        acknowledged += output.split()
    values = found(tmp_path)
    assert values.keys() == set(acknowledged)
    assert len(values) == 4 * 5 * 40
