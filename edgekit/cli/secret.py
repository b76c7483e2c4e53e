"""`edgekit secret`: the secrets of a Worker, in the secrets file beside its configuration.

Commands and options are those of `wrangler secret`. There is nothing remote: the file is the one that
config.py reads for that environment, in development and in production. A value comes from a prompt or
from standard input, never from the command line, which other processes can see.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgekit.cli import options
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.config import Config

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def secret() -> None:
    """Set, list and delete the secrets of a Worker."""


def _of_worker(command: F) -> F:
    for option in (
        click.option("-e", "--env", metavar="NAME", help="The environment of the wrangler file."),
        click.option("-c", "--config", metavar="FILE", help="The wrangler file."),
        click.option("--name", metavar="WORKER", help="The Worker's name, to be sure of it."),
    ):
        command = option(command)
    return command


@secret.command()
@click.argument("key")
@_of_worker
def put(key: str, name: str | None, config: str | None, env: str | None) -> None:
    """Set the secret KEY: to what is typed at a prompt, or comes by standard input."""
    from edgekit.cli import dotenv
    from edgekit.kinds import named

    loaded = _load(config, env, name)
    kinds = {binding: kind for kind, binding in named(loaded)}
    if key in kinds:
        raise ConfigError(f"{key} is already the name of one in {kinds[key]}")
    file = _place(loaded, key)
    dotenv.change(file, key, value_from_user())
    click.echo(f"Wrote {key} to {file}.")
    if loaded.required_secrets and key not in loaded.required_secrets:
        click.echo(f"It is not read unless secrets.required in {loaded.path} lists it.", err=True)


@secret.command("list")
@click.option("--format", "form", type=click.Choice(["json", "pretty"]), default="json")
@_of_worker
def list_(form: str, name: str | None, config: str | None, env: str | None) -> None:
    """List the names of the secrets."""
    loaded = _load(config, env, name)
    found = [{"name": name, "type": "secret_text"} for name in sorted(loaded.secret_names())]
    if form == "json":
        click.echo(json.dumps(found, indent=2))
    for each in found if form == "pretty" else ():
        click.echo(f"Secret Name: {each['name']}")


@secret.command()
@click.argument("key")
@click.option("-f", "--force", is_flag=True, help="Do not ask.")
@_of_worker
def delete(key: str, force: bool, name: str | None, config: str | None, env: str | None) -> None:
    """Delete the secret KEY."""
    from edgekit.cli import dotenv

    loaded = _load(config, env, name)
    files = [file for file in loaded.secrets_files() if key in dotenv.names(file)]
    if not files:
        raise click.ClickException(f"there is no secret {key}")
    # As wrangler does: where nobody can be asked, the answer is yes.
    if not force and sys.stdin.isatty():
        question = f"Are you sure you want to permanently delete the secret {key}?"
        if not click.confirm(question):
            click.echo("Nothing was deleted.")
            return
    for file in files:
        dotenv.change(file, key, None)
        click.echo(f"Deleted {key} from {file}.")


def value_from_user() -> str:
    """A secret value: typed at a prompt, or else all of standard input but the space at its end."""
    if sys.stdin.isatty():
        value: str = click.prompt("Enter a secret value", hide_input=True, prompt_suffix=": ")
    else:
        data = sys.stdin.buffer.read()
        try:
            value = data.decode()
        except UnicodeDecodeError:
            raise click.ClickException("the value is not UTF-8 text") from None
    value = value.rstrip()
    if not value:
        raise click.ClickException("the value is empty")
    return value


def _load(path: str | None, env: str | None, name: str | None) -> Config:
    from edgekit import config as configuration

    environ = dict(os.environ)
    options.apply(environ, path, env, None)
    loaded = configuration.load(environ=environ)
    if name is not None and name != loaded.name:
        raise click.ClickException(f"--name {name}: {loaded.path or 'here'} is of {loaded.name!r}")
    return loaded


def _place(config: Config, key: str) -> Path:
    """The file to write: where the key stands, so that it counts, else the one for what is private."""
    from edgekit.cli import dotenv

    files = config.secrets_files()
    for file in reversed(files):  # the later wins
        if key in dotenv.names(file):
            return file
    if not files:
        return config.root / (
            f".dev.vars.{config.environment}" if config.environment else ".dev.vars"
        )
    if files[0].name.startswith(".dev.vars"):
        return files[0]
    suffix = f".{config.environment}" if config.environment else ""
    return config.root / f".env{suffix}.local"
