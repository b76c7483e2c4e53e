"""What the binding's tests do not reach: the indexes themselves, files that are not right, many writers."""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from edgekit.engines.open import open_store
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.engines.sqlite_vectors import MIGRATIONS, SQLiteVectors
from edgekit.engines.vectors import Index, Vector, Vectors
from edgekit.errors import ConfigError, StorageError


@pytest.fixture(params=["memory", "sqlite"])
async def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SQLiteVectors]:
    engine = SQLiteVectors(
        SQLiteMemory(MIGRATIONS)
        if request.param == "memory"
        else SQLiteFile(tmp_path / "v.sqlite3", durable=False, migrations=MIGRATIONS)
    )
    yield engine
    await engine.close()


def vector(id: str, *values: float) -> Vector:
    return Vector(id, array("f", values or (1, 0)).tobytes(), "", b"")


async def test_index_is_made_once_and_listed_by_name(vectors: SQLiteVectors) -> None:
    assert await vectors.create("b", 2, "cosine", "for people", now=1)
    assert not await vectors.create("b", 3, "euclidean", "", now=2)
    assert await vectors.create("a", 3, "euclidean", "", now=3)
    b = Index("b", 2, "cosine", "for people", 1, 1, 0, None, 0)
    assert await vectors.index("b") == b
    assert [index.name for index in await vectors.indexes()] == ["a", "b"]


async def test_deleted_index_leaves_nothing(vectors: SQLiteVectors) -> None:
    for _ in range(2):
        await vectors.create("a", 2, "cosine", "", now=1)
        assert await vectors.properties("a") == {}
        assert await vectors.get("a", ["x"]) == []
        await vectors.create_property("a", "p", "string", now=1)
        await vectors.write("a", [vector("x")], replace=False, now=1)
        assert await vectors.delete("a")
    assert not await vectors.delete("a")
    assert await vectors.indexes() == []


async def test_every_method_tells_an_index_that_is_not_there(vectors: SQLiteVectors) -> None:
    for call in (
        vectors.index("x"),
        vectors.create_property("x", "p", "string", now=1),
        vectors.delete_property("x", "p", now=1),
        vectors.properties("x"),
        vectors.write("x", [], replace=True, now=1),
        vectors.remove("x", [], now=1),
        vectors.get("x", []),
        vectors.ids("x", after="", limit=1),
        vectors.search("x", b"", limit=1, namespace=None, conditions=[]),
    ):
        with pytest.raises(KeyError):
            await call


async def test_properties_are_made_and_removed_once(vectors: SQLiteVectors) -> None:
    await vectors.create("a", 2, "cosine", "", now=1)
    assert await vectors.create_property("a", "p", "number", now=5)
    assert not await vectors.create_property("a", "p", "string", now=6)
    assert await vectors.properties("a") == {"p": "number"}
    assert (await vectors.index("a")).modified == 5
    assert await vectors.delete_property("a", "p", now=7)
    assert not await vectors.delete_property("a", "p", now=8)
    assert (await vectors.index("a")).modified == 7


async def test_ids_come_in_pages(vectors: SQLiteVectors) -> None:
    await vectors.create("a", 2, "cosine", "", now=1)
    await vectors.write("a", [vector(id) for id in "cab"], replace=False, now=1)
    assert await vectors.ids("a", after="", limit=2) == ["a", "b"]
    assert await vectors.ids("a", after="b", limit=2) == ["c"]


async def test_writers_and_readers_at_once(vectors: SQLiteVectors) -> None:
    await vectors.create("a", 2, "cosine", "", now=1)

    async def write(n: int) -> None:
        await vectors.write("a", [vector(f"{n}-{m}", 1, m) for m in range(5)], replace=True, now=1)
        found = await vectors.search(
            "a", array("f", [1, 0]).tobytes(), limit=100, namespace=None, conditions=[]
        )
        assert len(found) % 5 == 0  # never half of a write

    await asyncio.gather(*map(write, range(20)))
    index = await vectors.index("a")
    assert (index.count, index.mutation) == (100, 20)


async def test_vectors_are_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    for count in (1, 2):
        store = open_store(f"sqlite:{tmp_path}", durable=True)
        engine: Vectors = store.vectors()
        await engine.create("a", 2, "cosine", "", now=1)
        await engine.write("a", [vector(str(count))], replace=False, now=1)
        assert (await engine.index("a")).count == count
        await store.close()
        with pytest.raises(StorageError, match="closed"):
            await engine.indexes()


async def test_store_in_memory_has_them_too() -> None:
    store = open_store("memory:", durable=False)
    assert await store.vectors().indexes() == []
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.vectors().indexes()


async def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlite_vec", None)
    monkeypatch.delitem(sys.modules, "edgekit.engines.sqlite_vectors", raising=False)
    monkeypatch.delattr("edgekit.engines.sqlite_vectors", raising=False)
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    with pytest.raises(ConfigError, match=r"pip install 'edgekit-asgi\[vectorize\]'"):
        store.vectors()
    await store.close()


async def test_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "vectors.sqlite3").write_bytes(b"x" * 5000)
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    with pytest.raises(ConfigError, match=r"vectors\.sqlite3 cannot be opened"):
        store.vectors()
    await store.close()


async def test_failing_write_is_a_storage_error(vectors: SQLiteVectors) -> None:
    await vectors.create("a", 2, "cosine", "", now=1)
    wrong = vector("x")._replace(metadata="text, not bytes")  # type: ignore[arg-type]
    with pytest.raises(StorageError) as caught:
        await vectors.write("a", [vector("y"), wrong], replace=False, now=1)
    assert isinstance(caught.value.__cause__, apsw.Error)
    assert (await vectors.index("a")).count == 0
