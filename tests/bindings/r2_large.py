"""A program for the test beside it: puts an object of so many bytes, in parts too, and reads it again.

    python r2_large.py FOLDER BYTES

Prints by how many bytes the peak of resident memory has grown meanwhile, over a small object. Linux only.
"""

from __future__ import annotations

import asyncio
import hashlib
import resource
import sys
from collections.abc import AsyncIterator

from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2ObjectBody
from edgekit.engines.open import open_store

MIB = 1024 * 1024
PART = 100 * MIB


async def chunks(size: int) -> AsyncIterator[bytes]:
    """Bytes that differ, in chunks as a server hands them out."""
    for at in range(0, size, 65_536):
        yield at.to_bytes(8, "big") * min(8192, (size - at) // 8)


async def digest_of(source: AsyncIterator[bytes]) -> str:
    digest = hashlib.md5()
    async for chunk in source:
        digest.update(chunk)
    return digest.hexdigest()


async def transfer(bucket: R2Bucket, size: int) -> None:
    expected = await digest_of(chunks(size))
    made = await bucket.put("large", chunks(size), md5=expected)  # type: ignore[arg-type]
    assert made is not None
    assert made.size == size
    upload = await bucket.create_multipart_upload("parts")
    sizes = [PART] * (size // PART) + [size % PART]
    parts = [await upload.upload_part(number, chunks(part)) for number, part in enumerate(sizes, 1)]
    whole = await upload.complete(parts)
    assert whole.size == size
    for key in ("large", "parts"):
        found = await bucket.get(key)
        assert isinstance(found, R2ObjectBody)
        assert found.body is not None
        read = await digest_of(aiter(found.body))
        assert key == "parts" or read == expected
    await bucket.delete(["large", "parts"])


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def main(folder: str, size: int) -> None:
    store = open_store(f"sqlite:{folder}", durable=True)
    bucket = R2Bucket(store.records, store.blobs(), "r2/large")
    await transfer(bucket, 8 * MIB)
    before = peak()
    await transfer(bucket, size)
    print(peak() - before)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
