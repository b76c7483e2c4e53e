"""What only the SQLite engine has: a file with a schema, chunks, several openers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from edgekit.engines import sqlite, sqlite_file, sqlite_writer
from edgekit.engines.base import CHUNK, Delete, Put
from edgekit.engines.sqlite import SQLiteRecords
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.errors import ConfigError, StorageError

from .helpers import NOW, put, raw, value_of

needs_flock = pytest.mark.skipif(not hasattr(sqlite_writer, "fcntl"), reason="needs flock")


# The file


async def test_a_store_survives_being_closed(path: Path) -> None:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    await put(engine, b"small")
    await put(engine, b"large", b"x" * CHUNK * 3)
    await engine.close()
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    assert await value_of(engine, b"small") == b"v"
    assert await value_of(engine, b"large") == b"x" * CHUNK * 3
    await engine.close()
    assert not Path(f"{path}-wal").exists()


async def test_the_schema_says_whose_it_is_and_its_version(
    records: SQLiteRecords, path: Path
) -> None:
    assert raw(path, "PRAGMA application_id") == 0x65646765
    assert raw(path, "PRAGMA user_version") == len(sqlite_file._MIGRATIONS)
    assert raw(path, "PRAGMA journal_mode") == "wal"


async def test_an_older_schema_is_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    await put(engine, b"k")
    await engine.close()
    scripts = (*sqlite_file._MIGRATIONS, "CREATE TABLE more (x);")
    monkeypatch.setattr(sqlite_file, "_MIGRATIONS", scripts)
    for _ in range(2):
        engine = SQLiteRecords(SQLiteFile(path, durable=True))
        assert await value_of(engine, b"k") == b"v"
        await engine.close()
    assert raw(path, "PRAGMA user_version") == len(scripts)
    assert raw(path, "SELECT count(*) FROM more") == 0


async def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    await SQLiteRecords(SQLiteFile(path, durable=True)).close()
    known = len(sqlite_file._MIGRATIONS)
    raw(path, f"PRAGMA user_version = {known + 1}")
    match = rf"newer edgekit \(schema {known + 1}.*knows {known}"
    with pytest.raises(ConfigError, match=match) as caught:
        SQLiteRecords(SQLiteFile(path, durable=True))
    assert str(path) in str(caught.value)
    assert raw(path, "PRAGMA user_version") == known + 1


@pytest.mark.parametrize("theirs", ["CREATE TABLE t (x)", "PRAGMA user_version = 1"])
def test_a_file_of_another_program_is_refused_and_left_alone(path: Path, theirs: str) -> None:
    raw(path, theirs)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="some other program") as caught:
        SQLiteRecords(SQLiteFile(path, durable=True))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"hello, world! " * 1000)
    with pytest.raises(ConfigError, match="not a database") as caught:
        SQLiteRecords(SQLiteFile(path, durable=True))
    assert str(path) in str(caught.value)


async def test_a_damaged_file_is_an_error_that_names_it(path: Path) -> None:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    await engine.apply([Put("s", b"%d" % n, b"x" * 500) for n in range(100)], now=NOW)
    await engine.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xaa" * (len(content) - 4096))
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    with pytest.raises(StorageError, match="malformed") as caught:
        await engine.get("s", b"1", now=NOW)
    assert str(path) in str(caught.value)
    with pytest.raises(StorageError, match="malformed"):
        await engine.list("s", now=NOW, limit=10)
    with pytest.raises(StorageError, match="malformed"):
        await put(engine, b"1")
    await engine.close()


def test_a_directory_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigError, match="unable to open") as caught:
        SQLiteRecords(SQLiteFile(path, durable=True))
    assert str(path) in str(caught.value)


def test_a_missing_directory_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        SQLiteRecords(SQLiteFile(path.parent / "missing" / "records.sqlite3", durable=True))


@needs_flock
def test_a_lock_file_that_cannot_be_made_is_refused(path: Path) -> None:
    Path(f"{path}-turn").mkdir()
    with pytest.raises(ConfigError, match=str(path)):
        SQLiteRecords(SQLiteFile(path, durable=True))


async def test_durable_waits_for_the_disk(path: Path, connections: list[apsw.Connection]) -> None:
    for durable, level in ((True, 2), (False, 1)):
        connections.clear()
        engine = SQLiteRecords(SQLiteFile(path, durable=durable))
        assert connections[0].pragma("synchronous") == level
        await engine.close()


# Layout


async def test_no_chunk_outlives_its_record(records: SQLiteRecords, path: Path) -> None:
    sizes = [CHUNK * 3, 1000, CHUNK * 2 + 1, 10, CHUNK * 2]
    for size in sizes:
        await put(records, b"k", b"x" * size)
        chunks = 0 if size <= 768 else -(-size // CHUNK)
        assert raw(path, "SELECT count(*) FROM chunks") == chunks
    await put(records, b"other", b"y" * CHUNK * 2)
    await records.apply([Delete("s", b"k")], now=NOW)
    assert raw(path, "SELECT count(*) FROM chunks") == 2
    assert await value_of(records, b"other") == b"y" * CHUNK * 2
    await records.apply([Put("s", b"other", b"y" * CHUNK * 2, b"", NOW)], now=NOW)
    await records.sweep(now=NOW)
    assert raw(path, "SELECT count(*) FROM chunks") == 0


@pytest.mark.parametrize(
    ("query", "bindings"),
    [
        (sqlite._GET, 2),
        (sqlite._GET_CHUNKS, 2),
        (sqlite._LIST, 4),
        (sqlite._LIST_UNTIL, 5),
        (sqlite._DELETE, 2),
        (sqlite._EXPIRED, 2),
    ],
)
async def test_no_query_scans_or_sorts(
    records: SQLiteRecords, path: Path, query: str, bindings: int
) -> None:
    con = apsw.Connection(str(path))
    plan = con.execute(f"EXPLAIN QUERY PLAN {query}", (None,) * bindings).fetchall()
    con.close()
    steps = " ".join(str(row[3]) for row in plan)
    assert "SEARCH records" in steps
    assert "SCAN" not in steps
    assert "TEMP B-TREE" not in steps


# Several openers


async def test_two_openers_see_each_others_writes(records: SQLiteRecords, path: Path) -> None:
    other = SQLiteRecords(SQLiteFile(path, durable=True))
    await put(records, b"a")
    assert await value_of(other, b"a") == b"v"
    await other.apply([Put("s", b"a", b"w")], now=NOW)
    assert await value_of(records, b"a") == b"w"
    await asyncio.gather(*(put((records, other)[n % 2], b"%d" % n) for n in range(200)))
    assert len(await records.list("s", now=NOW, limit=1000)) == 201
    await other.close()


async def test_a_large_value_is_read_whole_while_it_is_overwritten(
    records: SQLiteRecords, path: Path
) -> None:
    other = SQLiteRecords(SQLiteFile(path, durable=False))
    versions = [b"a" * (CHUNK * 5), b"b" * (CHUNK * 3 + 1), b"c" * 100, b"d" * (CHUNK * 4)]
    await put(records, b"k", versions[0])

    async def overwrite() -> None:
        for n in range(40):
            await put(other, b"k", versions[n % 4])

    writing = asyncio.create_task(overwrite())
    while not writing.done():
        assert await value_of(records, b"k") in versions
        many = await records.get_many("s", [b"k", b"k"], now=NOW)
        assert many[0] == many[1]
    await writing
    await other.close()
