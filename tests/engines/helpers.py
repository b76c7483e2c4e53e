"""Short ways to write and read one record of an SQLite store, past the store too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from edgekit.engines.base import Put
from edgekit.engines.sqlite import SQLiteRecords

NOW = 1000.0


async def put(records: SQLiteRecords, key: bytes, value: bytes = b"v") -> None:
    await records.apply([Put("s", key, value)], now=NOW)


async def value_of(records: SQLiteRecords, key: bytes) -> bytes | None:
    record = await records.get("s", key, now=NOW)
    return record and b"".join(record.value)


def raw(path: Path, sql: str) -> Any:
    con = apsw.Connection(str(path))
    try:
        return con.execute(sql).get
    finally:
        con.close()
