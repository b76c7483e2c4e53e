"""R2Bucket.list over every engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from edgekit.bindings.r2 import R2Bucket
from edgekit.errors import (
    R2Error,
    R2RangeError,
    R2TypeError,
)

from .r2 import keys, put


async def pages(bucket: R2Bucket, **options: Any) -> list[tuple[list[str], list[str]]]:
    found, cursor = [], None
    while True:
        page = await bucket.list(cursor=cursor, **options)
        found.append((keys(page), page.delimited_prefixes))
        assert page.truncated == ("cursor" in page)
        if not page.truncated:
            return found
        cursor = page.cursor


NAMES = ["a", "a/", "a/b", "a/b/c", "a/b/d", "a/c", "ab", "b/a", "b/b", "é"]


async def fill(bucket: R2Bucket, names: Iterable[str] = NAMES) -> None:
    for name in names:
        await put(bucket, name, name)


async def test_list_is_ordered_and_stops_at_its_limit(bucket: R2Bucket) -> None:
    await fill(bucket)
    assert await pages(bucket) == [(NAMES, [])]
    assert await pages(bucket, limit=4) == [(NAMES[:4], []), (NAMES[4:8], []), (NAMES[8:], [])]
    assert await pages(bucket, limit=10) == [(NAMES, [])]
    assert await pages(bucket, prefix="a/b", limit=2) == [(["a/b", "a/b/c"], []), (["a/b/d"], [])]


async def test_list_gathers_what_has_the_delimiter(bucket: R2Bucket) -> None:
    await fill(bucket)
    assert await pages(bucket, delimiter="/") == [(["a", "ab", "é"], ["a/", "b/"])]
    assert await pages(bucket, delimiter="/", prefix="a/") == [(["a/", "a/b", "a/c"], ["a/b/"])]
    assert await pages(bucket, delimiter="/", limit=1) == [
        (["a"], []),
        ([], ["a/"]),
        (["ab"], []),
        ([], ["b/"]),
        (["é"], []),
    ]
    assert await pages(bucket, delimiter="b") == [(["a", "a/", "a/c", "é"], ["a/b", "ab", "b"])]
    assert await pages(bucket, delimiter="") == [(NAMES, [])]


async def test_a_delimited_prefix_of_many_keys_is_jumped_over(bucket: R2Bucket) -> None:
    await fill(bucket, [f"d{n}/{m}" for n in range(4) for m in range(8)])
    assert await pages(bucket, delimiter="/", limit=3) == [
        ([], ["d0/", "d1/", "d2/"]),
        ([], ["d3/"]),
    ]


async def test_list_starts_after_a_key_or_its_cursor(bucket: R2Bucket) -> None:
    await fill(bucket)
    assert keys(await bucket.list(start_after="a/c")) == ["ab", "b/a", "b/b", "é"]
    assert keys(await bucket.list(start_after="a/bb", prefix="a/")) == ["a/c"]
    page = await bucket.list(start_after="a/b/d", delimiter="/")
    assert page.delimited_prefixes == ["a/", "b/"]  # a/c is still to come
    first = await bucket.list(limit=8)
    assert keys(await bucket.list(cursor=first.cursor, start_after="a")) == ["b/b", "é"]
    assert keys(await bucket.list(cursor=first.cursor, start_after="b/b")) == ["é"]
    assert keys(await bucket.list(cursor="")) == NAMES
    assert keys(await bucket.list(cursor="rubbish!!")) == []


async def test_an_empty_key_comes_after_nothing_but_not_after_itself(bucket: R2Bucket) -> None:
    await fill(bucket, ["", "a"])
    assert keys(await bucket.list()) == ["", "a"]
    assert keys(await bucket.list(start_after="")) == ["a"]


async def test_list_tells_metadata_when_asked(bucket: R2Bucket) -> None:
    await put(bucket, "k", http_metadata={"content_type": "a/b"}, custom_metadata={"x": "y"})
    [bare] = (await bucket.list()).objects
    assert bare.http_metadata == bare.custom_metadata == {}
    assert bare.range is None
    [http] = (await bucket.list(include=["httpMetadata"])).objects
    assert (http.http_metadata, http.custom_metadata) == ({"contentType": "a/b"}, {})
    [both] = (await bucket.list(include=("httpMetadata", "customMetadata"))).objects
    assert (both.http_metadata, both.custom_metadata) == ({"contentType": "a/b"}, {"x": "y"})


async def test_a_list_with_metadata_has_at_most_a_hundred_objects(bucket: R2Bucket) -> None:
    await fill(bucket, [f"{n:03}" for n in range(101)])
    assert len((await bucket.list()).objects) == 101
    page = await bucket.list(include=["customMetadata"])
    assert len(page.objects) == 100
    assert page.truncated


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (
            {"limit": 0},
            R2Error,
            r"list: MaxKeys params must be positive integer <= 1000. \(10022\)",
        ),
        ({"limit": 1001}, R2Error, "MaxKeys"),
        ({"limit": "x"}, R2Error, "MaxKeys"),
        ({"limit": 2**31}, R2TypeError, "Value out of range"),
        ({"prefix": 5}, R2TypeError, "'prefix' field on 'ListOptions'"),
        ({"include": "httpMetadata"}, R2TypeError, "'include' field on 'ListOptions'"),
        ({"include": [5]}, R2TypeError, "Incorrect type for array element 0"),
        ({"include": ["x"]}, R2RangeError, "Unsupported include value x"),
    ],
)
async def test_list_options_that_are_wrong_are_refused(
    bucket: R2Bucket, options: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        await bucket.list(**options)
