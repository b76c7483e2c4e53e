"""What a client's SQL may do, for those without node: tests/bridge/test_d1.py asks the platform."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import pytest

from edgekit.engines.sql import Query, SqlError
from edgekit.engines.sql_statements import Statements


@pytest.fixture
def statements() -> Iterator[Statements]:
    con = apsw.Connection(":memory:")
    statements = Statements(con, writes=True)
    statements.rules.trusted = False
    for sql in (
        "CREATE TABLE t (a UNIQUE, b REFERENCES t(a))",
        "CREATE INDEX i ON t (a)",
        "CREATE VIEW v AS SELECT a FROM t",
    ):
        answer(statements, sql)
    yield statements
    con.close()


def answer(statements: Statements, sql: str) -> str:
    """ "ok", or the text of the error with SQLite's name of it."""
    try:
        statements.run(Query(sql), timeout=30, columns=False, last_row_id=0)
    except SqlError as error:
        return f"{error}: {error.code}"
    return "ok"


NO = "not authorized: SQLITE_AUTH"


@pytest.mark.parametrize(
    "sql",
    [
        *(
            "SELECT abs(-1)",
            "SELECT 1 WHERE 'a' LIKE 'A'",
            "SELECT json('[1]') -> 0",
            "SELECT max(1, 2)",
            "SELECT 'ALTER TABLE t RENAME TO _cf_t'",
            "/* ALTER TABLE t RENAME TO _cf_t */ SELECT 1",
            "ALTER TABLE t RENAME TO x_cf_t",
            "ALTER TABLE t RENAME a TO _cf_a",
        ),
        *(
            "SELECT * FROM json_each('[1]')",
            "SELECT * FROM pragma_table_info('t')",
            'SELECT "text"',
        ),
        *(
            "PRAGMA table_info(t)",
            "PRAGMA index_list = 't'",
            "PRAGMA foreign_key_check",
            "PRAGMA quick_check",
            "PRAGMA recursive_triggers = none",
            "PRAGMA foreign_keys('10')",
        ),
        *(
            "PRAGMA foreign_key_check(t)",
            "PRAGMA table_list",
            "PRAGMA data_version",
            "PRAGMA optimize",
        ),
        *(
            "PRAGMA optimize(-1)",
            "PRAGMA foreign_keys",
            "PRAGMA foreign_keys = yes",
            "PRAGMA recursive_triggers = '1'",
        ),
        *(
            "CREATE VIRTUAL TABLE f USING FTS5(a)",
            "ALTER TABLE t DROP COLUMN b",
            "ANALYZE",
            "REINDEX t",
        ),
        *(
            "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
            "DROP INDEX i",
            "DROP VIEW v",
            "DROP TABLE t",
        ),
        *(
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "INSERT INTO t VALUES (1, NULL)",
            "CREATE TABLE main.u (a)",
        ),
        *(
            "WITH RECURSIVE x(n) AS (SELECT 1 UNION SELECT n + 1 FROM x LIMIT 3) SELECT * FROM x",
            "SELECT * FROM v",
        ),
    ],
)
def test_allowed(statements: Statements, sql: str):
    assert answer(statements, sql) == "ok"


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        *(
            (sql, NO)
            for sql in (
                *(
                    "ATTACH 'x' AS x",
                    "DETACH main",
                    "CREATE TEMP TABLE x (a)",
                    "CREATE TEMP VIEW x AS SELECT 1",
                ),
                *(
                    "CREATE TABLE _cf_x (a)",
                    "CREATE TABLE _CF_x (a)",
                    "CREATE INDEX _cf_i ON t (a)",
                ),
                *(
                    "CREATE VIEW _cf_v AS SELECT 1",
                    "CREATE TRIGGER _cf_r AFTER INSERT ON t BEGIN SELECT 1; END",
                ),
                *("ALTER TABLE t RENAME TO _cf_t", "CREATE VIRTUAL TABLE _cf_f USING fts5(a)"),
                "/* a */; ALTER/**/TABLE main . [t] RENAME /* b */ TO --c\n'_CF_t'",
                "EXPLAIN QUERY PLAN ALTER TABLE t RENAME TO _cf_t",
                *(
                    "CREATE VIRTUAL TABLE x USING rtree(a, b, c)",
                    "CREATE VIRTUAL TABLE x USING dbstat",
                ),
                *(
                    "PRAGMA user_version",
                    "PRAGMA journal_mode = delete",
                    "PRAGMA FOREIGN_KEYS",
                    "PRAGMA nope",
                ),
                *(
                    "PRAGMA table_info",
                    "PRAGMA table_info(_cf_x)",
                    "PRAGMA foreign_keys = 2",
                    "PRAGMA data_version = 1",
                ),
                *(
                    "PRAGMA optimize(t)",
                    "PRAGMA temp.table_info(t)",
                    "PRAGMA quick_check(_cf_x)",
                    "PRAGMA writable_schema = 1",
                ),
            )
        ),
        ("SELECT sqlite_version()", "not authorized to use function: sqlite_version: SQLITE_ERROR"),
        ("SELECT power(1, 2)", "not authorized to use function: power: SQLITE_ERROR"),
        ("SELECT median(1)", "no such function: median: SQLITE_ERROR"),
        ("SELECT rtreedepth(x'00')", "no such function: rtreedepth: SQLITE_ERROR"),
        ("SELECT load_extension('x')", "not authorized: SQLITE_ERROR"),
        ("SELECT * FROM dbstat", "no such table: dbstat: SQLITE_ERROR"),
        (
            "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 1)",
            'near "constraint": syntax error: SQLITE_ERROR',
        ),
        (
            "UPDATE sqlite_schema SET sql = ''",
            "table sqlite_master may not be modified: SQLITE_ERROR",
        ),
        ("SELECT zeroblob(2200001)", "string or blob too big: SQLITE_TOOBIG"),
        (f"SELECT {', '.join('1' * 101)}", "too many columns in result set: SQLITE_ERROR"),
        (" UNION ALL ".join(["SELECT 1"] * 6), "too many terms in compound SELECT: SQLITE_ERROR"),
        ("SELECT ?101", "variable number must be between ?1 and ?100: SQLITE_ERROR"),
        (f"SELECT '' LIKE '{'a' * 51}'", "LIKE or GLOB pattern too complex: SQLITE_ERROR"),
    ],
)
def test_refused(statements: Statements, sql: str, text: str):
    assert answer(statements, sql) == text


def test_numbers_become_text_of_fifteen_digits(statements: Statements):
    answer(statements, "INSERT INTO t (a) VALUES (CAST(9007199254740991.0 AS TEXT))")
    query = Query("SELECT a FROM t WHERE a = '9.00719925474099e+15'")
    assert len(statements.run(query, timeout=30, columns=False, last_row_id=0).rows) == 1


def test_trusted_statements_have_no_rules(statements: Statements):
    assert statements.trusted("PRAGMA user_version") == 0
    assert answer(statements, "PRAGMA user_version") == NO


def test_only_what_is_not_trusted_has_a_time_limit(statements: Statements):
    statements.job.deadline = 0.0
    assert statements.is_over()
    statements.rules.trusted = True
    assert not statements.is_over()
