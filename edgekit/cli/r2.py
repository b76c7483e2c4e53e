"""`edgekit r2`: objects of the store that the server uses, also while it runs.

Commands and options are those of `wrangler r2`. What differs: there is nothing remote; a bucket begins
with its first object, so there are no commands to make one; where a wrangler file names buckets, another
name is an error, not a new bucket; `object get` writes to its file only when all has arrived. Transfers
stream, whatever their size, and show how far they have come on a terminal.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click

from edgekit.cli.local import on_store, print_json, print_table
from edgekit.cli.progress import shown
from edgekit.errors import R2Error

if TYPE_CHECKING:
    from edgekit.bindings.r2 import R2Bucket
    from edgekit.config import Config
    from edgekit.engines.open import Store

_CHUNK = 1024 * 1024  # bytes that are read from a file at a time

_path = click.argument("path", metavar="BUCKET/KEY")
_jurisdiction = click.option(
    "-J", "--jurisdiction", metavar="NAME", help="The bucket of that name within a jurisdiction."
)


@click.group()
def r2() -> None:
    """Read and write R2 buckets."""


@r2.group("object")
def one() -> None:
    """One object at a time."""


@r2.group()
def bulk() -> None:
    """Many objects."""


@r2.group()
def bucket() -> None:
    """Buckets."""


def _metadata(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what an object is put with."""
    for option in (
        click.option("-s", "--storage-class", metavar="CLASS", help="Standard, InfrequentAccess."),
        click.option(
            "--expires", metavar="TIME", help="Expires, as ISO 8601 or as HTTP writes it."
        ),
        click.option("--cache-control", "--cc", metavar="TEXT", help="Cache-Control."),
        click.option("--content-language", "--cl", metavar="TEXT", help="Content-Language."),
        click.option("--content-encoding", "--ce", metavar="TEXT", help="Content-Encoding."),
        click.option("--content-disposition", "--cd", metavar="TEXT", help="Content-Disposition."),
        click.option("--content-type", "--ct", metavar="TEXT", help="Content-Type."),
    ):
        command = option(command)
    return command


@one.command()
@_path
@click.option(
    "-f", "--file", type=click.Path(), help="The file to write; else one of the key's name."
)
@click.option("-p", "--pipe", is_flag=True, help="Write to standard output.")
@_jurisdiction
@on_store
async def get(
    store: Store,
    config: Config,
    path: str,
    file: str | None,
    pipe: bool,
    jurisdiction: str | None,
) -> None:
    """Read an object."""
    from edgekit.bindings.r2_object import R2ObjectBody

    if pipe and file is not None:
        raise click.UsageError("say where to write: either --file or --pipe")
    name, key = _split(path)
    found = await _bucket(store, config, name, jurisdiction).get(key)
    if found is None:
        raise click.ClickException(
            f"The specified key does not exist: {key!r} in the bucket {name}"
        )
    assert isinstance(found, R2ObjectBody)
    assert found.body is not None
    chunks = shown(found.body, key, found.size)
    if pipe:
        output = click.open_file("-", "wb")
        async for chunk in chunks:
            output.write(chunk)
        output.flush()
        return
    target = _target(file, key)
    await _write(target, chunks)
    click.echo(f"Wrote {target}, {found.size} bytes.", err=True)


@one.command()
@_path
@click.option("-f", "--file", type=click.File("rb"), help="The file with the content.")
@click.option("-p", "--pipe", is_flag=True, help="The content comes from standard input.")
@_metadata
@_jurisdiction
@on_store
async def put(
    store: Store,
    config: Config,
    path: str,
    file: IO[bytes] | None,
    pipe: bool,
    jurisdiction: str | None,
    **metadata: Any,
) -> None:
    """Write an object."""
    if pipe == (file is not None):
        raise click.UsageError("say what to write: either --file or --pipe")
    name, key = _split(path)
    source = file or click.open_file("-", "rb")
    target = _bucket(store, config, name, jurisdiction)
    made = await target.put(key, _read(source, key), **_options(metadata))
    assert made is not None
    click.echo(f"Put {key!r} into the bucket {name}, {made.size} bytes.")


@one.command()
@_path
@_jurisdiction
@on_store
async def delete(store: Store, config: Config, path: str, jurisdiction: str | None) -> None:
    """Remove an object."""
    name, key = _split(path)
    await _bucket(store, config, name, jurisdiction).delete(key)
    click.echo(f"Deleted {key!r} from the bucket {name}.")


@bulk.command("put")
@click.argument("name", metavar="BUCKET")
@click.option(
    "-f",
    "--filename",
    "--file",
    type=click.File("rb"),
    required=True,
    help='JSON: [{"key": ..., "file": ...}, ...]; "-" is standard input.',
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 100),
    default=20,
    metavar="N",
    help="How many at a time (20).",
)
@_metadata
@_jurisdiction
@on_store
async def bulk_put(
    store: Store,
    config: Config,
    name: str,
    filename: IO[bytes],
    concurrency: int,
    jurisdiction: str | None,
    **metadata: Any,
) -> None:
    """Write the files that a JSON file names, each under its key."""
    import asyncio

    items = _items(filename)
    target = _bucket(store, config, name, jurisdiction)
    options = _options(metadata)
    turns = asyncio.Semaphore(concurrency)

    async def write(index: int, key: str, file: str) -> None:
        async with turns:
            try:
                with _open(file, "rb") as source:
                    await target.put(key, _read(source, key), **options)
            except (OSError, R2Error) as error:
                raise click.ClickException(f"{_named(filename)}: item {index}: {error}") from error

    try:
        async with asyncio.TaskGroup() as group:
            for at, item in enumerate(items):
                group.create_task(write(at, *item))
    except* click.ClickException as errors:
        raise errors.exceptions[0] from None
    click.echo(f"Success! Put {len(items)} objects into the bucket {name}.")


@bucket.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@on_store
async def list_(store: Store, config: Config, as_json: bool) -> None:
    """The buckets that the wrangler file names."""
    entries = config.r2_buckets
    if as_json:
        print_json(
            [
                {"name": each.bucket, "jurisdiction": each.jurisdiction, "binding": each.binding}
                for each in entries
            ]
        )
        return
    rows = [(each.bucket, each.jurisdiction, each.binding) for each in entries]
    print_table(["name", "jurisdiction", "binding"], rows)


def _target(file: str | None, key: str) -> Path:
    target = Path(file or key.rsplit("/", 1)[-1])
    if target.is_dir():
        raise click.UsageError(f"{target} is a directory: say which file with --file")
    return target


def _open(path: str | Path, mode: str) -> IO[bytes]:
    # In place, also within a coroutine: nothing else runs in this process.
    return cast("IO[bytes]", open(path, mode))


def _split(path: str) -> tuple[str, str]:
    name, slash, key = path.partition("/")
    if not (name and slash and key):
        raise click.UsageError(f"an object is named as BUCKET/KEY, which {path!r} is not")
    return name, key


def _bucket(store: Store, config: Config, name: str, jurisdiction: str | None) -> R2Bucket:
    from edgekit.bindings.r2 import R2Bucket
    from edgekit.runtime.env import r2_space

    known = [(entry.bucket, entry.jurisdiction) for entry in config.r2_buckets]
    if config.path is not None and known and (name, jurisdiction) not in known:
        there = ", ".join(f"{each} ({where})" if where else each for each, where in known)
        raise click.ClickException(
            f"{config.path}: r2_buckets has no bucket {name!r}; there: {there}"
        )
    return R2Bucket(store.records, store.blobs(), r2_space(name, jurisdiction))


def _options(metadata: dict[str, Any]) -> dict[str, Any]:
    """What the options of the command are to R2Bucket.put."""
    http = {name: value for name, value in metadata.items() if value is not None}
    storage_class = http.pop("storage_class", None)
    if (expires := http.pop("expires", None)) is not None:
        http["cache_expiry"] = _moment(expires)
    return {"http_metadata": http, "storage_class": storage_class}


def _moment(text: str) -> datetime:
    from edgekit.web.conditional import parse_http_date

    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        seconds = parse_http_date(text)
    if seconds is None:
        raise click.BadParameter(f"--expires: {text!r} is not a date")
    return datetime.fromtimestamp(seconds).astimezone()


def _read(source: IO[bytes], label: str) -> AsyncIterator[bytes]:
    """The bytes of a file or pipe, as a stream that shows how far it has come."""

    async def chunks() -> AsyncIterator[bytes]:
        import asyncio

        while chunk := await asyncio.to_thread(source.read, _CHUNK):
            yield chunk

    try:
        size: int | None = os.fstat(source.fileno()).st_size or None
    except (OSError, ValueError):  # not a file of the system
        size = None
    return shown(chunks(), label, size)


async def _write(target: Path, chunks: AsyncIterable[bytes]) -> None:
    """All of it, or nothing; folders that are missing are made, as by wrangler."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _open(part, "wb") as file:
            async for chunk in chunks:
                file.write(chunk)
        os.replace(part, target)
    except OSError as error:
        raise click.ClickException(f"{target}: {error.strerror}") from error
    finally:
        if part.exists():  # unlike unlink, no error where a parent is a file
            part.unlink()


def _named(file: IO[bytes]) -> str:
    return getattr(file, "name", "<stdin>")  # without a name where a test gives it


def _items(file: IO[bytes]) -> list[tuple[str, str]]:
    """Key and file of each item; an error lists what is no item."""
    try:
        content = json.loads(file.read())
    except ValueError as error:
        raise click.ClickException(f"{_named(file)}: not JSON: {error}") from None
    if not isinstance(content, list):
        raise click.ClickException(f"{_named(file)}: not a JSON array")
    items, problems = [], []
    for index, item in enumerate(content):
        key, path = (item.get("key"), item.get("file")) if isinstance(item, dict) else (None, None)
        if not (isinstance(key, str) and isinstance(path, str) and len(item) == 2):
            problems.append(
                f"{_named(file)}: item {index}: expected an object with key and file, both strings"
            )
            continue
        if not os.path.isfile(path):
            problems.append(f"{_named(file)}: item {index}: {path}: there is no such file")
        items.append((key, path))
    if problems:
        raise click.ClickException("\n".join(problems[:20]))
    return items
