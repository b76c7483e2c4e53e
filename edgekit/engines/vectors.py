"""Vectors in named indexes, found by nearness: the words and the protocol.

As all engines it knows no Workers and never asks the time. A vector is its float32 values as bytes,
in this machine's order; metadata is JSON, of which an engine looks only at the properties that have
an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

Metric = Literal["cosine", "euclidean", "dot-product"]
PropertyType = Literal["string", "number", "boolean"]
Scalar = str | float | bool
Operator = Literal["$eq", "$ne", "$in", "$nin", "$lt", "$lte", "$gt", "$gte"]


class Index(NamedTuple):
    """An index as it was made, and what has happened to it. Times in seconds since 1970."""

    name: str
    dimensions: int
    metric: Metric
    description: str
    created: float
    modified: float
    mutation: int  # of the last write, counted from 1; 0 before the first
    mutated: float | None  # when that was
    count: int  # type: ignore[assignment] # of vectors; a tuple counts by a method of that name


class Vector(NamedTuple):
    """One vector. `properties` are those of its metadata that may be filtered by."""

    id: str
    values: bytes
    namespace: str
    metadata: bytes  # JSON; empty where there is none
    properties: Sequence[tuple[str, Scalar]] = ()


class Condition(NamedTuple):
    """What a property must be. A vector without the property passes `$ne` and `$nin`, and `$eq` null."""

    property: str
    operator: Operator
    values: Sequence[Scalar | None]  # one, but for $in and $nin


class Match(NamedTuple):
    """A vector that was found. `score`: cosine from -1 to 1, euclidean distance, or minus the dot
    product: for the last two, less is nearer.
    """

    score: float
    vector: Vector


class Vectors(Protocol):
    """Indexes of vectors, used from one event loop at a time.

    Every method that takes an index's name raises KeyError where there is no such index, and
    StorageError when the store cannot be read or written.
    """

    async def create(
        self, name: str, dimensions: int, metric: Metric, description: str, *, now: float
    ) -> bool:
        """Make an index; False, and nothing is changed, where there is one of that name."""
        ...

    async def delete(self, name: str) -> bool:
        """Remove an index with all that is in it; False where there is none."""
        ...

    async def indexes(self) -> list[Index]:
        """All indexes, by name."""
        ...

    async def index(self, name: str) -> Index:
        """One index."""
        ...

    async def create_property(
        self, name: str, property: str, type: PropertyType, *, now: float
    ) -> bool:
        """Let vectors that are written from now on be filtered by a property; False if they are already."""
        ...

    async def delete_property(self, name: str, property: str, *, now: float) -> bool:
        """The opposite; False where there is none."""
        ...

    async def properties(self, name: str) -> dict[str, PropertyType]:
        """The properties that vectors can be filtered by."""
        ...

    async def write(
        self, name: str, vectors: Sequence[Vector], *, replace: bool, now: float
    ) -> int:
        """Write vectors, all or none; the number of the mutation.

        With `replace` a vector of the same id is replaced, else it stays as it is.
        """
        ...

    async def remove(self, name: str, ids: Sequence[str], *, now: float) -> int:
        """Remove vectors; ids of which there is none are passed over. The number of the mutation."""
        ...

    async def get(self, name: str, ids: Sequence[str]) -> list[Vector]:
        """The vectors with these ids, in their order, without those that are not there."""
        ...

    async def ids(self, name: str, *, after: str, limit: int) -> list[str]:
        """Up to `limit` ids greater than `after`, in their order."""
        ...

    async def search(
        self,
        name: str,
        values: bytes,
        *,
        limit: int,
        namespace: str | None,
        conditions: Sequence[Condition],
    ) -> list[Match]:
        """The vectors nearest to `values` that fulfil all conditions, the nearest first."""
        ...

    async def close(self) -> None:
        """Release files and threads. Closing twice is fine."""
        ...
