"""R2Bucket over every engine: objects, delete, and what is left of those that are replaced or cut off."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edgekit import BindingError, Headers, ReadableStream, Response
from edgekit.bindings import r2_space
from edgekit.bindings.r2 import R2Bucket
from edgekit.engines.open import Store
from edgekit.errors import (
    BodyUsedError,
    R2Error,
    R2TypeError,
    StorageError,
    WebSyntaxError,
)
from edgekit.testing.clock import ManualClock
from edgekit.web.blob import Blob

from .r2 import blob_records, body_of, content, in_blobs, keys, put

HELLO = hashlib.md5(b"hello").hexdigest()


@pytest.mark.parametrize(
    "key", ["a//b", "../x", "..", "a/", "/", "", "é𝄞", "a b?c#d%2F", "x\0y", "\n", "k" * 1024]
)
async def test_any_key_is_kept_as_it_is(bucket: R2Bucket, key: str) -> None:
    await put(bucket, key, key)
    assert (await content(bucket, key)).decode() == key
    assert keys(await bucket.list()) == [key]
    await bucket.delete(key)
    assert await bucket.head(key) is None


async def test_a_key_has_at_most_1024_bytes(bucket: R2Bucket) -> None:
    await put(bucket, "é" * 512)
    for refused in (bucket.put("é" * 513, "x"), bucket.get("é" * 513), bucket.head("é" * 513)):
        with pytest.raises(
            R2Error, match=r"The specified object name is not valid. \(10020\)"
        ) as e:
            await refused
        assert e.value.code == 10020
        assert isinstance(e.value, BindingError)
    assert await bucket.delete("é" * 512) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("é", "é".encode()),
        (b"\0\xff", b"\0\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abc")[1:], b"bc"),
        (Blob(["x", b"y"]), b"xy"),
        (lambda: ReadableStream((b"a", b"b")), b"ab"),
        (lambda: iter([b"c", b"d"]), b"cd"),
        (None, b""),
        ("", b""),
    ],
)
async def test_values_of_every_kind_are_stored(
    bucket: R2Bucket, value: Any, expected: bytes
) -> None:
    made = await put(bucket, "k", value() if callable(value) else value)
    assert made.size == len(expected)
    assert made.etag == hashlib.md5(expected).hexdigest()
    assert await content(bucket, "k") == expected


@pytest.mark.parametrize("value", [5, True, 1.5, ["a"], {"a": 1}, {1}, object()])
async def test_other_values_are_refused(bucket: R2Bucket, value: Any) -> None:
    with pytest.raises(R2TypeError, match=r"parameter 2 is not of type 'ReadableStream or Array"):
        await bucket.put("k", value)
    assert await bucket.head("k") is None


async def test_an_object_tells_what_it_is(bucket: R2Bucket, clock: ManualClock) -> None:
    expiry = datetime(2030, 1, 2, 3, 4, 5, 678000, UTC)
    made = await put(
        bucket,
        "k",
        http_metadata={"content_type": "text/x", "cacheExpiry": expiry, "unknown": 1},
        custom_metadata={"a": "é", "n": 5},
        sha1=hashlib.sha1(b"hello").hexdigest(),
    )
    found = await bucket.head("k")
    assert found is not None
    for each in (made, found):
        assert (each.key, each.size, each.etag, each.http_etag) == ("k", 5, HELLO, f'"{HELLO}"')
        assert each.uploaded == datetime.fromtimestamp(1_800_000_000.5, UTC)
        assert each.http_metadata == {"contentType": "text/x", "cacheExpiry": expiry}
        assert each.http_metadata.content_type == "text/x"
        assert each.custom_metadata == {"a": "é", "n": "5"}
        assert each.checksums.md5 == hashlib.md5(b"hello").digest()
        assert each.checksums.sha1 == hashlib.sha1(b"hello").digest()
        assert each.checksums.sha256 is None
        assert each.checksums.to_json().keys() == {"md5", "sha1"}
        assert each.storage_class == "Standard"
        assert each.ssec_key_md5 is None
        assert each.version == made.version
    assert made.range is None
    assert found.range == {"offset": 0, "length": 5}
    assert found.to_json()["httpEtag"] == found.httpEtag == f'"{HELLO}"'  # type: ignore[attr-defined]
    assert "range" not in made.to_json()
    assert repr(found) == f"R2Object(key='k', size=5, etag='{HELLO}')"
    assert "sha1" in repr(found.checksums)
    assert (await put(bucket, "k")).version != made.version


async def test_the_headers_of_an_object_are_written(bucket: R2Bucket) -> None:
    given = Headers(
        {
            "content-type": "text/html",
            "content-language": "de",
            "content-disposition": "inline",
            "content-encoding": "gzip",
            "cache-control": "no-store",
            "expires": "Wed, 01 Jan 2070 00:00:00 GMT",
            "x-other": "no",
        }
    )
    await put(bucket, "k", http_metadata=given)
    found = await body_of(bucket, "k")
    headers = Headers({"content-type": "old", "x": "y"})
    found.write_http_metadata(headers)
    assert headers["content-type"] == "text/html"
    assert headers["expires"] == "Wed, 01 Jan 2070 00:00:00 GMT"
    assert headers["x"] == "y"
    assert "x-other" not in headers
    assert found.headers["cache-control"] == "no-store"
    assert (await found.blob()).type == "text/html"
    with pytest.raises(R2TypeError, match="'writeHttpMetadata' on 'HeadResult'"):
        found.write_http_metadata({})  # type: ignore[arg-type]


async def test_a_body_is_read_once_and_in_every_way(bucket: R2Bucket) -> None:
    await put(bucket, "k", '{"a": 1}')
    assert await (await body_of(bucket, "k")).text() == '{"a": 1}'
    assert await (await body_of(bucket, "k")).json() == {"a": 1}
    assert await (await body_of(bucket, "k")).array_buffer() == b'{"a": 1}'
    found = await body_of(bucket, "k")
    assert not found.body_used
    assert [chunk async for chunk in found.body or ()] == [b'{"a": 1}']
    assert found.body_used
    with pytest.raises(BodyUsedError):
        await found.text()
    await put(bucket, "k", "{")
    with pytest.raises(WebSyntaxError):
        await (await body_of(bucket, "k")).json()


async def test_a_response_of_a_body_streams_and_knows_its_length(bucket: R2Bucket) -> None:
    from edgekit.asgi import response_start

    await put(bucket, "k", b"x" * 300_000)
    found = await body_of(bucket, "k", range={"offset": 100_000})
    response = Response(found.body, headers={"etag": found.http_etag})
    assert (b"content-length", b"200000") in response_start(response)["headers"]
    assert len(await response.bytes()) == 200_000


async def test_nothing_is_a_none(bucket: R2Bucket) -> None:
    assert await bucket.get("k") is None
    assert await bucket.head("k") is None
    assert await bucket.delete("k") is None
    assert await bucket.get("k", range={"suffix": 0}) is None


async def test_up_to_a_thousand_objects_are_deleted_at_once(bucket: R2Bucket, store: Store) -> None:
    for key in ("a", "b", "c"):
        await put(bucket, key)
    await bucket.delete(["a", "none", "a", "c"])
    assert keys(await bucket.list()) == ["b"]
    await bucket.delete([])
    await bucket.delete([f"k{n}" for n in range(999)] + ["b"])
    assert keys(await bucket.list()) == []
    with pytest.raises(R2Error, match="at most 1000 keys at once, not 1001"):
        await bucket.delete([f"k{n}" for n in range(1001)])


async def test_nothing_is_deleted_when_one_of_the_keys_is_refused(bucket: R2Bucket) -> None:
    await put(bucket, "a")
    with pytest.raises(R2Error, match="10020"):
        await bucket.delete(["a", "k" * 1025])
    with pytest.raises(R2TypeError, match="parameter 1 is not of type 'string or Array'"):
        await bucket.delete(["a", ["b"]])  # type: ignore[list-item]
    assert await bucket.head("a") is not None


async def test_buckets_know_nothing_of_each_other(store: Store, clock: ManualClock) -> None:
    one = R2Bucket(store.records, store.blobs(), "r2/one")
    two = R2Bucket(store.records, store.blobs(), "r2/two")
    await put(one, "k", "1")
    assert await two.head("k") is None
    assert keys(await two.list()) == []


async def test_what_is_replaced_or_deleted_leaves_no_bytes(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    for _ in range(3):
        await put(bucket, "k", b"x" * 100_000)
    assert await blob_records(store) == 3
    await store.sweep_blobs(now=clock.now())
    assert await blob_records(store) == 1
    await asyncio.gather(*(put(bucket, "k", f"{n}") for n in range(20)))
    await bucket.delete("k")
    await store.sweep_blobs(now=clock.now())
    assert await blob_records(store) == 0


async def test_an_object_becomes_larger_and_smaller(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    # On both sides of what a record has itself.
    for size in (0, 32 * 1024, 32 * 1024 + 1, 1, 100_000):
        data = random.Random(size).randbytes(size)
        for value in (data, ReadableStream(data[at : at + 999] for at in range(0, size, 999))):
            made = await put(bucket, "k", value, sha256=hashlib.sha256(data).digest())
            assert (made.size, made.etag) == (size, hashlib.md5(data).hexdigest())
            assert await content(bucket, "k") == data
            if size:
                part = await body_of(bucket, "k", range={"suffix": size // 2 + 1})
                assert await part.bytes() == data[-(size // 2 + 1) :]
            await store.sweep_blobs(now=clock.now())
            assert await blob_records(store) == (size > r2_space.HELD)


@pytest.mark.parametrize("size", [5, 500_000])
@pytest.mark.parametrize("change", ["put", "delete"])
async def test_a_reader_reads_the_object_that_it_got(
    bucket: R2Bucket, size: int, change: str
) -> None:
    await put(bucket, "k", b"x" * size)
    found = await body_of(bucket, "k")
    await (bucket.put("k", "new") if change == "put" else bucket.delete("k"))
    assert await found.bytes() == b"x" * size


@in_blobs
async def test_an_object_that_is_replaced_between_its_record_and_its_bytes_is_read_anew(
    bucket: R2Bucket, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(bucket, "k", "old")
    blobs = store.blobs()
    real, done = blobs.open, []

    async def late(*args: Any) -> Any:
        if not done:
            done.append(await bucket.put("k", "new"))
        return await real(*args)

    monkeypatch.setattr(blobs, "open", late)
    assert await content(bucket, "k") == b"new"


@in_blobs
async def test_an_object_whose_bytes_are_missing_is_an_error(
    bucket: R2Bucket, store: Store
) -> None:
    await put(bucket, "k", "x")
    [entry] = await store.records.list("blobs", now=0, limit=2)
    await store.blobs().delete([entry.key.decode()])
    with pytest.raises(StorageError, match="the bytes of the object 'k' are missing"):
        await bucket.get("k")


async def test_an_upload_that_fails_leaves_nothing(
    bucket: R2Bucket, store: Store, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ZeroDivisionError

    await put(bucket, "k", "old")
    with pytest.raises(ZeroDivisionError):
        await bucket.put("k", broken())
    assert await content(bucket, "k") == b"old"
    assert await blob_records(store) == (r2_space.HELD == 0)
    assert not list(tmp_path.glob("state/blobs/incoming/*"))


async def test_an_upload_that_is_cancelled_leaves_nothing(
    bucket: R2Bucket, store: Store, tmp_path: Path
) -> None:
    waiting = asyncio.Event()
    closed = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"x" * 2_000_000
            waiting.set()
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    task = asyncio.create_task(bucket.put("k", endless()))  # type: ignore[arg-type]
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [True]
    assert await bucket.head("k") is None
    assert await blob_records(store) == 0
    assert not list(tmp_path.glob("state/blobs/incoming/*"))


@pytest.mark.parametrize("turns", range(1, 60, 3))
async def test_a_put_that_is_cancelled_at_any_moment_is_done_whole_or_not_at_all(
    bucket: R2Bucket, store: Store, turns: int, tmp_path: Path
) -> None:
    await put(bucket, "k", "old")
    task = asyncio.create_task(bucket.put("k", "new"))  # type: ignore[arg-type]
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await content(bucket, "k") in (b"old", b"new")
    await store.sweep_blobs(now=2e9)
    assert await blob_records(store) == (r2_space.HELD == 0)
    assert not list(tmp_path.glob("state/blobs/incoming/*"))


async def test_a_put_that_is_not_written_leaves_nothing(
    bucket: R2Bucket, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def full(*args: Any, **kwargs: Any) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr(type(store.records), "apply", full)
    with pytest.raises(StorageError, match="disk full"):
        await bucket.put("k", "x" * 100_000)
    monkeypatch.undo()
    assert await bucket.head("k") is None
    assert not list(tmp_path.glob("state/blobs/incoming/*"))


async def test_an_object_is_at_most_so_large(
    bucket: R2Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert r2_space.MAX_UPLOAD == 5 * 1024**3 - 5 * 1024**2
    monkeypatch.setattr(r2_space, "MAX_UPLOAD", 10)
    await put(bucket, "k", "x" * 10)
    for value in ("x" * 11, ReadableStream((b"x" * 6, b"x" * 5))):
        with pytest.raises(R2Error, match="exceeds the maximum allowed object size") as e:
            await bucket.put("k", value)
        assert e.value.code == 100100
    assert await content(bucket, "k") == b"x" * 10


async def test_moments_are_those_of_the_clock(bucket: R2Bucket, clock: ManualClock) -> None:
    first = await put(bucket, "k")
    clock.advance(90)
    second = await put(bucket, "k")
    assert second.uploaded - first.uploaded == timedelta(seconds=90)


@in_blobs
async def test_what_fails_after_the_commit_is_done_by_a_sweep(
    bucket: R2Bucket,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*args: Any) -> bool:
        raise StorageError("Input/output error")

    await put(bucket, "k", "old")
    monkeypatch.setattr(type(store.blobs()), "delete", broken)
    await put(bucket, "k", "new")
    await bucket.delete("none")
    assert await content(bucket, "k") == b"new"
    assert "Input/output error" in caplog.text
    monkeypatch.undo()
    await store.sweep_blobs(now=2e9)
    assert await blob_records(store) == 1


async def test_an_object_that_changes_while_it_is_deleted_is_looked_at_again(
    bucket: R2Bucket, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(bucket, "k", "old")
    records, done = store.records, []
    apply = records.apply

    async def late(*args: Any, **kwargs: Any) -> None:
        if not done:
            done.append(True)
            await put(bucket, "k", "new")
        await apply(*args, **kwargs)

    monkeypatch.setattr(records, "apply", late)
    await bucket.delete("k")
    assert await bucket.head("k") is None
    await store.sweep_blobs(now=2e9)
    assert await blob_records(store) == 0
