"""Which database a command of `edgekit d1` means, and what it is given to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgekit.errors import ConfigError, D1Error

if TYPE_CHECKING:
    from edgekit.bindings.d1 import D1Database
    from edgekit.config import Config
    from edgekit.engines.open import Store
    from edgekit.kinds import D1DatabaseConfig

# What sqlite3's .dump puts around its statements; ours are in a transaction anyway.
_TRANSACTION = re.compile(
    r"(?>\s+|--[^\n]*\n|/\*.*?\*/)*+(?:BEGIN TRANSACTION|COMMIT);", re.IGNORECASE | re.DOTALL
)


def find(config: Config, name: str) -> D1DatabaseConfig:
    """The database of that name, binding or id; without a wrangler file, just the one of that name."""
    from edgekit.kinds import D1DatabaseConfig

    for entry in config.d1_databases:
        if name in (entry.database_name, entry.binding, entry.database_id):
            return entry
    if config.path is not None:
        there = ", ".join(entry.database_name or entry.binding for entry in config.d1_databases)
        raise ConfigError(
            f"Couldn't find a D1 DB with the name or binding {name!r} in {config.path}; there:"
            f" {there or 'none'}"
        )
    return D1DatabaseConfig(binding=name)


def database(store: Store, entry: D1DatabaseConfig) -> D1Database:
    """The database itself, opened."""
    from edgekit.bindings.d1 import D1Database

    return D1Database(store.sql().open(entry.database))


def statements_of(sql: str) -> list[str]:
    """The statements of a text, without what is only a comment, and what begins or ends a transaction."""
    from edgekit.engines.sql_statements import split

    return [each for each in split(sql) if each and not _TRANSACTION.fullmatch(each)]


def refused(error: D1Error) -> str:
    """What the database said, without the prefix that code looks for."""
    return str(error).removeprefix("D1_ERROR: ")


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
