"""Records in this process' memory: for tests, and for stores that may be lost.

Not shared between processes and gone with them. Every method finishes without waiting, so each one
is atomic by itself. Portable: it needs nothing but Python.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from edgekit.engines.base import CHUNK, Delete, Entry, Fence, Put, Record, chunked, fences
from edgekit.errors import FencedOut, StorageError


class MemoryRecords:
    """The protocol `Records` over dicts, with the keys of each space in a sorted list beside."""

    def __init__(self) -> None:
        self._spaces: dict[str, dict[bytes, Record]] = {}
        self._keys: dict[str, list[bytes]] = {}
        self._expiring: list[tuple[float, str, bytes]] = []  # sorted: who expires first
        self._closed = False

    async def get(self, space: str, key: bytes, *, now: float) -> Record | None:
        return self._live(space, key, now)

    async def get_many(
        self, space: str, keys: Sequence[bytes], *, now: float
    ) -> list[Record | None]:
        return [self._live(space, key, now) for key in keys]

    async def list(
        self,
        space: str,
        *,
        now: float,
        prefix: bytes = b"",
        after: bytes | None = None,
        limit: int,
    ) -> list[Entry]:
        self._check_open()
        keys = self._keys.get(space, [])
        start = bisect_left(keys, prefix)
        if after is not None:
            start = max(start, bisect_right(keys, after))
        entries: list[Entry] = []
        for at in range(start, len(keys)):
            key = keys[at]
            if len(entries) >= limit or not key.startswith(prefix):
                break
            record = self._live(space, key, now)
            if record is not None:
                size = (len(record.value) - 1) * CHUNK + len(record.value[-1])
                entries.append(Entry(key, record.meta, record.expires, size))
        return entries

    async def apply(
        self,
        ops: Sequence[Put | Delete],
        *,
        now: float,
        fence: Fence | Sequence[Fence] | None = None,
    ) -> None:
        for space, key, token in fences(fence):
            held = self._live(space, key, now)
            if (held and b"".join(held.value)) != token:
                raise FencedOut(f"{space}: the lease is held by somebody else, or by nobody")
        self._check_open()
        # What can fail comes first: a record that cannot be made leaves the others unwritten.
        made = [
            Record(chunked(op.value), op.meta, op.expires) if isinstance(op, Put) else None
            for op in ops
        ]
        for op, record in zip(ops, made, strict=True):
            self._remove(op.space, op.key)
            if record is not None:
                self._insert(op.space, op.key, record)

    async def sweep(self, *, now: float, limit: int = 1000) -> int:
        self._check_open()
        removed = 0
        while removed < limit and self._expiring and self._expiring[0][0] <= now:
            _, space, key = self._expiring[0]
            self._remove(space, key)
            removed += 1
        return removed

    async def close(self) -> None:
        self._closed = True
        self._spaces.clear()
        self._keys.clear()
        self._expiring.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("memory: the store is closed")

    def _live(self, space: str, key: bytes, now: float) -> Record | None:
        self._check_open()
        record = self._spaces.get(space, {}).get(key)
        if record is None or (record.expires is not None and record.expires <= now):
            return None
        return record

    def _insert(self, space: str, key: bytes, record: Record) -> None:
        self._spaces.setdefault(space, {})[key] = record
        insort(self._keys.setdefault(space, []), key)
        if record.expires is not None:
            insort(self._expiring, (record.expires, space, key))

    def _remove(self, space: str, key: bytes) -> None:
        record = self._spaces.get(space, {}).pop(key, None)
        if record is None:
            return
        keys = self._keys[space]
        del keys[bisect_left(keys, key)]
        if record.expires is not None:
            del self._expiring[bisect_left(self._expiring, (record.expires, space, key))]
