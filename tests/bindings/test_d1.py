from __future__ import annotations

import array
import math
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edgekit import host
from edgekit.bindings import d1
from edgekit.bindings.d1 import D1Database, D1PreparedStatement
from edgekit.engines.sqlite_sql import SQLiteDatabases
from edgekit.errors import BindingError, D1Error, D1TypeError
from edgekit.testing.clock import ManualClock


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[D1Database]:
    databases = SQLiteDatabases(tmp_path, durable=False)
    yield D1Database(databases.open("one"))
    await databases.close()


@pytest.fixture
async def users(db: D1Database) -> D1Database:
    await db.exec(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE)\n"
        "INSERT INTO users (name) VALUES ('ann'), ('bob')"
    )
    return db


async def value_of(db: D1Database, expression: str, *values: Any) -> Any:
    return (await db.prepare(f"SELECT {expression}").bind(*values).raw())[0][0]


async def failure(awaitable: Any) -> str:
    with pytest.raises(D1Error) as caught:
        await awaitable
    return str(caught.value)


async def test_all_answers_rows_as_objects_and_meta(users: D1Database):
    result = await users.prepare("SELECT * FROM users WHERE id > ? ORDER BY id").bind(0).all()
    assert result == {"success": True, "meta": result.meta, "results": result.results}
    assert result.results == [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}]
    assert result.results[1].name == result["results"][1]["name"] == "bob"
    assert result.meta.keys() == {
        *("served_by", "duration", "changes", "last_row_id", "changed_db", "size_after"),
        *("rows_read", "rows_written"),
    }
    assert result.meta.duration >= 0
    assert (result.meta.rows_read, result.meta.rows_written) == (2, 0)
    assert (result.meta.changes, result.meta.changed_db, result.meta.changedDb) == (0, False, False)


async def test_run_says_what_it_did(users: D1Database):
    result = await users.prepare("INSERT INTO users (name) VALUES (?)").bind("eve").run()
    assert (result.results, result.success) == ([], True)
    assert (result.meta.changes, result.meta.last_row_id, result.meta.changed_db) == (1, 3, True)
    assert (result.meta.rows_written, result.meta.size_after > 0) == (1, True)


async def test_first_answers_a_row_a_value_or_none(users: D1Database):
    statement = users.prepare("SELECT id, name, NULL AS n FROM users ORDER BY id")
    assert await statement.first() == {"id": 1, "name": "ann", "n": None}
    assert await statement.first("name") == "ann"
    assert await statement.first("n") is None
    assert await failure(statement.first("zz")) == "D1_COLUMN_NOTFOUND: Column not found (zz)"
    assert await users.prepare("SELECT 1 WHERE 0").first("zz") is None


async def test_raw_answers_lists(users: D1Database):
    statement = users.prepare("SELECT id, name AS id FROM users ORDER BY 1")
    assert await statement.raw() == [[1, "ann"], [2, "bob"]]
    with_names = [["id", "id"], [1, "ann"], [2, "bob"]]
    assert await statement.raw(column_names=True) == with_names
    assert await statement.raw(columnNames=True) == with_names
    assert await statement.raw({"columnNames": True}) == with_names
    assert await statement.raw(None) == with_names[1:]
    nothing = users.prepare("SELECT id FROM users WHERE 0")
    assert await nothing.raw(column_names=True) == [["id"]]


async def test_of_columns_with_one_name_the_last_counts(db: D1Database):
    assert await db.prepare("SELECT 1 AS a, 2 AS a").first() == {"a": 2}


async def test_bind_makes_a_new_statement(db: D1Database):
    statement = db.prepare("SELECT ? AS a")
    one, two = statement.bind(1), statement.bind(2)
    assert [await one.first("a"), await two.first("a"), await one.bind(3).first("a")] == [1, 2, 3]
    assert "Wrong number of parameter bindings" in await failure(statement.all())
    assert "Wrong number of parameter bindings" in await failure(one.bind().all())


@pytest.mark.parametrize(
    ("value", "kept", "kind"),
    [
        (1, 1, "real"),
        (True, 1, "real"),
        (False, 0, "real"),
        (1.5, 1.5, "real"),
        (-0.0, 0, "real"),
        (2**53 - 1, 2**53 - 1, "real"),
        (math.nan, None, "null"),
        (math.inf, None, "null"),
        (None, None, "null"),
        ("é𝄞\0", "é𝄞\0", "text"),
        ("\ud83d\ude00", "😀", "text"),
        ("\ud800x", "\ufffd\ufffd\ufffdx", "text"),
        (b"\x00\xff", [0, 255], "blob"),
        (bytearray(b"a"), [97], "blob"),
        (memoryview(b"abc")[::2], [97, 99], "blob"),
        (array.array("h", [1, 256, -1]), [1, 0, 255], "blob"),
        ([1, 2.9, 255], [1, 2, 255], "blob"),
        ((), [], "blob"),
    ],
)
async def test_values_are_kept_as_the_platform_keeps_them(
    db: D1Database, value: Any, kept: Any, kind: str
):
    found, typed = (await db.prepare("SELECT ?1, typeof(?1)").bind(value).raw())[0]
    assert (found, type(found), typed) == (kept, type(kept), kind)


@pytest.mark.parametrize(
    ("value", "kind", "spelled"),
    [
        (2**53, "bigint", "9007199254740992"),
        ({}, "object", "[object Object]"),
        ([256], "object", "256"),
        ([-1, 1.5], "object", "-1,1.5"),
        (["a", None, [True, {}]], "object", "a,,true,[object Object]"),
        ([b"a"], "object", "[object ArrayBuffer]"),
        (datetime(2026, 1, 2), "object", "2026-01-02 00:00:00"),
        (len, "function", str(len)),
    ],
)
def test_values_of_other_types_are_refused(db: D1Database, value: Any, kind: str, spelled: str):
    with pytest.raises(D1Error) as caught:
        db.prepare("SELECT ?").bind(value)
    assert str(caught.value) == f"D1_TYPE_ERROR: Type '{kind}' not supported for value '{spelled}'"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("9007199254740993", 9007199254740992.0),
        ("-9223372036854775808", -9223372036854775808.0),
        ("9007199254740991", 9007199254740991),
        ("3.0", 3),
        ("1e300", 1e300),
        ("1e999", None),
        ("'x'", "x"),
        ("x''", []),
    ],
)
async def test_results_are_what_json_makes_of_them(db: D1Database, expression: str, value: Any):
    found = await value_of(db, expression)
    assert (found, type(found)) == (value, type(value))


async def test_batch_is_one_transaction(users: D1Database):
    insert = users.prepare("INSERT INTO users (name) VALUES (?)")
    names = users.prepare("SELECT name FROM users ORDER BY id")
    text = await failure(users.batch([insert.bind("eve"), insert.bind("ann"), names]))
    assert text == (
        "D1_ERROR: UNIQUE constraint failed: users.name: SQLITE_CONSTRAINT"
        " (extended: SQLITE_CONSTRAINT_UNIQUE)"
    )
    assert await names.raw() == [["ann"], ["bob"]]
    results = await users.batch([insert.bind("eve"), names])
    assert [result.meta.changes for result in results] == [1, 0]
    assert results[1].results == [{"name": "ann"}, {"name": "bob"}, {"name": "eve"}]


async def test_batch_leaves_out_what_is_blank(db: D1Database):
    results = await db.batch(
        [db.prepare(sql) for sql in ("", "SELECT 1 a", "  -- c\n ", " \ufeff")]
    )
    assert [result.results for result in results] == [[{"a": 1}]]
    for sql in ("-- c", " -- c\n-- d", "-- c\n\n -- d", "\n" * 50_000 + "-- c\n;"):
        assert "did not contain" in await failure(db.prepare(sql).all())
    for statements in ([], [db.prepare("")], [db.prepare("\n-- c\n\n-- d\n  -- e")]):
        assert await failure(db.batch(statements)) == "D1_ERROR: No SQL statements detected."
    assert await failure(db.prepare(" ").all()) == "D1_ERROR: No SQL statements detected."


async def test_exec_runs_lines_in_one_transaction(db: D1Database):
    result = await db.exec(
        "\nCREATE TABLE t (a);\n\nINSERT INTO t VALUES (1); INSERT INTO t VALUES (2);\n"
    )
    assert result == {"count": 2, "duration": result.duration}
    assert await value_of(db, "count(*) FROM t") == 2
    text = await failure(db.exec("DELETE FROM t\nSELECT nope"))
    assert text == (
        "D1_EXEC_ERROR: Error in line 1: DELETE FROM t: no such column: nope at offset 7: SQLITE_ERROR"
    )
    assert await value_of(db, "count(*) FROM t") == 2
    assert await failure(db.exec("CREATE TABLE u (\n  a)")) == (
        "D1_EXEC_ERROR: Error in line 1: CREATE TABLE u (: incomplete input: SQLITE_ERROR"
    )
    assert await failure(db.exec(" ")) == (
        "D1_EXEC_ERROR: Error in line 1: : No SQL statements detected."
    )


@pytest.mark.parametrize(
    ("sql", "message", "code"),
    [
        ("SELEC 1", 'near "SELEC": syntax error at offset 0: SQLITE_ERROR', "SQLITE_ERROR"),
        ("SELECT * FROM t", "no such table: t: SQLITE_ERROR", "SQLITE_ERROR"),
        ("ATTACH 'x' AS y", "not authorized: SQLITE_AUTH", "SQLITE_AUTH"),
        ("CREATE TABLE _CF_x (a)", "not authorized: SQLITE_AUTH", "SQLITE_AUTH"),
        ("PRAGMA journal_mode", "not authorized: SQLITE_AUTH", "SQLITE_AUTH"),
        (
            "SELECT sqlite_version()",
            "not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR",
            "SQLITE_ERROR",
        ),
        ("SELECT zeroblob(3000000)", "string or blob too big: SQLITE_TOOBIG", "SQLITE_TOOBIG"),
        ("-- c", "SQL code did not contain a statement.", None),
    ],
)
async def test_errors_have_the_platforms_text_and_sqlites_code(
    db: D1Database, sql: str, message: str, code: str | None
):
    with pytest.raises(D1Error) as caught:
        await db.prepare(sql).run()
    assert str(caught.value) == f"D1_ERROR: {message}"
    assert caught.value.code == code
    assert isinstance(caught.value, BindingError)


async def test_foreign_keys_are_enforced(db: D1Database):
    await db.exec("CREATE TABLE p (id INTEGER PRIMARY KEY)\nCREATE TABLE c (p REFERENCES p)")
    text = await failure(db.prepare("INSERT INTO c VALUES (1)").run())
    assert text.startswith("D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT")


async def test_query_is_stopped_at_the_limit(db: D1Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(d1, "QUERY_SECONDS", 0.02)
    endless = (
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x"
    )
    assert await failure(db.prepare(endless).first()) == (
        "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset."
    )
    assert await value_of(db, "1") == 1


async def test_session_knows_the_state_it_has_seen(db: D1Database, clock: ManualClock):
    for constraint in ([], [None], ["first-primary"], ["first-unconstrained"], [" "]):
        assert db.with_session(*constraint).get_bookmark() is None
    assert db.withSession(" abc ").getBookmark() == "abc"

    session = db.with_session("first-primary")
    await session.prepare("CREATE TABLE t (a)").run()
    first = session.get_bookmark()
    assert first is not None
    clock.advance(1)
    await session.batch([session.prepare("SELECT 1")])
    second = session.get_bookmark()
    assert second is not None
    assert first < second
    other = db.with_session(second)
    with host.use_clock(ManualClock(1000.0)):  # a clock that was set back
        await other.prepare("SELECT * FROM t").all()
    assert other.get_bookmark() == second
    assert not hasattr(session, "exec")


async def test_dump_is_refused_as_there(db: D1Database):
    assert await failure(db.dump()) == "D1_DUMP_ERROR: Status + 404"


async def test_arguments_of_the_wrong_kind_are_type_errors(db: D1Database):
    with pytest.raises(D1TypeError):
        db.prepare(5)  # type: ignore[arg-type]
    with pytest.raises(D1TypeError):
        await db.batch(["SELECT 1"])  # type: ignore[list-item]
    with pytest.raises(D1TypeError, match=r"query\.trim is not a function"):
        await db.exec(5)  # type: ignore[arg-type]
    with pytest.raises(D1TypeError, match="trim is not a function"):
        db.with_session(5)  # type: ignore[arg-type]
    assert issubclass(D1TypeError, TypeError)


async def test_statement_may_be_run_in_a_batch_of_a_session(db: D1Database):
    statement = db.prepare("SELECT ? AS a").bind("x")
    assert isinstance(statement, D1PreparedStatement)
    (result,) = await db.with_session().batch([statement])
    assert result.results == [{"a": "x"}]
