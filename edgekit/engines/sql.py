"""What an SQL engine is: databases of SQLite's dialect, whose SQL comes from clients.

The words of the protocol and no more. `sqlite_sql.py` is the engine, `sql_rules.py` says what such
SQL may do; a binding (D1, and objects with SQL) says what it calls all this, and words the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

SqlValue: TypeAlias = int | float | str | bytes | None


class Query(NamedTuple):
    """SQL and the values of its parameters, in their order.

    The text may hold several statements; only the last one has parameters, and its result counts.
    """

    sql: str
    params: Sequence[SqlValue] = ()


class Outcome(NamedTuple):
    """What one query has done. `seconds` is how long it ran, `size` the database's size in bytes.

    `columns` are the names of the result's columns; without rows they may be (), unless they were
    asked for. `changes` counts rows that were inserted, updated or deleted, also by triggers.
    """

    columns: tuple[str, ...]
    rows: list[tuple[SqlValue, ...]]
    changes: int
    last_row_id: int
    changed: bool
    size: int
    seconds: float


class SqlError(Exception):
    """SQL that was refused, or failed, with the database's own text.

    `code` is SQLite's name of the error (SQLITE_CONSTRAINT), None where SQLite was not asked;
    `extended` its more exact name where it has one; `offset` the place in the SQL, in bytes of UTF-8.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        extended: str | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.extended = extended
        self.offset = offset


class SqlLimit(SqlError):
    """A query went beyond a limit: its time, the memory its rows take, or the database's size."""

    def __init__(self, what: Literal["time", "memory", "size"]) -> None:
        super().__init__(f"the limit of {what} is exceeded")
        self.what = what


class Sql(Protocol):
    """One SQL database in SQLite's dialect, used from one event loop at a time.

    The SQL is a client's: it may do what it likes to this database's tables, and nothing else. When
    `run` returns, what it wrote is as durable as with Records. Reads see all that was committed
    before them, also by other processes.
    """

    async def run(
        self, queries: Sequence[Query], *, timeout: float, columns: bool = False
    ) -> list[Outcome]:
        """Run queries in one transaction, all or none; what each has done, in their order.

        Each may run for `timeout` seconds. `columns` asks for their names also where there is no row.
        A caller that is cancelled stops what only reads; what writes is done, or not, as a whole.
        Raises SqlError for what the queries are to blame for, else StorageError.
        """
        ...

    def export(self) -> AbstractContextManager[Callable[[str], Iterator[tuple[SqlValue, ...]]]]:
        """One snapshot to read from, without limits and rules: the rows of each SELECT. Blocks."""
        ...

    def replace(self, source: Path, without: Callable[[str], bool]) -> list[str]:
        """Take the place of what is here from an SQLite file, in one step, but for the tables that
        `without` names; the names of the others. Blocks. Raises StorageError, which names the file.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way, then release files and threads. Closing twice is fine."""
        ...


class SqlDatabases(Protocol):
    """The databases of a store, by name."""

    def open(self, name: str) -> Sql:
        """The database, created where there is none: the same object for the same name.

        Raises ConfigError when it cannot be opened, is damaged, or is of a newer edgekit, and
        StorageError after `close`.
        """
        ...

    async def close(self) -> None:
        """Close those that were opened."""
        ...
