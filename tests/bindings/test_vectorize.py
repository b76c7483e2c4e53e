from __future__ import annotations

import math
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgekit.bindings.vectorize import Vectorize
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.engines.sqlite_vectors import MIGRATIONS, SQLiteVectors
from edgekit.errors import VectorizeError
from edgekit.testing.clock import ManualClock


@pytest.fixture(params=["memory", "sqlite"])
async def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SQLiteVectors]:
    engine = SQLiteVectors(
        SQLiteMemory(MIGRATIONS)
        if request.param == "memory"
        else SQLiteFile(tmp_path / "v.sqlite3", durable=False, migrations=MIGRATIONS)
    )
    yield engine
    await engine.close()


@pytest.fixture
async def index(vectors: SQLiteVectors, clock: ManualClock) -> Vectorize:
    await vectors.create("docs", 2, "cosine", "", now=clock.now())
    for name, type in (
        ("kind", "string"),
        ("year", "number"),
        ("new", "boolean"),
        ("a.b", "string"),
    ):
        await vectors.create_property("docs", name, type, now=clock.now())  # type: ignore[arg-type]
    return Vectorize(vectors, "docs")


def vector(id: str, *values: float, **more: Any) -> dict[str, Any]:
    return {"id": id, "values": list(values or (1, 0)), **more}


async def refused(call: Any) -> tuple[Any, str]:
    with pytest.raises(VectorizeError) as caught:
        await call
    return caught.value.code, str(caught.value)


async def found(index: Vectorize, filter: Any = None, **options: Any) -> list[str]:
    answer = await index.query([1, 0], top_k=100, filter=filter, **options)
    assert answer.count == len(answer.matches)
    return [match.id for match in answer.matches]


# Writing and reading


async def test_vectors_come_back_as_they_were_written(index: Vectorize) -> None:
    metadata = {"kind": "x", "deep": {"list": [1, "a"]}, "float": 2.0}
    result = await index.insert(
        [vector("a", 0.1, -2, namespace="n", metadata=metadata), vector("ü")]
    )
    assert result.mutationId.endswith("1")
    a, u = await index.getByIds(["a", "missing", "ü"])  # type: ignore[attr-defined]
    assert a == {
        "id": "a",
        "values": list(array("f", [0.1, -2])),
        "namespace": "n",
        "metadata": metadata,
    }
    assert a.values == a["values"]
    assert u == {"id": "ü", "values": [1.0, 0.0]}


@pytest.mark.parametrize(
    "values", [(1, 2), array("d", [1, 2]), range(1, 3), memoryview(array("f", [1, 2]))]
)
async def test_values_are_any_iterable_of_numbers(index: Vectorize, values: Any) -> None:
    await index.upsert([{"id": "a", "values": values}])
    assert len((await index.get_by_ids(["a"]))[0].values) == 2


async def test_insert_passes_over_ids_that_are_taken_and_upsert_replaces(index: Vectorize) -> None:
    await index.insert([vector("a", 1, 0, metadata={"kind": "old"}), vector("a", 5, 5)])
    await index.insert([vector("a", 0, 1), vector("b", 0, 1)])
    assert [v.values for v in await index.get_by_ids(["a", "b"])] == [[1, 0], [0, 1]]
    await index.upsert([vector("a", 2, 2), vector("a", 3, 3, namespace="n")])
    assert await index.get_by_ids(["a"]) == [{"id": "a", "values": [3, 3], "namespace": "n"}]
    assert await found(index, {"kind": "old"}) == []


async def test_deleted_vectors_are_gone(index: Vectorize) -> None:
    await index.insert([vector("a", metadata={"kind": "x"}), vector("b")])
    result = await index.delete_by_ids(["a", "missing"])
    assert result.mutation_id.endswith("2")
    assert await found(index) == ["b"]
    await index.insert([vector("a")])
    assert await found(index, {"kind": "x"}) == []


async def test_describe_tells_what_there_is(index: Vectorize, clock: ManualClock) -> None:
    assert await index.describe() == {
        "vectorCount": 0,
        "dimensions": 2,
        "processedUpToDatetime": None,
        "processedUpToMutation": None,
    }
    result = await index.insert([vector("a")])
    info = await index.describe()
    assert (info.vector_count, info.processed_up_to_mutation) == (1, result.mutationId)
    assert info.processedUpToDatetime == "2027-01-15T08:00:00.500Z"


async def test_batch_with_a_wrong_vector_writes_nothing(index: Vectorize) -> None:
    await refused(index.insert([vector("a"), vector("b", 1, 2, 3)]))
    assert await found(index) == []


# Searching


async def test_nearest_come_first(index: Vectorize) -> None:
    await index.insert(
        [vector("far", -1, 0), vector("near", 2, 0.1), vector("side", 0, 3), vector("same", 5, 0)]
    )
    answer = await index.query([1, 0])
    assert [m.id for m in answer.matches] == ["same", "near", "side", "far"]
    scores = [m.score for m in answer.matches]
    assert scores == pytest.approx([1, 0.99875, 0, -1], abs=1e-4)
    assert answer.matches[0] == {"id": "same", "score": scores[0]}


@pytest.mark.parametrize(
    ("metric", "ids", "scores"),
    [
        ("cosine", ["a", "c", "zero"], [math.sqrt(0.5), 0.98995, 0]),
        ("euclidean", ["a", "zero", "c"], [1, math.sqrt(2), math.sqrt(13)]),
        ("dot-product", ["c", "a", "zero"], [-7, -1, 0]),
    ],
)
async def test_score_is_the_metric_s(
    vectors: SQLiteVectors, clock: ManualClock, metric: Any, ids: list[str], scores: list[float]
) -> None:
    await vectors.create("m", 2, metric, "", now=1)
    index = Vectorize(vectors, "m")
    await index.insert([vector("a", 1, 0), vector("c", 3, 4), vector("zero", 0, 0)])
    matches = (await index.query([1, 1])).matches
    if metric == "cosine":
        ids, scores = ["c", "a", "zero"], [scores[1], scores[0], scores[2]]
    assert [m.id for m in matches] == ids
    assert [m.score for m in matches] == pytest.approx(scores, abs=1e-4)


async def test_query_by_id_is_a_query_by_its_values(index: Vectorize) -> None:
    await index.insert([vector("a", 1, 0), vector("b", 0, 1), vector("c", 1, 1)])
    answer = await index.queryById("b", {"topK": 2, "returnValues": True})  # type: ignore[attr-defined]
    assert [(m.id, m.values) for m in answer.matches] == [("b", [0, 1]), ("c", [1, 1])]
    assert (await refused(index.query_by_id("zzz")))[1].startswith(
        "VECTOR_QUERY_ERROR: vector not found"
    )


async def test_top_k_is_five_unless_given(index: Vectorize) -> None:
    await index.insert([vector(f"{n:03}", 1, n) for n in range(120)])
    assert (await index.query([1, 0])).count == 5
    assert (await index.query([1, 0], top_k=1)).count == 1
    assert (await index.query([1, 0], {"topK": 100, "returnMetadata": "indexed"})).count == 100
    assert (
        await index.query([1, 0], top_k=50, return_metadata="all", return_values=True)
    ).count == 50


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"top_k": 101}, 40025, "max top K is 100, but got 101"),
        ({"top_k": 0}, 40025, "min top K is 1, but got 0"),
        ({"top_k": True}, 40026, "Failed to parse the request body as JSON: topK: expected value"),
        ({"top_k": "5"}, 40026, "Failed to parse the request body as JSON: topK: expected value"),
        (
            {"top_k": 51, "return_values": True},
            40025,
            "with returnValues=true or returnMetadata=all, max top K is 50, but got 51; for a top K up"
            " to 100, retry with returnValues=false and returnMetadata=indexed",
        ),
        (
            {"top_k": 51, "return_metadata": True},
            40025,
            "with returnValues=true or returnMetadata=all, max top K is 50, but got 51; for a top K up"
            " to 100, retry with returnValues=false and returnMetadata=indexed",
        ),
    ],
)
async def test_top_k_has_limits(index: Vectorize, options: Any, code: int, text: str) -> None:
    expected = (code, f"VECTOR_QUERY_ERROR (code = {code}): {text}")
    assert await refused(index.query([1, 0], **options)) == expected


async def test_metadata_comes_as_asked_for(index: Vectorize) -> None:
    metadata = {"kind": "x" * 70, "year": 1, "other": [1], "a": {"b": "deep"}, "new": "no boolean"}
    await index.insert([vector("a", metadata=metadata, namespace="n"), vector("b", 0, 1)])

    async def shown(level: Any) -> Any:
        return (await index.query([1, 0], return_metadata=level)).matches[0].get("metadata")

    assert await shown("all") == await shown(True) == metadata
    assert await shown("none") is await shown(False) is await shown(None) is None
    assert await shown("indexed") == {"kind": "x" * 64, "year": 1.0, "a.b": "deep"}
    matches = (await index.query([1, 0], return_metadata="all")).matches
    assert (matches[0].namespace, "metadata" in matches[1], "namespace" in matches[1]) == (
        "n",
        False,
        False,
    )
    assert (await refused(index.query([1, 0], return_metadata="some")))[1] == (
        'Invalid returnMetadata option. Expected: true, false, "none", "indexed" or "all"; got: some'
    )


async def test_namespace_is_searched_alone(index: Vectorize) -> None:
    await index.insert([vector("a", namespace="n"), vector("b", namespace="m"), vector("c")])
    assert await found(index, namespace="n") == ["a"]
    assert await found(index, namespace="none") == []
    assert sorted(await found(index)) == ["a", "b", "c"]


async def test_indexes_do_not_see_each_other(vectors: SQLiteVectors, index: Vectorize) -> None:
    await vectors.create("other", 2, "cosine", "", now=1)
    other = Vectorize(vectors, "other")
    await index.insert([vector("a")])
    await other.insert([vector("a", 0, 1), vector("b")])
    assert await found(index) == ["a"]
    await vectors.delete("other")
    assert await found(index) == ["a"]


# Filters


@pytest.fixture
async def filled(index: Vectorize) -> Vectorize:
    await index.insert(
        [
            vector("a", metadata={"kind": "jazz", "year": 1959, "new": False, "other": "x"}),
            vector("b", metadata={"kind": "rock", "year": 1975.5, "new": True}),
            vector("c", metadata={"kind": "pop", "year": "1980", "a": {"b": "deep"}}),
            vector("d", metadata={"kind": None, "a.b": "flat"}),
        ]
    )
    return index


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        ({"kind": "jazz"}, "a"),
        ({"kind": {"$eq": "jazz"}}, "a"),
        ({"kind": {"$ne": "jazz"}}, "bcd"),
        ({"kind": {"$in": ["jazz", "pop", 5]}}, "ac"),
        ({"kind": {"$in": []}}, ""),
        ({"kind": {"$nin": ["jazz", "pop"]}}, "bd"),
        ({"kind": {"$nin": []}}, "abcd"),
        ({"kind": None}, "d"),
        ({"kind": {"$ne": None}}, "abc"),
        ({"kind": {"$in": [None, "rock"]}}, "bd"),
        ({"kind": {"$nin": [None, "rock"]}}, "ac"),
        ({"kind": {"$gte": "j", "$lt": "q"}}, "ac"),
        ({"year": 1959}, "a"),
        ({"year": 1959.0}, "a"),
        ({"year": {"$gt": 1959}}, "b"),
        ({"year": {"$gte": 1959}}, "ab"),
        ({"year": {"$lte": 1959, "$gte": 1959}}, "a"),
        ({"year": {"$lt": 9999}}, "ab"),
        ({"year": {"$lt": "zzz"}}, ""),
        ({"kind": {"$gt": 0}}, ""),
        ({"new": True}, "b"),
        ({"new": 1}, ""),
        ({"new": {"$ne": True}}, "acd"),
        ({"a.b": "deep"}, "c"),
        ({"kind": "jazz", "year": {"$gt": 1950}}, "a"),
        ({"kind": "jazz", "year": {"$gt": 1960}}, ""),
        ({"other": "x"}, ""),  # without an index nothing is found by it
        ({"other": {"$ne": "x"}}, "abcd"),
        ({"kind": "' OR 1=1 --"}, ""),
        ({"year": {"$lt": 10**400}}, "ab"),
        ({"year": {"$lt": -(10**400)}}, ""),
    ],
)
async def test_filter_lets_pass(filled: Vectorize, filter: Any, ids: str) -> None:
    assert sorted(await found(filled, filter)) == list(ids)


async def test_texts_are_filtered_by_their_first_64_bytes(index: Vectorize) -> None:
    await index.insert(
        [vector("a", metadata={"kind": "é" * 40}), vector("b", metadata={"kind": "é" * 31})]
    )
    assert await found(index, {"kind": "é" * 32 + "something else"}) == ["a"]


async def test_vectors_from_before_a_metadata_index_are_not_in_it(
    vectors: SQLiteVectors, index: Vectorize
) -> None:
    await index.insert([vector("a", metadata={"later": "x"})])
    await vectors.create_property("docs", "later", "string", now=1)
    assert await found(index, {"later": "x"}) == []
    await index.upsert([vector("a", metadata={"later": "x"})])
    assert await found(index, {"later": "x"}) == ["a"]
    await vectors.delete_property("docs", "later", now=1)
    assert await found(index, {"later": "x"}) == []


@pytest.mark.parametrize(
    ("filter", "text"),
    [
        ({}, "it must be an object that is not empty"),
        ([], "it must be an object that is not empty"),
        ("x", "it must be an object that is not empty"),
        ({"kind": "x" * 2048}, "its JSON must be less than 2048 bytes, not 2059"),
        ({"": 1}, "a property must have a name"),
        ({5: 1}, "a property must have a name"),
        ({"$and": []}, "cannot begin with $"),
        ({'a"b': 1}, "cannot begin with $"),
        ({"a|b": 1}, "cannot begin with $"),
        ({"k" * 513: 1}, "at most 512 characters, not 513"),
        ({"kind": {}}, "kind: it must have an operator"),
        ({"kind": {"$like": "x"}}, "kind: unknown operator $like; there are: $eq $ne $in $nin"),
        ({"kind": {"b": "x"}}, "kind: unknown operator b"),
        ({"kind": {"$eq": 1, "$ne": 2}}, "only one of $lt and $lte can be combined"),
        ({"kind": {"$lt": 1, "$lte": 2}}, "only one of $lt and $lte can be combined"),
        ({"kind": {"$lt": 1, "$gt": 2, "$gte": 3}}, "only one of $lt and $lte can be combined"),
        ({"kind": {"$in": "x"}}, "kind: $in takes an array"),
        ({"kind": {"$lt": True}}, "kind: $lt takes a string or a number"),
        ({"kind": {"$lt": None}}, "kind: $lt takes a string or a number"),
        ({"kind": [1]}, "kind: $eq takes strings, numbers, booleans or null"),
        ({"kind": {"$in": [{}]}}, "kind: $in takes strings, numbers, booleans or null"),
        ({"kind": object()}, "object"),
    ],
)
async def test_filter_that_means_nothing_is_refused(
    index: Vectorize, filter: Any, text: str
) -> None:
    code, message = await refused(index.query([1, 0], filter=filter))
    assert code is None
    assert message.startswith("VECTOR_QUERY_ERROR: invalid filter: ")
    assert text in message


# Limits


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (
            vector("a", 1, 2, 3),
            40012,
            'invalid vector for id="a", expected 2 dimensions, and got 3 dimensions',
        ),
        (vector("é" * 33), 40008, "id too long; max is 64 bytes, got 66 bytes"),
        (vector(""), None, "invalid id"),
        ({"id": 5, "values": [1, 2]}, None, "invalid id"),
        ({"values": [1, 2]}, None, "invalid id"),
        ("a", None, "a vector must be an object"),
        (vector("a", math.nan, 1), 40023, "failed to parse upsert vectors request in json format"),
        (
            {"id": "a", "values": "12"},
            40023,
            "failed to parse upsert vectors request in json format",
        ),
        ({"id": "a"}, 40023, "failed to parse upsert vectors request in json format"),
        ({"id": "a", "values": [1e39, 0]}, 40023, "failed to parse upsert vectors request in json"),
        (
            vector("a", namespace="é" * 33),
            None,
            "namespace too long; max is 64 bytes, got 66 bytes",
        ),
        (vector("a", namespace=5), None, "invalid namespace"),
        (vector("a", metadata=[1]), None, "invalid metadata"),
        (vector("a", metadata={"x": object()}), None, "invalid metadata"),
        (
            vector("a", metadata={"k": "x" * 10240}),
            None,
            'metadata too large for id="a"; max is 10240 bytes, got 10248 bytes',
        ),
    ],
)
async def test_vector_that_is_not_right_is_refused(
    index: Vectorize, given: Any, code: int | None, text: str
) -> None:
    found, message = await refused(index.upsert([given]))
    assert found == code
    assert message.startswith(
        "VECTOR_UPSERT_ERROR" + (f" (code = {code})" if code else "") + f": {text}"
    )


async def test_limits_are_reached(index: Vectorize) -> None:
    full = vector("é" * 32, namespace="é" * 32, metadata={"k": "x" * 10232})
    await index.upsert([full, *(vector(f"{n}") for n in range(999))])
    assert (await index.describe()).vectorCount == 1000


@pytest.mark.parametrize("given", [None, vector("a"), "a", iter([vector("a")])])
async def test_vectors_are_an_array(index: Vectorize, given: Any) -> None:
    text = "VECTOR_INSERT_ERROR: vectors must be an array of vectors"
    assert await refused(index.insert(given)) == (None, text)


async def test_batches_have_limits(index: Vectorize) -> None:
    assert await refused(index.insert([vector("a")] * 1001)) == (
        None,
        "VECTOR_INSERT_ERROR: too many vectors in payload; max count is 1000, got 1001",
    )
    assert await refused(index.get_by_ids(["a"] * 21)) == (
        40007,
        "VECTOR_GET_ERROR (code = 40007): too many ids in payload; max id count is 20, got 21",
    )
    assert await refused(index.delete_by_ids(["a"] * 101)) == (
        40007,
        "VECTOR_DELETE_ERROR (code = 40007): too many ids in payload; max id count is 100, got 101",
    )
    assert (await refused(index.get_by_ids("abc")))[
        1
    ] == "VECTOR_GET_ERROR: ids must be an array of strings"
    assert await index.get_by_ids([]) == []


@pytest.mark.parametrize("values", [[], [1], [1, 2, 3]])
async def test_query_of_other_dimensions_is_refused(index: Vectorize, values: Any) -> None:
    assert await refused(index.query(values)) == (
        40006,
        f"VECTOR_QUERY_ERROR (code = 40006): invalid query vector, expected 2 dimensions, and got"
        f" {len(values)} dimensions",
    )


@pytest.mark.parametrize("values", ["12", {"data": []}, [None, 1], [math.inf, 1], 5, [[1, 0]]])
async def test_query_of_no_numbers_is_refused(index: Vectorize, values: Any) -> None:
    assert await refused(index.query(values)) == (
        40026,
        "VECTOR_QUERY_ERROR (code = 40026): Failed to parse the request body as JSON: vector: expected"
        " an array of numbers",
    )


async def test_index_that_was_not_made_is_told_with_how_to_make_it(vectors: SQLiteVectors) -> None:
    index = Vectorize(vectors, "docs")
    hint = "there is no index 'docs'; make one: edgekit vectorize create docs --dimensions=N"
    for call, name in (
        (index.describe(), "INDEX_GET"),
        (index.query([1]), "VECTOR_QUERY"),
        (index.query_by_id("a"), "VECTOR_QUERY"),
        (index.insert([]), "VECTOR_INSERT"),
        (index.upsert([]), "VECTOR_UPSERT"),
        (index.delete_by_ids([]), "VECTOR_DELETE"),
        (index.get_by_ids([]), "VECTOR_GET"),
    ):
        code, text = await refused(call)
        assert code is None
        assert text.startswith(f"{name}_ERROR: {hint}")
