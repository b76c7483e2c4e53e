"""`edgekit import-state`: take over what `wrangler dev` has kept: KV, R2 and D1.

The wrangler file says what is what. All or nothing is decided before anything is written: where one
of the targets has data, nothing is imported without --force. Objects keep their version, etag and time;
what expires within a minute is left to expire.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.local import on_store
from edgekit.errors import ConfigError, KVError

if TYPE_CHECKING:
    from edgekit.cli.wrangler_state import Pair, State, Stored
    from edgekit.config import Config
    from edgekit.engines.open import Store

_AT_ONCE = 100  # keys that may share a commit, and
_BYTES_AT_ONCE = 16 * 2**20  # what they may weigh together
_SOON = 61.0  # seconds; KV takes nothing that expires before a minute is over


@click.command("import-state")
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("-f", "--force", is_flag=True, help="Write over what is there.")
@on_store
async def import_state(store: Store, config: Config, folder: str | None, force: bool) -> None:
    """Take over the KV, R2 and D1 data that `wrangler dev` has kept in DIR.

    DIR is what was its --persist-to, or the project; default: the folder of the wrangler file.
    Nothing there is changed.
    """
    from edgekit.cli.wrangler_state import State

    if config.path is None:
        raise ConfigError(
            "there is no wrangler file here: only it says which namespace, bucket or database is which"
        )
    state = State(Path(folder) if folder is not None else config.root)
    targets = list(_targets(state, store, config))
    if not force and (full := [target.what for target in targets if await target.has_data()]):
        raise click.ClickException(
            f"there is data already in {', '.join(full)}; --force writes over it. Nothing was imported."
        )
    for target in targets:
        click.echo(f"{target.what}: {await target.take()}")
    if not targets:
        click.echo("Nothing to import: no binding of the wrangler file was ever used.")
    for text in _left_out(state, {target.name for target in targets}):
        click.echo(text, err=True)


class _Target:
    """One namespace, bucket or database: `name` is wrangler's, `what` is for people."""

    def __init__(self, kind: str, binding: str, name: str, state: State, store: Store) -> None:
        self.kind = kind
        self.name = (kind, name)
        self.what = f"{kind.upper()} {binding} ({name})"
        self._from = name
        self._state = state
        self._store = store

    async def has_data(self) -> bool:
        raise NotImplementedError

    async def take(self) -> str:
        """Import all; what that was."""
        raise NotImplementedError


class _Namespace(_Target):
    def __init__(self, binding: str, name: str, state: State, store: Store) -> None:
        from edgekit.bindings.kv import KVNamespace
        from edgekit.runtime.env import kv_space

        super().__init__("kv", binding, name, state, store)
        self._to = KVNamespace(store.records, kv_space(name))

    async def has_data(self) -> bool:
        return bool((await self._to.list(limit=1)).keys)

    async def take(self) -> str:
        from edgekit import host

        done = gone = size = 0
        some: list[Pair] = []
        for pair in self._state.pairs(self._from):
            if pair.expiration is not None and pair.expiration < host.now() + _SOON:
                gone += 1
                continue
            some.append(pair)
            size += pair.file.stat().st_size if pair.file.is_file() else 0
            if len(some) == _AT_ONCE or size > _BYTES_AT_ONCE:
                done += await self._put(some)
                size = 0
                some.clear()
        done += await self._put(some)
        return f"{_count(done, 'key')}{f', and {gone} expired' if gone else ''}"

    async def _put(self, pairs: list[Pair]) -> int:
        import asyncio

        try:
            async with asyncio.TaskGroup() as group:
                for pair in pairs:
                    group.create_task(self._put_one(pair))
        except* click.ClickException as errors:
            raise errors.exceptions[0] from None
        return len(pairs)

    async def _put_one(self, pair: Pair) -> None:
        try:
            value = pair.file.read_bytes()
            await self._to.put(pair.key, value, expiration=pair.expiration, metadata=pair.metadata)
        except (OSError, KVError) as error:
            raise click.ClickException(f"{self.what}: {pair.key!r}: {error}") from error


class _Bucket(_Target):
    def __init__(
        self, binding: str, name: str, jurisdiction: str | None, state: State, store: Store
    ) -> None:
        from edgekit.bindings.r2_space import Space
        from edgekit.runtime.env import r2_space

        super().__init__("r2", binding, name, state, store)
        self._to = Space(store.records, store.blobs(), r2_space(name, jurisdiction))

    async def has_data(self) -> bool:
        from edgekit import host

        return bool(await self._store.records.list(self._to.objects, limit=1, now=host.now()))

    async def take(self) -> str:
        done = 0
        for stored in self._state.objects(self._from):
            try:
                await self._put(stored)
            except OSError as error:
                raise click.ClickException(f"{self.what}: {stored.key!r}: {error}") from error
            done += 1
        left = self._state.unfinished(self._from)
        more = f"; {_count(left, 'unfinished upload')} left out" if left else ""
        return f"{_count(done, 'object')}{more}"

    async def _put(self, stored: Stored) -> None:
        from edgekit import host
        from edgekit.bindings.r2_object import Description
        from edgekit.cli.progress import shown
        from edgekit.cli.wrangler_state import read
        from edgekit.web.streams import ReadableStream

        for file in stored.files:
            file.stat()  # what is missing is told before anything is written
        space, key = self._to, stored.key.encode()
        chunks = ReadableStream(chunk for file in stored.files for chunk in read(file))
        body = ReadableStream(shown(chunks, stored.key, stored.size))
        received = await space.receive("put", body)
        try:
            if received.size != stored.size:
                raise click.ClickException(
                    f"{self.what}: {stored.key!r} has {received.size} bytes, not {stored.size}"
                )
            digests = {} if "-" in stored.etag else {"md5": stored.etag}
            about = Description(
                version=stored.version,
                size=stored.size,
                etag=stored.etag,
                uploaded=stored.uploaded,
                storage_class="Standard",
                checksums={**digests, **stored.checksums},
                http=stored.http,
                custom=stored.custom,
            )
            now = host.now()
            before = await space.records.get(space.objects, key, now=now)
            put, fence, old = space.placing(
                key, about, before, pieces=received.pieces, data=received.data
            )
            await space.commit([put], [fence], now=now, writer=received.writer, drop=[old])
        except BaseException:
            await received.discard()
            raise


class _Database(_Target):
    def __init__(
        self, binding: str, name: str, file: Path, database: str, state: State, store: Store
    ) -> None:
        super().__init__("d1", binding, name, state, store)
        self._file = file
        self._to = store.sql().open(database)

    async def has_data(self) -> bool:
        with self._to.export() as rows:
            return any(True for _ in rows("SELECT 1 FROM sqlite_schema LIMIT 1"))

    async def take(self) -> str:
        import asyncio

        names = await asyncio.to_thread(self._to.replace, self._file, _platform)
        return _count(len(names), "table")


def _platform(table: str) -> bool:
    """Whether a table of a D1 database is wrangler's own."""
    return table.startswith("_cf_")


def _targets(state: State, store: Store, config: Config) -> Iterator[_Target]:
    for namespace in config.kv_namespaces:
        if state.file("kv", name := namespace.namespace_id):
            yield _Namespace(namespace.binding, name, state, store)
    for bucket in config.r2_buckets:
        if state.file("r2", name := bucket.bucket):
            yield _Bucket(bucket.binding, name, bucket.jurisdiction, state, store)
    for entry in config.d1_databases:
        # Whichever wrangler has gone by: it prefers the preview's, and takes the name without an id.
        names = (entry.preview_database_id, entry.database_id, entry.database_name, entry.binding)
        for name in dict.fromkeys(each for each in names if each):
            if file := state.file("d1", name):
                yield _Database(entry.binding, name, file, entry.database, state, store)
                break


def _left_out(state: State, taken: set[tuple[str, str]]) -> Iterator[str]:
    for kind in ("kv", "r2"):
        for name in state.names(kind):
            if (kind, name) not in taken and state.file(kind, name):
                yield f"{kind.upper()} {name}: left out: no binding of the wrangler file has it"
    known = {state.file("d1", name) for kind, name in taken if kind == "d1"}
    if unknown := len(state.files("d1") - known):
        yield f"D1: left out: {_count(unknown, 'database')} that no binding of the wrangler file has"
    for other in state.others():
        yield f"{other}: left out: only KV, R2 and D1 can be taken over"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
