"""UPDATE and DELETE with ORDER BY and LIMIT; tests/bridge/test_d1.py asks the platform for the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from edgekit.engines.sql import Query, SqlError
from edgekit.engines.sql_statements import Statements


@pytest.fixture
def statements() -> Iterator[Statements]:
    con = apsw.Connection(":memory:")
    statements = Statements(con, writes=True)
    statements.rules.trusted = False
    run(statements, "CREATE TABLE t (a, b)")
    run(statements, "INSERT INTO t VALUES (3, 'c'), (1, 'a'), (2, 'b')")
    yield statements
    con.close()


def run(statements: Statements, sql: str, *params: Any, columns: bool = False) -> Any:
    outcome = statements.run(Query(sql, params), timeout=30, columns=columns, last_row_id=0)
    return [outcome.columns, *outcome.rows] if columns else outcome.rows


@pytest.mark.parametrize(
    ("sql", "params", "left"),
    [
        ("DELETE FROM t LIMIT 1", (), [(1, "a"), (2, "b")]),
        ("DELETE FROM t ORDER BY a LIMIT 2;", (), [(3, "c")]),
        ("DELETE FROM t WHERE a > ? ORDER BY a LIMIT ?", (1, 1), [(3, "c"), (1, "a")]),
        ("WITH x AS (SELECT 1 AS n) DELETE FROM t WHERE a IN x LIMIT 5", (), [(3, "c"), (2, "b")]),
        ("UPDATE t SET a = 0 LIMIT 1", (), [(0, "c"), (1, "a"), (2, "b")]),
        (
            "UPDATE OR IGNORE main.t AS x SET b = ?3 WHERE b <> ')' ORDER BY a LIMIT ?1, ?2",
            (1, 1, "z"),
            [(3, "c"), (1, "a"), (2, "z")],
        ),
    ],
)
def test_as_many_are_changed_as_are_said(
    statements: Statements, sql: str, params: tuple[Any, ...], left: list[Any]
):
    run(statements, sql, *params)
    assert run(statements, "SELECT * FROM t") == left


def test_what_they_return(statements: Statements):
    sql = "DELETE FROM t WHERE a < 9 RETURNING a AS n LIMIT 1"
    assert run(statements, sql, columns=True) == [("n",), (3,)]
    assert run(statements, f"SELECT 1; {sql}") == [(1,)]
    none = "DELETE FROM t WHERE a > 9 RETURNING a AS n LIMIT 1"
    assert run(statements, none, columns=True) == [("n",)]


@pytest.mark.parametrize(
    ("sql", "text", "offset"),
    [
        ("DELETE FROM t ORDER BY a", "ORDER BY without LIMIT on DELETE", None),
        ("UPDATE t SET a = 1 ORDER BY a", "ORDER BY without LIMIT on UPDATE", None),
        ("DELETE FROM t WHERE é LIMIT 1", "no such column: é", 20),
        ("DELETE FROM t WHERE 'é' ORDER BY z LIMIT 1", "no such column: z", 34),
        ("DELETE FROM t LIMIT 1 2", 'near "2": syntax error', 22),
        ("DELETE FROM t LIMIT", 'near "LIMIT": syntax error', 14),
        ("DELETE FROM t LIMIT 1) OR (1", 'near "LIMIT": syntax error', 14),
        ("DELETE FROM t WHERE (a LIMIT 1)", 'near "LIMIT": syntax error', 23),
        ("DELETE FROM t RETURNING ? LIMIT ?", 'near "LIMIT": syntax error', 26),
        ("UPDATE t SET a = 1 FROM t AS x LIMIT 1", 'near "LIMIT": syntax error', 31),
        ("UPDATE t SET z = 1 LIMIT 1", "no such column: z", None),
        ("DELETE FROM x LIMIT 1", "no such table: x", None),
        ("INSERT INTO t VALUES (1, 2) LIMIT 1", 'near "LIMIT": syntax error', 28),
        (
            "CREATE TRIGGER r AFTER UPDATE ON t BEGIN DELETE FROM t LIMIT 1; END",
            'near "LIMIT": syntax error',
            55,
        ),
    ],
)
def test_errors_have_their_place_in_what_was_said(
    statements: Statements, sql: str, text: str, offset: int | None
):
    with pytest.raises(SqlError) as refused:
        run(statements, sql)
    assert (str(refused.value), refused.value.offset) == (text, offset)
    assert len(run(statements, "SELECT * FROM t")) == 3


def test_table_without_rowids_has_none_of_this(statements: Statements):
    run(statements, "CREATE TABLE w (k PRIMARY KEY) WITHOUT ROWID")
    with pytest.raises(SqlError, match='near "LIMIT"'):
        run(statements, "DELETE FROM w LIMIT 1")
