"""Leases kept as records, beside what they protect; in memory here, in SQLite in sqlite_leases.py.

The value of a lease's record is its token, its `meta` the holder, and it expires as the lease does.
The last token stands in a record of its own that stays, so that tokens rise also after a lease is
over and swept away.
"""

from __future__ import annotations

from edgekit.engines.base import (
    LEASES,
    Delete,
    Lease,
    Put,
    Record,
    Records,
    lease_fence,
)
from edgekit.errors import FencedOut

COUNTER = ("lease-counter", b"last")  # space and key


class RecordLeases:
    """Of the protocol `Leases` what records by themselves can do: all but `acquire`."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def renew(self, name: str, token: int, *, ttl: float, now: float) -> bool:
        held = await self._records.get(LEASES, name.encode(), now=now)
        if held is None:
            return False
        op = Put(LEASES, name.encode(), b"%d" % token, held.meta, now + ttl)
        try:
            await self._records.apply([op], now=now, fence=lease_fence(name, token))
        except FencedOut:
            return False
        return True

    async def release(self, name: str, token: int, *, now: float) -> None:
        op = Delete(LEASES, name.encode())
        try:
            await self._records.apply([op], now=now, fence=lease_fence(name, token))
        except FencedOut:
            pass  # it is somebody else's, or nobody's

    async def lookup(self, name: str, *, now: float) -> Lease | None:
        record = await self._records.get(LEASES, name.encode(), now=now)
        if record is None or record.expires is None:
            return None
        return Lease(record.meta.decode(), int(record.value[0]), record.expires)


class MemoryLeases(RecordLeases):
    """The protocol `Leases` over MemoryRecords, none of whose methods waits: so this is atomic."""

    async def acquire(self, name: str, holder: str, *, ttl: float, now: float) -> int | None:
        held = await self._records.get(LEASES, name.encode(), now=now)
        last = await self._records.get(*COUNTER, now=now)
        token, ops = grant(name, holder, now + ttl, held, last)
        await self._records.apply(ops, now=now)
        return token


def grant(
    name: str, holder: str, expires: float, held: Record | None, last: Record | None
) -> tuple[int | None, list[Put]]:
    """The token that `holder` gets, and what to write; from the lease as it is now and the last token."""
    if held is None:
        token = int(last.value[0]) + 1 if last else 1
        ops = [Put(*COUNTER, b"%d" % token)]
    elif held.meta == holder.encode():
        token = int(held.value[0])
        ops = []
    else:
        return None, []
    return token, [*ops, Put(LEASES, name.encode(), b"%d" % token, holder.encode(), expires)]
