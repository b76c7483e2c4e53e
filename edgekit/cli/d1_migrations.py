"""`edgekit d1 migrations`: a folder of numbered .sql files, and a table of those that were applied.

As wrangler does it: each migration is one transaction together with its row in the table, so that one
that fails leaves no trace, and those before it stay. Which files there are, in which order, and what
`migrations_pattern` may be, is wrangler's too.
"""

from __future__ import annotations

import posixpath
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.d1_database import database, find, quoted, refused, statements_of
from edgekit.cli.local import on_store, print_table
from edgekit.errors import ConfigError, D1Error

if TYPE_CHECKING:
    from edgekit.bindings.d1 import D1Database
    from edgekit.config import Config
    from edgekit.engines.open import Store
    from edgekit.kinds import D1DatabaseConfig

_NUMBER = re.compile(r"\d+")
_NO_NUMBER = float("inf")
_STARS = re.compile(r"\*\*+").sub
_HIDDEN = re.compile(r"(?:^|/)\.").search
_DRIZZLE = "*/migration.sql"  # where that tool writes them


@click.group()
def migrations() -> None:
    """Create, list and apply migrations."""


@migrations.command()
@click.argument("name", metavar="DATABASE")
@click.argument("message")
@on_store
async def create(store: Store, config: Config, name: str, message: str) -> None:
    """Make a new, empty migration."""
    if "/" in message or "\\" in message:
        raise click.UsageError("the message becomes a file's name, which has no / or \\ in it")
    entry = find(config, name)
    folder = _folder(config, entry)
    numbers = [number for each in _found(config, entry) if (number := _number(each)) != _NO_NUMBER]
    question = f"No migrations folder found.\nOk to create {folder}?"
    if not folder.is_dir() and answerable() and not click.confirm(question, default=True):
        return
    following = f"{int(max(numbers, default=0)) + 1:04d}"
    path = folder / f"{following}_{message.replace(' ', '_')}.sql"
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(f"-- Migration number: {following} \t {now}\n")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    click.echo(
        f"Successfully created Migration {path.name!r}!\n\nThe migration is available for editing here"
    )
    click.echo(str(path))


@migrations.command("list")
@click.argument("name", metavar="DATABASE")
@on_store
async def list_(store: Store, config: Config, name: str) -> None:
    """Print the migrations that are yet to be applied."""
    entry = find(config, name)
    waiting = await _unapplied(database(store, entry), config, entry)
    if not waiting:
        click.echo("No migrations to apply!")
        return
    click.echo("Migrations to be applied:")
    print_table(["Name"], [(each,) for each in waiting])


@migrations.command()
@click.argument("name", metavar="DATABASE")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@on_store
async def apply(store: Store, config: Config, name: str, yes: bool) -> None:
    """Apply the migrations that are yet to be applied, in the order of their numbers."""
    entry = find(config, name)
    db = database(store, entry)
    waiting = await _unapplied(db, config, entry)
    if not waiting:
        click.echo("No migrations to apply!")
        return
    click.echo("Migrations to be applied:")
    print_table(["name"], [(each,) for each in waiting])
    question = (
        f"About to apply {len(waiting)} migration(s)\n"
        "Your database may not be available to serve requests during the migration, continue?"
    )
    if not yes and answerable() and not click.confirm(question, default=True):
        return
    status = dict.fromkeys(waiting, "waiting")
    table = quoted(entry.migrations_table)
    record = db.prepare(f"INSERT INTO {table} (name) VALUES (?)")  # noqa: S608 - quoted
    for each, path in waiting.items():
        try:
            statements = statements_of(path.read_text("utf-8-sig"))
            await db.batch([*map(db.prepare, statements), record.bind(each)])
        except (D1Error, OSError, UnicodeDecodeError) as error:
            status[each] = "failed"
            print_table(["name", "status"], list(status.items()))
            why = refused(error) if isinstance(error, D1Error) else str(error)
            raise click.ClickException(
                f"Migration {each} failed with the following errors:\n{why}"
            ) from error
        status[each] = "applied"
    print_table(["name", "status"], list(status.items()))


def answerable() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


async def _unapplied(db: D1Database, config: Config, entry: D1DatabaseConfig) -> dict[str, Path]:
    """The files by their names, in the order of the numbers at their begin."""
    files = _files(config, entry)
    table = quoted(entry.migrations_table)
    await db.prepare(
        f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,"
        " applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)"
    ).run()
    applied: list[Any] = await db.prepare(f"SELECT name FROM {table}").raw()  # noqa: S608 - quoted
    there = {name for (name,) in applied}
    return {name: path for name, path in files.items() if name not in there}


def _files(config: Config, entry: D1DatabaseConfig) -> dict[str, Path]:
    folder = _folder(config, entry)
    if not folder.is_dir():
        raise ConfigError(
            f"No migrations present at {folder}: `edgekit d1 migrations create` makes the first one,"
            " `migrations_dir` chooses another folder"
        )
    found = _found(config, entry)
    if not found and any(folder.glob(_DRIZZLE)):
        click.echo(
            f"There are files {entry.migrations_dir}/{_DRIZZLE}, as drizzle writes them: to have them"
            " applied, make that the `migrations_pattern`.",
            err=True,
        )
    return found


def _found(config: Config, entry: D1DatabaseConfig) -> dict[str, Path]:
    """The files by their names, which are their paths within the folder, in order."""
    folder = _folder(config, entry)
    pattern = _pattern(entry)
    found = {
        path.relative_to(folder).as_posix(): path for path in folder.glob(pattern) if path.is_file()
    }
    names = [name for name in found if _HIDDEN(pattern) or not _HIDDEN(name)]
    return {name: found[name] for name in sorted(names, key=_order)}


def _pattern(entry: D1DatabaseConfig) -> str:
    """Which files of the folder are migrations."""
    if not entry.migrations_pattern:
        return "*.sql"
    start = "" if (folder := _normal(entry.migrations_dir)) == "." else f"{folder}/"
    pattern = _normal(entry.migrations_pattern)
    inside = pattern.removeprefix(start)
    if not pattern.startswith(start) or inside.startswith(("/", "../")):
        raise ConfigError(
            f"migrations_pattern {entry.migrations_pattern!r} must be within migrations_dir, as"
            f" {f'{start}*.sql'!r} is"
        )
    # A "**" within a name is a "*", as wrangler has it; Python refuses it.
    return "/".join(part if part == "**" else _STARS("*", part) for part in inside.split("/"))


def _normal(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _folder(config: Config, entry: D1DatabaseConfig) -> Path:
    return config.root / entry.migrations_dir


def _order(name: str) -> list[tuple[float, str]]:
    return [(_number(part), part) for part in name.split("/")]


def _number(name: str) -> float:
    number = _NUMBER.match(name)
    return int(number[0]) if number else _NO_NUMBER
