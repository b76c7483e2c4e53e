"""Commands on the store that the server uses, also while it runs: what all of them have in common."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import options
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.config import Config
    from edgekit.engines.open import Store


def on_store(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async `command(store, config, ...)` on the store of the configuration, with the options
    that say which: `-c`, `-e`, `--persist-to`; `--local`, for wrangler's sake, means nothing.
    """

    @functools.wraps(command)
    def run(
        config: str | None,
        env: str | None,
        persist_to: str | None,
        local: bool,
        remote: bool,
        **rest: Any,
    ) -> None:
        if remote:
            raise click.UsageError(
                "--remote: edgekit's bindings are local; wrangler reaches those of the platform"
            )
        import asyncio

        environ = dict(os.environ)
        options.apply(environ, config, env, persist_to)
        asyncio.run(_run(command, environ, rest))

    for option in (
        options.configuration,
        click.option("--remote", is_flag=True, hidden=True),
        click.option("--local", is_flag=True, help="For wrangler's sake: it is always local."),
    ):
        run = option(run)
    return run


async def _run(
    command: Callable[..., Awaitable[None]], environ: dict[str, str], rest: dict[str, Any]
) -> None:
    from edgekit import config as configuration
    from edgekit.engines.open import open_store

    config: Config = configuration.load(environ=environ)
    if config.store.startswith("memory:"):
        raise ConfigError("EDGEKIT_STORE=memory: is in the server's own memory, out of reach")
    store: Store = open_store(config.store, config.blobs, durable=True)
    try:
        await command(store, config, **rest)
    finally:
        await store.close()


def print_json(value: Any) -> None:
    """JSON for people and for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode())


def print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Rows under their columns; numbers to the right. Control characters are shown, not sent."""
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[at]) for row in shown)]) for at, name in enumerate(columns)]
    numbers = [
        bool(rows) and all(isinstance(row[at], int | float | None) for row in rows)
        for at in range(len(columns))
    ]

    def line(cells: list[str]) -> str:
        padded = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(cells, widths, numbers, strict=True)
        )
        return "  ".join(padded).rstrip()

    click.echo(line(columns))
    click.echo("  ".join("-" * width for width in widths))
    for cells in shown:
        click.echo(line(cells))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    text = str(value)
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    )
