"""The writer of an SQLite store: groups, failures within them, turns, and the WAL."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from edgekit.engines import sqlite_file, sqlite_writer
from edgekit.engines.base import Fence, Put
from edgekit.engines.sqlite import SQLiteRecords
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_writer import Turn
from edgekit.errors import FencedOut, StorageError

from .helpers import NOW, put, raw, value_of


@contextmanager
def writers_waiting(path: Path) -> Iterator[None]:
    """Within, it is somebody else's turn to write: writes queue up, and become one group."""
    turn = Turn(path)
    try:
        with turn:
            yield
    finally:
        turn.close()


# Group commit


async def test_writes_that_wait_together_are_one_transaction(
    path: Path, connections: list[apsw.Connection]
) -> None:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    commits: list[None] = []

    def note() -> bool:
        commits.append(None)
        return False

    connections[0].set_commit_hook(note)
    with writers_waiting(path):
        callers = [asyncio.create_task(put(engine, b"%d" % n)) for n in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*callers)
    # The writer has taken the first ones when the others come.
    assert len(commits) <= 2
    await engine.close()


async def test_a_group_is_closed_at_its_limits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    taken = threading.Event()
    commit = sqlite_writer.SQLiteWriter._commit

    def note(self: Any, group: Any) -> Any:
        groups.append(len(group))
        taken.set()
        return commit(self, group)

    monkeypatch.setattr(sqlite_writer.SQLiteWriter, "_commit", note)
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    big = b"x" * sqlite_writer._GROUP_BYTES
    with writers_waiting(path):
        first = asyncio.create_task(put(engine, b"first"))
        await asyncio.to_thread(taken.wait)
        callers = [
            *(put(engine, b"%d" % n) for n in range(sqlite_writer._GROUP_OPS + 1)),
            *(put(engine, b"big%d" % n, big) for n in range(2)),
            put(engine, b"last"),
        ]
        tasks = [asyncio.create_task(caller) for caller in callers]
        await asyncio.sleep(0)
    await asyncio.gather(first, *tasks)
    assert groups == [1, sqlite_writer._GROUP_OPS, 1, 1, 1, 1]
    await engine.close()


async def test_a_failing_write_fails_alone(records: SQLiteRecords, path: Path) -> None:
    text: Any = "text where bytes have to be"
    with writers_waiting(path):
        tasks = [
            asyncio.create_task(records.apply(ops, now=NOW, fence=fence))
            for ops, fence in (
                ([Put("s", b"a", b"1")], None),
                ([Put("s", b"b", b"1"), Put("s", text, b"1")], None),
                ([Put("s", b"c", b"1"), Put("s", b"d", text)], None),
                ([Put("s", b"e", b"1")], Fence("s", b"a", b"2")),
                ([Put("s", b"f", b"1")], Fence("s", b"a", b"1")),
            )
        ]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        StorageError,
        TypeError,
        FencedOut,
        type(None),
    ]
    assert str(path) in str(outcomes[1])
    assert isinstance(outcomes[1], StorageError)
    assert isinstance(outcomes[1].__cause__, apsw.ConstraintError)
    assert [entry.key for entry in await records.list("s", now=NOW, limit=10)] == [b"a", b"f"]


async def test_a_cancelled_callers_write_is_made_and_the_others_too(
    records: SQLiteRecords, path: Path
) -> None:
    with writers_waiting(path):
        tasks = [asyncio.create_task(put(records, b"%d" % n)) for n in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [
        True,
        False,
    ] * 5
    await put(records, b"last")
    entries = await records.list("s", now=NOW, limit=20)
    assert [entry.key for entry in entries] == [*(b"%d" % n for n in range(10)), b"last"]


async def test_a_caller_may_be_cancelled_at_any_moment(records: SQLiteRecords) -> None:
    done: set[bytes] = set()

    async def one(key: bytes) -> None:
        await put(records, key, b"x" * 2000)
        done.add(key)

    for turn in range(20):
        tasks = [asyncio.create_task(one(b"%d/%d" % (turn, n))) for n in range(20)]
        for _ in range(turn % 5):
            await asyncio.sleep(0)
        await records.get("s", b"k", now=NOW)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await put(records, b"last")
    for key in done:
        assert await value_of(records, key) == b"x" * 2000


async def test_close_makes_the_writes_that_wait(path: Path) -> None:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    with writers_waiting(path):
        tasks = [asyncio.create_task(put(engine, b"%d" % n)) for n in range(20)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
    await closing
    await asyncio.gather(*tasks)
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    assert len(await engine.list("s", now=NOW, limit=100)) == 20
    await engine.close()


def test_an_engine_may_go_from_one_loop_to_the_next(path: Path) -> None:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))

    async def abandon() -> None:
        asyncio.create_task(put(engine, b"abandoned"))  # noqa: RUF006
        await asyncio.sleep(0)

    with writers_waiting(path):
        asyncio.run(abandon())
    asyncio.run(put(engine, b"k"))

    async def finish() -> None:
        assert await value_of(engine, b"k") == b"v"
        assert await value_of(engine, b"abandoned") == b"v"
        await engine.close()

    asyncio.run(finish())


# Full disks and foreign locks


async def test_a_full_disk_is_an_error_and_is_recovered_from(
    path: Path, connections: list[apsw.Connection]
) -> None:
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    await put(engine, b"before")
    pages = connections[0].pragma("page_count")
    connections[0].pragma("max_page_count", pages + 10)
    with writers_waiting(path):
        tasks = [
            asyncio.create_task(put(engine, key, b"x" * size))
            for key, size in ((b"a", 10), (b"b", 100_000), (b"c", 10))
        ]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[0] is outcomes[2] is None
    assert isinstance(outcomes[1], StorageError)
    assert "full" in str(outcomes[1])
    assert str(path) in str(outcomes[1])
    assert await value_of(engine, b"b") is None
    connections[0].pragma("max_page_count", 1_000_000)
    await put(engine, b"b", b"x" * 100_000)
    for key in (b"before", b"a", b"b", b"c"):
        assert await value_of(engine, key) is not None
    assert raw(path, "PRAGMA integrity_check") == "ok"
    await engine.close()


async def test_a_lock_that_is_not_given_back_is_an_error_for_all_who_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_BUSY_MS", 1)
    engine = SQLiteRecords(SQLiteFile(path, durable=True))
    shell = apsw.Connection(str(path))
    shell.execute("BEGIN IMMEDIATE")
    outcomes = await asyncio.gather(
        *(put(engine, b"%d" % n) for n in range(10)), return_exceptions=True
    )
    assert all(isinstance(outcome, StorageError) for outcome in outcomes)
    assert await value_of(engine, b"1") is None
    shell.close()
    await put(engine, b"1")
    assert await value_of(engine, b"1") == b"v"
    await engine.close()


# The WAL


async def test_the_wal_is_written_back_while_writing(records: SQLiteRecords, path: Path) -> None:
    for _ in range(40):
        await records.apply([Put("s", b"%d" % n, b"x" * 4000) for n in range(100)], now=NOW)
    assert Path(f"{path}-wal").stat().st_size < 4 * sqlite_writer._CHECKPOINT_PAGES * 4096


async def test_a_wal_that_a_reader_needs_is_tried_again_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "_CHECKPOINT_PAGES", 10)
    records = SQLiteRecords(SQLiteFile(path, durable=True))
    con = apsw.Connection(str(path))
    con.execute("BEGIN; SELECT * FROM records").fetchall()
    for n in range(30):
        await put(records, b"%d" % n, b"x" * 4000)
    assert con.execute("SELECT count(*) FROM records").get == 0
    con.close()
    size = Path(f"{path}-wal").stat().st_size
    for n in range(60):
        await put(records, b"%d" % n, b"y" * 4000)
    assert Path(f"{path}-wal").stat().st_size <= size + 20 * 4096
    await records.close()


@contextmanager
def somebody_checkpointing(path: Path) -> Iterator[None]:
    """Within, another connection is in the middle of writing the WAL back."""
    begun, may_end = threading.Event(), threading.Event()
    checkpointer, writer = apsw.Connection(str(path)), apsw.Connection(str(path))

    def wait(tries: int) -> bool:
        begun.set()
        return not may_end.wait()

    checkpointer.set_busy_handler(wait)
    checkpointer.pragma("user_version")  # it has nothing to write back before it has read
    writer.execute("BEGIN IMMEDIATE")  # what a full checkpoint waits for, once it has begun

    def checkpoint() -> None:
        with suppress(apsw.BusyError):
            checkpointer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
        checkpointer.close()

    thread = threading.Thread(target=checkpoint)
    thread.start()
    begun.wait()
    writer.close()
    try:
        yield
    finally:
        may_end.set()
        thread.join()


async def test_a_wal_that_cannot_be_written_back_is_logged_and_no_callers_error(
    records: SQLiteRecords,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with somebody_checkpointing(path), caplog.at_level(logging.WARNING):
        monkeypatch.setattr(records._file._writer, "_checkpoint_at", 1)
        await put(records, b"a")
        await put(records, b"b")  # answered after what followed the first
        assert await value_of(records, b"b") == b"v"
    assert f"{path}: the WAL cannot be written back now" in caplog.text
