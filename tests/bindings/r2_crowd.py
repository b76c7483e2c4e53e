"""A program for the test beside it: one of several processes that put, delete, read and sweep the same keys.

    python r2_crowd.py FOLDER SEED OPERATIONS

Every object is 32 bytes repeated, and what is read must be that, to its end.
"""

from __future__ import annotations

import asyncio
import random
import sys

from edgekit import host
from edgekit.bindings import r2_multipart
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2ObjectBody
from edgekit.engines.open import open_store

SPACE = "r2/crowd"


async def main(folder: str, seed: int, operations: int) -> None:
    r2_multipart.MIN_PART = 0
    luck = random.Random(seed)
    store = open_store(f"sqlite:{folder}", durable=False)
    bucket = R2Bucket(store.records, store.blobs(), SPACE)

    async def operate() -> None:
        key = f"key{luck.randrange(3)}"
        content = luck.randbytes(32) * luck.choice([1, 100, 10_000, 50_000])
        match luck.randrange(8):
            case 0 | 1:
                await bucket.put(key, content)
            case 2:
                await bucket.delete([key, "none"])
            case 3:
                upload = await bucket.create_multipart_upload(key)
                third = len(content) // 3 + 1
                parts = [content[at : at + third] for at in range(0, len(content), third)]
                numbered = enumerate(parts, 1)
                await upload.complete([await upload.upload_part(at, each) for at, each in numbered])
            case 4:
                await store.sweep_blobs(now=host.now())
            case _:
                found = await bucket.get(key)
                if isinstance(found, R2ObjectBody):
                    read = b""
                    async for chunk in found.body or ():
                        read += chunk
                        await asyncio.sleep(0)
                    assert read == read[:32] * (found.size // 32), (key, len(read), found.size)

    async def work() -> None:
        for _ in range(operations // 5):
            await operate()

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(work())
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
