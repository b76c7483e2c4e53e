"""A database as SQL, in the order and the form of `wrangler d1 export`; any SQLite can read it.

Lines are statements, so that D1's exec() takes them too. What wrangler would get wrong is right here:
text with a backslash and an n beside a newline, text with NUL, infinities, large integers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import click

from edgekit.cli.d1_database import quoted

Rows = Callable[[str], Iterator[tuple[Any, ...]]]

_TABLES = """
    SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql NOT NULL
    ORDER BY tbl_name = 'sqlite_sequence', rowid"""
_REST = """
    SELECT name, tbl_name, sql FROM sqlite_schema
    WHERE sql NOT NULL AND type IN ('index', 'trigger', 'view') ORDER BY type COLLATE NOCASE, rowid"""


def dump(rows: Rows, *, tables: Collection[str], schema: bool, data: bool) -> Iterator[str]:
    """The lines; of these tables only, where there are any."""
    yield "PRAGMA defer_foreign_keys=TRUE;"
    found = [(str(name), str(sql)) for name, sql in rows(_TABLES)]
    if unknown := set(tables) - {name for name, _ in found}:
        raise click.ClickException(f"there is no table {', '.join(sorted(unknown))}")
    for name, sql in found:
        if tables and name not in tables:
            continue
        if sql.upper().startswith("CREATE VIRTUAL TABLE"):
            raise click.ClickException(
                f"cannot export databases with Virtual Tables (fts5), such as {name}: name the others"
                " with --table"
            )
        if name == "sqlite_sequence":
            if schema:
                yield "DELETE FROM sqlite_sequence;"
        elif name.startswith("sqlite_stat"):
            if schema:
                yield "ANALYZE sqlite_schema;"
        elif schema:
            yield f"{_quiet(sql)};"
        if data:
            yield from _inserts(rows, name)
    if schema:
        for name, table, sql in rows(_REST):
            if not tables or name in tables or table in tables:
                yield f"{sql};"


def _inserts(rows: Rows, table: str) -> Iterator[str]:
    # Hidden and generated columns are not in table_info.
    names = [quoted(str(name)) for _, name, *_ in rows(f"PRAGMA table_info({quoted(table)})")]
    listed = ",".join(names)
    for row in rows(f"SELECT {listed} FROM {quoted(table)}"):  # noqa: S608 - quoted
        yield f"INSERT INTO {quoted(table)} ({listed}) VALUES({_literals(row)});"


def _literals(row: Iterable[Any]) -> str:
    return ",".join(map(_literal, row))


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, float):
        return repr(value) if value - value == 0 else ("-9e999" if value < 0 else "9e999")
    if isinstance(value, int):
        return str(value)
    if "\0" in value:
        return f"CAST(X'{value.encode().hex()}' AS TEXT)"
    literal: str = "'" + value.replace("'", "''") + "'"
    for character, code, letter in (("\r", 13, "r"), ("\n", 10, "n")):
        if character in literal:
            mark = f"\\{letter}"
            while mark in literal:
                mark += letter
            literal = f"replace({literal.replace(character, mark)},'{mark}',char({code}))"
    return literal


def _quiet(sql: str) -> str:
    """As wrangler has it: a table with a quoted name may be there already."""
    if sql.startswith(("CREATE TABLE '", 'CREATE TABLE "')):
        return f"CREATE TABLE IF NOT EXISTS {sql[13:]}"
    return sql
