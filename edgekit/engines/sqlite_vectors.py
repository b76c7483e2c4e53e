"""Vectors in an SQLite file of its own, compared by the functions of sqlite-vec.

A search looks at every vector of the index (or of the namespace, or that passes the conditions):
exact, without a graph that must be built, and fast enough for hundreds of thousands (about 1 ms for
1,000 vectors of 1,024 values). sqlite-vec's own virtual tables would be somewhat faster, but fix
what can be filtered by when an index is made. sqlite-vec is loaded where it is needed, by readers.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import apsw
import sqlite_vec  # type: ignore[import-untyped]

from edgekit.engines.vectors import (
    Condition,
    Index,
    Match,
    Metric,
    PropertyType,
    Scalar,
    Vector,
)

if TYPE_CHECKING:
    from edgekit.engines.sqlite_file import SQLiteFile
    from edgekit.engines.sqlite_memory import SQLiteMemory

MIGRATIONS = (
    """
    CREATE TABLE indexes (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL,
        metric TEXT NOT NULL, description TEXT NOT NULL, created REAL NOT NULL,
        modified REAL NOT NULL, mutation INTEGER NOT NULL DEFAULT 0, mutated REAL
    ) STRICT;
    CREATE TABLE properties (
        index_id INTEGER NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
        PRIMARY KEY (index_id, name)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE vectors (
        number INTEGER PRIMARY KEY, index_id INTEGER NOT NULL, id TEXT NOT NULL,
        namespace TEXT NOT NULL, length REAL NOT NULL, metadata BLOB NOT NULL, data BLOB NOT NULL,
        UNIQUE (index_id, id)
    ) STRICT;
    CREATE INDEX vectors_namespace ON vectors (index_id, namespace);
    CREATE TABLE filters (
        vector INTEGER NOT NULL, property TEXT NOT NULL, value ANY NOT NULL,
        PRIMARY KEY (vector, property)
    ) WITHOUT ROWID, STRICT;
    """,
)

_INDEX = """
    SELECT name, dimensions, metric, description, created, modified, mutation, mutated,
        (SELECT count(*) FROM vectors WHERE index_id = indexes.id)
    FROM indexes"""
_VECTOR = "vectors.id, data, namespace, metadata"
_PUT = """
    INSERT INTO vectors (index_id, id, namespace, length, metadata, data)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_FORGET = (
    "DELETE FROM filters WHERE vector = (SELECT number FROM vectors WHERE index_id = ? AND id = ?)"
)
_REMOVE = "DELETE FROM vectors WHERE index_id = ? AND id = ?"
_MUTATE = "UPDATE indexes SET mutation = mutation + 1, mutated = ? WHERE id = ? RETURNING mutation"
# A vector of length 0 is as far from everything as can be told: SQLite makes NULL of its NaN.
_SCORES: dict[str, str] = {
    "cosine": "coalesce(1 - vec_distance_cosine(data, :values), 0)",
    "euclidean": "vec_distance_l2(data, :values)",
    "dot-product": "-coalesce((1 - vec_distance_cosine(data, :values)) * length * :length, 0)",
}
_COMPARED = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}


class SQLiteVectors:
    """The protocol `Vectors` over a file with the schema MIGRATIONS."""

    def __init__(self, file: SQLiteFile | SQLiteMemory) -> None:
        self._file = file
        self._loaded: WeakSet[apsw.Connection] = WeakSet()

    async def create(
        self, name: str, dimensions: int, metric: Metric, description: str, *, now: float
    ) -> bool:
        def work(con: apsw.Connection) -> bool:
            con.execute(
                "INSERT OR IGNORE INTO indexes (name, dimensions, metric, description, created,"
                " modified) VALUES (?, ?, ?, ?, ?, ?)",
                (name, dimensions, metric, description, now, now),
            )
            return con.changes() == 1

        return await self._file.write(work, ops=1, size=0)

    async def delete(self, name: str) -> bool:
        def work(con: apsw.Connection) -> bool:
            try:
                index_id = _id(con, name)
            except KeyError:
                return False
            filters = "DELETE FROM filters WHERE vector IN (SELECT number FROM vectors WHERE index_id = ?)"
            con.execute(filters, (index_id,))
            con.execute("DELETE FROM vectors WHERE index_id = ?", (index_id,))
            con.execute("DELETE FROM properties WHERE index_id = ?", (index_id,))
            con.execute("DELETE FROM indexes WHERE id = ?", (index_id,))
            return True

        return await self._file.write(work, ops=1, size=0)

    async def indexes(self) -> list[Index]:
        def work(con: apsw.Connection) -> list[Index]:
            return [Index(*row) for row in con.execute(f"{_INDEX} ORDER BY name")]

        return await self._file.read(work)

    async def index(self, name: str) -> Index:
        def work(con: apsw.Connection) -> Index:
            row = con.execute(f"{_INDEX} WHERE name = ?", (name,)).get
            if row is None:
                raise KeyError(name)
            return Index(*row)

        return await self._file.read(work)

    async def create_property(
        self, name: str, property: str, type: PropertyType, *, now: float
    ) -> bool:
        def work(con: apsw.Connection) -> bool:
            row = (_id(con, name), property, type)
            con.execute("INSERT OR IGNORE INTO properties VALUES (?, ?, ?)", row)
            return _modified(con, name, now)

        return await self._file.write(work, ops=1, size=0)

    async def delete_property(self, name: str, property: str, *, now: float) -> bool:
        def work(con: apsw.Connection) -> bool:
            index_id = _id(con, name)
            con.execute(
                "DELETE FROM filters WHERE property = ?"
                " AND vector IN (SELECT number FROM vectors WHERE index_id = ?)",
                (property, index_id),
            )
            con.execute(
                "DELETE FROM properties WHERE index_id = ? AND name = ?", (index_id, property)
            )
            return _modified(con, name, now)

        return await self._file.write(work, ops=1, size=0)

    async def properties(self, name: str) -> dict[str, PropertyType]:
        def work(con: apsw.Connection) -> dict[str, PropertyType]:
            found = "SELECT name, type FROM properties WHERE index_id = ? ORDER BY name"
            return dict(con.execute(found, (_id(con, name),)))

        return await self._file.read(work)

    async def write(
        self, name: str, vectors: Sequence[Vector], *, replace: bool, now: float
    ) -> int:
        def work(con: apsw.Connection) -> int:
            index_id = _id(con, name)
            for vector in vectors:
                if replace:
                    _remove(con, index_id, vector.id)
                row = (index_id, vector.id, vector.namespace, _length(vector.values))
                con.execute(_PUT, (*row, vector.metadata, vector.values))
                if con.changes():
                    number = con.last_insert_rowid()
                    rows = [(number, name, _kept(value)) for name, value in vector.properties]
                    con.executemany("INSERT INTO filters VALUES (?, ?, ?)", rows)
            return _mutated(con, index_id, now)

        size = sum(len(vector.values) + len(vector.metadata) for vector in vectors)
        return await self._file.write(work, ops=len(vectors), size=size)

    async def remove(self, name: str, ids: Sequence[str], *, now: float) -> int:
        def work(con: apsw.Connection) -> int:
            index_id = _id(con, name)
            for id in ids:
                _remove(con, index_id, id)
            return _mutated(con, index_id, now)

        return await self._file.write(work, ops=len(ids), size=0)

    async def get(self, name: str, ids: Sequence[str]) -> list[Vector]:
        def work(con: apsw.Connection) -> list[Vector]:
            index_id = _id(con, name)
            one = f"SELECT {_VECTOR} FROM vectors WHERE index_id = ? AND id = ?"  # noqa: S608
            with con:  # one snapshot
                rows = [con.execute(one, (index_id, id)).get for id in ids]
            return [Vector(*row) for row in rows if row is not None]

        return await self._file.read(work)

    async def ids(self, name: str, *, after: str, limit: int) -> list[str]:
        def work(con: apsw.Connection) -> list[str]:
            some = "SELECT id FROM vectors WHERE index_id = ? AND id > ? ORDER BY id LIMIT ?"
            return [id for (id,) in con.execute(some, (_id(con, name), after, limit))]

        return await self._file.read(work)

    async def search(
        self,
        name: str,
        values: bytes,
        *,
        limit: int,
        namespace: str | None,
        conditions: Sequence[Condition],
    ) -> list[Match]:
        work = partial(
            self._search,
            name=name,
            values=values,
            limit=limit,
            namespace=namespace,
            conditions=conditions,
        )
        return await self._file.read(work)

    def _search(
        self,
        con: apsw.Connection,
        *,
        name: str,
        values: bytes,
        limit: int,
        namespace: str | None,
        conditions: Sequence[Condition],
    ) -> list[Match]:
        if con not in self._loaded:
            con.enable_load_extension(True)
            con.load_extension(sqlite_vec.loadable_path())
            con.enable_load_extension(False)
            self._loaded.add(con)
        found = con.execute("SELECT id, metric FROM indexes WHERE name = ?", (name,)).get
        if found is None:
            raise KeyError(name)
        index_id, metric = found
        bound: dict[str, Any] = {"index": index_id, "values": values, "limit": limit}
        where = ["index_id = :index"]
        if metric == "dot-product":
            bound["length"] = _length(values)
        if namespace is not None:
            where.append("namespace = :namespace")
            bound["namespace"] = namespace
        for condition in conditions:
            where.append(_fulfilled(condition, bound))
        order = "DESC" if metric == "cosine" else "ASC"
        # The score alone is sorted; of the vectors found, the rest is read afterwards.
        nearest = f"""
            SELECT score, {_VECTOR} FROM (
                SELECT number, {_SCORES[metric]} AS score FROM vectors
                WHERE {" AND ".join(where)} ORDER BY score {order}, number LIMIT :limit
            ) JOIN vectors USING (number) ORDER BY score {order}, number"""  # noqa: S608
        return [Match(score, Vector(*row)) for score, *row in con.execute(nearest, bound)]

    async def close(self) -> None:
        await self._file.close()


def _id(con: apsw.Connection, name: str) -> int:
    index_id: int | None = con.execute("SELECT id FROM indexes WHERE name = ?", (name,)).get
    if index_id is None:
        raise KeyError(name)
    return index_id


def _modified(con: apsw.Connection, name: str, now: float) -> bool:
    """Note that what was just done has changed the index; False if it has not."""
    if con.changes() == 0:
        return False
    con.execute("UPDATE indexes SET modified = ? WHERE name = ?", (now, name))
    return True


def _mutated(con: apsw.Connection, index_id: int, now: float) -> int:
    mutation: int = con.execute(_MUTATE, (now, index_id)).get
    return mutation


def _remove(con: apsw.Connection, index_id: int, id: str) -> None:
    con.execute(_FORGET, (index_id, id))
    con.execute(_REMOVE, (index_id, id))


def _length(values: bytes) -> float:
    return math.sqrt(math.fsum(value * value for value in array("f", values)))


def _kept(value: Scalar | None) -> str | float | bytes | None:
    # To SQLite true is 1; here it is not.
    return bytes((value,)) if isinstance(value, bool) else value


def _fulfilled(condition: Condition, bound: dict[str, Any]) -> str:
    """A condition as SQL, whose values are put into `bound`."""

    def bind(value: Scalar | None) -> str:
        key = f"v{len(bound)}"
        bound[key] = _kept(value)
        return f":{key}"

    name = bind(condition.property)
    there = f"SELECT 1 FROM filters WHERE vector = number AND property = {name}"  # noqa: S608
    operator = condition.operator
    if operator in _COMPARED:
        (value,) = condition.values
        # SQLite orders all numbers before all texts; numbers and texts are not compared here.
        kind = "= 'text'" if isinstance(value, str) else "<> 'text'"
        return f"EXISTS ({there} AND value {_COMPARED[operator]} {bind(value)} AND typeof(value) {kind})"
    among = ", ".join(bind(value) for value in condition.values if value is not None)
    test = f"EXISTS ({there} AND value IN ({among}))"
    if None in condition.values:
        test = f"({test} OR NOT EXISTS ({there}))"
    return f"NOT {test}" if operator in ("$ne", "$nin") else test
