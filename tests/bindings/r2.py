"""Short ways to put, get and count, for the tests of R2."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2Object, R2ObjectBody
from edgekit.engines.open import Store

SPACE = "r2/photos"


async def put(bucket: R2Bucket, key: str, value: Any = "hello", **options: Any) -> R2Object:
    made = await bucket.put(key, value, **options)
    assert made is not None
    return made


async def body_of(bucket: R2Bucket, key: str, **options: Any) -> R2ObjectBody:
    found = await bucket.get(key, **options)
    assert isinstance(found, R2ObjectBody)
    return found


async def content(bucket: R2Bucket, key: str) -> bytes:
    return await (await body_of(bucket, key)).bytes()


def keys(page: Any) -> list[str]:
    return [each.key for each in page.objects]


# For tests of what happens to blobs: those of the stores where every object has one.
in_blobs = pytest.mark.parametrize("store", ["memory", "files"], indirect=True)


async def blob_records(store: Store) -> int:
    return len(await store.records.list("blobs", now=0, limit=100))
