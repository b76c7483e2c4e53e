"""`edgekit d1`: SQL databases of the store that the server uses, also while it runs.

Commands and options are those of `wrangler d1`. What differs: there is nothing remote; without a
wrangler file a database is the one of that name, as for the server; `execute` takes what sqlite3's
.dump writes, whose own transaction is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from edgekit.cli.d1_database import database, find, refused, statements_of
from edgekit.cli.d1_migrations import migrations
from edgekit.cli.local import on_store, print_json, print_table
from edgekit.errors import D1Error

if TYPE_CHECKING:
    from edgekit.config import Config
    from edgekit.engines.open import Store


@click.group()
def d1() -> None:
    """Run SQL, migrate and export D1 databases."""


d1.add_command(migrations)


@d1.command()
@click.argument("name", metavar="DATABASE")
@click.option("--command", metavar="SQL", help='Statements, separated by ";".')
@click.option("--file", type=click.File("rb"), help='A .sql file ("-" is standard input).')
@click.option("--json", "as_json", is_flag=True, help="As JSON, as always where nobody looks on.")
@click.option("-y", "--yes", is_flag=True, help="For wrangler's sake: nothing is asked.")
@on_store
async def execute(
    store: Store,
    config: Config,
    name: str,
    command: str | None,
    file: IO[bytes] | None,
    as_json: bool,
    yes: bool,
) -> None:
    """Run SQL, all of it in one transaction."""
    if (command is None) == (file is None):
        raise click.UsageError("say what to run: either --command or --file")
    db = database(store, find(config, name))
    try:
        statements = statements_of(command) if command is not None else _read(file)
        results = await db.batch([db.prepare(statement) for statement in statements])
    except (D1Error, click.ClickException) as error:
        why = refused(error) if isinstance(error, D1Error) else error.message
        if as_json:
            print_json({"error": {"text": why}})
            sys.exit(1)
        raise click.ClickException(why) from error
    count = len(results)
    click.echo(f"{count} command{'s' * (count != 1)} executed successfully.", err=True)
    if as_json or not looked_at():
        shown = [
            {"results": each.results, "success": True, "meta": {"duration": each.meta.duration}}
            for each in results
        ]
        print_json(shown)
        return
    for result in results:
        if result.results:
            columns = list(result.results[0])
            rows = [tuple(_shown(value) for value in row.values()) for row in result.results]
            print_table(columns, rows)
            click.echo()


@d1.command()
@click.argument("name", metavar="DATABASE")
@click.option("--output", required=True, metavar="FILE", help='Where to ("-": standard output).')
@click.option("--table", "tables", multiple=True, metavar="NAME", help="Only this; repeatable.")
@click.option("--no-schema", is_flag=True, help="Only the rows.")
@click.option("--no-data", is_flag=True, help="Only the tables, indexes, triggers and views.")
@click.option(
    "-y", "--skip-confirmation", is_flag=True, help="For wrangler's sake: nothing is asked."
)
@on_store
async def export(
    store: Store,
    config: Config,
    name: str,
    output: str,
    tables: tuple[str, ...],
    no_schema: bool,
    no_data: bool,
    skip_confirmation: bool,
) -> None:
    """Write a database's SQL to FILE, as it is at one moment."""
    from edgekit.cli.d1_export import dump

    if no_schema and no_data:
        raise click.UsageError("You cannot specify both --no-schema and --no-data")
    if output != "-" and Path(output).is_dir():  # noqa: ASYNC240 - nobody else waits here
        raise click.UsageError("Please specify a file path for --output, not a directory.")
    sql = store.sql().open(find(config, name).database)
    long = 0
    with sql.export() as rows, _written(output) as write:
        for line in dump(rows, tables=tables, schema=not no_schema, data=not no_data):
            encoded = line.encode("utf-8", "surrogatepass")
            long += len(encoded) > 100_000
            write.write(encoded + b"\n")
    if long:
        click.echo(f"{long} statements are longer than the 100 KB that D1 takes.", err=True)
    if output != "-":
        click.echo(f"Exported {name} to {output}.", err=True)


@d1.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@on_store
async def list_(store: Store, config: Config, as_json: bool) -> None:
    """The databases of the wrangler file."""
    if as_json:
        print_json(
            [
                {
                    "name": each.database_name or each.binding,
                    "binding": each.binding,
                    "uuid": each.database,
                }
                for each in config.d1_databases
            ]
        )
        return
    rows: list[tuple[Any, ...]] = [
        (each.database_name or each.binding, each.binding, each.database)
        for each in config.d1_databases
    ]
    print_table(["name", "binding", "uuid"], rows)


@d1.command()
@click.argument("name", metavar="DATABASE")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@on_store
async def info(store: Store, config: Config, name: str, as_json: bool) -> None:
    """The size of a database, and how many tables it has."""
    entry = find(config, name)
    result = (
        await database(store, entry)
        .prepare(
            "SELECT count(*) AS tables FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
        )
        .all()
    )
    shown = {
        "uuid": entry.database,
        "name": entry.database_name or entry.binding,
        "num_tables": result.results[0].tables,
        "file_size": result.meta.size_after,
    }
    if as_json:
        print_json(shown)
    else:
        print_table(["", ""], list(shown.items()))


def looked_at() -> bool:
    """Whether people read what is printed."""
    return sys.stdout.isatty()


def _read(file: IO[bytes] | None) -> list[str]:
    assert file is not None
    name = getattr(file, "name", "<stdin>")
    content = file.read()
    if content.startswith(b"SQLite format 3\0"):
        raise click.ClickException(
            f"{name}: this is a database, not SQL; write its SQL with: sqlite3 {name} .dump"
        )
    try:
        return statements_of(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{name}: not UTF-8: {error}") from None


@contextmanager
def _written(output: str) -> Iterator[IO[bytes]]:
    """The file to write, which gets its name when all of it is written."""
    if output == "-":
        yield sys.stdout.buffer
        return
    part = Path(f"{output}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(output)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _shown(value: Any) -> Any:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value
