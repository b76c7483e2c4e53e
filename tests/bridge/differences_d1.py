"""Where edgekit's D1 answers otherwise than the real platform, and why. See differences.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.bridge.bridge import Call, Failure

UNDEFINED = {"$": "undefined"}


def statement(sql: str, *binds: list[Any], method: str = "all", args: tuple[Any, ...] = ()) -> Call:
    """prepare(sql).bind(*binds[0])....method(*args): `compound` in worker.mjs, `Local` in test_d1.py."""
    return Call("statement", ([sql, *binds], method, *args))


def texts(real: str, here: str) -> Callable[[Call, Any, Any], bool]:
    """Both fail, each with its own text (patterns that match the whole of it)."""

    def allows(call: Call, there: Any, ours: Any) -> bool:
        return (
            isinstance(there, Failure)
            and isinstance(ours, Failure)
            and re.fullmatch(real, there.message, re.DOTALL) is not None
            and re.fullmatch(here, ours.message, re.DOTALL) is not None
        )

    return allows


def sql_of(call: Call) -> str:
    """All SQL of a call."""
    match call.method, call.args:
        case "statement", ([sql, *_], *_):
            return str(sql)
        case "batch", (statements,):
            return "\n".join(str(sql) for sql, *_ in statements)
        case "session", (_, statements):
            return "\n".join(str(sql) for sql, *_ in statements)
    return str(call.args[0])


def _here_alone(pattern: str, text: str) -> Callable[[Call, Any, Any], bool]:
    """SQL with that pattern, which is not refused there, and here with that text (a pattern)."""

    def allows(call: Call, real: Any, here: Any) -> bool:
        return (
            re.search(pattern, sql_of(call), re.IGNORECASE) is not None
            and not isinstance(real, Failure)
            and isinstance(here, Failure)
            and re.fullmatch(text, here.message, re.DOTALL) is not None
        )

    return allows


def _there_alone(pattern: str, text: str) -> Callable[[Call, Any, Any], bool]:
    """SQL with that pattern, which is not refused here, and there with that text (a pattern)."""
    swapped = _here_alone(pattern, text)
    return lambda call, real, here: swapped(call, here, real)


def _blob_is_like_nothing(call: Call, real: Any, here: Any) -> bool:
    return (
        re.search(r"\b(LIKE|GLOB)\b", sql_of(call)) is not None
        and not isinstance(real, Failure)
        and not isinstance(here, Failure)
    )


# (what, reason, example, allows); differences.py makes its entries of them.
D1: list[tuple[str, str, tuple[Call, ...], Callable[[Call, Any, Any], bool]]] = [
    (
        "bind(undefined)",
        "Python has no undefined: None is null",
        (statement("SELECT ?", [UNDEFINED]),),
        lambda call, real, here: (
            isinstance(real, Failure) and real.message.startswith("D1_TYPE_ERROR: Type 'undefined'")
        ),
    ),
    (
        "SQL that SQLite understands since 3.48, such as iif() with two arguments",
        "apsw brings a newer SQLite than workerd has; of functions and modules only workerd's may be used",
        (statement("SELECT iif(1, 2)"),),
        _there_alone(r"\biif\b", r"D1_ERROR: wrong number of arguments to function iif\(\).*"),
    ),
    (
        "quote() of a real number",
        "apsw brings a newer SQLite than workerd has, which writes other digits of the same number",
        (statement("SELECT quote(?)", [9.737612877235125e-101], method="raw"),),
        lambda call, real, here: (
            re.search(r"\bquote\b", sql_of(call), re.IGNORECASE) is not None
            and not isinstance(real, Failure)
            and not isinstance(here, Failure)
        ),
    ),
    (
        "UPDATE and DELETE with LIMIT on a table WITHOUT ROWID, or with FROM",
        "apsw's SQLite is built without LIMIT there; here it is made of rowids",
        (
            statement("CREATE TABLE IF NOT EXISTS no_ids (a PRIMARY KEY) WITHOUT ROWID"),
            statement("DELETE FROM no_ids LIMIT 1"),
        ),
        _here_alone(r"(DELETE|UPDATE).*LIMIT", r".*"),
    ),
    (
        "the text for what ALTER TABLE can do with constraints since SQLite 3.53",
        "it is refused as there, but only when it runs",
        (
            statement("CREATE TABLE t (a)"),
            statement("ALTER TABLE t ADD CONSTRAINT x CHECK (a > 1)"),
        ),
        texts(r'D1_ERROR: near "CONSTRAINT": syntax error.*', r'D1_ERROR: near "constraint": .*'),
    ),
    (
        "a forbidden function in a column's DEFAULT",
        "it is refused here when the table is made; there it is never looked at",
        (statement("CREATE TABLE t (a DEFAULT (sqlite_version()))"),),
        _here_alone(r"default", r"D1_ERROR: not authorized to use function: .*"),
    ),
    (
        "text that is not UTF-8, as CAST(x'ff' AS TEXT) makes it",
        "apsw has no text for it; there, what is not UTF-8 becomes U+FFFD",
        (statement("SELECT CAST(x'ff' AS TEXT)"),),
        lambda call, real, here: (
            isinstance(here, Failure)
            and here.message.endswith(": a text in the result is not UTF-8")
        ),
    ),
    (
        "INSERT OR ROLLBACK, and RAISE(ROLLBACK), when they roll back",
        "Miniflare's object breaks and answers an internal error; here it is the constraint's own",
        (
            statement("CREATE TABLE t (a NOT NULL)"),
            statement("INSERT OR ROLLBACK INTO t VALUES (NULL)"),
        ),
        texts(r"internal error; reference = \w+", r"D1_ERROR: NOT NULL constraint failed: .*"),
    ),
    (
        "foreign keys that are violated at the end of a batch that has deferred them",
        "Miniflare resets its object, and says so; nothing is reset here",
        (
            statement("CREATE TABLE p (id INTEGER PRIMARY KEY)"),
            statement("CREATE TABLE c (p REFERENCES p)"),
            Call("batch", ([["PRAGMA defer_foreign_keys = ON"], ["INSERT INTO c VALUES (1)"]],)),
        ),
        texts(
            r"Durable Object was reset .*: FOREIGN KEY constraint failed: .*",
            r"D1_ERROR: FOREIGN KEY constraint failed: .*",
        ),
    ),
    (
        "a change of the schema after a text of several statements that read a table",
        "Miniflare leaves the reading statement open, which locks the table; here it is closed",
        (
            statement("CREATE TABLE t (a)"),
            statement("INSERT INTO t VALUES (1), (2)"),
            statement("SELECT * FROM t; DROP TABLE t; SELECT 1"),
        ),
        lambda call, real, here: (
            isinstance(real, Failure)
            and re.search(
                "table is locked: SQLITE_LOCKED|can only be executed once at a time", real.message
            )
            is not None
        ),
    ),
    (
        "the text for a table of the platform's own",
        "there is none of these names here; none can be made either",
        (statement("SELECT * FROM _cf_METADATA"),),
        texts(
            r"D1_.*: access to _cf_METADATA\.\w+ is prohibited: SQLITE_AUTH",
            r"D1_.*: no such table: _cf_METADATA: SQLITE_ERROR",
        ),
    ),
    (
        "LIKE and GLOB with a blob",
        "apsw's SQLite is built so that a blob is like nothing",
        (statement("SELECT x'61' LIKE 'a'", method="raw"),),
        _blob_is_like_nothing,
    ),
    (
        "a PRAGMA that changes a setting",
        "it lasts until the end of its batch here; in Miniflare until its object is evicted",
        (
            statement("PRAGMA case_sensitive_like = ON"),
            statement("SELECT 'A' LIKE 'a'", method="raw"),
        ),
        lambda call, real, here: real == [[0]] and here == [[1]],
    ),
    (
        "sqlite_schema lists _cf_METADATA",
        "it is Miniflare's own table; nothing of that kind is in a database here",
        (
            statement("CREATE TABLE t (a)"),
            statement("SELECT name FROM sqlite_schema WHERE name LIKE '_cf%'", method="raw"),
        ),
        lambda call, real, here: isinstance(here, list) and real == [["_cf_METADATA"], *here],
    ),
]
