"""`edgekit kv`: keys and values of the store that the server uses, also while it runs.

Commands and options are those of `wrangler kv`. What differs: there is nothing remote; a binding
needs no wrangler file, and is then a namespace of its own name, as for the server; a key that is
not there is an error on standard error, not a value; input that wrangler drops silently
(--metadata that is not JSON) is refused.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import IO, TYPE_CHECKING, Any

import click

from edgekit.cli import options
from edgekit.errors import ConfigError, KVError

if TYPE_CHECKING:
    from edgekit.bindings.kv import KVNamespace

_AT_ONCE = 100  # writes of one bulk command that may share a commit

_NUMBERS = ("expiration", "expiration_ttl")
_ITEM = "key and value, both strings, with expiration, expiration_ttl, base64, metadata if need be"


class _Command(click.Command):
    """A command to which `--preview false`, as wrangler asks for it, is `--no-preview`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        for at in reversed(range(end)):
            name, equals, value = args[at].partition("=")
            if name != "--preview":
                continue
            follows = not equals and at + 1 < end and args[at + 1] in ("true", "false")
            said = args.pop(at + 1) if follows else value
            args[at] = "--no-preview" if said == "false" else "--preview"
        return super().parse_args(ctx, args)


class _Group(click.Group):
    command_class = _Command


@click.group()
def kv() -> None:
    """Read and write KV namespaces."""


@kv.group(cls=_Group)
def key() -> None:
    """One key at a time."""


@kv.group(cls=_Group)
def bulk() -> None:
    """Many keys, from a JSON file ("-" is standard input)."""


def _on_namespace(
    command: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Run an async `command(namespace, name, ...)` on the namespace that the options name."""

    @functools.wraps(command)
    def run(
        binding: str | None,
        namespace_id: str | None,
        preview: bool,
        local: bool,
        remote: bool,
        config: str | None,
        env: str | None,
        persist_to: str | None,
        **rest: Any,
    ) -> None:
        if (binding is None) == (namespace_id is None):
            raise click.UsageError("say which namespace: either --binding or --namespace-id")
        if remote:
            raise click.UsageError(
                "--remote: edgekit's namespaces are local; wrangler reaches those of the platform"
            )
        import asyncio

        environ = dict(os.environ)
        options.apply(environ, config, env, persist_to)
        asyncio.run(_run(command, environ, binding, namespace_id, preview, rest))

    for option in (
        options.configuration,
        click.option("--remote", is_flag=True, hidden=True),
        click.option("--local", is_flag=True, help="For wrangler's sake: it is always local."),
        click.option("--preview/--no-preview", help="The binding's preview_id instead of its id."),
        click.option("--namespace-id", metavar="ID", help="The namespace, by its id."),
        click.option("--binding", metavar="NAME", help="The namespace, by its binding."),
    ):
        run = option(run)
    return run


async def _run(
    command: Callable[..., Awaitable[None]],
    environ: dict[str, str],
    binding: str | None,
    namespace_id: str | None,
    preview: bool,
    rest: dict[str, Any],
) -> None:
    from edgekit import config as configuration
    from edgekit.bindings.kv import KVNamespace
    from edgekit.engines.open import open_store
    from edgekit.runtime.env import kv_space

    config = configuration.load(environ=environ)
    if config.store.startswith("memory:"):
        raise ConfigError("EDGEKIT_STORE=memory: is in the server's own memory, out of reach")
    name = namespace_id if binding is None else _namespace_id(config, binding, preview)
    assert name is not None
    store = open_store(config.store, durable=True)
    try:
        await command(KVNamespace(store.records, kv_space(name)), name, **rest)
    finally:
        await store.close()


def _namespace_id(config: Any, binding: str, preview: bool) -> str:
    entry = next((entry for entry in config.kv_namespaces if entry.binding == binding), None)
    if entry is None and config.path is not None:
        there = ", ".join(e.binding for e in config.kv_namespaces) or "none"
        raise ConfigError(
            f"{config.path}: kv_namespaces has no binding {binding!r}; there: {there}"
        )
    if preview and (entry is None or not entry.preview_id):
        raise ConfigError(f"--preview: the binding {binding!r} has no preview_id")
    if entry is None:
        return binding
    return str(entry.preview_id if preview else entry.namespace_id)


def _json(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}") from None


@key.command()
@click.argument("key")
@click.argument("value", required=False)
@click.option(
    "--path", type=click.File("rb"), help='The file with the value ("-": standard input).'
)
@click.option("--ttl", type=int, metavar="SECONDS", help="Expire so long from now.")
@click.option("--expiration", type=int, metavar="TIME", help="Expire then (seconds since 1970).")
@click.option("--metadata", metavar="JSON", callback=_json, help="Kept beside the value.")
@_on_namespace
async def put(
    namespace: KVNamespace,
    name: str,
    key: str,
    value: str | None,
    path: IO[bytes] | None,
    ttl: int | None,
    expiration: int | None,
    metadata: Any,
) -> None:
    """Write VALUE, or a file, under KEY."""
    if (value is None) == (path is None):
        raise click.UsageError("say what to write: either VALUE or --path")
    data = value if path is None else path.read()
    await namespace.put(key, data, expiration=expiration, expiration_ttl=ttl, metadata=metadata)  # type: ignore[arg-type]
    click.echo(f"Wrote {key!r} to the namespace {name}.")


@key.command()
@click.argument("key")
@click.option("--text", is_flag=True, help="As UTF-8 text, with a newline.")
@_on_namespace
async def get(namespace: KVNamespace, name: str, key: str, text: bool) -> None:
    """Print the value of KEY: its bytes as they are."""
    value = await namespace.get(key, "bytes")
    if value is None:
        raise click.ClickException(f"Value not found: {key!r} in the namespace {name}")
    click.echo(value.decode("utf-8", "replace").encode() if text else value, nl=text)


@key.command("list")
@click.option("--prefix", help="Only keys that begin with it.")
@_on_namespace
async def list_(namespace: KVNamespace, name: str, prefix: str | None) -> None:
    """Print all keys as JSON, with their expiration and metadata."""
    keys: list[Any] = []
    cursor: str | None = None
    while True:
        page = await namespace.list(prefix=prefix, cursor=cursor)
        keys += page.keys
        if page.list_complete:
            break
        cursor = page.cursor
    _print_json(keys)


@key.command()
@click.argument("key")
@_on_namespace
async def delete(namespace: KVNamespace, name: str, key: str) -> None:
    """Remove KEY."""
    await namespace.delete(key)
    click.echo(f"Deleted {key!r} from the namespace {name}.")


@bulk.command("put")
@click.argument("file", metavar="FILENAME", type=click.File("rb"))
@_on_namespace
async def bulk_put(namespace: KVNamespace, name: str, file: IO[bytes]) -> None:
    """Write what FILENAME holds: [{"key": ..., "value": ...}, ...].

    An item may have expiration, expiration_ttl, metadata, and base64 (true: the value is base64).
    """
    items = _array(file, _item)

    async def write(item: dict[str, Any]) -> None:
        extra = {name: item.get(name) for name in ("expiration", "expiration_ttl", "metadata")}
        await namespace.put(item["key"], item["value"], **extra)

    await _all(file, items, write)
    click.echo(f"Success! Wrote {len(items)} keys to the namespace {name}.")


@bulk.command("get")
@click.argument("file", metavar="FILENAME", type=click.File("rb"))
@_on_namespace
async def bulk_get(namespace: KVNamespace, name: str, file: IO[bytes]) -> None:
    """Print, as JSON, the values of the keys that FILENAME holds: ["key", ...]."""
    found = {}
    for key in _array(file, _key):
        found[key] = {"value": await namespace.get(key)}
    _print_json(found)
    click.echo("Success!", err=True)


@bulk.command("delete")
@click.argument("file", metavar="FILENAME", type=click.File("rb"))
@click.option("-f", "--force", is_flag=True, help="Do not ask.")
@_on_namespace
async def bulk_delete(namespace: KVNamespace, name: str, file: IO[bytes], force: bool) -> None:
    """Remove the keys that FILENAME holds: ["key", ...]."""
    keys = _array(file, _key)
    if not force:
        if getattr(file, "name", "<stdin>") == "<stdin>":  # without a name where a test gives it
            raise click.UsageError("keys from standard input leave nobody to ask: add --force")
        question = f"Delete the {len(keys)} keys in {file.name} from the namespace {name}?"
        if not click.confirm(question):
            click.echo("Nothing was deleted.")
            return
    await _all(file, keys, namespace.delete)
    click.echo(f"Success! Deleted {len(keys)} keys from the namespace {name}.")


def _array(file: IO[bytes], parse: Callable[[Any], Any]) -> list[Any]:
    """The items of a JSON array; an error lists those that are not what they should be."""
    try:
        content = json.loads(file.read())
    except ValueError as error:
        raise click.ClickException(f"{file.name}: not JSON: {error}") from None
    if not isinstance(content, list):
        raise click.ClickException(f"{file.name}: not a JSON array")
    items, problems = [], []
    for index, value in enumerate(content):
        try:
            items.append(parse(value))
        except ValueError as error:
            problems.append(f"{file.name}: item {index}: {error}")
    if problems:
        raise click.ClickException("\n".join(problems[:20]))
    return items


def _key(value: Any) -> str:
    """A key: a string, or an object with a name, as `kv key list` prints it."""
    name = value.get("name") if isinstance(value, dict) else value
    if not isinstance(name, str):
        raise ValueError('expected a string, or an object with a "name"')
    return name


def _item(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not (
        isinstance(value.get("key"), str) and isinstance(value.get("value"), str)
    ):
        raise ValueError(f"expected an object with {_ITEM}")
    if unknown := value.keys() - {"key", "value", "metadata", "base64", *_NUMBERS}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; an item has {_ITEM}")
    for name in _NUMBERS:
        number = value.get(name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            raise ValueError(f"{name} is not a number")
    if value.get("base64"):
        from edgekit.bindings.webidl import from_base64

        try:
            return {**value, "value": from_base64(value["value"])}
        except ValueError as error:
            raise ValueError(f"the value is not base64: {error}") from None
    return value


async def _all(file: IO[bytes], items: list[Any], write: Callable[[Any], Awaitable[None]]) -> None:
    """Write all items, many at a time, until one is refused."""
    import asyncio

    for start in range(0, len(items), _AT_ONCE):
        some = items[start : start + _AT_ONCE]
        results: Iterable[Any] = await asyncio.gather(*map(write, some), return_exceptions=True)
        for index, result in enumerate(results, start):
            if isinstance(result, KVError):
                raise click.ClickException(
                    f"{file.name}: item {index}: {result}; the items before it are done"
                )
            if isinstance(result, BaseException):
                raise result


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode())
