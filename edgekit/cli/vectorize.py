"""`edgekit vectorize`: vector indexes, made, filled and searched in the store that the server uses.

Commands and options are those of `wrangler vectorize`. What differs: there is nothing remote, a
change is there at once, and `insert` and `upsert` take files of any size, in batches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, cast

import click

from edgekit.cli.local import on_store, print_json, print_table

if TYPE_CHECKING:
    from edgekit.bindings.vectorize import Vectorize
    from edgekit.engines.open import Store
    from edgekit.engines.vectors import Index, Metric, PropertyType

METRICS = ("cosine", "euclidean", "dot-product")
MAX_DIMENSIONS = 1536
MAX_NAME = 64  # bytes
MAX_PROPERTIES = 10
_BATCH = 1000  # what the binding takes at once

# Models and what their vectors need, as wrangler has them.
_PRESETS = {
    "@cf/baai/bge-small-en-v1.5": (384, "cosine"),
    "@cf/baai/bge-base-en-v1.5": (768, "cosine"),
    "@cf/baai/bge-large-en-v1.5": (1024, "cosine"),
    "openai/text-embedding-ada-002": (1536, "cosine"),
    "cohere/embed-multilingual-v2.0": (768, "cosine"),
}

_name = click.argument("name")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group()
def vectorize() -> None:
    """Make, fill and search vector indexes."""


@vectorize.command()
@_name
@click.option("--dimensions", type=click.IntRange(1, MAX_DIMENSIONS), help="Values of a vector.")
@click.option("--metric", type=click.Choice(METRICS), help="How nearness is measured.")
@click.option("--preset", type=click.Choice(list(_PRESETS)), help="Both, for a model.")
@click.option("--description", default="", help="For people.")
@_json
@on_store
async def create(
    store: Store,
    config: Any,
    name: str,
    dimensions: int | None,
    metric: str | None,
    preset: str | None,
    description: str,
    as_json: bool,
) -> None:
    """Make the index NAME."""
    from edgekit import host

    if preset is not None:
        if dimensions is not None or metric is not None:
            raise click.UsageError("either --preset, or --dimensions and --metric")
        dimensions, metric = _PRESETS[preset]
    if dimensions is None or metric is None:
        raise click.UsageError("say what vectors it takes: --dimensions and --metric, or --preset")
    if not 0 < len(name.encode()) <= MAX_NAME:
        raise click.UsageError(f"an index's name has 1 to {MAX_NAME} bytes")
    made = await store.vectors().create(
        name, dimensions, cast("Metric", metric), description, now=host.now()
    )
    if not made:
        raise click.ClickException(f"there is an index {name!r} already")
    if as_json:
        print_json(_shown(await store.vectors().index(name)))
        return
    click.echo(f"Made the index {name!r}. To use it in a Worker, in the configuration file:")
    binding = name.upper().replace("-", "_")
    click.echo(f'  "vectorize": [{{"binding": "{binding}", "index_name": "{name}"}}]')


@vectorize.command()
@_name
@click.option("-y", "--force", is_flag=True, help="Do not ask.")
@on_store
async def delete(store: Store, config: Any, name: str, force: bool) -> None:
    """Remove the index NAME with all its vectors."""
    index = await _index(store, name)
    if not force and not click.confirm(f"Delete {name!r} with its {index.count} vectors?"):
        click.echo("Nothing was deleted.")
        return
    await store.vectors().delete(name)
    click.echo(f"Deleted the index {name!r}.")


@vectorize.command("list")
@_json
@on_store
async def list_(store: Store, config: Any, as_json: bool) -> None:
    """All indexes."""
    indexes = [_shown(index) for index in await store.vectors().indexes()]
    if as_json:
        print_json(indexes)
        return
    columns = ["name", "dimensions", "metric", "description", "created", "modified"]
    rows = [
        (index["name"], *index["config"].values(), *(index[key] for key in _DESCRIBED))
        for index in indexes
    ]
    print_table(columns, rows)


_DESCRIBED = ("description", "created_on", "modified_on")


@vectorize.command()
@_name
@_json
@on_store
async def get(store: Store, config: Any, name: str, as_json: bool) -> None:
    """How the index NAME was made."""
    shown = _shown(await _index(store, name))
    if as_json:
        print_json(shown)
    else:
        flat = {**shown, **shown["config"]}
        del flat["config"]
        print_table(list(flat), [tuple(flat.values())])


@vectorize.command()
@_name
@_json
@on_store
async def info(store: Store, config: Any, name: str, as_json: bool) -> None:
    """What is in the index NAME."""
    found = await _binding(store, name).describe()
    if as_json:
        print_json(found)
    else:
        print_table(list(dict.keys(found)), [tuple(dict.values(found))])


@vectorize.command()
@_name
@click.option("--vector", metavar="VALUES", help="Near to this one, such as '0.1 0.2 0.3'.")
@click.option("--vector-id", help="Instead: a vector of the index, by its id.")
@click.option("--top-k", type=int, default=5, show_default=True, help="How many to find.")
@click.option("--return-values", is_flag=True, help="With the vectors' values.")
@click.option("--return-metadata", type=click.Choice(("none", "indexed", "all")), default="none")
@click.option("--namespace", help="Only vectors of this namespace.")
@click.option("--filter", "filter_", metavar="JSON", help="""Such as '{"year": {"$gte": 2020}}'.""")
@on_store
async def query(
    store: Store,
    config: Any,
    name: str,
    vector: str | None,
    vector_id: str | None,
    top_k: int,
    return_values: bool,
    return_metadata: Any,
    namespace: str | None,
    filter_: str | None,
) -> None:
    """The vectors of NAME nearest to one, as JSON."""
    if (vector is None) == (vector_id is None):
        raise click.UsageError("say near to what: either --vector or --vector-id")
    binding = _binding(store, name)
    wanted: dict[str, Any] = {
        "top_k": top_k,
        "return_values": return_values,
        "return_metadata": return_metadata,
        "namespace": namespace,
        "filter": _parsed(filter_) if filter_ is not None else None,
    }
    if vector_id is not None:
        print_json(await binding.query_by_id(vector_id, **wanted))
    elif vector is not None:
        print_json(await binding.query(_values(vector), **wanted))


@vectorize.command()
@_name
@click.option("--file", type=click.File("rb"), required=True, help="JSON, a vector a line.")
@on_store
async def insert(store: Store, config: Any, name: str, file: IO[bytes]) -> None:
    """Add vectors to NAME; ids that are taken are passed over."""
    count = await _fill(_binding(store, name).insert, file)
    click.echo(f"Wrote {count} vectors to the index {name!r}, but those whose id was taken.")


@vectorize.command()
@_name
@click.option("--file", type=click.File("rb"), required=True, help="JSON, a vector a line.")
@on_store
async def upsert(store: Store, config: Any, name: str, file: IO[bytes]) -> None:
    """Add vectors to NAME; those with the same ids are replaced."""
    count = await _fill(_binding(store, name).upsert, file)
    click.echo(f"Wrote {count} vectors to the index {name!r}.")


@vectorize.command("list-vectors")
@_name
@click.option("--count", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--cursor", default="", help="Where the page before ended.")
@_json
@on_store
async def list_vectors(
    store: Store, config: Any, name: str, count: int, cursor: str, as_json: bool
) -> None:
    """The ids of the vectors of NAME, a page at a time."""
    index = await _index(store, name)
    ids = await store.vectors().ids(name, after=cursor, limit=count + 1)
    page, more = ids[:count], len(ids) > count
    if as_json:
        answer: dict[str, Any] = {
            "count": len(page),
            "totalCount": index.count,
            "isTruncated": more,
        }
        answer["nextCursor"] = page[-1] if more else None
        print_json({**answer, "vectors": [{"id": id} for id in page]})
        return
    print_table(["id"], [(id,) for id in page])
    if more:
        click.echo(f"There are more: --cursor {page[-1]}", err=True)


@vectorize.command("get-vectors")
@_name
@click.option("--ids", multiple=True, required=True, help="Once for each.")
@on_store
async def get_vectors(store: Store, config: Any, name: str, ids: tuple[str, ...]) -> None:
    """Vectors of NAME by their ids, as JSON."""
    print_json(await _binding(store, name).get_by_ids(ids))


@vectorize.command("delete-vectors")
@_name
@click.option("--ids", multiple=True, required=True, help="Once for each.")
@on_store
async def delete_vectors(store: Store, config: Any, name: str, ids: tuple[str, ...]) -> None:
    """Remove vectors of NAME by their ids."""
    await _binding(store, name).delete_by_ids(ids)
    click.echo(f"Removed {len(ids)} vectors from the index {name!r}.")


@vectorize.command("create-metadata-index")
@_name
@click.option("--property-name", "--propertyName", "property_name", required=True)
@click.option("--type", type=click.Choice(("string", "number", "boolean")), required=True)
@on_store
async def create_metadata_index(
    store: Store, config: Any, name: str, property_name: str, type: str
) -> None:
    """Let vectors that are written from now on be filtered by a property of their metadata."""
    from edgekit import host

    await _index(store, name)
    there = await store.vectors().properties(name)
    if len(there) >= MAX_PROPERTIES and property_name not in there:
        raise click.ClickException(f"an index has at most {MAX_PROPERTIES} metadata indexes")
    made = await store.vectors().create_property(
        name, property_name, cast("PropertyType", type), now=host.now()
    )
    if not made:
        raise click.ClickException(f"there is a metadata index on {property_name!r} already")
    click.echo(f"Vectors of {name!r} can be filtered by {property_name!r} from now on.")


@vectorize.command("list-metadata-index")
@_name
@_json
@on_store
async def list_metadata_index(store: Store, config: Any, name: str, as_json: bool) -> None:
    """The properties that the vectors of NAME can be filtered by."""
    await _index(store, name)
    there = await store.vectors().properties(name)
    if as_json:
        print_json(
            [{"propertyName": key, "indexType": type.capitalize()} for key, type in there.items()]
        )
    else:
        print_table(["property", "type"], list(there.items()))


@vectorize.command("delete-metadata-index")
@_name
@click.option("--property-name", "--propertyName", "property_name", required=True)
@on_store
async def delete_metadata_index(store: Store, config: Any, name: str, property_name: str) -> None:
    """No longer let vectors be filtered by a property."""
    from edgekit import host

    await _index(store, name)
    if not await store.vectors().delete_property(name, property_name, now=host.now()):
        raise click.ClickException(f"there is no metadata index on {property_name!r}")
    click.echo(f"Vectors of {name!r} can no longer be filtered by {property_name!r}.")


async def _fill(write: Callable[[list[Any]], Awaitable[Any]], file: IO[bytes]) -> int:
    """Write the vectors of a file, in batches; how many there are."""
    vectors, count = _vectors(file), 0
    while some := list(islice(vectors, _BATCH)):
        await write(some)
        count += len(some)
    return count


async def _index(store: Store, name: str) -> Index:
    try:
        return await store.vectors().index(name)
    except KeyError:
        there = ", ".join(index.name for index in await store.vectors().indexes()) or "none"
        raise click.ClickException(f"there is no index {name!r}; there are: {there}") from None


def _binding(store: Store, name: str) -> Vectorize:
    from edgekit.bindings.vectorize import Vectorize

    return Vectorize(store.vectors(), name)


def _shown(index: Index) -> dict[str, Any]:
    return {
        "name": index.name,
        "config": {"dimensions": index.dimensions, "metric": index.metric},
        "description": index.description,
        "created_on": _when(index.created),
        "modified_on": _when(index.modified),
    }


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _vectors(file: IO[bytes]) -> Iterator[Any]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise click.ClickException(
                    f"{file.name}, line {number}: not JSON: {error}"
                ) from None


def _values(text: str) -> list[float]:
    try:
        return [float(value) for value in re.split(r"[\s,\[\]]+", text) if value]
    except ValueError as error:
        raise click.UsageError(f"--vector: {error}") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--filter is not JSON: {error}") from None
