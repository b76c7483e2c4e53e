"""A client's SQL on one SQLite connection: text into statements, statements into outcomes.

It knows one connection, no transaction and no thread: `sqlite_sql.py` has those. How several
statements in one text are run, where parameters go and what is said when they do not fit, is as in
workerd's SQLite (util/sqlite).
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

import apsw

from edgekit.engines.sql import Outcome, Query, SqlError, SqlLimit, SqlValue
from edgekit.engines.sql_limits import limited
from edgekit.engines.sql_rules import MAX_SQL, Rules

MAX_ROWS_SIZE = 128 * 1024 * 1024  # bytes that the rows of one query take, roughly
_ROW = 64  # bytes that a row is counted as, beside its values: about what Python takes for it
_CELL = 16  # and a number
_CACHED = 4096  # characters of a text whose plan is remembered
_KNOWN = 1000  # statements whose columns' names are kept
_PAGE = 4096  # bytes
_ROOM = 1024 * 1024  # bytes free on a disk that is not full

_NO_STATEMENT = "SQL code did not contain a statement."
_WRONG_NUMBER = "Wrong number of parameter bindings for SQL query."
_NOT_THE_LAST = (
    "When executing multiple SQL statements in a single call, only the last statement can have"
    " parameters."
)

# The cache of prepared statements tells statements with different flags apart, so that a client's
# COMMIT never is the one that was prepared for us, without its rules.
_CLIENTS = apsw.SQLITE_PREPARE_PERSISTENT

# Atomic and possessive: many comments must not be many ways to read them.
_BLANK = r"(?>[ \t\n\f\r\ufeff\0]+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*+"
_BEFORE = rf"(?>{_BLANK};)*+{_BLANK}"  # what SQLite passes over to find a statement
_BEFORE_STATEMENT = re.compile(_BEFORE, re.DOTALL)
_READS = re.compile(_BEFORE + r"(?:select|values|with|explain)\b", re.IGNORECASE | re.DOTALL)
# Up to a semicolon that is in no literal, name or comment. In a trigger there are some, too.
_TO_SEMICOLON = re.compile(
    r"(?>[^;'\"`\[/-]+|'[^']*(?:'|\Z)|\"[^\"]*(?:\"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)"
    r"|--[^\n]*|/\*.*?(?:\*/|\Z)|[/-])*+;?",
    re.DOTALL,
)
_NAME = r"(?>'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|[\w$]+)"
_RESERVED_RENAME = re.compile(
    rf"{_BEFORE}(?:explain\b{_BLANK}(?:query\b{_BLANK}plan\b{_BLANK})?)?"
    rf"alter\b{_BLANK}table\b{_BLANK}(?:{_NAME}++{_BLANK}\.{_BLANK})?{_NAME}++"
    rf"{_BLANK}rename\b{_BLANK}to\b{_BLANK}[\"'`\[]?_cf_",
    re.IGNORECASE | re.DOTALL,
)
# What only the connection that writes knows.
_OF_THE_WRITER = re.compile(r"last_insert_rowid|changes", re.IGNORECASE)
_PRAGMA = re.compile(r"\bpragma\b", re.IGNORECASE)
# What may compute for minutes within one instruction of SQLite's machine, which nothing interrupts.
_LONG_STEPS = re.compile(r"\b(?:match|snippet|highlight|json_patch)\b", re.IGNORECASE)
# So may instr(), trim() and others, which multiply lengths, with parameters beyond this (characters
# or bytes).
_LONG_PARAM = 1024

_STORAGE_ERRORS = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.InterruptError,
    apsw.NotADBError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)


class Kind(IntEnum):
    """How a query is to be run. The greatest one of several queries is that of all."""

    READS = 0
    WRITES = 1
    ALONE = 2  # it may change settings, which must not meet other queries


class Plan(NamedTuple):
    """What a text says: its statements, in order; "" for one that is blank or a comment.

    `refused` is why the last one is refused if SQLite does not: its text, and SQLite's name for it.
    With `long_steps` not even a first attempt belongs where others wait for it.
    """

    kind: Kind
    statements: tuple[str, ...]
    refused: tuple[str, str] | None = None
    long_steps: bool = False


_TOO_LONG = ("statement too long", "SQLITE_TOOBIG")
_RESERVED = ("not authorized", "SQLITE_AUTH")
_SPACE = " \t\n\v\f\r"  # after a statement; the platform passes it over as C's isspace() does


def plan(sql: str) -> Plan:
    """The plan of a text. A guess: what is taken to read may write, and is then refused as read-only."""
    if len(sql) <= _CACHED:
        return _cached_plan(sql)
    if len(sql) > MAX_SQL:  # before anybody looks at it
        return Plan(Kind.READS, ("",), _TOO_LONG)
    return _plan(sql)


def _plan(sql: str) -> Plan:
    statements = tuple(split(sql))
    if _PRAGMA.search(sql):
        kind = Kind.ALONE
    elif _READS.match(sql) and not _OF_THE_WRITER.search(sql):
        kind = Kind.READS
    else:
        kind = Kind.WRITES
    if len(statements) > 1 and len(sql.encode()) > MAX_SQL:  # SQLite would see them one by one
        return Plan(kind, ("",), _TOO_LONG)
    if any(map(_RESERVED_RENAME.match, statements)):  # of the new name the authorizer is not told
        return Plan(kind, statements, _RESERVED)
    return Plan(kind, statements, long_steps=_LONG_STEPS.search(sql) is not None)


def may_be_inline(its: Plan, query: Query) -> bool:
    """Whether a query that reads can be tried on the event loop: the clock stops it between steps."""
    if its.long_steps:
        return False
    for value in query.params:
        if isinstance(value, str | bytes) and len(value) > _LONG_PARAM:
            return False
    return True


_cached_plan = lru_cache(maxsize=4096)(_plan)


def split(sql: str) -> Iterator[str]:
    """The statements of a text, each with its semicolon, the last one without if there is none.

    Comments and empty statements belong to the one that follows; "" where none does.
    """
    text, nul, _ = sql.partition("\0")  # SQLite reads no further
    at = 0
    while at < len(text) or not at:
        start, at = at, _end(_BEFORE_STATEMENT, text, at)
        if at == len(text):
            yield ""
            break
        while (at := _end(_TO_SEMICOLON, text, at)) < len(text):
            if apsw.complete(text[start:at]):
                break
        yield text[start:at]
        while at < len(text) and text[at] in _SPACE:
            at += 1
    if nul:
        yield ""


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    assert found is not None  # they match nothing, too
    return found.end()


class Job:
    """One run of queries: when it has to end (perf_counter), and whether nobody waits for it any more."""

    __slots__ = ("cancelled", "deadline")

    def __init__(self) -> None:
        self.deadline = 0.0
        self.cancelled = False


class Statements:
    """Runs queries on `con`, under its rules, while their `job` lasts."""

    def __init__(self, con: apsw.Connection, *, writes: bool) -> None:
        self.con = con
        self.writes = writes
        self.bounded = True  # False where the time is too short for very large results
        self.rules = Rules(con)
        self.job = Job()
        self._cursor = con.cursor()
        self._own = con.cursor()
        self._version = -1  # of the database: whether somebody else has committed anything since
        self._size = -1
        self._known_names: dict[str, tuple[str, ...]] = {}

    def is_over(self) -> bool:
        """For a progress handler: True ends the query. Statements of ours have no time limit."""
        job = self.job
        return not self.rules.trusted and (job.cancelled or time.perf_counter() > job.deadline)

    def trusted(self, sql: str) -> Any:
        """Run a statement of ours; the first value of its first row."""
        before, self.rules.trusted = self.rules.trusted, True
        try:
            return self._own.execute(sql).get
        finally:
            self.rules.trusted = before

    def run(self, query: Query, *, timeout: float, columns: bool, last_row_id: int) -> Outcome:
        """Run one query. `last_row_id` is what a connection that only reads does not know.

        Raises SqlError for what the query is to blame for. Else apsw.Error: ReadOnlyError where one
        that only reads would have to write, InterruptError when the time is over, and what befell
        the storage.
        """
        start = time.perf_counter()
        self.job.deadline = start + timeout
        if not self.writes:
            names, rows = self._result(query, columns)
            seconds = time.perf_counter() - start
            if self._size < 0:
                self._size = self._measured()
            return Outcome(names, rows, 0, last_row_id, False, self._size, seconds)
        con = self.con
        changes, row_id, size = con.total_changes(), con.last_insert_rowid(), self._size
        names, rows = self._result(query, columns)
        seconds = time.perf_counter() - start
        changes = con.total_changes() - changes
        last_row_id = con.last_insert_rowid()
        self._size = self._measured()
        changed = changes != 0 or last_row_id != row_id or self._size != size
        return Outcome(names, rows, changes, last_row_id, changed, self._size, seconds)

    def _measured(self) -> int:
        pages: int = self.trusted("PRAGMA page_count")
        return pages * _PAGE

    def _result(
        self, query: Query, columns: bool
    ) -> tuple[tuple[str, ...], list[tuple[SqlValue, ...]]]:
        _, statements, refused, _ = plan(query.sql)
        last = text = statements[-1]
        cursor = self._cursor
        try:
            if len(statements) > 1:
                self._run_before(statements[:-1])
            if refused is not None:
                if last:
                    # What SQLite has to say comes first, but for the count of parameters.
                    with suppress(apsw.BindingsError):
                        self._prepared(last, query.params)
                raise SqlError(refused[0], code=refused[1])
            if not last:
                raise SqlError(_NO_STATEMENT)
            text = self._begin(last, query.params)
            try:
                names = self._names(cursor, last)
            except apsw.ExecutionCompleteError:  # no rows
                return (self._columns(text, query.params) if columns else ()), []
            return names, self._rows() if self.bounded else cursor.fetchall()
        except BaseException as error:
            cursor.close(True)  # or a statement under way would be in the way of the others
            self._cursor = self.con.cursor()
            if isinstance(error, apsw.BindingsError):
                raise SqlError(_WRONG_NUMBER) from None
            if isinstance(error, UnicodeDecodeError):
                raise SqlError("a text in the result is not UTF-8") from None
            if isinstance(error, apsw.Error):
                raise self._refused(error, last) from error
            raise

    def _begin(self, statement: str, params: Sequence[SqlValue]) -> str:
        """Begin a statement; the text that was run, which may be another one than what was said."""
        try:
            self._execute(statement, params)
        except apsw.SQLError as error:
            instead = limited(statement, _offset(error))
            if instead is None:
                raise
            text, at, extra = instead
            try:
                self._execute(text, params)
            except apsw.SQLError as other:
                if (place := _offset(other)) is not None and place >= at:
                    place -= extra
                    if not at <= place < len(statement.encode()):  # in what was not said
                        raise error from None
                    vars(other)["error_offset"] = place
                raise
            return text
        return statement

    def _execute(self, statement: str, params: Sequence[SqlValue]) -> None:
        try:
            self._cursor.execute(statement, params or None, prepare_flags=_CLIENTS)
        except apsw.BindingsError:
            # Parameters are counted before it runs, which is when SQLite sees that another connection has
            # changed the schema: what is wrong may be something else by now.
            self.trusted("SELECT 1 FROM sqlite_schema LIMIT 1")
            self._cursor.execute(statement, params or None, prepare_flags=_CLIENTS, can_cache=False)

    def _names(self, cursor: apsw.Cursor, statement: str) -> tuple[str, ...]:
        """The names of the columns of the statement that was begun.

        To ask for them takes a third of the time of a small read, so they are kept as long as nobody
        has written: then the schema is the same too.
        """
        if self.writes:
            return tuple([name for name, _ in cursor.get_description()])
        if (version := self.con.data_version()) != self._version:
            self._version = version
            self._size = -1
            self._known_names.clear()
        names = self._known_names.get(statement)
        if names is None:
            names = tuple([name for name, _ in cursor.get_description()])
            if len(self._known_names) < _KNOWN:
                self._known_names[statement] = names
        return names

    def _run_before(self, statements: Sequence[str]) -> None:
        for statement in statements:
            if not statement:
                raise SqlError(_NO_STATEMENT)
            try:
                self._begin(statement, ())
            except apsw.BindingsError:
                raise SqlError(_NOT_THE_LAST) from None

    def _rows(self) -> list[tuple[SqlValue, ...]]:
        rows: list[tuple[SqlValue, ...]] = []
        size = 0
        for row in self._cursor:
            rows.append(row)
            size += _ROW
            for value in row:
                size += len(value) if isinstance(value, str | bytes) else _CELL
            if size > MAX_ROWS_SIZE:
                raise SqlLimit("memory")
        return rows

    def _columns(self, statement: str, params: Sequence[SqlValue]) -> tuple[str, ...]:
        """The names of the columns of a statement that has run."""
        names: tuple[str, ...] = ()
        with suppress(apsw.Error):  # what has made or dropped a table could not run again
            names = self._prepared(statement, params)
        return names

    def _prepared(self, statement: str, params: Sequence[SqlValue]) -> tuple[str, ...]:
        """Prepare a statement, and do not run it: the names of its columns."""
        names: tuple[str, ...] = ()

        def look(cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
            nonlocal names
            names = tuple([name for name, _ in cursor.get_description()])
            return False

        cursor = self.con.cursor()
        cursor.exec_trace = look
        with suppress(apsw.ExecTraceAbort):
            cursor.execute(statement, params or None, can_cache=False, prepare_flags=_CLIENTS)
        return names

    def _refused(self, error: apsw.Error, statement: str) -> Exception:
        """What to raise for an error of apsw's: itself where the query is not to blame."""
        if isinstance(error, apsw.SQLError) and _offset(error) is None:
            # One that was kept is prepared again by SQLite, which then does not tell the place.
            try:
                self._prepared(statement, ())
            except apsw.SQLError as again:
                error = again if str(again) == str(error) else error
            except apsw.Error:
                pass  # something else by now: the first error is the one to tell
        refusal, self.rules.refusal = self.rules.refusal, None
        if refusal is not None and isinstance(error, apsw.AuthError | apsw.SQLError):
            text, of_sqlite = refusal
            if not of_sqlite:
                return SqlError(text)
            return SqlError(text, code="SQLITE_ERROR", offset=_offset(error))
        if isinstance(error, apsw.FullError):
            # It is the same one for a full disk and for a database that has reached its own limit.
            room = shutil.disk_usage(os.path.dirname(self.con.filename)).free > _ROOM
            return SqlLimit("size") if room else error
        failure = sql_error(error)
        if isinstance(error, _STORAGE_ERRORS) and failure.extended != "SQLITE_CORRUPT_VTAB":
            return error
        return failure


def sql_error(error: apsw.Error) -> SqlError:
    """An error of SQLite's, which has always these attributes, in the protocol's form."""
    result = getattr(error, "result", apsw.SQLITE_ERROR)
    code = apsw.mapping_result_codes.get(result & 0xFF)
    extended = apsw.mapping_extended_result_codes.get(getattr(error, "extendedresult", result))
    return SqlError(
        str(error),
        code=str(code),
        extended=None if extended is None else str(extended),
        offset=_offset(error),
    )


def _offset(error: apsw.Error) -> int | None:
    offset: int = getattr(error, "error_offset", -1)
    return offset if offset >= 0 else None
