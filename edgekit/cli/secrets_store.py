"""`edgekit secrets-store secret`: the secrets of a secrets store, which `secrets_store_secrets` bind.

Commands and options are those of `wrangler secrets-store secret`, but `--value`: a value comes from a
prompt or from standard input. There is nothing remote: a store is a name in the store that the server
uses, and its values can be read by its owner alone. They work while a server runs.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import options
from edgekit.cli.secret import text_of, value_from_user
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.engines.base import Records

MAX_VALUE = 64 * 1024  # bytes; the platform's
_NAME = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_PAGE = 1000


@click.group("secrets-store")
def secrets_store() -> None:
    """Manage the secrets store."""


@secrets_store.group()
def secret() -> None:
    """Create, list, update, duplicate and delete the secrets of a store."""


def _on_store(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async `command(records, space, ...)` on the store STORE_ID."""

    @functools.wraps(command)
    def run(
        store_id: str,
        remote: bool,
        config: str | None,
        env: str | None,
        persist_to: str | None,
        **rest: Any,
    ) -> None:
        if remote:
            raise click.UsageError("--remote: edgekit's stores are local; wrangler reaches others")
        import asyncio

        environ = dict(os.environ)
        options.apply(environ, config, env, persist_to)
        asyncio.run(_run(command, environ, store_id, rest))

    for option in (
        options.configuration,
        click.option("--remote", is_flag=True, hidden=True),
        click.argument("store_id", metavar="STORE_ID"),
    ):
        run = option(run)
    return run


async def _run(
    command: Callable[..., Coroutine[Any, Any, None]],
    environ: dict[str, str],
    store_id: str,
    rest: dict[str, Any],
) -> None:
    from edgekit import config as configuration
    from edgekit.engines.open import open_store
    from edgekit.runtime.env import secrets_space

    config = configuration.load(environ=environ)
    if config.store.startswith("memory:"):
        raise ConfigError("EDGEKIT_STORE=memory: is in the server's own memory, out of reach")
    store = open_store(config.store, config.blobs, durable=True)
    try:
        await command(store.records, secrets_space(store_id), **rest)
    finally:
        await store.close()


@secret.command()
@click.option("--name", required=True, help="The secret's name.")
@click.option(
    "--scopes", required=True, help='What may use it, such as "workers"; for wrangler\'s sake.'
)
@click.option("--comment", help="What it is for.")
@_on_store
async def create(records: Records, space: str, name: str, scopes: str, comment: str | None) -> None:
    """Create a secret; its value is typed at a prompt, or comes by standard input."""
    await _check_new(records, space, name)
    about = _new(scopes, comment)
    await _write(records, space, name, _checked(value_from_user()), about)
    click.echo(f"Created secret! (ID: {about['id']})")


@secret.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_on_store
async def list_(records: Records, space: str, as_json: bool) -> None:
    """List the secrets, without their values."""
    found = await _all(records, space)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        raise click.ClickException("List request returned no secrets.")
    for each in found:
        _tell(each)


@secret.command()
@click.option("--secret-id", required=True, metavar="ID", help="The secret's id, or its name.")
@_on_store
async def get(records: Records, space: str, secret_id: str) -> None:
    """Show a secret, without its value."""
    _tell(await _one(records, space, secret_id))


@secret.command()
@click.option("--secret-id", required=True, metavar="ID", help="The secret's id, or its name.")
@click.option("--scopes", help='What may use it, such as "workers".')
@click.option("--comment", help="What it is for.")
@_on_store
async def update(
    records: Records, space: str, secret_id: str, scopes: str | None, comment: str | None
) -> None:
    """Give a secret another value, from a prompt or standard input, or other scopes or another comment."""
    about = await _one(records, space, secret_id)
    name = about.pop("name")
    value = None
    # At a terminal wrangler asks; elsewhere an empty input is no value.
    if not sys.stdin.isatty():
        given = sys.stdin.buffer.read()
        value = text_of(given) if given.strip() else None
    elif click.confirm("Do you want to update the secret value?"):
        value = value_from_user()
    if value is None and scopes is None and comment is None:
        raise click.ClickException("give a new value, --scopes or --comment")
    if scopes is not None:
        about["scopes"] = _scopes(scopes)
    if comment is not None:
        about["comment"] = comment
    about["modified"] = _now()
    content = await _content(records, space, name) if value is None else _checked(value)
    await _write(records, space, name, content, about)
    click.echo(f"Updated secret! (ID: {about['id']})")


@secret.command()
@click.option("--secret-id", required=True, metavar="ID", help="The secret's id, or its name.")
@click.option("--name", required=True, help="The new secret's name.")
@click.option("--scopes", required=True, help="What may use the new one.")
@click.option("--comment", help="What the new one is for.")
@_on_store
async def duplicate(
    records: Records, space: str, secret_id: str, name: str, scopes: str, comment: str | None
) -> None:
    """Create a secret with the value of another."""
    source = await _one(records, space, secret_id)
    await _check_new(records, space, name)
    about = _new(scopes, comment)
    await _write(records, space, name, await _content(records, space, source["name"]), about)
    click.echo(f"Duplicated secret! (ID: {about['id']})")


@secret.command()
@click.option("--secret-id", required=True, metavar="ID", help="The secret's id, or its name.")
@_on_store
async def delete(records: Records, space: str, secret_id: str) -> None:
    """Delete a secret."""
    from edgekit import host
    from edgekit.engines.base import Delete

    about = await _one(records, space, secret_id)
    await records.apply([Delete(space, about["name"].encode())], now=host.now())
    click.echo(f"Deleted secret! (ID: {about['id']})")


def _checked(text: str) -> bytes:
    value = text.encode()
    if len(value) > MAX_VALUE:
        raise click.ClickException(f"the value has {len(value)} bytes; at most {MAX_VALUE}")
    return value


async def _check_new(records: Records, space: str, name: str) -> None:
    if not _NAME(name):
        raise click.ClickException(f"{name!r}: a secret's name has letters, digits, _ and - only")
    if any(each["name"] == name for each in await _all(records, space)):
        raise click.ClickException(f"there is a secret {name!r} already; `update` it")


def _new(scopes: str, comment: str | None) -> dict[str, Any]:
    about: dict[str, Any] = {"id": os.urandom(16).hex(), "comment": comment}
    about["scopes"] = _scopes(scopes)
    about["created"] = about["modified"] = _now()
    return about


def _scopes(text: str) -> list[str]:
    return [scope.strip() for scope in text.split(",") if scope.strip()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _tell(about: dict[str, Any]) -> None:
    scopes = ",".join(about["scopes"])
    click.echo(
        f"{about['name']}\t{about['id']}\t{scopes}\t{about['modified']}\t{about['comment'] or ''}"
    )


async def _all(records: Records, space: str) -> list[dict[str, Any]]:
    from edgekit import host

    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = await records.list(space, now=host.now(), after=after, limit=_PAGE)
        found += ({"name": entry.key.decode(), **json.loads(entry.meta)} for entry in page)
        if len(page) < _PAGE:
            return found
        after = page[-1].key


async def _one(records: Records, space: str, secret_id: str) -> dict[str, Any]:
    for about in await _all(records, space):
        if secret_id in (about["id"], about["name"]):
            return about
    raise click.ClickException(f"there is no secret {secret_id!r} in this store")


async def _content(records: Records, space: str, name: str) -> bytes:
    from edgekit import host

    record = await records.get(space, name.encode(), now=host.now())
    if record is None:
        raise click.ClickException(f"the secret {name!r} is not there any more")
    return b"".join(record.value)


async def _write(
    records: Records, space: str, name: str, value: bytes, about: dict[str, Any]
) -> None:
    from edgekit import host
    from edgekit.engines.base import Put

    meta = json.dumps(about).encode()
    await records.apply([Put(space, name.encode(), value, meta)], now=host.now())
