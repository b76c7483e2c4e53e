"""Large bytes under opaque names: the protocols, and how records say which of them count.

A blob exists for good once a record says so. Whoever keeps bytes in blobs writes, in the same
`Records.apply` as the record that names them, what this file makes: `keeping` for a new blob,
`dropping` for those that the record named before. `sweep` then finds what a process that died has left:

- A blob that was written but never named is one that its engine knows to be without a writer, and
  that no `keeping` speaks of. It is removed.
- Blobs that were named until their record was replaced stand in a list of what is to be removed,
  under the moment from which on they may be. Usually their owner has removed them already. A moment
  that is far away makes a deadline (of an upload that nobody completes): `undropping` lifts it.

So a sweep looks at what is unfinished only, however many blobs there are.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from edgekit.engines.base import Delete, Put, Records

T = TypeVar("T")

_KEPT = "blobs"
_DROPPED = "blobs/dropped"
_AT_ONCE = 100  # runs of blobs that one step of a sweep removes

Op = Put | Delete


class Piece(NamedTuple):
    """A blob that is, alone or with others after it, one run of bytes; `size` is its length."""

    name: str
    size: int


class BlobWriter(Protocol):
    """One new blob while it is written, by one task. `name` is opaque, `size` what was written so far.

    In this order: `write` as often as need be; `finish`; `Records.apply` of the record that names it,
    with `keeping(name)`; `keep`. Instead of any of these, or after a failure, `discard`.
    """

    name: str
    size: int

    async def write(self, data: bytes) -> None:
        """Add bytes. They may be written, and hashed, while the caller fetches the next ones."""
        ...

    async def finish(self) -> dict[str, bytes]:
        """All is written, and as durable as the engine is; the digests that were asked for."""
        ...

    async def keep(self) -> None:
        """A record names it now."""
        ...

    async def discard(self) -> None:
        """No record will name it: its bytes are removed. Nothing happens after `keep`."""
        ...


class BlobReader(Protocol):
    """The bytes that `Blobs.open` was asked for, in order, whatever is deleted meanwhile."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None:
        """Let go of the bytes that were not read. One that is forgotten lets go by itself."""
        ...


class Blobs(Protocol):
    """Blobs, each written once, used from one event loop at a time.

    Bytes stream: what is held in memory does not depend on their number. Every method raises
    StorageError when the store cannot be read or written, or is closed.
    """

    def create(self, *digests: str) -> BlobWriter:
        """A new blob. `digests` are hashlib's names (md5, sha256 ...) of those of its bytes to compute."""
        ...

    async def open(self, pieces: Sequence[Piece], start: int, stop: int) -> BlobReader | None:
        """Bytes `start` up to `stop` of the pieces, one after the other; None: they were deleted."""
        ...

    async def delete(self, names: Sequence[str]) -> bool:
        """Remove blobs that are pieces of one run, those there are.

        False, and they are still there, while somebody reads who will need them: try again later.
        """
        ...

    async def recover(self, kept: Callable[[str], Awaitable[bool]]) -> None:
        """Decide on blobs whose writer went without `keep` or `discard`: `kept` tells which stay."""
        ...

    async def close(self) -> None:
        """Finish the reads and writes under way, then release files and threads."""
        ...


def keeping(name: str) -> list[Op]:
    """The operations that belong to a record's first mention of a blob."""
    return [Put(_KEPT, name.encode(), b"")]


def dropping(names: Sequence[str], *, at: float) -> list[Op]:
    """Those for blobs, pieces of one run, that no record will name from `at` (seconds since 1970) on."""
    return [Put(_DROPPED, _due(names, at), " ".join(names).encode())] if names else []


def undropping(names: Sequence[str], *, at: float) -> list[Op]:
    """Those that take `dropping` of the same names and moment back."""
    return [Delete(_DROPPED, _due(names, at))]


async def sweep(records: Records, blobs: Blobs, *, now: float) -> None:
    """Remove what no record names; see above. Any number of processes may do it at the same time."""

    async def kept(name: str) -> bool:
        return await records.get(_KEPT, name.encode(), now=now) is not None

    await blobs.recover(kept)
    after: bytes | None = None
    end = struct.pack(">d", now)
    while True:
        entries = await records.list(_DROPPED, now=now, after=after, limit=_AT_ONCE)
        due = [entry.key for entry in entries if entry.key[:8] <= end]
        for key, record in zip(due, await records.get_many(_DROPPED, due, now=now), strict=True):
            if record is None:
                continue
            names = b"".join(record.value).decode().split()
            if await blobs.delete(names):
                gone: list[Op] = [Delete(_KEPT, name.encode()) for name in names]
                await records.apply([*gone, Delete(_DROPPED, key)], now=now)
        if len(due) < _AT_ONCE:
            return
        after = due[-1]


def _due(names: Sequence[str], at: float) -> bytes:
    # Big-endian floats that are not negative are ordered as numbers are.
    return struct.pack(">d", max(at, 0.0)) + names[0].encode()


async def settled(work: Awaitable[T]) -> T:
    """The result of `work`, which goes on to its end when who waits for it is cancelled.

    The cancellation is raised then, and not before: a write that may or may not have been made
    leaves its caller without knowing whose the bytes are.
    """
    future = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # looked at, or it would be reported as never retrieved
        raise cancelled
    return future.result()


def names_of(pieces: Iterable[Piece]) -> list[str]:
    """The names alone."""
    return [piece.name for piece in pieces]
