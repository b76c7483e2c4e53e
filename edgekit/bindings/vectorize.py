"""Vectorize: an index of vectors, and the search for the nearest. Spec: Cloudflare Vectorize (V2).

Limits and texts are the platform's, and its numbers of errors where they are known: it has no
simulator that this could be compared with. What differs: what was written is found at once, not
after some seconds; scores are always exact; an index is made by `edgekit vectorize create`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar

from edgekit import host
from edgekit.bindings.vectorize_filter import conditions, indexed
from edgekit.bindings.webidl import json_value, string
from edgekit.engines.vectors import Vector
from edgekit.errors import VectorizeError
from edgekit.web.spelling import Plain, Spelled, options

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from edgekit.engines.vectors import Match, PropertyType, Vectors

MAX_DIMENSIONS = 1536
MAX_ID = 64  # bytes of UTF-8
MAX_NAMESPACE = 64  # bytes of UTF-8
MAX_METADATA = 10 * 1024  # bytes of JSON
MAX_BATCH = 1000  # vectors of one insert or upsert
MAX_IDS_READ = 20
MAX_IDS_DELETED = 100
MAX_TOP_K = 100
MAX_TOP_K_WITH_MORE = 50  # with values, or with all metadata
DEFAULT_TOP_K = 5

T = TypeVar("T")
Values: TypeAlias = Iterable[float]
Retrieval: TypeAlias = Literal["none", "indexed", "all"] | bool


class VectorizeMatch(Plain):
    """A vector found. `score`: for cosine more is nearer, for the other two metrics less is."""

    __slots__ = ()
    id: str
    score: float
    namespace: str
    metadata: dict[str, Any]

    @property
    def values(self) -> list[float]:  # type: ignore[override]
        """The vector itself, where it was asked for."""
        found: list[float] = self["values"]
        return found


class VectorizeMatches(Plain):
    """What a query answers, the nearest first."""

    __slots__ = ()
    count: int
    matches: list[VectorizeMatch]


class VectorizeVector(Plain):
    """A vector as it was written: `namespace` and `metadata` are there if it has them."""

    __slots__ = ()
    id: str
    namespace: str
    metadata: dict[str, Any]

    @property
    def values(self) -> list[float]:  # type: ignore[override]
        """The vector itself."""
        found: list[float] = self["values"]
        return found


class VectorizeIndexInfo(Plain):
    """What `describe` answers. `processedUpToDatetime` is in ISO 8601, None before the first write."""

    __slots__ = ()
    vectorCount: int
    dimensions: int
    processedUpToDatetime: str | None
    processedUpToMutation: str | None


class VectorizeMutation(Plain):
    """What writing answers: the name of this change."""

    __slots__ = ()
    mutationId: str


class Vectorize(Spelled):
    """One index. A vector is a dict: `{"id": str, "values": [float, ...], "namespace": str,
    "metadata": {...}}`, the last two if need be; `values` may be any iterable of numbers.

    A refused call raises VectorizeError with the platform's text.
    """

    __slots__ = ("_index", "_vectors")

    binding_kind: ClassVar[str] = "vectorize"

    def __init__(self, vectors: Vectors, index: str) -> None:
        self._vectors = vectors
        self._index = index

    async def describe(self) -> VectorizeIndexInfo:
        """How many vectors there are, of how many dimensions, and what was written last."""
        found = await self._there("INDEX_GET", self._vectors.index(self._index))
        when = None if found.mutated is None else datetime.fromtimestamp(found.mutated, UTC)
        return VectorizeIndexInfo(
            vectorCount=found.count,
            dimensions=found.dimensions,
            processedUpToDatetime=None if when is None else _iso(when),
            processedUpToMutation=None if when is None else _mutation_id(found.mutation),
        )

    @options
    async def query(
        self,
        vector: Values,
        *,
        top_k: int | None = None,
        namespace: str | None = None,
        return_values: bool | None = None,
        return_metadata: Retrieval | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> VectorizeMatches:
        """The `top_k` vectors nearest to `vector`: 5, or 1 to 100; at most 50 with values or all metadata.

        Only those of `namespace`, where one is given, and only those that `filter` lets pass: such
        as `{"year": {"$gte": 2020}, "genre": "jazz"}`, with $eq $ne $in $nin $lt $lte $gt $gte, on
        properties that have a metadata index. `return_metadata` is "none", "indexed" (those
        properties) or "all".
        """
        op = "VECTOR_QUERY"
        level = _level(return_metadata)
        index = await self._there(op, self._vectors.index(self._index))
        values = _packed(op, vector)
        if len(values) != index.dimensions:
            raise _refused(
                op,
                f"invalid query vector, expected {index.dimensions} dimensions, and got"
                f" {len(values)} dimensions",
                40006,
            )
        return await self._search(values.tobytes(), top_k, namespace, return_values, level, filter)

    @options
    async def query_by_id(
        self,
        vector_id: str,
        *,
        top_k: int | None = None,
        namespace: str | None = None,
        return_values: bool | None = None,
        return_metadata: Retrieval | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> VectorizeMatches:
        """As `query`, by a vector that is in the index; it is itself among what is found."""
        op = "VECTOR_QUERY"
        level = _level(return_metadata)
        found = await self._there(op, self._vectors.get(self._index, [_id(op, vector_id)]))
        if not found:
            raise _refused(op, f"vector not found: {vector_id}")
        return await self._search(found[0].values, top_k, namespace, return_values, level, filter)

    async def insert(self, vectors: Sequence[Mapping[str, Any]]) -> VectorizeMutation:
        """Add up to 1,000 vectors; those whose id is taken are passed over."""
        return await self._write("VECTOR_INSERT", vectors, replace=False)

    async def upsert(self, vectors: Sequence[Mapping[str, Any]]) -> VectorizeMutation:
        """Add up to 1,000 vectors; one with the same id is replaced as a whole."""
        return await self._write("VECTOR_UPSERT", vectors, replace=True)

    async def delete_by_ids(self, ids: Sequence[str]) -> VectorizeMutation:
        """Remove up to 100 vectors; ids of none are passed over."""
        op = "VECTOR_DELETE"
        names = _ids(op, ids, MAX_IDS_DELETED)
        number = await self._there(op, self._vectors.remove(self._index, names, now=host.now()))
        return VectorizeMutation(mutationId=_mutation_id(number))

    async def get_by_ids(self, ids: Sequence[str]) -> list[VectorizeVector]:
        """Up to 20 vectors, with values and metadata; ids of none are passed over."""
        op = "VECTOR_GET"
        names = _ids(op, ids, MAX_IDS_READ)
        found = await self._there(op, self._vectors.get(self._index, names))
        return [VectorizeVector(_shown(vector, values=True, metadata="all")) for vector in found]

    async def _search(
        self,
        values: bytes,
        top_k: int | None,
        namespace: str | None,
        return_values: bool | None,
        level: str,
        filter: Mapping[str, Any] | None,
    ) -> VectorizeMatches:
        op = "VECTOR_QUERY"
        limit = _top_k(top_k, more=bool(return_values) or level == "all")
        properties = await self._there(op, self._vectors.properties(self._index))
        try:
            tests = conditions(filter)
        except ValueError as error:
            raise _refused(op, f"invalid filter: {error}") from None
        matches: list[Match] = await self._there(
            op,
            self._vectors.search(
                self._index, values, limit=limit, namespace=namespace, conditions=tests
            ),
        )
        found = []
        for score, vector in matches:
            match = VectorizeMatch(id=vector.id, score=score)
            match.update(
                _shown(vector, values=bool(return_values), metadata=level, only=properties)
            )
            found.append(match)
        return VectorizeMatches(count=len(found), matches=found)

    async def _write(
        self, op: str, vectors: Sequence[Mapping[str, Any]], *, replace: bool
    ) -> VectorizeMutation:
        if not isinstance(vectors, list | tuple):
            raise _refused(op, "vectors must be an array of vectors")
        if len(vectors) > MAX_BATCH:
            raise _refused(
                op, f"too many vectors in payload; max count is {MAX_BATCH}, got {len(vectors)}"
            )
        index = await self._there(op, self._vectors.index(self._index))
        properties = await self._there(op, self._vectors.properties(self._index))
        made = [_vector(op, vector, index.dimensions, properties) for vector in vectors]
        number = await self._there(
            op, self._vectors.write(self._index, made, replace=replace, now=host.now())
        )
        return VectorizeMutation(mutationId=_mutation_id(number))

    async def _there(self, op: str, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except KeyError:
            raise _refused(
                op,
                f"there is no index {self._index!r}; make one: edgekit vectorize create"
                f" {self._index} --dimensions=N --metric=cosine|euclidean|dot-product",
            ) from None


def _refused(op: str, message: str, code: int | None = None) -> VectorizeError:
    shown = f" (code = {code})" if code is not None else ""
    return VectorizeError(f"{op}_ERROR{shown}: {message}", code=code)


def _level(value: Any) -> str:
    if value is None or value is False:
        return "none"
    if value is True:
        return "all"
    if value not in ("none", "indexed", "all"):
        raise VectorizeError(
            'Invalid returnMetadata option. Expected: true, false, "none", "indexed" or "all"; got: '
            f"{string(value)}"
        )
    level: str = value
    return level


def _top_k(value: Any, *, more: bool) -> int:
    op = "VECTOR_QUERY"
    if value is None:
        return DEFAULT_TOP_K
    if not isinstance(value, int) or isinstance(value, bool):
        raise _refused(op, "Failed to parse the request body as JSON: topK: expected value", 40026)
    if value < 1:
        raise _refused(op, f"min top K is 1, but got {value}", 40025)
    if value > MAX_TOP_K:
        raise _refused(op, f"max top K is {MAX_TOP_K}, but got {value}", 40025)
    if more and value > MAX_TOP_K_WITH_MORE:
        raise _refused(
            op,
            f"with returnValues=true or returnMetadata=all, max top K is {MAX_TOP_K_WITH_MORE}, but"
            f" got {value}; for a top K up to {MAX_TOP_K}, retry with returnValues=false and"
            " returnMetadata=indexed",
            40025,
        )
    return value


def _packed(op: str, values: Any) -> array[float]:
    """Numbers as float32."""
    try:
        packed = array("f", values if not isinstance(values, str | bytes | Mapping) else [None])
    except (TypeError, ValueError, OverflowError):
        packed = array("f", [math.nan])
    if not all(map(math.isfinite, packed)):
        if op == "VECTOR_QUERY":
            message = (
                "Failed to parse the request body as JSON: vector: expected an array of numbers"
            )
            raise _refused(op, message, 40026)
        what = op.removeprefix("VECTOR_").lower()
        raise _refused(
            op,
            f"failed to parse {what} vectors request in json format: values must be numbers",
            40023,
        )
    return packed


def _id(op: str, value: Any) -> str:
    text = string(value)
    if not text or not isinstance(value, str):
        raise _refused(op, "invalid id; expected a string that is not empty")
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_ID:
        raise _refused(op, f"id too long; max is {MAX_ID} bytes, got {size} bytes", 40008)
    return text


def _ids(op: str, ids: Any, most: int) -> list[str]:
    if not isinstance(ids, list | tuple):
        raise _refused(op, "ids must be an array of strings")
    if len(ids) > most:
        raise _refused(
            op, f"too many ids in payload; max id count is {most}, got {len(ids)}", 40007
        )
    return [_id(op, id) for id in ids]


def _vector(
    op: str, given: Mapping[str, Any], dimensions: int, properties: Mapping[str, PropertyType]
) -> Vector:
    if not isinstance(given, Mapping):
        raise _refused(op, "a vector must be an object")
    id = _id(op, given.get("id"))
    values = _packed(op, given.get("values"))
    if len(values) != dimensions:
        raise _refused(
            op,
            f'invalid vector for id="{id}", expected {dimensions} dimensions, and got {len(values)}'
            " dimensions",
            40012,
        )
    namespace = given.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise _refused(op, f'invalid namespace for id="{id}", expected a string')
    size = len((namespace or "").encode("utf-8", "replace"))
    if size > MAX_NAMESPACE:
        raise _refused(op, f"namespace too long; max is {MAX_NAMESPACE} bytes, got {size} bytes")
    metadata = given.get("metadata")
    data = b""
    if metadata is not None:
        if not isinstance(metadata, Mapping):
            raise _refused(op, f'invalid metadata for id="{id}", expected an object')
        try:
            data = host.json_encode(json_value(dict(metadata)))
        except (TypeError, ValueError, RecursionError) as error:
            raise _refused(op, f'invalid metadata for id="{id}": {error}') from None
        if len(data) > MAX_METADATA:
            raise _refused(
                op,
                f'metadata too large for id="{id}"; max is {MAX_METADATA} bytes, got {len(data)} bytes',
            )
    found = indexed(metadata or {}, properties)
    return Vector(id, values.tobytes(), namespace or "", data, found)


def _shown(
    vector: Vector,
    *,
    values: bool,
    metadata: str,
    only: Mapping[str, PropertyType] | None = None,
) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": vector.id}
    if values:
        shown["values"] = array("f", vector.values).tolist()
    if vector.namespace:
        shown["namespace"] = vector.namespace
    if metadata != "none" and vector.metadata:
        found = host.json_decode(vector.metadata)
        shown["metadata"] = found if metadata == "all" else dict(indexed(found, only or {}))
    return shown


def _mutation_id(number: int) -> str:
    """The number of a mutation in the form of the platform's names, which are UUIDs."""
    return f"00000000-0000-4000-8000-{number:012x}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
