"""Where a bucket's objects and uploads are: the steps that R2Bucket and R2MultipartUpload share."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

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

MAX_UPLOAD = 5 * 1024**3 - 5 * 1024**2  # bytes of one put or part


class Space:
    """The records of one bucket, by its name in the engine, and the blobs they name."""

    def __init__(self, records: Records, blobs: Blobs, name: str) -> None:
        self.records = records
        self.blobs = blobs
        self.objects = name
        self.uploads = f"{name}?uploads"  # a character that is in no bucket's name

    async def receive(
        self, method: str, data: bytes | ReadableStream, *digests: str
    ) -> tuple[BlobWriter, dict[str, bytes]]:
        """A new blob with all the bytes, and its digests. Who gets it keeps or discards it."""
        writer = self.blobs.create(*digests)
        try:
            if isinstance(data, ReadableStream):
                async with aclosing(cast("AsyncGenerator[bytes]", aiter(data))) as chunks:
                    async for chunk in chunks:
                        if writer.size + len(chunk) > MAX_UPLOAD:
                            raise failure(method, 100100)
                        await writer.write(chunk)
                        del chunk
            elif len(data) > MAX_UPLOAD:
                raise failure(method, 100100)
            else:
                await writer.write(data)
            return writer, await writer.finish()
        except BaseException:
            await writer.discard()
            raise

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
        self, key: bytes, about: Description, pieces: list[Piece], before: Record | None
    ) -> tuple[Put, Fence, list[Piece]]:
        """An object in the place of what was there: the write, its condition, the pieces to drop."""
        put = Put(self.objects, key, Contents(about.version, pieces).encode(), about.encode())
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
