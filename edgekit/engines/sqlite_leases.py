"""Leases in a store's SQLite file, among its records; see leases.py.

Whether a lease is free is looked at within the transaction that takes it, so that one of several
processes gets it; many that ask at once still share one commit.
"""

from __future__ import annotations

from functools import partial

import apsw

from edgekit.engines.base import LEASES
from edgekit.engines.leases import COUNTER, RecordLeases, grant
from edgekit.engines.sqlite import SQLiteRecords, apply_ops, read_record
from edgekit.engines.sqlite_file import SQLiteFile


class SQLiteLeases(RecordLeases):
    """The protocol `Leases` over a store's SQLite file."""

    def __init__(self, file: SQLiteFile) -> None:
        super().__init__(SQLiteRecords(file))
        self._file = file

    async def acquire(self, name: str, holder: str, *, ttl: float, now: float) -> int | None:
        work = partial(_acquire, name=name, holder=holder, expires=now + ttl, now=now)
        return await self._file.write(work, ops=2, size=0)


def _acquire(
    con: apsw.Connection, *, name: str, holder: str, expires: float, now: float
) -> int | None:
    held = read_record(con, LEASES, name.encode(), now)
    last = read_record(con, *COUNTER, now)
    token, ops = grant(name, holder, expires, held, last)
    apply_ops(con, ops=ops, now=now, fence=None)
    return token
