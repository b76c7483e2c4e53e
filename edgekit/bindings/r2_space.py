"""Where a bucket's objects and uploads are: the steps that R2Bucket and R2MultipartUpload share."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple, cast

from edgekit import host
from edgekit.bindings.r2_object import Contents, Description
from edgekit.bindings.r2_options import failure
from edgekit.engines.base import Delete, Fence, Put
from edgekit.engines.blobs import Piece, dropping, keeping, names_of, settled
from edgekit.errors import StorageError
from edgekit.web.streams import ReadableStream

if TYPE_CHECKING:
    from edgekit.engines.base import Record, Records
    from edgekit.engines.blobs import Blobs, BlobWriter

logger = logging.getLogger(__name__)

HELD = 32 * 1024  # bytes of an object up to which its record has them: one write instead of three
MAX_UPLOAD = 5 * 1024**3 - 5 * 1024**2  # bytes of one put or part


class Received(NamedTuple):
    """Bytes that have arrived, `size` of them: `data` where they are few, or else in a new blob."""

    size: int
    digests: dict[str, bytes]
    data: bytes | None = None
    writer: BlobWriter | None = None

    @property
    def pieces(self) -> list[Piece]:
        """The new blob."""
        return [] if self.writer is None else [Piece(self.writer.name, self.size)]

    async def discard(self) -> None:
        """No record will have them. Nothing happens when one has."""
        if self.writer is not None:
            await self.writer.discard()


class Space:
    """The records of one bucket, by its name in the engine, and the blobs they name."""

    def __init__(self, records: Records, blobs: Blobs, name: str) -> None:
        self.records = records
        self.blobs = blobs
        self.objects = name
        self.uploads = f"{name}?uploads"  # a character that is in no bucket's name

    async def receive(
        self,
        method: str,
        data: bytes | ReadableStream,
        *digests: str,
        always_blob: bool = False,
    ) -> Received:
        """All the bytes, and their digests. Who gets it commits or discards it."""
        writer = self.blobs.create(*digests) if always_blob else None
        first: list[bytes] = []
        size = 0
        stream = data if isinstance(data, ReadableStream) else ReadableStream((data,))
        try:
            async with aclosing(cast("AsyncGenerator[bytes]", aiter(stream))) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MAX_UPLOAD:
                        raise failure(method, 100100)
                    if writer is None:
                        first.append(chunk)
                        if size > HELD:
                            writer = self.blobs.create(*digests)
                            while first:
                                await writer.write(first.pop(0))
                    else:
                        await writer.write(chunk)
                    del chunk
            if writer is not None:
                return Received(size, await writer.finish(), writer=writer)
        except BaseException:
            if writer is not None:
                await writer.discard()
            raise
        whole = b"".join(first)
        hashes = {name: hashlib.new(name, whole, usedforsecurity=False) for name in digests}
        return Received(size, {name: each.digest() for name, each in hashes.items()}, data=whole)

    async def commit(
        self,
        ops: Sequence[Put | Delete],
        fence: Sequence[Fence],
        *,
        now: float,
        writer: BlobWriter | None = None,
        drop: Sequence[Sequence[Piece]] = (),
    ) -> None:
        """Apply, keep the new blob, remove the old runs of pieces: all or, with FencedOut, nothing."""
        runs = [names_of(pieces) for pieces in drop if pieces]

        async def work() -> None:
            every = [*ops, *(keeping(writer.name) if writer else ())]
            every += [op for names in runs for op in dropping(names, at=now)]
            await self.records.apply(every, now=now, fence=fence)
            try:
                if writer is not None:
                    await writer.keep()
                for names in runs:
                    await self.blobs.delete(names)
            except StorageError as error:  # it is committed: what is left to do, a sweep will do
                logger.warning("the blobs of %s: %s", self.objects, error)

        await settled(work())

    def placing(
        self,
        key: bytes,
        about: Description,
        before: Record | None,
        *,
        pieces: Sequence[Piece] = (),
        data: bytes | None = None,
    ) -> tuple[Put, Fence, list[Piece]]:
        """An object in the place of what was there: the write, its condition, the pieces to drop."""
        contents = Contents(about.version, list(pieces), data)
        put = Put(self.objects, key, contents.encode(), about.encode())
        fence, old = self.seen(key, before)
        return put, fence, old

    def seen(self, key: bytes, before: Record | None) -> tuple[Fence, list[Piece]]:
        """The condition that an object is still the one that was seen, and its pieces."""
        if before is None:
            return Fence(self.objects, key, None), []
        token = b"".join(before.value)
        return Fence(self.objects, key, token), Contents.decode(before.value).pieces


def milliseconds(now: float) -> int:
    """A time as objects tell it."""
    return int(now * 1000)


def new_version() -> str:
    """A text that no other object has."""
    return host.random_bytes(16).hex()
