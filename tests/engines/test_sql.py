"""SQL databases: what every engine does with a client's SQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from edgekit.engines import sql_rules, sql_statements, sqlite_sql
from edgekit.engines.sql import Outcome, Query, SqlError, SqlLimit
from edgekit.engines.sql_rules import MAX_SQL
from edgekit.engines.sql_statements import Kind, plan, split
from edgekit.engines.sqlite_sql import SQLiteDatabases, SQLiteSql
from edgekit.errors import ConfigError, StorageError

ENDLESS = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x"
LONG = ENDLESS.replace("FROM x)", "FROM x LIMIT 300000)")


@pytest.fixture(params=["temporary", "folder"])
async def databases(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SQLiteDatabases]:
    folder = None if request.param == "temporary" else tmp_path / "new" / "d1"
    databases = SQLiteDatabases(folder, durable=True)
    yield databases
    await databases.close()


@pytest.fixture
def sql(databases: SQLiteDatabases) -> SQLiteSql:
    return databases.open("one")


async def run(
    sql: SQLiteSql, *queries: str | Query, timeout: float = 30, **more: Any
) -> list[Outcome]:
    made = [Query(each) if isinstance(each, str) else each for each in queries]
    return await sql.run(made, timeout=timeout, **more)


async def rows(sql: SQLiteSql, query: str | Query) -> list[tuple[Any, ...]]:
    return (await run(sql, query))[0].rows


async def refused(sql: SQLiteSql, *queries: str | Query, **more: Any) -> SqlError:
    with pytest.raises(SqlError) as caught:
        await run(sql, *queries, **more)
    return caught.value


async def test_outcome_says_what_a_query_did(sql: SQLiteSql):
    (created,) = await run(sql, "CREATE TABLE t (id INTEGER PRIMARY KEY, n)")
    assert (created.changes, created.changed, created.rows) == (0, True, [])
    (inserted,) = await run(
        sql, Query("INSERT INTO t (n) VALUES (?), (?) RETURNING n", ("a", b"\0"))
    )
    assert inserted.columns == ("n",)
    assert inserted.rows == [("a",), (b"\0",)]
    assert (inserted.changes, inserted.last_row_id, inserted.changed) == (2, 2, True)
    assert inserted.size >= created.size > 0
    assert inserted.seconds > 0
    (read,) = await run(sql, "SELECT n AS m, 1 FROM t ORDER BY id")
    assert read.columns == ("m", "1")
    assert (read.changes, read.last_row_id, read.changed, read.size) == (0, 2, False, inserted.size)


async def test_columns_are_known_without_rows_when_asked_for(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a UNIQUE, b)", "INSERT INTO t VALUES (1, 2)")
    for query in (
        "SELECT * FROM t WHERE 0",
        "INSERT INTO t VALUES (1, 3) ON CONFLICT DO NOTHING RETURNING *",
    ):
        assert (await run(sql, query, columns=True))[0].columns == ("a", "b")
    (created,) = await run(sql, "CREATE TABLE u (a)", columns=True)  # not run a second time
    assert created.columns == ()
    assert await rows(sql, "SELECT count(*) FROM t") == [(1,)]


async def test_columns_are_those_of_the_schema_as_it_is(sql: SQLiteSql):
    other = SQLiteSql(sql._path, durable=False)
    await run(sql, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    for name in ("a", "b", "c"):
        assert (await run(sql, "SELECT * FROM t"))[0].columns == (name,)
        await run(other, f"ALTER TABLE t RENAME COLUMN {name} TO {chr(ord(name) + 1)}")
    await other.close()


async def test_queries_of_one_run_are_done_all_or_none(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a UNIQUE)")
    error = await refused(sql, "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)", "SELECT 1")
    assert (error.code, error.extended) == ("SQLITE_CONSTRAINT", "SQLITE_CONSTRAINT_UNIQUE")
    assert await rows(sql, "SELECT * FROM t") == []
    outcomes = await run(sql, "INSERT INTO t VALUES (1)", "SELECT * FROM t", "DELETE FROM t")
    assert [outcome.rows for outcome in outcomes] == [[], [(1,)], []]


async def test_who_is_refused_disturbs_nobody_in_his_group(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a UNIQUE NOT NULL)")
    names = [f"INSERT INTO t VALUES ({n % 40})" for n in range(80)]
    names += ["INSERT OR ROLLBACK INTO t VALUES (NULL)", "SELEC 1", "INSERT INTO t VALUES (-1)"]
    results = await asyncio.gather(*(run(sql, each) for each in names), return_exceptions=True)
    assert [type(result) for result in results] == [list] * 40 + [SqlError] * 42 + [list]
    assert await rows(sql, "SELECT count(*) FROM t") == [(41,)]


async def test_reads_of_one_run_see_one_moment(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a)")
    first, second = await run(sql, "SELECT count(*) FROM t", "SELECT count(*) FROM t")
    assert first.rows == second.rows == [(0,)]


@pytest.mark.parametrize(
    "word",
    [
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "ROLLBACK",
        "END",
        "SAVEPOINT client",
        "RELEASE client",
        "ROLLBACK TO client",
    ],
)
async def test_client_does_not_get_at_our_transactions(sql: SQLiteSql, word: str):
    for text in (word, word + ";", f"SELECT 1; {word}"):
        for _ in range(2):
            error = await refused(sql, "CREATE TABLE IF NOT EXISTS t (a)", text)
            assert str(error).startswith("To execute a transaction, please use")
            assert error.code is None
    assert await rows(sql, "SELECT * FROM sqlite_schema") == []


async def test_what_looks_like_a_read_may_write(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a)")
    for _ in range(2):
        (outcome,) = await run(sql, "WITH x AS (SELECT 7 AS a) INSERT INTO t SELECT a FROM x")
        assert outcome.changes == 1
    outcomes = await run(sql, "SELECT 1", "WITH x AS (SELECT 7 AS a) DELETE FROM t")
    assert outcomes[1].changes == 2


async def test_functions_about_writes_answer_for_the_writer(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (2), (3)")
    assert await rows(sql, "SELECT last_insert_rowid(), changes()") == [(3, 3)]


async def test_settings_last_as_long_as_their_run(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a CHECK (a > 5))")
    await run(sql, "PRAGMA ignore_check_constraints = ON", "INSERT INTO t VALUES (1)")
    assert (await refused(sql, "INSERT INTO t VALUES (2)")).extended == "SQLITE_CONSTRAINT_CHECK"
    await refused(sql, "PRAGMA case_sensitive_like = ON", "SELEC 1")
    assert await rows(sql, "SELECT 'A' LIKE 'a', changes() >= 0") == [(1, 1)]


async def test_deferred_foreign_keys_are_checked_at_the_end(sql: SQLiteSql):
    await run(sql, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p REFERENCES p)")
    assert (
        await refused(sql, "INSERT INTO c VALUES (1)")
    ).extended == "SQLITE_CONSTRAINT_FOREIGNKEY"
    defer = "PRAGMA defer_foreign_keys = ON"
    error = await refused(sql, defer, "INSERT INTO c VALUES (1)")
    assert (error.code, error.extended) == ("SQLITE_CONSTRAINT", "SQLITE_CONSTRAINT_FOREIGNKEY")
    await run(sql, defer, "INSERT INTO c VALUES (1)", "INSERT INTO p VALUES (1)")
    assert await rows(sql, "SELECT * FROM c") == [(1,)]


async def test_errors_name_their_place_also_when_a_statement_was_kept(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a)")
    error = await refused(sql, "CREATE TABLE t (a)")
    assert (str(error), error.code, error.offset) == ("table t already exists", "SQLITE_ERROR", 13)
    assert (await refused(sql, "SELECT 'é', nope")).offset == 13  # bytes
    assert (await refused(sql, "SELECT abs(-9223372036854775808)")).offset is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT ?", "Wrong number of parameter bindings for SQL query."),
        (
            "SELECT ?; SELECT 1",
            "When executing multiple SQL statements in a single call, only the last statement can have parameters.",
        ),
        ("", "SQL code did not contain a statement."),
        ("-- SELECT 1", "SQL code did not contain a statement."),
        ("SELECT 1;;", "SQL code did not contain a statement."),
        ("SELECT 1\0", "SQL code did not contain a statement."),
        ("SELECT 1; /* SELECT", "SQL code did not contain a statement."),
        ("SELECT CAST(x'ff' AS TEXT)", "a text in the result is not UTF-8"),
        ("SELECT 1 --" + "x" * MAX_SQL, "statement too long"),
        ("SELECT 1; SELECT 2 --" + "é" * (MAX_SQL // 2), "statement too long"),
        ('CREATE TABLE t (a); ALTER TABLE t RENAME TO "_cf_t"', "not authorized"),
        ("ALTER TABLE t RENAME TO _cf_t", "no such table: t"),
        ("/* c */ " * 10_000 + "x", 'near "x": syntax error'),
        ("SELECT percentile(1, 2)", "no such function: percentile"),
        ("SELECT * FROM carray(1)", "no such table: carray"),
    ],
)
async def test_refused_with_its_text(sql: SQLiteSql, text: str, message: str):
    assert str(await refused(sql, text)) == message


async def test_fts5_and_schema_changes_are_allowed(sql: SQLiteSql):
    await run(sql, "CREATE VIRTUAL TABLE f USING fts5(a)", "INSERT INTO f VALUES ('hello world')")
    assert await rows(sql, "SELECT highlight(f, 0, '<', '>') FROM f('hello')") == [
        ("<hello> world",)
    ]
    await run(
        sql,
        *("DROP TABLE f", "CREATE TABLE t (a, b, c)", "ALTER TABLE t DROP COLUMN c"),
        *(
            "ALTER TABLE t RENAME COLUMN b TO d",
            "ALTER TABLE t RENAME TO u",
            "ALTER TABLE u ADD COLUMN e",
        ),
        *(
            "CREATE INDEX i ON u (d)",
            "REINDEX i",
            "ANALYZE u",
            "DROP INDEX i",
            "CREATE VIEW v AS SELECT 1",
        ),
    )
    (outcome,) = await run(sql, "SELECT * FROM u", columns=True)
    assert outcome.columns == ("a", "d", "e")


def test_text_is_split_where_statements_end():
    trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;"
    text = f"SELECT ';'; \n {trigger}\t-- the end;\n"
    assert list(split(text)) == ["SELECT ';';", trigger, ""]
    assert plan("SELECT 1; SELECT 2").statements == ("SELECT 1;", "SELECT 2")
    for whole in (
        "-- a; b\nSELECT 1",
        "/* a; b */ SELECT 1;",
        ";; SELECT /* ; */ 1 -- ;",
        "SELECT [;",
    ):
        assert list(split(whole)) == [whole]
    assert list(split("SELECT 1;-- a; b\n; SELECT 2;")) == ["SELECT 1;", "-- a; b\n; SELECT 2;"]
    assert list(split("SELECT 1; ; -- c;")) == ["SELECT 1;", ""]
    assert list(split("SELECT 1;\v\ufeff")) == ["SELECT 1;", ""]
    assert list(split("SELECT 1;\xa0")) == ["SELECT 1;", "\xa0"]  # space to Python only
    for nothing in ("", " ", ";", "--;", "/*;*/;", "/*;", "--;\n;"):
        assert list(split(nothing)) == [""]
    assert plan("; -- c;\nselect 1").kind is Kind.READS
    assert plan(" /* c */ select 1").kind is Kind.READS
    assert plan("-- c\nVALUES (1)").kind is Kind.READS
    assert plan("INSERT INTO t VALUES (1)").kind is Kind.WRITES
    assert plan("SELECT 1; PRAGMA x").kind is Kind.ALONE
    long = "SELECT 1 -- " + "x" * 5000
    assert plan(long).statements == (long,)


async def test_long_read_does_not_stop_the_loop(sql: SQLiteSql):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert await rows(sql, LONG) == [(300000,)]
    assert turns > 10
    before = turns
    assert await rows(sql, LONG) == [(300000,)]  # now it goes to a thread at once
    assert turns > before + 10
    counting.cancel()


async def test_read_that_was_long_once_is_short_again(
    sql: SQLiteSql, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_sql, "_INLINE_SECONDS", -1.0)
        assert await rows(sql, LONG) == [(300000,)]
        assert LONG in sql._learned
    monkeypatch.setattr(sqlite_sql, "_INLINE_SECONDS", 1000.0)
    assert await rows(sql, LONG) == [(300000,)]
    assert LONG not in sql._learned


@pytest.mark.parametrize(
    ("query", "inline"),
    [
        (Query("SELECT instr(?, ?)", ("a", "b" * 1024)), True),
        (Query("SELECT instr(?, ?)", ("a", "b" * 1025)), False),
        (Query("SELECT ?", (bytes(1025),)), False),
        (Query("SELECT json_patch('{}', '{}')"), False),
        (Query("SELECT count(*) FROM words WHERE words MATCH 'a'"), False),
    ],
)
async def test_what_cannot_be_interrupted_is_never_run_on_the_event_loop(
    sql: SQLiteSql, monkeypatch: pytest.MonkeyPatch, query: Query, inline: bool
):
    await run(sql, "CREATE VIRTUAL TABLE words USING fts5(word)")
    threads: list[threading.Thread] = []
    read = sql._read_with

    def noted(*args: Any) -> Any:
        threads.append(threading.current_thread())
        return read(*args)

    monkeypatch.setattr(sqlite_sql, "_INLINE_SECONDS", 1000.0)
    monkeypatch.setattr(sql, "_read_with", noted)
    await run(sql, query)
    assert [thread is threading.current_thread() for thread in threads] == [inline]


async def test_what_was_learned_is_bounded(sql: SQLiteSql, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite_sql, "_LEARNED", 3)
    await run(sql, "CREATE TABLE t (a)")
    for n in range(10):
        await run(sql, f"WITH x AS (SELECT {n} AS a) INSERT INTO t SELECT a FROM x")
    assert len(sql._learned) <= 4


@pytest.mark.parametrize(
    "query", [ENDLESS, f"INSERT INTO t {ENDLESS}", f"CREATE TABLE u AS {ENDLESS}"]
)
async def test_query_is_stopped_when_its_time_is_over(sql: SQLiteSql, query: str):
    await run(sql, "CREATE TABLE t (a)")
    error = await refused(
        sql, "INSERT INTO t VALUES (1)" if "t" in query[:13] else "SELECT 1", query, timeout=0.05
    )
    assert isinstance(error, SqlLimit)
    assert error.what == "time"
    assert await rows(sql, "SELECT count(*) FROM t") == [(0,)]


async def test_who_is_stopped_disturbs_nobody_in_his_group(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a)")
    slow = f"INSERT INTO t {ENDLESS}"
    results = await asyncio.gather(
        run(sql, "INSERT INTO t VALUES (1)"),
        run(sql, slow, timeout=0.05),
        run(sql, "INSERT INTO t VALUES (2)"),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [list, SqlLimit, list]
    assert await rows(sql, "SELECT count(*) FROM t") == [(2,)]


async def test_cancelled_read_is_stopped(sql: SQLiteSql):
    reading = asyncio.create_task(run(sql, ENDLESS))
    while not sql._learned:  # until it is in its thread
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await sql.close()  # waits for its threads


async def test_rows_beyond_the_limit_are_refused(sql: SQLiteSql, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sql_statements, "MAX_ROWS_SIZE", 100_000)
    monkeypatch.setattr(sqlite_sql, "_INLINE_SECONDS", -1.0)
    many = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x LIMIT 50000) SELECT n FROM x"
    error = await refused(sql, many)
    assert isinstance(error, SqlLimit)
    assert error.what == "memory"
    await run(sql, "CREATE TABLE t (a)")
    assert isinstance(await refused(sql, f"INSERT INTO t {many} RETURNING a"), SqlLimit)
    assert await rows(sql, "SELECT count(*) FROM t") == [(0,)]


async def test_short_rows_count_as_what_they_take(sql: SQLiteSql, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sql_statements, "MAX_ROWS_SIZE", 100 * 80)
    monkeypatch.setattr(sqlite_sql, "_INLINE_SECONDS", -1.0)
    numbers = (
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x LIMIT {}) SELECT n FROM x"
    )
    assert len(await rows(sql, numbers.format(100))) == 100
    assert isinstance(await refused(sql, numbers.format(101)), SqlLimit)


async def test_database_beyond_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sql_rules, "MAX_SIZE", 64 * 4096)
    sql = SQLiteSql(tmp_path / "x.sqlite3", durable=False)
    await run(sql, "CREATE TABLE t (a)")
    error = await refused(sql, "INSERT INTO t VALUES (zeroblob(1000000))")
    assert isinstance(error, SqlLimit)
    assert error.what == "size"
    await run(sql, "INSERT INTO t VALUES (1)")
    await sql.close()


async def test_full_disk_is_an_error_of_the_storage(
    sql: SQLiteSql, monkeypatch: pytest.MonkeyPatch
):
    await run(sql, "CREATE TABLE t (a)")
    (writer,) = [each for each in sql._connections.values() if each.writes]
    # Stands for a full disk: SQLite's error is the same, and there is no room for anybody.
    await sql._file.write(lambda con: writer.trusted("PRAGMA max_page_count = 3"), ops=1, size=0)
    monkeypatch.setattr(sql_statements, "_ROOM", 2**63)
    results = await asyncio.gather(
        run(sql, "INSERT INTO t VALUES (1)"),
        run(sql, "INSERT INTO t VALUES (zeroblob(1000000))"),
        return_exceptions=True,
    )
    assert isinstance(results[0], list)
    assert isinstance(results[1], StorageError)
    assert "full" in str(results[1])
    assert await rows(sql, "SELECT a FROM t") == [(1,)]


async def test_database_is_kept_and_found_by_its_name(tmp_path: Path):
    for name in ("one", "One", "../one", "a/b", "é" * 200, "\ud800"):
        databases = SQLiteDatabases(tmp_path, durable=True)
        sql = databases.open(name)
        assert databases.open(name) is sql
        await run(sql, f"CREATE TABLE t{abs(hash(name))} (a)")
        await databases.close()
        await databases.close()
        databases = SQLiteDatabases(tmp_path, durable=True)
        tables = await rows(databases.open(name), "SELECT name FROM sqlite_schema")
        assert tables == [(f"t{abs(hash(name))}",)]
        await databases.close()
    assert {path.parent for path in tmp_path.rglob("*.sqlite3")} == {tmp_path}
    assert len({path.name.lower() for path in tmp_path.glob("*.sqlite3")}) == 6


async def test_temporary_databases_leave_nothing_behind():
    databases = SQLiteDatabases(None, durable=False)
    sql = databases.open("x")
    folder = sql._path.parent
    await run(sql, "CREATE TABLE t (a)")
    await databases.close()
    assert not folder.exists()


async def test_closed_database_says_so(tmp_path: Path):
    sql = SQLiteSql(tmp_path / "x.sqlite3", durable=False)
    await sql.close()
    await sql.close()
    for query in ("SELECT 1", "CREATE TABLE t (a)"):
        with pytest.raises(StorageError, match="closed"):
            await run(sql, query)


def spoil(path: Path, how: str) -> None:
    if how == "damaged":
        path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        return
    con = apsw.Connection(str(path))
    con.execute({"newer": "PRAGMA user_version = 99", "foreign": "PRAGMA application_id = 5"}[how])
    con.close()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("damaged", "cannot be opened"),
        ("newer", "newer edgekit"),
        ("foreign", "some other program"),
    ],
)
async def test_file_that_cannot_be_used_is_a_clear_error(tmp_path: Path, how: str, message: str):
    path = tmp_path / "x.sqlite3"
    sql = SQLiteSql(path, durable=False)
    await run(sql, "CREATE TABLE t (a)")
    await sql.close()
    spoil(path, how)
    with pytest.raises(ConfigError, match=message):
        SQLiteSql(path, durable=False)


async def test_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    databases = SQLiteDatabases(tmp_path / "file" / "d1", durable=False)
    with pytest.raises(ConfigError, match="cannot be made a directory"):
        databases.open("x")


async def test_damage_is_an_error_of_the_storage(tmp_path: Path):
    path = tmp_path / "x.sqlite3"
    sql = SQLiteSql(path, durable=False)
    await run(sql, "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(100000))")
    await sql.close()
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    sql = SQLiteSql(path, durable=False)
    for query in ("SELECT * FROM t", "DELETE FROM t"):
        with pytest.raises(StorageError, match="malformed"):
            await run(sql, query)
    await sql.close()


async def test_locked_reader_waits_in_a_thread(sql: SQLiteSql, monkeypatch: pytest.MonkeyPatch):
    await run(sql, "CREATE TABLE t (a)")

    def busy(*args: Any, **more: Any) -> Any:
        raise apsw.BusyError("database is locked")

    threads: list[str] = []
    read = sql._read_with

    def noted(statements: Any, *more: Any) -> Any:
        if statements is sql._reader:
            return busy()
        threads.append(threading.current_thread().name)
        return read(statements, *more)

    monkeypatch.setattr(sql, "_read_with", noted)
    assert await rows(sql, "SELECT count(*) FROM t") == [(0,)]
    assert threads[0].startswith("edgekit-read")
    assert not sql._learned


async def test_export_sees_one_moment_and_no_limits(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    with sql.export() as read:
        assert list(read("SELECT a, sqlite_version() > '' FROM t")) == [(1, 1)]
        await run(sql, "INSERT INTO t VALUES (2)")
        assert list(read("SELECT a FROM t")) == [(1,)]
        with pytest.raises(StorageError), sql.export() as other:
            list(other("SELECT nope"))


async def test_other_process_is_seen_at_once(tmp_path: Path):
    one, two = (SQLiteSql(tmp_path / "x.sqlite3", durable=False) for _ in range(2))
    await run(one, "CREATE TABLE t (a)")
    (before,) = await run(two, "SELECT count(*) FROM t")
    await run(one, "INSERT INTO t VALUES (zeroblob(100000))")
    (after,) = await run(two, "SELECT count(*) FROM t")
    assert (before.rows, after.rows) == ([(0,)], [(1,)])
    assert after.size > before.size
    await one.close()
    await two.close()


async def test_thousands_at_once(sql: SQLiteSql):
    await run(sql, "CREATE TABLE t (a INTEGER PRIMARY KEY)")
    await asyncio.gather(*(run(sql, Query("INSERT INTO t VALUES (?)", (n,))) for n in range(3000)))
    counts = await asyncio.gather(*(rows(sql, "SELECT count(*) FROM t") for _ in range(1000)))
    assert counts == [[(3000,)]] * 1000


async def test_what_is_wrong_is_said_of_the_schema_of_now(sql: SQLiteSql):
    # The connection that reads has seen the table, and not yet that it is gone.
    await run(sql, "CREATE TABLE t (a)")
    await run(sql, "SELECT a FROM t")
    wrong = Query("SELECT a FROM t WHERE a = ?", (1, 2))
    assert "Wrong number" in str(await refused(sql, wrong))
    await run(sql, "DROP TABLE t")
    assert str(await refused(sql, wrong)) == "no such table: t"


@pytest.mark.parametrize(
    "sql_text", ["ALTER TABLE t RENAME TO _cf_t", "ALTER TABLE t RENAME TO _cf_t; SELECT ?, ?"]
)
async def test_what_is_forbidden_is_said_before_parameters_are_counted(
    sql: SQLiteSql, sql_text: str
) -> None:
    await run(sql, "CREATE TABLE t (a)")
    assert str(await refused(sql, Query(sql_text, (1,)))) == "not authorized"
