"""`edgekit secrets-store secret`: the secrets of a secrets store, which `secrets_store_secrets` bind.

Commands and options are those of `wrangler secrets-store secret`, but `--value`: a value comes from a
prompt or from standard input. There is nothing remote: a store is a name in the store that the server
uses, and its values can be read by its owner alone. They work while a server runs.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import options
from edgekit.cli.secret import value_from_user
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.engines.base import Records

MAX_VALUE = 1024  # bytes; the platform's
_PAGE = 1000


@click.group("secrets-store")
def secrets_store() -> None:
    """Manage the secrets store."""


@secrets_store.group()
def secret() -> None:
    """Create, list, update and delete the secrets of a store."""


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
    if any(each["name"] == name for each in await _all(records, space)):
        raise click.ClickException(f"there is a secret {name!r} already; `update` it")
    about = {"id": os.urandom(16).hex(), "comment": comment, "scopes": _scopes(scopes)}
    about["created"] = about["modified"] = _now()
    await _write(records, space, name, _value(), about)
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
    """Give a secret another value, from a prompt or standard input."""
    about = await _one(records, space, secret_id)
    name = about.pop("name")
    if scopes is not None:
        about["scopes"] = _scopes(scopes)
    if comment is not None:
        about["comment"] = comment
    about["modified"] = _now()
    await _write(records, space, name, _value(), about)
    click.echo(f"Updated secret! (ID: {about['id']})")


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


def _value() -> bytes:
    value = value_from_user().encode()
    if len(value) > MAX_VALUE:
        raise click.ClickException(f"the value has {len(value)} bytes; at most {MAX_VALUE}")
    return value


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


async def _write(
    records: Records, space: str, name: str, value: bytes, about: dict[str, Any]
) -> None:
    from edgekit import host
    from edgekit.engines.base import Put

    meta = json.dumps(about).encode()
    await records.apply([Put(space, name.encode(), value, meta)], now=host.now())
