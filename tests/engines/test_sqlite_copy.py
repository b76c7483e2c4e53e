"""One database in the place of another, while that is in use."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edgekit.engines.sql import Query
from edgekit.engines.sqlite_sql import SQLiteSql
from edgekit.errors import StorageError


def nothing(table: str) -> bool:
    return False


async def test_who_has_it_open_sees_the_new_one(tmp_path: Path) -> None:
    source = tmp_path / "source.db"
    with sqlite3.connect(source) as con:
        con.executescript("CREATE TABLE new (x); INSERT INTO new VALUES (1)")
    con.close()
    sql = SQLiteSql(tmp_path / "ours.sqlite3", durable=False)
    other = SQLiteSql(tmp_path / "ours.sqlite3", durable=False)
    await sql.run([Query("CREATE TABLE old (x)")], timeout=5)
    assert (await other.run([Query("SELECT * FROM old")], timeout=5))[0].rows == []
    assert sql.replace(source, nothing) == ["new"]
    for each in (sql, other):
        assert (await each.run([Query("SELECT * FROM new")], timeout=5))[0].rows[0] == (1,)
        await each.run([Query("INSERT INTO new VALUES (2)")], timeout=5)
    await sql.close()
    await other.close()
    again = SQLiteSql(tmp_path / "ours.sqlite3", durable=False)  # it is still ours
    assert (await again.run([Query("SELECT count(*) FROM new")], timeout=5))[0].rows == [(3,)]
    await again.close()
    assert not list(tmp_path.glob("copy-*"))


async def test_a_source_that_is_none_changes_nothing(tmp_path: Path) -> None:
    sql = SQLiteSql(tmp_path / "ours.sqlite3", durable=False)
    await sql.run([Query("CREATE TABLE old (x)")], timeout=5)
    (tmp_path / "text").write_bytes(b"text" * 1000)
    for name in ("text", "missing", "."):
        with pytest.raises(StorageError, match=str(tmp_path)):
            sql.replace(tmp_path / name, nothing)
    assert (await sql.run([Query("SELECT * FROM old")], timeout=5))[0].rows == []
    await sql.close()


async def test_a_target_that_is_gone_is_named(tmp_path: Path) -> None:
    sql = SQLiteSql(tmp_path / "ours.sqlite3", durable=False)
    await sql.close()
    source = tmp_path / "source.db"
    with sqlite3.connect(source) as con:
        con.execute("CREATE TABLE new (x)")
    con.close()
    (tmp_path / "ours.sqlite3").unlink()
    with pytest.raises(StorageError, match="unable to open"):
        sql.replace(source, nothing)
