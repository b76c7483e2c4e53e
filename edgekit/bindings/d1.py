"""D1Database: the SQL binding over any engine's Sql. Spec: Workers D1.

Texts and types are those of the real platform, against which `tests/bridge/test_d1.py` runs this file;
what differs is listed in `tests/bridge/differences.py`. What SQL may do is the engine's business. There
are no replicas: every session, and every bookmark, sees the last write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from edgekit import host
from edgekit.bindings.d1_values import bound, cells, objects, text
from edgekit.bindings.results import D1ExecResult, D1Meta, D1Result
from edgekit.bindings.webidl import SPACE, string
from edgekit.engines.sql import Query, SqlError, SqlLimit
from edgekit.errors import D1Error, D1TypeError
from edgekit.web.spelling import Spelled, options

if TYPE_CHECKING:
    from edgekit.engines.sql import Outcome, Sql, SqlValue

QUERY_SECONDS = 30.0  # after which a query is stopped

_FIRST_PRIMARY = "first-primary"
_FIRST_UNCONSTRAINED = "first-unconstrained"

_NO_STATEMENTS = "No SQL statements detected."
_LIMITS = {
    "time": "D1 DB storage operation exceeded timeout which caused object to be reset.",
    "memory": "D1 DB's isolate exceeded its memory limit and was reset.",
    "size": "Exceeded maximum DB size",
}


class D1PreparedStatement(Spelled):
    """SQL with its parameters' values. It is immutable, and may be run any number of times.

    A refused call raises D1Error, whose text is the platform's and whose `code` is SQLite's name of
    the error. A query is stopped after 30 seconds.
    """

    __slots__ = ("_params", "_session", "_sql")

    def __init__(self, session: _Session, sql: str, params: tuple[SqlValue, ...]) -> None:
        self._session = session
        self._sql = sql
        self._params = params

    def bind(self, *values: Any) -> D1PreparedStatement:
        """This statement with these values for its parameters, in place of earlier ones.

        A value is a str, a number (an int within 2**53), a bool (1 or 0), None, or bytes: bytes-like,
        or a list of numbers from 0 to 255.
        """
        return D1PreparedStatement(self._session, self._sql, tuple(map(bound, values)))

    async def run(self) -> D1Result:
        """Run it: the rows, and what it did."""
        (outcome,) = await self._session._run((Query(self._sql, self._params),))
        return _result(outcome)

    async def all(self) -> D1Result:
        """The same as run()."""
        (outcome,) = await self._session._run((Query(self._sql, self._params),))
        return _result(outcome)

    async def first(self, column: str | None = None) -> Any:
        """The first row, or its value in that column; None where there is no row.

        All rows are read: write LIMIT 1 where there may be many.
        """
        (outcome,) = await self._session._run((Query(self._sql, self._params),))
        if not outcome.rows:
            return None
        (row,) = objects(outcome.columns, outcome.rows[:1])
        if column is None:
            return row
        name = str(string(column))
        if name not in row:
            raise D1Error(f"D1_COLUMN_NOTFOUND: Column not found ({name})")
        return row[name]

    @options
    async def raw(self, *, column_names: bool = False) -> list[list[Any]]:
        """The rows as lists of values; with `column_names` after a list of their names."""
        query = Query(self._sql, self._params)
        (outcome,) = await self._session._run((query,), columns=bool(column_names))
        rows = [list(cells(row)) for row in outcome.rows]
        return [list(outcome.columns), *rows] if column_names else rows


class _Session(Spelled):
    """What a database and its sessions have in common."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def prepare(self, query: str) -> D1PreparedStatement:
        """SQL to run later; it is looked at only then. Parameters are ?, ?1 to ?100, or named."""
        if not isinstance(query, str):
            raise D1TypeError(f"prepare() takes SQL, as text: not {query!r}")
        return D1PreparedStatement(self, _sql_of(query), ())

    async def batch(self, statements: Sequence[D1PreparedStatement]) -> list[D1Result]:
        """Run statements in one transaction: all or none."""
        queries = []
        for statement in statements:
            if not isinstance(statement, D1PreparedStatement):
                raise D1TypeError(f"batch() takes prepared statements: not {statement!r}")
            queries.append(Query(statement._sql, statement._params))
        if not queries:
            raise D1Error(f"D1_ERROR: {_NO_STATEMENTS}")
        return [_result(outcome) for outcome in await self._run(queries)]

    async def _run(
        self, queries: Sequence[Query], *, columns: bool = False, refused: str = "D1_ERROR: "
    ) -> list[Outcome]:
        if not queries[0].sql or len(queries) > 1:
            queries = [query for query in queries if query.sql]
            if not queries:
                raise D1Error(refused + _NO_STATEMENTS)
        try:
            return await self._sql.run(queries, timeout=QUERY_SECONDS, columns=columns)
        except SqlError as error:
            raise D1Error(refused + _worded(error), code=error.code) from error


class D1DatabaseSession(_Session):
    """Queries that see each other's effects, whichever replica answers; here there is but one."""

    __slots__ = ("_bookmark",)

    def __init__(self, sql: Sql, constraint_or_bookmark: str) -> None:
        super().__init__(sql)
        constraints = (_FIRST_PRIMARY, _FIRST_UNCONSTRAINED)
        is_constraint = constraint_or_bookmark in constraints
        self._bookmark = None if is_constraint else constraint_or_bookmark

    def get_bookmark(self) -> str | None:
        """The state that the session has seen: None before its first query, unless it began with one."""
        return self._bookmark

    async def _run(
        self, queries: Sequence[Query], *, columns: bool = False, refused: str = "D1_ERROR: "
    ) -> list[Outcome]:
        outcomes = await super()._run(queries, columns=columns, refused=refused)
        now = host.now()
        bookmark = f"{int(now):08x}-{int(now % 1 * 2**32):08x}-00000000-{0:032x}"
        if self._bookmark is None or self._bookmark < bookmark:
            self._bookmark = bookmark
        return outcomes


class D1Database(_Session):
    """An SQL database in SQLite's dialect, of up to 10 GB.

    A text, a blob or a row has up to 2.2 MB, a query 100 KB of SQL, 100 parameters and 100 columns.
    Foreign keys are enforced. SQL may not open transactions: batch() is one.
    """

    __slots__ = ()

    binding_kind: ClassVar[str] = "d1_databases"

    async def exec(self, query: str) -> D1ExecResult:
        """Run SQL without parameters, line by line, in one transaction.

        A statement ends with its line. Use it for maintenance only, never with input in the SQL.
        """
        if not isinstance(query, str):
            raise D1TypeError("query.trim is not a function")
        lines = query.strip(SPACE).split("\n")
        # The platform blames the first line for every error.
        outcomes = await self._run(
            [Query(_sql_of(line)) for line in lines],
            refused=f"D1_EXEC_ERROR: Error in line 1: {lines[0]}: ",
        )
        duration = sum(outcome.seconds for outcome in outcomes) * 1000
        return D1ExecResult(count=len(outcomes), duration=duration)

    def with_session(self, constraint_or_bookmark: str | None = None) -> D1DatabaseSession:
        """A session: "first-primary", "first-unconstrained" (the default), or another's bookmark."""
        if constraint_or_bookmark is None:
            constraint_or_bookmark = _FIRST_UNCONSTRAINED
        elif not isinstance(constraint_or_bookmark, str):
            raise D1TypeError("constraintOrBookmark?.trim is not a function")
        trimmed = constraint_or_bookmark.strip(SPACE)
        return D1DatabaseSession(self._sql, trimmed or _FIRST_UNCONSTRAINED)

    async def dump(self) -> bytes:
        """Refused, as the platform does: `edgekit d1 export` writes a database's SQL."""
        raise D1Error("D1_DUMP_ERROR: Status + 404", code=404)


def _result(outcome: Outcome) -> D1Result:
    rows = outcome.rows
    meta = D1Meta(
        served_by="edgekit",
        duration=outcome.seconds * 1000,
        changes=outcome.changes,
        last_row_id=outcome.last_row_id,
        changed_db=outcome.changed,
        size_after=outcome.size,
        rows_read=len(rows),
        rows_written=outcome.changes,
    )
    return D1Result(success=True, meta=meta, results=objects(outcome.columns, rows))


def _sql_of(query: str) -> str:
    """SQL as it is sent; "" where the platform sees none."""
    if not query[:1].isalpha() and _blank(query):
        return ""
    return text(query)


def _blank(sql: str) -> bool:
    """Whether it is nothing but space, and comments that are indented or follow an empty line."""
    space = False
    for line in sql.split("\n"):
        words = line.strip(SPACE)
        if words and not (words.startswith("--") and (space or line[0] != "-")):
            return False
        space = not words
    return True


def _worded(error: SqlError) -> str:
    """The error as the platform words it: text, offset, SQLite's names of it."""
    if isinstance(error, SqlLimit):
        return _LIMITS[error.what]
    words = str(error)
    if error.offset is not None:
        words += f" at offset {error.offset}"
    if error.code is not None:
        words += f": {error.code}"
    if error.extended is not None:
        words += f" (extended: {error.extended})"
    return words
