"""MappedCounters: exact while there is room, shared by processes, of bounded size."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgekit.engines import mapped_counters as module
from edgekit.engines.mapped_counters import MappedCounters
from edgekit.errors import ConfigError, StorageError

END = 1_800_000_060


@pytest.fixture(params=["memory", "file"])
async def counters(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MappedCounters]:
    table = MappedCounters(None if request.param == "memory" else tmp_path / "counters")
    yield table
    await table.close()


def taken(
    counters: MappedCounters, key: bytes, times: int, *, limit: float = 3, end: int = END
) -> int:
    return sum(counters.take(key, limit=limit, end=end) for _ in range(times))


def test_a_key_is_counted_up_to_its_limit(counters: MappedCounters) -> None:
    assert taken(counters, b"a", 5) == 3
    assert taken(counters, b"b", 2) == 2
    assert taken(counters, b"b", 2) == 1


def test_a_refused_call_is_not_counted(counters: MappedCounters) -> None:
    assert taken(counters, b"a", 5, limit=3) == 3
    assert taken(counters, b"a", 5, limit=4) == 1


def test_with_a_new_end_the_count_begins_anew(counters: MappedCounters) -> None:
    assert taken(counters, b"a", 5) == 3
    assert taken(counters, b"a", 5, end=END + 60) == 3


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (-1, 0), (1.5, 2), (2**40, 4)])
def test_a_limit_may_be_any_number(counters: MappedCounters, limit: float, expected: int) -> None:
    assert taken(counters, b"a", 4, limit=limit) == expected


def test_many_keys_are_counted_exactly(counters: MappedCounters) -> None:
    keys = [b"%d" % i for i in range(100_000)]
    assert all(counters.take(key, limit=1, end=END) for key in keys)
    assert not any(counters.take(key, limit=1, end=END) for key in keys)


def test_where_there_is_no_room_the_key_whose_time_ends_first_is_forgotten(
    counters: MappedCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SETS", 1)
    assert counters.take(b"old", limit=1, end=END - 60)
    later = [b"%d" % i for i in range(16)]
    assert all(counters.take(key, limit=1, end=END) for key in later)
    assert not any(counters.take(key, limit=1, end=END) for key in later)
    assert counters.take(b"old", limit=1, end=END - 60)


async def test_counters_stay_of_their_size(tmp_path: Path) -> None:
    path = tmp_path / "counters"
    table = MappedCounters(path)
    size = path.stat().st_size
    taken(table, b"a", 10)
    await table.close()
    assert path.stat().st_size == size == 8 * 2**20


async def test_two_tables_on_one_file_count_together(tmp_path: Path) -> None:
    one, other = MappedCounters(tmp_path / "counters"), MappedCounters(tmp_path / "counters")
    assert taken(one, b"a", 2) == 2
    assert taken(other, b"a", 5) == 1
    await one.close()
    assert taken(other, b"b", 5) == 3
    await other.close()


PROGRAM = """
import sys
from pathlib import Path
from edgekit.engines.mapped_counters import MappedCounters
table = MappedCounters(Path(sys.argv[1]))
print(sum(table.take(b"key", limit=10_000, end=int(sys.argv[2])) for _ in range(6_000)))
"""


def test_processes_that_count_at_the_same_time_lose_no_count(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "counters"), str(END)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sum(int(each.communicate()[0]) for each in running) == 10_000


def test_threads_that_count_at_the_same_time_lose_no_count(counters: MappedCounters) -> None:
    found: list[int] = []

    def count() -> None:
        found.append(taken(counters, b"key", 2_000, limit=5_000))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 5_000


@pytest.mark.parametrize("content", [b"", b"x" * 100, os.urandom(8 * 2**20), bytes(9 * 2**20)])
async def test_whatever_is_in_the_file_it_counts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "counters"
    path.write_bytes(content)
    table = MappedCounters(path)
    for i in range(200):  # ends that are far away make room
        assert taken(table, b"%d" % i, 5) == 3
    await table.close()


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-folder/counters cannot be opened"):
        MappedCounters(tmp_path / "no-folder" / "counters")


async def test_a_full_disk_shows_at_the_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        MappedCounters(tmp_path / "counters")
    monkeypatch.undo()
    await MappedCounters(tmp_path / "counters").close()


async def test_closed_counters_say_so_and_may_be_closed_again(counters: MappedCounters) -> None:
    await counters.close()
    await counters.close()
    with pytest.raises(StorageError, match="closed"):
        counters.take(b"a", limit=1, end=END)
