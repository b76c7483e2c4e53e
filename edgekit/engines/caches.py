"""What caches keep: bodies with a little beside, of bounded size, that may be lost at any time.

The protocol. It knows nothing of HTTP: whether an entry is fresh, and what its `meta` says, is decided
above.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class Cached(NamedTuple):
    """An entry as it was found. `body` has all of its `size` bytes, or they are in `blob`."""

    meta: bytes
    size: int
    body: bytes | None
    blob: str | None


class CacheStore(Protocol):
    """Entries in named caches, used from one event loop at a time.

    Every method raises StorageError when the store cannot be read or written, or is closed.
    """

    async def get(self, cache: str, key: bytes, *, now: float) -> Cached | None:
        """The entry, or None where there is none or it has expired at `now`."""
        ...

    async def open(self, entry: Cached, start: int, stop: int) -> AsyncIterator[bytes] | None:
        """Bytes `start` up to `stop` of the body of an entry that has it in a blob; None: it was
        removed meanwhile.
        """
        ...

    async def put(
        self,
        cache: str,
        key: bytes,
        meta: bytes,
        body: AsyncIterator[bytes],
        *,
        expires: float,
        now: float,
        limit: int,
    ) -> None:
        """Keep a body, which is read to its end, instead of what was there; then make room, so that
        all caches together are at most `limit` bytes: who was used longest ago goes first.

        What `body` raises is raised, and nothing has changed.
        """
        ...

    async def delete(self, cache: str, key: bytes, *, now: float) -> bool:
        """Remove an entry; whether there was one that had not expired."""
        ...

    async def close(self) -> None:
        """Finish the writes under way, then release files and threads. Closing twice is fine."""
        ...
