"""edgekit's D1Database beside the real one: the same SQL, the same results, the same texts."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.bindings.d1 import D1Database
from edgekit.engines.sqlite_sql import SQLiteSql
from edgekit.errors import D1Error
from tests.bridge.bridge import Bridge, Call, perform
from tests.bridge.comparing import alike, judge, random_calls
from tests.bridge.d1_sql import GROUPS
from tests.bridge.differences import KNOWN_DIFFERENCES
from tests.bridge.differences_d1 import UNDEFINED, statement

pytestmark = pytest.mark.bridge

CALLS = 40  # in one sequence

FAILURES: dict[type[Exception], str] = {TypeError: "TypeError", D1Error: "Error"}


class Local:
    """edgekit's D1 with the calls that worker.mjs has for the real one."""

    def __init__(self, database: D1Database) -> None:
        self._database = database
        self.exec = database.exec

    async def statement(self, statement: list[Any], method: str, *args: Any) -> Any:
        return await getattr(_prepared(self._database, statement), method)(*map(_value, args))

    async def batch(self, statements: list[Any]) -> Any:
        return await self._database.batch([_prepared(self._database, each) for each in statements])

    async def session(self, constraint: list[Any], statements: list[Any]) -> Any:
        session = self._database.with_session(*constraint)
        before = session.get_bookmark()
        results: list[Any] = []
        for each in statements:
            results += await session.batch([_prepared(session, each)])
        after = session.get_bookmark()
        return {
            "before": before,
            "after": "object" if after is None else "string",
            "results": results,
        }


def _prepared(database: Any, statement: list[Any]) -> Any:
    sql, *binds = statement
    prepared = database.prepare(sql)
    for values in binds:
        prepared = prepared.bind(*map(_value, values))
    return prepared


def _value(value: Any) -> Any:
    if isinstance(value, dict) and value.get("$") == "bigint":
        return int(value["value"])
    return None if value == UNDEFINED else value


class Here:
    """edgekit's D1, a new database for each list of calls."""

    def __init__(self, folder: Path) -> None:
        self._paths = (folder / f"{number}.sqlite3" for number in itertools.count())

    def call(self, calls: list[Call]) -> list[Any]:
        return asyncio.run(self._call(calls))

    async def _call(self, calls: list[Call]) -> list[Any]:
        sql = SQLiteSql(next(self._paths), durable=False)
        try:
            return await perform(Local(D1Database(sql)), calls, FAILURES)
        finally:
            await sql.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    return Here(tmp_path_factory.mktemp("d1"))


def compare(real: Bridge, here: Here, calls: list[Call]) -> None:
    """Make the calls on both; fail at the first answer that differs in an unknown way."""
    expected = [compared(answer) for answer in real.call("DB", calls)]
    judge("DB", "sqlite", calls, expected, [compared(answer) for answer in here.call(calls)])


def compared(answer: Any) -> Any:
    """An answer without what depends on time, on the platform's own tables, and on billing."""
    if isinstance(answer, list):
        return [compared(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    answer = {key: compared(value) for key, value in answer.items()}
    for name in ("served_by", "duration", "size_after", "rows_read", "rows_written", "changed_db"):
        if name in answer:
            answer[name] = None
    if "last_row_id" in answer and not answer["changes"]:
        answer["last_row_id"] = None  # what a connection did in another test, or long ago
    return answer


@pytest.mark.parametrize("group", GROUPS)
def test_sql_is_answered_as_on_the_platform(real: Bridge, here: Here, group: str) -> None:
    compare(real, here, [statement(sql) for sql in GROUPS[group]])


# --- random calls ---------------------------------------------------------------------------------

TABLES = ["t", "u", '"a b"']
COLUMNS = ["a", "b", "c"]
TYPES = [
    "",
    "INTEGER",
    "REAL",
    "TEXT",
    "BLOB",
    "NUMERIC",
    "INTEGER PRIMARY KEY",
    "ANY",
    "VARCHAR(9)",
]
CONSTRAINTS = [
    *("", "", "", "NOT NULL", "UNIQUE", "DEFAULT 5", "DEFAULT 'x'", "DEFAULT (1 + 1)"),
    *(
        "CHECK (typeof(b) <> 'blob')",
        "COLLATE NOCASE",
        "REFERENCES t(a)",
        "REFERENCES u",
        "PRIMARY KEY",
    ),
]
ODD_VALUES = [
    *(0, 1, -1, 1.5, -0.0, 2**53 - 1, -(2**53) + 1, 1e15, 1e16, 1e300, 0.1, 1e-7),
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        True,
        False,
        None,
        "",
        "1",
        "1.0",
        " 1",
        "x",
        "é𝄞",
    ),
    *(
        "a\0b",
        "\ud800",
        "\ud83d\ude00",
        b"",
        b"\0\xff",
        [],
        [1, 2],
        [255.9],
        [256],
        [-1],
        ["a"],
        [True],
    ),
    *([None], [[1], 2], {}, {"a": 1}, {"$": "bigint", "value": str(2**53)}, "9007199254740993"),
]
FUNCTIONS = [
    *(
        "abs({0})",
        "hex({0})",
        "quote({0})",
        "typeof({0})",
        "length({0})",
        "upper({0})",
        "unicode({0})",
    ),
    *(
        "coalesce({0}, {1})",
        "max({0}, {1})",
        "instr({0}, {1})",
        "json_array({0}, {1})",
        "json({0})",
    ),
    *(
        "{0} || {1}",
        "{0} + {1}",
        "{0} / {1}",
        "{0} % {1}",
        "{0} LIKE {1}",
        "{0} GLOB {1}",
        "{0} IS {1}",
    ),
    *("{0} < {1}", "CASE {0} WHEN {1} THEN 1 END", "CAST({0} AS INTEGER)", "CAST({0} AS REAL)"),
    *(
        "CAST({0} AS BLOB)",
        "round({0}, 1)",
        "printf('%s %d', {0}, {1})",
        "substr({0}, {1})",
        "-{0}",
    ),
    *("sum({0})", "count(*)", "avg({0})", "group_concat({0}, '-')", "min({0})", "total({0})"),
    *("row_number() OVER ()", "lower({0})", "trim({0})", "replace({0}, {1}, 'z')", "sign({0})"),
    *(
        "sqlite_version()",
        "power({0}, 2)",
        "nofn({0})",
        "abs()",
        "load_extension({0})",
        "(SELECT {0})",
    ),
    *(
        "EXISTS (SELECT 1 FROM t)",
        "{0} IN (1, {1})",
        "{0} BETWEEN 1 AND {1}",
        "json_extract({0}, '$')",
    ),
]

tables = st.sampled_from(TABLES)
columns = st.sampled_from(COLUMNS)
values = st.one_of(
    st.sampled_from(ODD_VALUES),
    st.integers(-9, 9),
    st.floats(),
    st.text(max_size=6),
    st.binary(max_size=6),
)
small = st.one_of(st.integers(-5, 5), st.sampled_from(["a", "b", "x", None, 1.5]), values)
literals = st.sampled_from(
    ["1", "'x'", "2.5", "NULL", "x'00ff'", "1e999", "-9223372036854775808", '"a"']
)
operands = st.one_of(columns, columns, st.just("?"), literals)
expressions = st.one_of(
    operands,
    st.builds(
        lambda pattern, one, two: pattern.format(one, two),
        st.sampled_from(FUNCTIONS),
        operands,
        operands,
    ),
)
column_definitions = st.builds(
    lambda name, kind, constraint: f"{name} {kind} {constraint}".strip(),
    columns,
    st.sampled_from(TYPES),
    st.sampled_from(CONSTRAINTS),
)


@st.composite
def creates(draw: st.DrawFn) -> str:
    table = draw(tables)
    defined = draw(
        st.lists(column_definitions, min_size=1, max_size=3, unique_by=lambda text: text[0])
    )
    tail = draw(st.sampled_from(["", "", "", " STRICT"]))
    exists = draw(st.sampled_from(["", "IF NOT EXISTS "]))
    return f"CREATE TABLE {exists}{table} ({', '.join(defined)}){tail}"


@st.composite
def inserts(draw: st.DrawFn) -> str:
    names = draw(st.lists(columns, min_size=1, max_size=3, unique=True))
    rows = draw(st.integers(1, 3))
    one = "(" + ", ".join(["?"] * len(names)) + ")"
    how = draw(
        st.sampled_from(["INSERT", "INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE", "REPLACE"])
    )
    tail = draw(
        st.sampled_from(["", "", " RETURNING *", " RETURNING a", " ON CONFLICT DO NOTHING"])
    )
    listed = draw(st.sampled_from([f" ({', '.join(names)})", ""]))
    return f"{how} INTO {draw(tables)}{listed} VALUES {', '.join([one] * rows)}{tail}"


@st.composite
def selects(draw: st.DrawFn) -> str:
    chosen = ", ".join(draw(st.lists(expressions, min_size=1, max_size=3)))
    where = draw(st.one_of(st.just(""), expressions.map(lambda text: f" WHERE {text}")))
    tail = draw(st.sampled_from(["", " LIMIT 2", " LIMIT 1 OFFSET 1"]))
    return f"SELECT {chosen} FROM {draw(tables)}{where} ORDER BY rowid{tail}"


@st.composite
def changes(draw: st.DrawFn) -> str:
    where = draw(st.one_of(st.just(""), expressions.map(lambda text: f" WHERE {text}")))
    tail = draw(st.sampled_from(["", "", " RETURNING *"]))
    if draw(st.booleans()):
        return f"DELETE FROM {draw(tables)}{where}{tail}"
    how = draw(st.sampled_from(["UPDATE", "UPDATE OR IGNORE", "UPDATE OR REPLACE"]))
    return f"{how} {draw(tables)} SET {draw(columns)} = {draw(expressions)}{where}{tail}"


OTHERS = [
    *(
        "DROP TABLE t",
        "DROP TABLE IF EXISTS u",
        "CREATE INDEX i ON t (a)",
        "CREATE UNIQUE INDEX i2 ON u (b)",
    ),
    *(
        "DROP INDEX i",
        "DROP INDEX IF EXISTS i2",
        "CREATE VIEW v AS SELECT * FROM t",
        "SELECT * FROM v",
    ),
    *("DROP VIEW v", "ALTER TABLE t ADD COLUMN c", "ALTER TABLE t RENAME COLUMN b TO c"),
    *("ALTER TABLE u DROP COLUMN c", "ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME TO _cf_u"),
    "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u(a) VALUES (new.a); END",
    "CREATE TRIGGER r2 BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'kept'); END",
    *(
        "DROP TRIGGER r",
        "DROP TRIGGER IF EXISTS r2",
        "PRAGMA foreign_keys",
        "PRAGMA foreign_keys = OFF",
    ),
    *(
        "PRAGMA table_info(t)",
        "PRAGMA index_list('u')",
        "PRAGMA foreign_key_list(t)",
        "PRAGMA user_version",
    ),
    *(
        "PRAGMA foreign_key_check",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA Table_Info(t)",
        "PRAGMA quick_check",
    ),
    *(
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT s",
        "VACUUM",
        "ATTACH 'x' AS x",
        "REINDEX",
        "ANALYZE t",
    ),
    *(
        "SELECT ?, ?",
        "SELECT ?2",
        "SELECT :a, $b",
        "SELECT 1; SELECT ?",
        "SELECT ?; SELECT 1",
        "",
        " ",
        ";",
    ),
    *(
        "-- c",
        " -- c",
        "SELECT 1;;",
        "SELECT 1; -- c",
        "SELECT 1\0",
        "SELEC 1",
        "SELECT 'x",
        "SELECT *",
    ),
    *(
        "SELECT 1 a, 2 a",
        "SELECT 1 WHERE 0",
        "VALUES (1, 2), (3, NULL)",
        "SELECT * FROM _cf_METADATA",
    ),
    *(
        "CREATE TEMP TABLE x (a)",
        "CREATE TABLE _cf_x (a)",
        "CREATE TABLE t2 AS SELECT 1 a",
        "SELECT * FROM t2",
    ),
    *(
        "INSERT INTO t SELECT * FROM u",
        "EXPLAIN QUERY PLAN SELECT 1",
        "SELECT last_insert_rowid() >= 0",
    ),
    *(
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "INSERT INTO f VALUES (?)",
        "SELECT * FROM f WHERE f MATCH 'x'",
    ),
    *(
        "CREATE VIRTUAL TABLE g USING rtree(a, b, c)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "PRAGMA nope",
    ),
    "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x LIMIT 3) INSERT INTO t(a) SELECT n FROM x",
]
sqls = st.one_of(
    creates(), inserts(), inserts(), selects(), selects(), changes(), st.sampled_from(OTHERS)
)


@st.composite
def statements(draw: st.DrawFn) -> list[Any]:
    """SQL with, mostly, as many values as it has parameters."""
    sql = draw(sqls)
    count = sql.count("?") + draw(st.sampled_from([0] * 20 + [1, -1]))
    if count <= 0:
        return [sql]
    return [sql, draw(st.lists(small, min_size=count, max_size=count))]


singles = st.one_of(
    st.tuples(st.sampled_from(["run", "all", "raw", "first"])),
    st.just(("raw", {"columnNames": True})),
    st.tuples(st.just("first"), st.sampled_from(["a", "b", "zz", 5])),
)
calls = st.one_of(
    st.builds(lambda each, how: Call("statement", (each, *how)), statements(), singles),
    st.builds(lambda each, how: Call("statement", (each, *how)), statements(), singles),
    st.builds(lambda each: Call("batch", (each,)), st.lists(statements(), max_size=4)),
    st.builds(
        lambda each, literal, between: Call("exec", (between.join(each).replace("?", literal),)),
        st.lists(sqls, min_size=1, max_size=3),
        st.sampled_from(["1", "'x'", "NULL", "?"]),
        st.sampled_from(["\n", ";\n", "\n\n"]),
    ),
    st.builds(
        lambda constraint, each: Call("session", (constraint, each)),
        st.sampled_from([[], ["first-primary"], ["first-unconstrained"], ["  "], [" x "], [None]]),
        st.lists(statements(), max_size=2),
    ),
)


@st.composite
def sequences(draw: st.DrawFn) -> list[Call]:
    first = []
    for table in TABLES:  # so that most of what follows finds what it names
        defined = [
            f"{name} {draw(st.sampled_from(TYPES[:7]))} {draw(st.sampled_from(CONSTRAINTS[:8]))}"
            for name in COLUMNS
        ]
        first.append(Call("statement", ([f"CREATE TABLE {table} ({', '.join(defined)})"], "run")))
    return first + draw(st.lists(calls, min_size=CALLS - 3, max_size=CALLS - 3))


@random_calls(CALLS)
@given(sequence=sequences())
def test_random_calls_answer_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    compare(real, here, sequence)


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: ascii(value)[:60])
def test_value_is_kept_in_every_type_of_column_as_on_the_platform(
    real: Bridge, here: Here, value: Any
) -> None:
    types = ["", "INTEGER", "REAL", "TEXT", "NUMERIC", "BLOB"]
    names = [f"c{at}" for at in range(len(types))]
    defined = ", ".join(map(" ".join, zip(names, types, strict=True)))
    listed = ", ".join([*names, *(f"typeof({name})" for name in names)])
    calls = [
        statement(f"CREATE TABLE t ({defined})"),
        statement("INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1, ?1)", [value]),
        *(
            statement(f"SELECT {listed} FROM t", method=method)
            for method in ("all", "raw", "first")
        ),
        statement("SELECT ?, ?", [1], [value, value], method="raw"),
    ]
    compare(real, here, calls)


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "DB"],
    ids=lambda difference: difference.what,
)
def test_known_difference_still_is_one(real: Bridge, here: Here, difference: Any) -> None:
    calls = list(difference.example)
    there = compared(real.call("DB", calls)[-1])
    ours = compared(here.call(calls)[-1])
    assert not alike(there, ours)
    assert difference.allows(calls[-1], there, ours)
