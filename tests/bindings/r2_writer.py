"""A program for the tests beside it: puts and deletes objects, and prints what was acknowledged.

    python r2_writer.py FOLDER NAME

Five tasks, each with keys of its own: objects small and large, put at once, from streams and in parts,
put over and over and deleted. After each operation a line `key value`; the value is a number from which
the content can be told, or `-` for a key that was deleted.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator

from edgekit.bindings import r2_multipart
from edgekit.bindings.r2 import R2Bucket
from edgekit.engines.open import open_store

SPACE = "r2/test"
KEYS = 20  # of each task


def content_of(key: str, number: int) -> bytes:
    """What was put: it can be told from the line alone."""
    digest = hashlib.sha256(f"{key} {number}".encode()).digest()
    size = 2_500_000 if digest[0] < 8 else digest[1] * 300
    return (digest * (size // 32 + 1))[:size]


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 65_536):
        yield content[at : at + 65_536]
        await asyncio.sleep(0)


async def main(folder: str, name: str) -> None:
    r2_multipart.MIN_PART = 0
    store = open_store(f"sqlite:{folder}", durable=True)
    bucket = R2Bucket(store.records, store.blobs(), SPACE)

    async def work(task: int) -> None:
        for number in range(10**9):
            key = f"{name}/{task}/{number * 7 % KEYS}"
            if number % 11 == 10:
                await bucket.delete(key)
                os.write(1, f"{key} -\n".encode())
                continue
            content = content_of(key, number)
            if number % 5 == 4:
                upload = await bucket.create_multipart_upload(key)
                half = (len(content) + 1) // 2
                parts = [content[:half], content[half:]]
                await upload.complete(
                    [await upload.upload_part(at, part) for at, part in enumerate(parts, 1)]
                )
            else:
                await bucket.put(key, chunks(content) if number % 2 else content)
            os.write(1, f"{key} {number}\n".encode())

    async with asyncio.TaskGroup() as group:
        for task in range(5):
            group.create_task(work(task))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
