"""What a storage engine is: the protocols that bindings are built on.

An engine knows nothing of Workers or HTTP, and never asks the time: whoever calls says what time
it is (`now`, seconds since 1970). It orders keys as bytes. Everything here is plain data, so that
an engine is one file and its line in `open.py`. One suite holds every engine to these rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

CHUNK = 65536


class Put(NamedTuple):
    """Write one record, replacing what was there.

    `space` is a namespace (a KV namespace, a queue's index ...), `key` any bytes, ordered bytewise.
    `value` is bytes, or a sequence of bytes whose concatenation is the value (so that whoever
    gathered a large one need not join it). `meta` is small and is returned by `list` without
    reading the value. `expires` is the moment (seconds since 1970) from which on the record is
    never seen again.
    """

    space: str
    key: bytes
    value: bytes | Sequence[bytes]
    meta: bytes = b""
    expires: float | None = None


class Delete(NamedTuple):
    """Remove one record; nothing happens where there is none."""

    space: str
    key: bytes


class Fence(NamedTuple):
    """A condition on a write: the record at (space, key) has exactly this value now; None: there is none."""

    space: str
    key: bytes
    token: bytes | None


class Record(NamedTuple):
    """One record as read. `value` is one chunk up to CHUNK bytes (also when empty), else several."""

    value: list[bytes]
    meta: bytes
    expires: float | None


class Entry(NamedTuple):
    """One record as listed, without its value; `size` is the value's length in bytes."""

    key: bytes
    meta: bytes
    expires: float | None
    size: int


class Records(Protocol):
    """Ordered records in named spaces, used from one event loop at a time.

    Durability: when `apply` returns, the write survives the death of the process, and with an
    engine opened as fully durable also a loss of power. Writes of one engine are made in the order
    of the calls; a caller that is cancelled while waiting does not take its write back.

    Every method raises StorageError when the store cannot be read or written, or is closed.
    """

    async def get(self, space: str, key: bytes, *, now: float) -> Record | None:
        """The record, or None where there is none or it has expired at `now`."""
        ...

    async def get_many(
        self, space: str, keys: Sequence[bytes], *, now: float
    ) -> list[Record | None]:
        """As `get`, for several keys of one moment, in their order."""
        ...

    async def list(
        self,
        space: str,
        *,
        now: float,
        prefix: bytes = b"",
        after: bytes | None = None,
        limit: int,
    ) -> list[Entry]:
        """Up to `limit` live records in bytewise order whose key starts with `prefix` and is greater than `after`."""
        ...

    async def apply(
        self,
        ops: Sequence[Put | Delete],
        *,
        now: float,
        fence: Fence | Sequence[Fence] | None = None,
    ) -> None:
        """Apply all operations or none, in order.

        Raises FencedOut, and changes nothing, when `fence` is given and its record (of several, one
        of their records) is not, or no longer, at `now`, what it says.
        """
        ...

    async def sweep(self, *, now: float, limit: int = 1000) -> int:
        """Remove up to `limit` records that have expired at `now`, oldest first; the number removed.

        Fewer than `limit` means that none is left. An engine may do it in several steps, so that
        other writers need not wait.
        """
        ...

    async def close(self) -> None:
        """Finish the writes under way, then release files and threads. Closing twice is fine."""
        ...


class Lease(NamedTuple):
    """Who holds a lease: `holder` is what it called itself, such as its address."""

    holder: str
    token: int
    expires: float


class Leases(Protocol):
    """Names that one holder at a time has, for a while, whatever process it lives in.

    A token is greater than every token given out before it, for any name, for ever; so the higher
    one is the newer holder. `lease_fence(name, token)` makes a write to the same store depend on it.
    Every method raises StorageError when the store cannot be read or written, or is closed.
    """

    async def acquire(self, name: str, holder: str, *, ttl: float, now: float) -> int | None:
        """A token, where nobody else has the lease: it is `holder`'s for `ttl` seconds from `now`.

        Who has it already gets the same token again. Of several who ask at once, one gets it.
        """
        ...

    async def renew(self, name: str, token: int, *, ttl: float, now: float) -> bool:
        """Keep it for `ttl` seconds from `now`; False, and no effect, when it has been lost."""
        ...

    async def release(self, name: str, token: int, *, now: float) -> None:
        """Let it go, for the next who asks; nothing happens when it has been lost."""
        ...

    async def lookup(self, name: str, *, now: float) -> Lease | None:
        """Who has it now."""
        ...


# Leases are records, so that a fence can name one, and so that sweeping removes those that are over.
LEASES = "leases"


def lease_fence(name: str, token: int) -> Fence:
    """For `Records.apply`: only while the lease `name` is held with `token`."""
    return Fence(LEASES, name.encode(), b"%d" % token)


def fences(fence: Fence | Sequence[Fence] | None) -> Sequence[Fence]:
    """What `apply` was given as `fence`, as a sequence."""
    if fence is None:
        return ()
    return (fence,) if isinstance(fence, Fence) else fence


def chunked(value: bytes | Sequence[bytes]) -> list[bytes]:
    """A value as engines keep and return it: pieces of CHUNK bytes, the last one shorter."""
    if not isinstance(value, bytes):
        pieces = list(value)  # not joined where they are right already: they may be 25 MiB
        sizes = [len(piece) for piece in pieces] or [0]
        if 0 < sizes[-1] <= CHUNK and all(size == CHUNK for size in sizes[:-1]):
            return pieces
    whole = value if isinstance(value, bytes) else b"".join(value)
    return [whole[at : at + CHUNK] for at in range(0, len(whole), CHUNK)] or [b""]
