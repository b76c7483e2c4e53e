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
from io import StringIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

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
    loaded = _load(config, env, name)
    _check(loaded, key)
    _set(loaded, key, value_from_user())


@secret.command()
@click.argument("file", required=False, type=click.File("rb"))
@_of_worker
def bulk(file: IO[bytes] | None, name: str | None, config: str | None, env: str | None) -> None:
    """Set all secrets of FILE, or of standard input.

    It is an object in JSON, of which a null deletes that secret, or KEY=VALUE lines as in .env.
    """
    loaded = _load(config, env, name)
    if file is None and sys.stdin.isatty():
        raise click.UsageError("name a file, or give the secrets by standard input")
    given = _parsed((file or sys.stdin.buffer).read())
    for key in given:
        _check(loaded, key)
    for key, value in given.items():
        if value is not None:
            _set(loaded, key, value)
        elif not _remove(loaded, key):
            click.echo(f"There is no secret {key} to delete.", err=True)


def _parsed(data: bytes) -> dict[str, str | None]:
    """What `bulk` is given. The errors name lines and keys, never a value."""
    from dotenv.parser import parse_stream

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException("the secrets are not UTF-8 text") from None
    given: Any = {}
    if text.lstrip()[:1] in ("{", "["):
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as error:
            place = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
            raise click.ClickException(f"the secrets are not JSON{place}") from None
        if not isinstance(given, dict):
            raise click.ClickException("the secrets are no object of names and values")
    else:
        for line in parse_stream(StringIO(text)):
            if line.error or (line.key is not None and line.value is None):
                raise click.ClickException(f"line {line.original.line} is not KEY=VALUE")
            if line.key is not None:
                given[line.key] = line.value
    if not given:
        raise click.ClickException("there are no secrets in it")
    for key, value in given.items():
        if value is not None and not isinstance(value, str):
            raise click.ClickException(f"the value of {key!r} is no string")
    return given  # type: ignore[no-any-return]


def _check(config: Config, key: str) -> None:
    from edgekit.cli import dotenv
    from edgekit.kinds import named

    dotenv.check(key)
    kinds = {binding: kind for kind, binding in named(config)}
    if key in kinds:
        raise ConfigError(f"{key} is already the name of one in {kinds[key]}")


def _set(config: Config, key: str, value: str) -> None:
    from edgekit.cli import dotenv

    file = _place(config, key)
    dotenv.change(file, key, value)
    click.echo(f"Wrote {key} to {file}.")
    if config.required_secrets and key not in config.required_secrets:
        click.echo(f"It is not read unless secrets.required in {config.path} lists it.", err=True)


def _remove(config: Config, key: str) -> bool:
    """Whether there was one."""
    from edgekit.cli import dotenv

    files = [file for file in config.secrets_files() if dotenv.change(file, key, None)]
    for file in files:
        click.echo(f"Deleted {key} from {file}.")
    return bool(files)


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
    if not any(key in dotenv.names(file) for file in loaded.secrets_files()):
        raise click.ClickException(f"there is no secret {key}")
    # As wrangler does: where nobody can be asked, the answer is yes.
    if not force and sys.stdin.isatty():
        question = f"Are you sure you want to permanently delete the secret {key}?"
        if not click.confirm(question):
            click.echo("Nothing was deleted.")
            return
    _remove(loaded, key)


def value_from_user() -> str:
    """A secret value: typed at a prompt, or else all of standard input but the space at its end."""
    if sys.stdin.isatty():
        value: str = click.prompt("Enter a secret value", hide_input=True, prompt_suffix=": ")
        value = value.rstrip()
    else:
        value = text_of(sys.stdin.buffer.read())
    if not value:
        raise click.ClickException("the value is empty")
    return value


def text_of(data: bytes) -> str:
    """The value that standard input gives."""
    try:
        return data.decode().rstrip()
    except UnicodeDecodeError:
        raise click.ClickException("the value is not UTF-8 text") from None


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
