"""The options that several commands share, spelled as wrangler spells them."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def configuration(command: F) -> F:
    """`-c`, `-e` and `--persist-to`; `apply` is what they mean."""
    for option in (
        click.option(
            "--persist-to",
            metavar="DIR",
            help="The store's directory, instead of .edgekit/state (sets EDGEKIT_STORE).",
        ),
        click.option("-e", "--env", metavar="NAME", help="The environment of the wrangler file."),
        click.option(
            "-c", "--config", metavar="FILE", help="The wrangler file (sets EDGEKIT_CONFIG)."
        ),
    ):
        command = option(command)
    return command


def apply(
    environ: MutableMapping[str, str], config: str | None, env: str | None, persist_to: str | None
) -> None:
    """Write the options into the environment, where config.py and child processes find them."""
    if config is not None:
        if not Path(config).exists():
            raise click.ClickException(f"--config {config}: there is no such file")
        environ["EDGEKIT_CONFIG"] = os.path.abspath(config)
    if env is not None:
        environ["CLOUDFLARE_ENV"] = env
    if persist_to is not None:
        environ["EDGEKIT_STORE"] = f"sqlite:{os.path.abspath(persist_to)}"
