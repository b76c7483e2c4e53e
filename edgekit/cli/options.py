"""The options that several commands share, spelled as wrangler spells them."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def configuration(command: F) -> F:
    """`-c`, `-e` and `--persist-to`; `apply` is what they mean."""
    return _configuration(command, multiple=False)


def configurations(command: F) -> F:
    """The same with `-c` several times: Workers in one process."""
    return _configuration(command, multiple=True)


def _configuration(command: F, *, multiple: bool) -> F:
    more = "; several: the first answers HTTP, the others are its services" if multiple else ""
    for option in (
        click.option(
            "--persist-to",
            metavar="DIR",
            help="The store's directory, instead of .edgekit/state (sets EDGEKIT_STORE).",
        ),
        click.option("-e", "--env", metavar="NAME", help="The environment of the wrangler file."),
        click.option(
            "-c",
            "--config",
            metavar="FILE",
            multiple=multiple,
            help=f"The wrangler file (sets EDGEKIT_CONFIG){more}.",
        ),
    ):
        command = option(command)
    return command


def variables(
    ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """What `--var NAME:VALUE` says, of each the last."""
    found = {}
    for text in given:
        name, colon, value = text.partition(":")
        if not name or not colon:
            raise click.BadParameter(f"{text!r}: write NAME:VALUE")
        found[name] = value
    return found


def apply(
    environ: MutableMapping[str, str],
    config: str | Sequence[str] | None,
    env: str | None,
    persist_to: str | None,
) -> None:
    """Write the options into the environment, where config.py and child processes find them."""
    files = [config] if isinstance(config, str) else config or ()
    for file in files:
        if not Path(file).exists():
            raise click.ClickException(f"--config {file}: there is no such file")
    if files:
        environ["EDGEKIT_CONFIG"] = os.pathsep.join(map(os.path.abspath, files))
    if env is not None:
        environ["CLOUDFLARE_ENV"] = env
    if persist_to is not None:
        environ["EDGEKIT_STORE"] = f"sqlite:{os.path.abspath(persist_to)}"
