"""The cache's engine, on a file and in memory: entries, their size, what is cleaned up, and failures."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from edgekit.engines.caches import Cached
from edgekit.engines.files import FileBlobs
from edgekit.engines.memory_blobs import MemoryBlobs
from edgekit.engines.sqlite_cache import INLINE, MIGRATIONS, SQLiteCache
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.errors import ConfigError, StorageError

NOW = 1_800_000_000.0
FOREVER = 10**12
PLENTY = 2**40
LARGE = bytes(range(256)) * 1024  # 256 KiB, which is kept in a blob


def opened(folder: Path) -> SQLiteCache:
    file = SQLiteFile(folder / "cache.sqlite3", durable=False, migrations=MIGRATIONS)
    return SQLiteCache(file, FileBlobs(folder / "blobs", durable=False))


@pytest.fixture(params=["memory", "file"])
async def cache(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SQLiteCache]:
    engine = (
        SQLiteCache(SQLiteMemory(MIGRATIONS), MemoryBlobs())
        if request.param == "memory"
        else opened(tmp_path)
    )
    yield engine
    await engine.close()


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for chunk in data:
        yield chunk


async def put(cache: SQLiteCache, key: bytes, body: bytes = b"body", **options: Any) -> None:
    given = {"expires": FOREVER, "now": NOW, "limit": PLENTY, **options}
    await cache.put("c", key, b"meta", chunks(body), **given)


async def got(cache: SQLiteCache, key: bytes, now: float = NOW) -> bytes | None:
    entry = await cache.get("c", key, now=now)
    return None if entry is None else await read(cache, entry)


async def read(cache: SQLiteCache, entry: Cached, start: int = 0, stop: int = PLENTY) -> bytes:
    if entry.body is not None:
        return entry.body[start:stop]
    reader = await cache.open(entry, start, stop)
    assert reader is not None
    return b"".join([chunk async for chunk in reader])


def blobs_of(folder: Path) -> list[str]:
    """The files of blobs that there are."""
    return [
        path.name
        for path in (folder / "blobs").rglob("*")
        if path.is_file() and path.name != "layout"
    ]


@pytest.mark.parametrize("size", [0, 1, INLINE, INLINE + 1, 3 * INLINE, len(LARGE)])
async def test_a_body_of_any_size_comes_back(cache: SQLiteCache, size: int) -> None:
    await put(cache, b"k", LARGE[:size])
    entry = await cache.get("c", b"k", now=NOW)
    assert entry is not None
    assert (entry.meta, entry.size) == (b"meta", size)
    assert (entry.body is None) is (size > INLINE)
    assert await read(cache, entry) == LARGE[:size]
    assert await read(cache, entry, 1, 5) == LARGE[:size][1:5]


async def test_a_body_comes_in_pieces(cache: SQLiteCache) -> None:
    pieces = [LARGE[at : at + 1000] for at in range(0, len(LARGE), 1000)]
    await cache.put("c", b"k", b"", chunks(*pieces), expires=FOREVER, now=NOW, limit=PLENTY)
    assert await got(cache, b"k") == LARGE


@pytest.mark.parametrize("one", [b"small", LARGE])
@pytest.mark.parametrize("other", [b"", LARGE[::-1]])
async def test_a_put_replaces(cache: SQLiteCache, one: bytes, other: bytes) -> None:
    await put(cache, b"k", one)
    await put(cache, b"k", other)
    assert await got(cache, b"k") == other


async def test_caches_and_keys_are_apart(cache: SQLiteCache) -> None:
    await put(cache, b"k")
    assert await got(cache, b"K") is None
    assert await cache.get("d", b"k", now=NOW) is None
    assert not await cache.delete("d", b"k", now=NOW)
    assert await got(cache, b"k") == b"body"


async def test_an_entry_is_gone_when_it_expires(cache: SQLiteCache) -> None:
    await put(cache, b"k", expires=NOW + 10)
    assert await got(cache, b"k", NOW + 9.9) == b"body"
    assert await got(cache, b"k", NOW + 10) is None


async def test_delete_tells_whether_there_was_something(cache: SQLiteCache) -> None:
    await put(cache, b"k", LARGE)
    await put(cache, b"old", expires=NOW + 10)
    assert await cache.delete("c", b"k", now=NOW)
    assert not await cache.delete("c", b"k", now=NOW)
    assert not await cache.delete("c", b"old", now=NOW + 10)
    assert await got(cache, b"k") is None


async def test_who_was_used_longest_ago_makes_room(cache: SQLiteCache) -> None:
    for at in range(30):
        await put(cache, b"%d" % at, b"x" * 1000, now=NOW + at)
    assert await got(cache, b"0", NOW + 100) is not None  # a use
    await put(cache, b"last", b"x" * 1000, now=NOW + 100, limit=32_000)
    left = [at for at in range(30) if await got(cache, b"%d" % at, NOW + 100) is not None]
    assert left == [0, *range(6, 30)]
    assert await got(cache, b"last", NOW + 100) is not None


async def test_what_is_too_large_for_all_is_not_kept(cache: SQLiteCache, tmp_path: Path) -> None:
    await put(cache, b"k", LARGE, limit=100_000)
    assert await got(cache, b"k") is None
    await put(cache, b"small", limit=0)
    assert await got(cache, b"small") is None
    assert blobs_of(tmp_path) == []


async def test_the_size_stays_below_its_limit(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    for at in range(40):
        await put(cache, b"%d" % at, LARGE, now=NOW + at, limit=10 * len(LARGE))
    assert 0 < len(blobs_of(tmp_path)) <= 10
    con = apsw.Connection(str(tmp_path / "cache.sqlite3"))
    assert (
        con.execute("SELECT bytes FROM total").get
        == con.execute("SELECT sum(bytes) FROM entries").get
    )
    con.close()
    await cache.close()


async def test_a_put_removes_what_has_expired(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    for at in range(5):
        await put(cache, b"%d" % at, LARGE, expires=NOW + 10)
    assert len(blobs_of(tmp_path)) == 5
    await put(cache, b"k", now=NOW + 10)
    assert blobs_of(tmp_path) == []
    await cache.close()


async def test_replaced_and_deleted_bodies_leave_no_file(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    await put(cache, b"k", LARGE)
    await put(cache, b"k", LARGE)
    assert len(blobs_of(tmp_path)) == 1
    await cache.delete("c", b"k", now=NOW)
    assert blobs_of(tmp_path) == []
    await cache.close()


@pytest.mark.parametrize("before", [b"x" * 10, LARGE])
async def test_a_body_that_fails_changes_nothing(
    cache: SQLiteCache, tmp_path: Path, before: bytes
) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield before
        raise ZeroDivisionError

    await put(cache, b"k", b"old")
    with pytest.raises(ZeroDivisionError):
        await cache.put("c", b"k", b"", failing(), expires=FOREVER, now=NOW, limit=PLENTY)
    assert await got(cache, b"k") == b"old"
    assert blobs_of(tmp_path) == []


async def test_a_put_that_is_cancelled_leaves_nothing(cache: SQLiteCache, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield LARGE
            begun.set()
            await asyncio.sleep(0)

    task = asyncio.create_task(
        cache.put("c", b"k", b"", endless(), expires=FOREVER, now=NOW, limit=PLENTY)
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await got(cache, b"k") is None
    assert blobs_of(tmp_path) == []


async def test_a_put_that_is_cancelled_while_it_commits_is_done(
    cache: SQLiteCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = cache._file.write

    def cancelled(*args: Any, **options: Any) -> Any:
        task.cancel()
        return write(*args, **options)

    await put(cache, b"k", b"old")
    monkeypatch.setattr(cache._file, "write", cancelled)
    task = asyncio.create_task(put(cache, b"k", LARGE))
    with pytest.raises(asyncio.CancelledError):
        await task
    monkeypatch.undo()
    assert await got(cache, b"k") == LARGE


async def test_bodies_that_cannot_be_removed_are_a_warning_and_no_failed_put(
    cache: SQLiteCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(names: Any) -> bool:
        raise StorageError("a fault")

    await put(cache, b"k", LARGE)
    monkeypatch.setattr(cache._blobs, "delete", fail)
    await put(cache, b"k", b"new")
    assert "cannot be removed now: a fault" in caplog.text
    monkeypatch.undo()
    await put(cache, b"other", b"x")
    assert await got(cache, b"k") == b"new"
    assert blobs_of(tmp_path) == []


async def test_a_reader_reads_on_whatever_is_deleted(cache: SQLiteCache) -> None:
    await put(cache, b"k", LARGE * 4)
    entry = await cache.get("c", b"k", now=NOW)
    assert entry is not None
    reader = await cache.open(entry, 0, entry.size)
    assert reader is not None
    begin = await anext(reader)
    await cache.delete("c", b"k", now=NOW)
    assert begin + b"".join([chunk async for chunk in reader]) == LARGE * 4
    assert await cache.open(entry, 0, entry.size) is None


async def test_many_puts_and_reads_at_the_same_time(cache: SQLiteCache) -> None:
    async def work(at: int) -> None:
        key = b"%d" % (at % 5)
        body = LARGE if at % 2 else b"small"
        await put(cache, key, body)
        assert await got(cache, key) in (LARGE, b"small", None)
        if at % 7 == 0:
            await cache.delete("c", key, now=NOW)

    async with asyncio.TaskGroup() as group:
        for at in range(50):
            group.create_task(work(at))


async def test_an_entry_survives_a_new_opening(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    await put(cache, b"k", LARGE)
    await put(cache, b"s")
    await cache.close()
    cache = opened(tmp_path)
    assert (await got(cache, b"k"), await got(cache, b"s")) == (LARGE, b"body")
    await cache.close()


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.engines.test_sqlite_cache import opened, LARGE, FOREVER, NOW, PLENTY

async def body():
    yield LARGE * 8
    yield LARGE * 8
    print("writing", flush=True)
    await asyncio.sleep(60)

async def main():
    cache = opened(Path(sys.argv[1]))
    await cache.put("c", b"k", b"", body(), expires=FOREVER, now=NOW, limit=PLENTY)

asyncio.run(main())
"""


@pytest.mark.kills
async def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.kill()
    process.communicate()
    assert len(blobs_of(tmp_path)) == 1
    cache = opened(tmp_path)
    await put(cache, b"other")
    assert blobs_of(tmp_path) == []
    assert await got(cache, b"k") is None
    await cache.close()


async def test_blobs_that_an_interrupted_clean_up_left_are_removed(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    await put(cache, b"k", LARGE)
    con = apsw.Connection(str(tmp_path / "cache.sqlite3"))
    con.execute("DELETE FROM entries")  # and then, as it were, the process died
    con.close()
    assert len(blobs_of(tmp_path)) == 1
    await put(cache, b"other")
    assert blobs_of(tmp_path) == []
    await cache.close()


async def test_two_processes_share_what_they_keep(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    await put(one, b"k", LARGE)
    assert await got(other, b"k") == LARGE
    await put(other, b"k", b"new")
    assert await got(one, b"k") == b"new"
    await one.close()
    await other.close()


async def test_a_closed_store_says_so(cache: SQLiteCache) -> None:
    await put(cache, b"k", LARGE)
    entry = await cache.get("c", b"k", now=NOW)
    assert entry is not None
    await cache.close()
    await cache.close()
    with pytest.raises(StorageError, match="closed"):
        await cache.get("c", b"k", now=NOW)
    with pytest.raises(StorageError, match="closed"):
        await cache.open(entry, 0, 1)
    with pytest.raises(StorageError, match="closed"):
        await put(cache, b"k")
    with pytest.raises(StorageError, match="closed"):
        await cache.delete("c", b"k", now=NOW)


async def test_a_use_that_cannot_be_noted_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = opened(tmp_path)
    await put(cache, b"k")
    con = apsw.Connection(str(tmp_path / "cache.sqlite3"))
    con.execute(
        "CREATE TRIGGER refuses BEFORE UPDATE ON entries BEGIN SELECT raise(ABORT, 'no'); END"
    )
    con.close()
    assert await got(cache, b"k", NOW + 61) == b"body"
    await cache.delete("c", b"other", now=NOW)  # made after it
    assert "the use of a cache entry could not be noted" in caplog.text
    await cache.close()


async def test_a_full_disk_is_an_error_and_what_was_there_stays(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    await put(cache, b"k")
    file: Any = cache._file
    file._writer._con.pragma("max_page_count", 1)  # it cannot grow
    with pytest.raises(StorageError, match="full"):
        await put(cache, b"large", b"x" * 60_000)
    assert await got(cache, b"k") == b"body"
    await cache.close()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite3").write_bytes(os.urandom(8192))
    with pytest.raises(ConfigError, match=r"cache\.sqlite3"):
        opened(tmp_path)


async def test_a_file_of_a_newer_edgekit_is_refused(tmp_path: Path) -> None:
    await opened(tmp_path).close()
    con = apsw.Connection(str(tmp_path / "cache.sqlite3"))
    con.pragma("user_version", len(MIGRATIONS) + 1)
    con.close()
    with pytest.raises(ConfigError, match="newer edgekit"):
        opened(tmp_path)
