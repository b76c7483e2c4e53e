"""Blobs in this process' memory: for tests, and for stores that may be lost. Portable.

A reader holds what it reads, so that deleting needs no care, and nothing survives to be recovered.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from edgekit.engines.base import CHUNK
from edgekit.engines.blobs import Piece
from edgekit.errors import StorageError


class MemoryBlobs:
    """The protocol `Blobs` over a dict."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._names = itertools.count()
        self._closed = False

    def create(self, *digests: str) -> MemoryBlobWriter:
        self._check_open()
        return MemoryBlobWriter(self._blobs, str(next(self._names)), digests)

    async def open(self, pieces: Sequence[Piece], start: int, stop: int) -> MemoryBlobReader | None:
        self._check_open()
        parts: list[memoryview] = []
        for name, size in pieces:
            if name not in self._blobs:
                return None
            part = memoryview(self._blobs[name])[max(start, 0) : max(stop, 0)]
            if part:
                parts.append(part)
            start -= size
            stop -= size
        return MemoryBlobReader(parts)

    async def delete(self, names: Sequence[str]) -> bool:
        self._check_open()
        for name in names:
            self._blobs.pop(name, None)
        return True

    async def recover(self, kept: Callable[[str], Awaitable[bool]]) -> None:
        self._check_open()

    async def close(self) -> None:
        self._closed = True
        self._blobs.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("memory: the store is closed")


class MemoryBlobWriter:
    """The protocol `BlobWriter`."""

    def __init__(self, blobs: dict[str, bytes], name: str, digests: Sequence[str]) -> None:
        self.name = name
        self.size = 0
        self._blobs = blobs
        self._data: list[bytes] = []
        self._hashes = {digest: hashlib.new(digest, usedforsecurity=False) for digest in digests}
        self._named = False

    async def write(self, data: bytes) -> None:
        self._data.append(data)
        self.size += len(data)
        for digest in self._hashes.values():
            digest.update(data)

    async def finish(self) -> dict[str, bytes]:
        self._blobs[self.name] = b"".join(self._data)
        self._data.clear()
        return {name: digest.digest() for name, digest in self._hashes.items()}

    async def keep(self) -> None:
        self._named = True

    async def discard(self) -> None:
        if not self._named:
            self._data.clear()
            self._blobs.pop(self.name, None)


class MemoryBlobReader:
    """The protocol `BlobReader`."""

    def __init__(self, parts: list[memoryview]) -> None:
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._parts:
            raise StopAsyncIteration
        part = self._parts[0]
        self._parts[:1] = [part[CHUNK:]] if len(part) > CHUNK else []
        return bytes(part[:CHUNK])

    async def aclose(self) -> None:
        self._parts.clear()
