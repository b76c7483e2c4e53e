from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from edgekit.engines import sqlite_analytics
from edgekit.engines.analytics import COLUMNS, KEEP_SECONDS, Answer, Point
from edgekit.engines.open import open_store
from edgekit.engines.sqlite_analytics import MIGRATIONS, SQLiteAnalytics
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.errors import AnalyticsError, ConfigError, StorageError

NOW = 1_800_000_000.5  # 2027-01-15 08:00:00


@pytest.fixture(params=["memory", "sqlite"])
async def analytics(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SQLiteAnalytics]:
    file = SQLiteFile(tmp_path / "a.sqlite3", durable=False, migrations=MIGRATIONS)
    engine = SQLiteAnalytics(SQLiteMemory(MIGRATIONS) if request.param == "memory" else file)
    yield engine
    await engine.close()
    await file.close()


def point(
    index: str = "i", *doubles: float, dataset: str = "data", at: float = NOW, blobs: Any = ()
) -> Point:
    return Point(dataset, at, index, blobs, doubles)


async def query(
    engine: SQLiteAnalytics, sql: str, *, now: float = NOW, rows: int = 100, seconds: float = 30
) -> Answer:
    return await engine.query(sql, now=now, rows=rows, seconds=seconds)


async def rows(engine: SQLiteAnalytics, sql: str, **options: Any) -> list[tuple[Any, ...]]:
    return (await query(engine, sql, **options)).rows


async def refused(engine: SQLiteAnalytics, sql: str, **options: Any) -> str:
    with pytest.raises(AnalyticsError) as caught:
        await query(engine, sql, **options)
    return str(caught.value)


async def test_point_has_every_column_and_empty_ones_where_nothing_was_written(
    analytics: SQLiteAnalytics,
) -> None:
    analytics.add(point("key", 1.5, blobs=("a", "ü")))
    answer = await query(analytics, "SELECT * FROM data")
    assert answer.columns == list(COLUMNS)
    (row,) = answer.rows
    assert row[:4] == ("data", "2027-01-15 08:00:00", 1, "key")
    assert row[4:24] == ("a", "ü", *[""] * 18)
    assert row[24:] == (1.5, *[0.0] * 19)


async def test_each_dataset_is_a_table_whatever_its_name(analytics: SQLiteAnalytics) -> None:
    for name in ("plain", "with-dash", 'a"b', "it's", "points"):
        analytics.add(point(name, dataset=name))
        quoted = name.replace('"', '""')
        assert await rows(analytics, f'SELECT index1 FROM "{quoted}"') == [(name,)]
    assert await rows(analytics, "show tables;") == [
        (name,) for name in sorted(["plain", "with-dash", 'a"b', "it's", "points"])
    ]
    assert await analytics.datasets() == ['a"b', "it's", "plain", "points", "with-dash"]


async def test_names_that_sqlite_does_not_tell_apart_are_in_nobody_s_way(
    analytics: SQLiteAnalytics,
) -> None:
    for name in ("sqlite_x", "Data", "data"):
        analytics.add(point(name, dataset=name))
    assert await rows(analytics, "SHOW TABLES") == [("Data",), ("data",), ("sqlite_x",)]
    assert await rows(analytics, "SELECT index1 FROM data") == [("Data",)]
    assert await rows(analytics, "SELECT count() FROM data") == [(1,)]


async def test_nan_is_nothing(analytics: SQLiteAnalytics) -> None:
    analytics.add(point("i", float("nan"), 1.0))
    assert await rows(analytics, "SELECT double1, double2 FROM data") == [(None, 1.0)]


async def test_answer_is_cut_at_the_number_of_rows(analytics: SQLiteAnalytics) -> None:
    for n in range(5):
        analytics.add(point("i", n))
    answer = await query(analytics, "SELECT double1 FROM data ORDER BY 1", rows=3)
    assert answer == Answer(["double1"], [(0.0,), (1.0,), (2.0,)], True)
    assert not (await query(analytics, "SELECT double1 FROM data", rows=5)).cut


async def test_columns_are_there_without_rows_and_nothing_without_a_statement(
    analytics: SQLiteAnalytics,
) -> None:
    analytics.add(point())
    assert await query(analytics, "SELECT index1 AS x FROM data WHERE 0") == Answer(
        ["x"], [], False
    )
    assert await query(analytics, " -- nothing") == Answer([], [], False)


# The dialect


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("now()", "2027-01-15 08:00:00"),
        ("NOW() - INTERVAL '1' DAY", "2027-01-14 08:00:00"),
        ("now() + interval 90 minutes", "2027-01-15 09:30:00"),
        ("now() - INTERVAL '2' WEEK", "2027-01-01 08:00:00"),
        ("now() - INTERVAL '1' MONTH", "2026-12-15 08:00:00"),
        ("now() + INTERVAL '1' QUARTER", "2027-04-15 08:00:00"),
        ("now() - INTERVAL '3' YEAR", "2024-01-15 08:00:00"),
        ("toDateTime('2027-01-31 00:00:00') + INTERVAL '1' MONTH", "2027-02-28 00:00:00"),
        ("toDateTime('2024-01-31') + INTERVAL '1' MONTH", "2024-02-29 00:00:00"),
        ("now() + INTERVAL '9000' YEAR", None),
        ("toDateTime(0)", "1970-01-01 00:00:00"),
        ("toDateTime('1970-01-01T01:00:00+01:00')", "1970-01-01 00:00:00"),
        ("toDateTime('tomorrow')", None),
        ("toDateTime(1e30)", None),
        ("'tomorrow' - INTERVAL '1' DAY", None),
        ("toUnixTimestamp('1970-01-02 00:00:00')", 86400),
        ("toUnixTimestamp('never')", None),
        ("toStartOfInterval(now(), INTERVAL '6' HOUR)", "2027-01-15 06:00:00"),
        ("toStartOfInterval(now(), INTERVAL '1' WEEK)", "2027-01-11 00:00:00"),  # a Monday
        ("toStartOfInterval(now(), INTERVAL '1' QUARTER)", "2027-01-01 00:00:00"),
        ("toStartOfInterval('2027-06-05', INTERVAL '1' YEAR)", "2027-01-01 00:00:00"),
        ("toStartOfInterval('2027-06-05', INTERVAL '2' MONTH)", "2027-05-01 00:00:00"),
        ("toStartOfInterval('2027-06-05', INTERVAL '0' DAY)", None),
        ("toStartOfInterval('never', INTERVAL '1' DAY)", None),
        ("toStartOfInterval(now(), 'often')", None),
        ("if(1 > 2, 'a', 'b')", "b"),
        ("count()", 1),
        ("'INTERVAL ''1'' DAY' -- INTERVAL '1' DAY", "INTERVAL '1' DAY"),
        ("1 /* INTERVAL '1' DAY */", 1),
    ],
)
async def test_what_the_platform_s_examples_use_is_there(
    analytics: SQLiteAnalytics, expression: str, value: Any
) -> None:
    assert await rows(analytics, f"SELECT {expression}") == [(value,)]


async def test_points_of_the_last_hour_by_place(analytics: SQLiteAnalytics) -> None:
    for minutes in range(0, 180, 20):
        analytics.add(point("i", minutes, at=NOW - minutes * 60, blobs=("in",)))
    found = await rows(
        analytics,
        """SELECT blob1 AS place, SUM(_sample_interval) AS n FROM data
           WHERE timestamp > NOW() - INTERVAL '1' HOUR GROUP BY place HAVING n > 1""",
    )
    assert found == [("in", 3)]


# What queries may not


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM data",
        "DELETE FROM points",
        "UPDATE points SET index1 = ''",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "DROP VIEW data",
        "PRAGMA user_version = 9",
        "PRAGMA journal_mode",
        "ATTACH 'x.sqlite3' AS x",
        "VACUUM INTO 'x.sqlite3'",
        "BEGIN",
        "SELECT load_extension('x')",
    ],
)
async def test_only_reading_is_allowed(analytics: SQLiteAnalytics, sql: str) -> None:
    analytics.add(point())
    message = await refused(analytics, sql)
    assert message == "only SELECT and SHOW TABLES can be run here"
    assert await rows(analytics, "SELECT count() FROM data") == [(1,)]


async def test_one_statement_at_a_time(analytics: SQLiteAnalytics) -> None:
    assert "one statement" in await refused(analytics, "SELECT 1; SELECT 2")


async def test_unknown_dataset_is_told_with_those_there_are(analytics: SQLiteAnalytics) -> None:
    assert await refused(analytics, "SELECT 1 FROM dat") == (
        "there is no dataset 'dat'; there are: none yet"
    )
    analytics.add(point())
    assert await refused(analytics, "SELECT 1 FROM dat") == (
        "there is no dataset 'dat'; there are: data"
    )
    assert "no such column: blob21" in await refused(analytics, "SELECT blob21 FROM data")


async def test_endless_query_is_stopped(analytics: SQLiteAnalytics) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    assert await refused(analytics, endless, seconds=0) == "the query took longer than 0 s"


async def test_query_that_wants_much_memory_is_stopped(analytics: SQLiteAnalytics) -> None:
    assert "too big" in await refused(analytics, "SELECT zeroblob(100000000)")
    assert "too" in await refused(analytics, f"SELECT '{'x' * 200_000}'")


async def test_connection_is_as_before_after_a_query(analytics: SQLiteAnalytics) -> None:
    analytics.add(point())
    await refused(analytics, "DELETE FROM data")
    for _ in range(3):
        assert await rows(analytics, "SELECT count() FROM data") == [(1,)]
    analytics.add(point())  # in memory the connection is that of the writer
    assert await rows(analytics, "SELECT count() FROM data") == [(2,)]


# Writing


async def test_points_are_written_without_being_asked_for(tmp_path: Path) -> None:
    file = SQLiteFile(tmp_path / "a.sqlite3", durable=False, migrations=MIGRATIONS)
    engine = SQLiteAnalytics(file)
    for n in range(100):
        engine.add(point("i", n))
    await engine.flush()
    other = apsw.Connection(str(tmp_path / "a.sqlite3"))
    assert other.execute("SELECT count(*) FROM points").get == 100
    other.close()
    await engine.close()
    await engine.close()


async def test_points_are_there_after_closing(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    for n in range(1000):
        store.analytics().add(point("i", n))
    await store.close()
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    assert await store.analytics().datasets() == ["data"]
    answer = await store.analytics().query(
        "SELECT sum(double1) FROM data", now=NOW, rows=1, seconds=9
    )
    assert answer.rows == [(499500.0,)]
    await store.close()


async def test_file_is_made_when_it_is_first_needed(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    assert not (tmp_path / "analytics.sqlite3").exists()
    assert store.analytics() is store.analytics()
    assert (tmp_path / "analytics.sqlite3").exists()
    await store.close()


async def test_points_that_come_too_fast_are_counted_in_others(
    analytics: SQLiteAnalytics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_analytics, "_PENDING_BYTES", 20_000)
    for n in range(10_000):  # the loop has no turn to write in
        analytics.add(point(f"i{n % 4}", 1))
    found = await rows(
        analytics, "SELECT index1, sum(_sample_interval), count() < 10 FROM data GROUP BY index1"
    )
    assert found == [(f"i{n}", 2500, 1) for n in range(4)]
    assert not caplog.records


async def test_point_is_lost_where_there_is_no_other_to_count_it(
    analytics: SQLiteAnalytics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_analytics, "_PENDING_BYTES", 0)
    analytics.add(point())
    assert "a point of data is lost" in caplog.text
    assert await rows(analytics, "SHOW TABLES") == []


class Failing(SQLiteMemory):
    """A file that cannot be written for a while."""

    failing = True
    tries = 0

    def write(self, work: Any, *, ops: int, size: int) -> Any:
        self.tries += 1
        if not self.failing:
            return super().write(work, ops=ops, size=size)
        future = asyncio.get_running_loop().create_future()
        future.set_exception(StorageError("disk full"))
        return future


async def test_points_wait_while_they_cannot_be_written(caplog: pytest.LogCaptureFixture) -> None:
    file = Failing(MIGRATIONS)
    engine = SQLiteAnalytics(file)
    for n in range(3):
        engine.add(point("i", n))
        await engine.flush()
    assert [record.message for record in caplog.records] == [
        "analytics: points cannot be written, and wait: disk full"
    ]
    tries = file.tries
    engine.add(point("i", 3))
    assert file.tries == tries  # not with every point
    file.failing = False
    assert await rows(engine, "SELECT sum(double1), count() FROM data") == [(6.0, 4)]
    await engine.close()


async def test_points_that_can_never_be_written_are_told_of_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = SQLiteAnalytics(Failing(MIGRATIONS))
    engine.add(point())
    await engine.close()
    assert "1 points are lost" in caplog.text


async def test_another_loop_goes_on_writing(tmp_path: Path) -> None:
    engine = SQLiteAnalytics(SQLiteMemory(MIGRATIONS))

    async def add() -> None:
        engine.add(point())  # and the loop ends before it hears of it

    await asyncio.to_thread(asyncio.run, add())
    await asyncio.to_thread(asyncio.run, add())
    engine.add(point())
    assert await rows(engine, "SELECT count() FROM data") == [(3,)]
    await engine.close()


async def test_nothing_can_be_added_once_it_is_closed() -> None:
    engine = SQLiteAnalytics(SQLiteMemory(MIGRATIONS))
    await engine.close()
    with pytest.raises(StorageError, match="closed"):
        engine.add(point())
    with pytest.raises(StorageError, match="closed"):
        await engine.datasets()


async def test_points_are_swept_after_three_months(
    analytics: SQLiteAnalytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_analytics, "_SWEEP_ROWS", 2)
    for n in range(5):
        analytics.add(point("old", at=NOW - KEEP_SECONDS - 60 - n))
    analytics.add(point("new", at=NOW - KEEP_SECONDS + 60))
    await analytics.flush()
    await analytics.sweep(now=NOW)
    assert await rows(analytics, "SELECT index1 FROM data") == [("new",)]


# Files that are not right


async def test_file_of_a_newer_edgekit_is_refused(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    store.analytics()
    await store.close()
    con = apsw.Connection(str(tmp_path / "analytics.sqlite3"))
    con.pragma("user_version", 99)
    con.close()
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    with pytest.raises(ConfigError, match="newer edgekit"):
        store.analytics()
    await store.close()


async def test_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "analytics.sqlite3").write_bytes(b"not a database, but long enough to look" * 200)
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    with pytest.raises(ConfigError, match=r"analytics\.sqlite3 cannot be opened"):
        store.analytics()
    await store.close()


def test_nothing_is_logged_for_points_that_are_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        engine = SQLiteAnalytics(SQLiteMemory(MIGRATIONS))
        engine.add(point())
        await engine.close()

    asyncio.run(main())
    assert not [record for record in caplog.records if record.name.startswith("edgekit")]
