"""SQL databases, each an SQLite file of its own, for any number of processes on one machine.

What a client's SQL may do and what is said about it: sql_rules.py and sql_statements.py. Here is where
it runs:

- **Reads** run on the event loop, in the hope that they are short: that costs a few microseconds, and a
  hop to a thread and back about a hundred. One that is not done after _INLINE_SECONDS is interrupted
  and begins again in a thread, where it goes at once the next time, until it is short there. What
  could not be interrupted (full-text search, long parameters) goes there from the start. Every read
  sees one snapshot.
- **Writes** are grouped by one thread (sqlite_writer.py). Within the group's transaction each `run` has
  a savepoint, so that one that is refused undoes itself and nobody else.
- What is taken for a read may be a write (`WITH ... INSERT`): the connection that only reads refuses it,
  and it is made as a write.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import apsw

from edgekit.engines import sqlite_copy
from edgekit.engines.sql import Outcome, Query, SqlError, SqlLimit, SqlValue
from edgekit.engines.sql_rules import RESETS
from edgekit.engines.sql_statements import Job, Kind, Statements, may_be_inline, plan, sql_error
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.errors import ConfigError, StorageError

_SCHEMA = ("",)  # nothing is ours but the mark on the file
_INLINE_SECONDS = 0.002
# Instructions of SQLite's machine between two looks at the clock. In a thread it costs a wait for the
# interpreter's lock, so it is done every few milliseconds only.
_STEPS_INLINE = 1000
_STEPS = 200_000
_ALONE = 1000  # operations: more than any group has
_LEARNED = 10_000  # texts of which is remembered that they are slow, or write

_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


class _Run:
    """Queries that write, on their way through the writer; `failure` once they are known to fail."""

    __slots__ = ("alone", "columns", "failure", "queries", "timeout")

    def __init__(
        self, queries: Sequence[Query], timeout: float, columns: bool, alone: bool
    ) -> None:
        self.queries = queries
        self.timeout = timeout
        self.columns = columns
        self.alone = alone
        self.failure: SqlError | None = None


class SQLiteSql:
    """The protocol `Sql` over the SQLite file at `path`, which is created where there is none."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._connections: dict[apsw.Connection, Statements] = {}
        self._file = SQLiteFile(
            path, durable=durable, migrations=_SCHEMA, configure=self._configure
        )
        reader = self._file.reader
        reader.set_busy_timeout(0)  # who waits does so in a thread
        self._reader = self._connections[reader]
        self._reader.bounded = False
        reader.set_progress_handler(self._reader.is_over, _STEPS_INLINE)
        self._last_row_id = 0
        # Texts that were thought short reads: longer ones, and writes.
        self._learned: dict[str, Kind] = {}

    async def run(
        self, queries: Sequence[Query], *, timeout: float, columns: bool = False
    ) -> list[Outcome]:
        kind = Kind.READS
        inline = True
        for query in queries:
            its = plan(query.sql)
            inline = inline and may_be_inline(its, query)
            if its.kind > kind:
                kind = its.kind
            elif self._learned and (learned := self._learned.get(query.sql)) is not None:
                kind = max(kind, learned)
                inline = False
        if kind is Kind.READS:
            try:
                if inline:
                    try:
                        budget = min(timeout, _INLINE_SECONDS / len(queries))
                        return self._read_with(self._reader, queries, budget, columns)
                    except apsw.InterruptError:
                        self._learn(queries, Kind.READS)
                    except apsw.BusyError:
                        pass  # somebody recovers the file: wait for him in a thread
                return await self._read(queries, timeout, columns)
            except apsw.ReadOnlyError:
                self._learn(queries, Kind.WRITES)
            except apsw.InterruptError:
                raise SqlLimit("time") from None
            except apsw.Error as error:
                raise self._file.failed(error) from error
        return await self._write(_Run(queries, timeout, columns, kind is Kind.ALONE))

    @contextmanager
    def export(self) -> Iterator[Callable[[str], Iterator[tuple[SqlValue, ...]]]]:
        try:
            con = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            con.set_busy_timeout(5000)
            try:
                con.execute("BEGIN")
                yield lambda sql: iter(con.execute(sql))
            finally:
                con.close()
        except apsw.Error as error:
            raise StorageError(f"{self._path}: {error}") from error

    def replace(self, source: Path, without: Callable[[str], bool]) -> list[str]:
        return sqlite_copy.replace(self._path, source, without)

    async def close(self) -> None:
        await self._file.close()

    def _configure(self, con: apsw.Connection, writes: bool) -> None:
        statements = Statements(con, writes=writes)
        if not writes:
            con.pragma("query_only", 1)
        con.set_progress_handler(statements.is_over, _STEPS)
        statements.rules.trusted = writes  # the writer's own statements are ours
        self._connections[con] = statements

    async def _read(self, queries: Sequence[Query], timeout: float, columns: bool) -> list[Outcome]:
        job = Job()

        def read(con: apsw.Connection) -> list[Outcome] | apsw.Error:
            statements = self._connections[con]
            statements.job = job
            try:
                return self._read_with(statements, queries, timeout, columns)
            except apsw.Error as error:
                return error  # as it is: to `run` it says what to do next

        try:
            outcomes = await self._file.read(read)
        except asyncio.CancelledError:
            job.cancelled = True
            raise
        if isinstance(outcomes, apsw.Error):
            raise outcomes
        if sum(outcome.seconds for outcome in outcomes) < _INLINE_SECONDS / 2:
            for query in queries:  # the first time, this process had to wait for its turn
                self._learned.pop(query.sql, None)
        return outcomes

    def _read_with(
        self, statements: Statements, queries: Sequence[Query], timeout: float, columns: bool
    ) -> list[Outcome]:
        row_id = self._last_row_id
        if len(queries) == 1:
            query = queries[0]
            return [statements.run(query, timeout=timeout, columns=columns, last_row_id=row_id)]
        statements.trusted("BEGIN")  # hence one snapshot
        try:
            return [
                statements.run(query, timeout=timeout, columns=columns, last_row_id=row_id)
                for query in queries
            ]
        finally:
            if statements.con.in_transaction:
                statements.trusted("ROLLBACK")

    def _learn(self, queries: Sequence[Query], kind: Kind) -> None:
        if len(self._learned) >= _LEARNED:
            self._learned.clear()
        self._learned.update((query.sql, kind) for query in queries)

    async def _write(self, run: _Run) -> list[Outcome]:
        ops = _ALONE if run.alone else len(run.queries)
        size = sum(len(query.sql) for query in run.queries)
        try:
            outcomes = await self._file.write(
                lambda con: self._attempt(con, run), ops=ops, size=size
            )
        except StorageError as error:
            if isinstance(error.__cause__, apsw.ConstraintError):  # deferred until the commit
                raise sql_error(error.__cause__) from None
            raise
        if isinstance(outcomes, SqlError):
            raise outcomes
        self._last_row_id = outcomes[-1].last_row_id
        return outcomes

    def _attempt(self, con: apsw.Connection, run: _Run) -> list[Outcome] | SqlError:
        """Run them within the writer's transaction: what came of it, or why they were undone.

        Where SQLite has given up the whole transaction, that is raised: the writer makes the others'
        writes again, one by one.
        """
        if run.failure is not None:
            raise run.failure
        statements = self._connections[con]
        own = statements.trusted
        own("SAVEPOINT client")
        try:
            statements.rules.trusted = False
            try:
                outcomes = [
                    statements.run(query, timeout=run.timeout, columns=run.columns, last_row_id=0)
                    for query in run.queries
                ]
            finally:
                statements.rules.trusted = True
        except (SqlError, apsw.InterruptError) as error:
            run.failure = error if isinstance(error, SqlError) else SqlLimit("time")
            if not con.in_transaction:
                raise run.failure from None
            own("ROLLBACK TO client")
            own("RELEASE client")
            return run.failure
        finally:
            if run.alone:
                for reset in RESETS:
                    own(reset)
        own("RELEASE client")
        return outcomes


class SQLiteDatabases:
    """The protocol `SqlDatabases`: a file for each in `folder`, or in a temporary one that goes with it."""

    def __init__(self, folder: Path | None, *, durable: bool) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._folder = folder
        self._durable = durable
        self._opened: dict[str, SQLiteSql] = {}
        self._closed = False

    def open(self, name: str) -> SQLiteSql:
        if self._closed:
            raise StorageError("the store is closed")
        if (sql := self._opened.get(name)) is None:
            sql = SQLiteSql(self._place() / f"{_file_name(name)}.sqlite3", durable=self._durable)
            self._opened[name] = sql
        return sql

    async def close(self) -> None:
        self._closed = True
        async with AsyncExitStack() as steps:  # all of them, whichever fail
            if self._temporary is not None:
                steps.callback(self._temporary.cleanup)
            for sql in self._opened.values():
                steps.push_async_callback(sql.close)

    def _place(self) -> Path:
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="edgekit-")
            self._folder = Path(self._temporary.name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self._folder} cannot be made a directory: {error.strerror}"
            ) from error
        return self._folder


def _file_name(name: str) -> str:
    """Another one for every name, wherever upper and lower case are the same, or "/" is special."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    return f"~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
