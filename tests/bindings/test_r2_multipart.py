"""R2MultipartUpload over every engine: the rules of parts, and what is left of uploads that end otherwise."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from edgekit.bindings import r2_multipart
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_multipart import R2MultipartUpload
from edgekit.bindings.r2_object import R2Object, R2ObjectBody
from edgekit.engines.open import Store
from edgekit.errors import R2Error, R2TypeError, StorageError, UnsupportedError
from edgekit.testing.clock import ManualClock
from edgekit.web.streams import ReadableStream

from .r2 import blob_records, body_of, content, in_blobs

PART = 10  # bytes, which is enough here for a part that is not the last
DAY = 86_400


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert r2_multipart.MIN_PART == 5 * 1024 * 1024
    monkeypatch.setattr(r2_multipart, "MIN_PART", PART)


async def begun(bucket: R2Bucket, **options: Any) -> R2MultipartUpload:
    return await bucket.create_multipart_upload("k", **options)


async def test_parts_become_an_object_in_the_order_of_their_numbers(bucket: R2Bucket) -> None:
    upload = await begun(
        bucket,
        http_metadata={"content_type": "a/b"},
        custom_metadata={"x": "y"},
        storage_class="InfrequentAccess",
    )
    assert upload.key == "k"
    assert await bucket.head("k") is None
    last = await upload.upload_part(9, "tail")
    second = await upload.upload_part(3, ReadableStream((b"b" * 4, b"b" * 6)))
    first = await upload.upload_part(1, b"a" * 10)
    assert first.part_number == first["partNumber"] == 1
    made = await upload.complete([first, second, last])
    whole = b"a" * 10 + b"b" * 10 + b"tail"
    digests = b"".join(hashlib.md5(part).digest() for part in (b"a" * 10, b"b" * 10, b"tail"))
    assert made.etag == f"{hashlib.md5(digests).hexdigest()}-3"
    assert made.size == 24
    assert made.range is None
    assert made.checksums.to_json() == {}
    assert made.http_metadata == {"contentType": "a/b"}
    assert made.custom_metadata == {"x": "y"}
    assert made.storage_class == "InfrequentAccess"
    assert await content(bucket, "k") == whole
    assert (
        await (await body_of(bucket, "k", range={"offset": 8, "length": 4})).bytes() == whole[8:12]
    )
    assert await (await body_of(bucket, "k", range={"suffix": 3})).bytes() == b"ail"
    assert [each.etag for each in (await bucket.list()).objects] == [made.etag]


async def test_an_upload_is_resumed_by_its_key_and_id(bucket: R2Bucket) -> None:
    upload = await begun(bucket)
    again = bucket.resume_multipart_upload("k", upload.upload_id)
    part = await again.upload_part(1, "x")
    other = bucket.resumeMultipartUpload("k", upload.uploadId)  # type: ignore[attr-defined]
    await other.complete([{"part_number": 1, "etag": part.etag}])
    assert await content(bucket, "k") == b"x"


async def test_no_parts_are_an_empty_object(bucket: R2Bucket) -> None:
    made = await (await begun(bucket)).complete([])
    assert made.etag == f"{hashlib.md5(b'').hexdigest()}-0"
    assert await content(bucket, "k") == b""


@pytest.mark.parametrize(
    ("sizes", "order", "code"),
    [
        ([10, 10, 3], [0, 1, 2], None),
        ([10, 10], [1, 0], None),
        ([3], [0], None),
        ([9, 3], [0, 1], 10011),
        ([10, 3], [1, 0], 10011),
        ([10, 11, 3], [0, 1, 2], 10048),
        ([10, 11], [0, 1], 10048),
        ([10], [0, 0], 10001),
    ],
)
async def test_parts_are_of_one_size_but_the_last(
    bucket: R2Bucket, store: Store, sizes: list[int], order: list[int], code: int | None
) -> None:
    upload = await begun(bucket)
    parts = [await upload.upload_part(at + 1, b"x" * size) for at, size in enumerate(sizes)]
    chosen = [parts[at] for at in order]
    if code is None:
        assert (await upload.complete(chosen)).size == sum(sizes)
        return
    with pytest.raises(R2Error, match=rf"completeMultipartUpload: .* \({code}\)") as e:
        await upload.complete(chosen)
    assert e.value.code == code
    assert await blob_records(store) == len(sizes)  # nothing is lost: it may be tried again


async def test_a_part_that_is_put_anew_replaces_the_one_before(
    bucket: R2Bucket, store: Store
) -> None:
    upload = await begun(bucket)
    old = await upload.upload_part(1, "old")
    new = await upload.upload_part(1, "new")
    with pytest.raises(R2Error, match="10025"):
        await upload.complete([old])
    await upload.complete([new])
    assert await content(bucket, "k") == b"new"
    await store.sweep(now=1_900_000_000)
    assert await blob_records(store) == 1


async def test_parts_that_are_not_chosen_are_dropped(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    await bucket.put("k", "before")
    upload = await begun(bucket)
    await upload.upload_part(1, "a")
    chosen = await upload.upload_part(2, "b")
    await upload.complete([chosen])
    assert await content(bucket, "k") == b"b"
    await store.sweep(now=clock.now())
    assert await blob_records(store) == 1


@pytest.mark.parametrize("end", ["complete", "abort"])
async def test_an_upload_that_is_over_takes_no_more_parts(
    bucket: R2Bucket, store: Store, clock: ManualClock, end: str
) -> None:
    upload = await begun(bucket)
    part = await upload.upload_part(1, "x")
    await (upload.complete([part]) if end == "complete" else upload.abort())
    stream = ReadableStream((b"y",))
    with pytest.raises(R2Error, match=r"uploadPart: .* does not exist. \(10024\)"):
        await upload.upload_part(2, stream)
    assert not stream.disturbed
    with pytest.raises(R2Error, match=r"completeMultipartUpload: .* does not exist. \(10024\)"):
        await upload.complete([part])
    await upload.abort()
    await store.sweep(now=clock.now())
    assert await blob_records(store) == (1 if end == "complete" else 0)


@pytest.mark.parametrize(
    ("key", "upload_id"), [("k", "none"), ("other", "{}"), ("k", "{}/00001"), ("k", "{}/")]
)
async def test_an_upload_that_there_is_not_is_an_error(
    bucket: R2Bucket, key: str, upload_id: str
) -> None:
    there = await begun(bucket)
    await there.upload_part(1, "x")
    upload = bucket.resume_multipart_upload(key, upload_id.format(there.upload_id))
    for call, text in (
        (upload.upload_part(1, "x"), r"uploadPart: .* \(10024\)"),
        (upload.complete([]), r"completeMultipartUpload: .* \(10001\)"),
        (upload.abort(), r"abortMultipartUpload: .* \(10001\)"),
    ):
        with pytest.raises(R2Error, match=text):
            await call


@pytest.mark.parametrize("number", [0, -1, 10_001, None, "x", float("nan")])
async def test_part_numbers_are_1_to_10000(bucket: R2Bucket, number: Any) -> None:
    upload = await begun(bucket)
    with pytest.raises(R2TypeError, match="Part number must be between 1 and 10000"):
        await upload.upload_part(number, "x")
    with pytest.raises(R2TypeError, match="Part number must be between 1 and 10000"):
        await upload.complete([{"partNumber": number, "etag": "x"}])
    for right in (1, 10_000, "2", 1.9):
        await upload.upload_part(right, "x")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, 5, [], {}])
async def test_a_part_is_bytes(bucket: R2Bucket, value: Any) -> None:
    upload = await begun(bucket)
    with pytest.raises(R2TypeError, match="'uploadPart' on 'R2MultipartUpload': parameter 2"):
        await upload.upload_part(1, value)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (None, "parameter 1 is not of type 'Array'"),
        ({}, "parameter 1 is not of type 'Array'"),
        ([5], "Incorrect type for array element 0"),
    ],
)
async def test_what_is_no_list_of_parts_is_refused(bucket: R2Bucket, parts: Any, text: str) -> None:
    with pytest.raises(R2TypeError, match=text):
        await (await begun(bucket)).complete(parts)


async def test_options_that_are_wrong_are_refused(bucket: R2Bucket) -> None:
    for options, kind in (
        ({"http_metadata": 5}, R2TypeError),
        ({"custom_metadata": 5}, R2TypeError),
        ({"storage_class": "x"}, R2Error),
        ({"ssec_key": "00" * 32}, UnsupportedError),
    ):
        with pytest.raises(kind):
            await begun(bucket, **options)
    with pytest.raises(UnsupportedError, match="ssecKey"):
        await (await begun(bucket)).upload_part(1, "x", ssec_key=bytes(32))
    with pytest.raises(R2Error, match=r"createMultipartUpload: .* \(10020\)"):
        await bucket.create_multipart_upload("k" * 1025)
    with pytest.raises(R2Error, match=r"uploadPart: .* \(10020\)"):
        await bucket.resume_multipart_upload("k" * 1025, "x").upload_part(1, "x")


async def test_an_upload_that_nobody_completes_is_gone_after_a_week(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    upload = await begun(bucket)
    part = await upload.upload_part(1, "x")
    clock.advance(7 * DAY - 1)
    await store.sweep(now=clock.now())
    assert await blob_records(store) == 1
    clock.advance(2)
    with pytest.raises(R2Error, match="10001"):
        await upload.complete([part])
    clock.advance(3600)
    await store.sweep(now=clock.now())
    assert await blob_records(store) == 0
    assert await store.records.list("r2/photos?uploads", now=0, limit=10) == []


async def test_an_object_of_parts_outlives_its_upload(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    upload = await begun(bucket)
    await upload.complete([await upload.upload_part(1, "x")])
    clock.advance(8 * DAY)
    await store.sweep(now=clock.now())
    assert await content(bucket, "k") == b"x"


@in_blobs
async def test_a_reader_of_many_parts_reads_on_when_they_are_replaced(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    upload = await begun(bucket)
    parts = [await upload.upload_part(n, bytes([n]) * 10) for n in range(1, 31)]
    await upload.complete(parts)
    found = await bucket.get("k")
    assert isinstance(found, R2ObjectBody)
    await bucket.put("k", "new")
    assert await found.bytes() == b"".join(bytes([n]) * 10 for n in range(1, 31))
    assert await content(bucket, "k") == b"new"
    await store.sweep(now=clock.now())
    assert await blob_records(store) == 1


async def test_of_several_who_complete_one_does(bucket: R2Bucket) -> None:
    upload = await begun(bucket)
    part = await upload.upload_part(1, "x")
    outcomes = await asyncio.gather(
        *(upload.complete([part]) for _ in range(5)), return_exceptions=True
    )
    assert len([each for each in outcomes if isinstance(each, R2Object)]) == 1
    assert len([each for each in outcomes if "10024" in str(each)]) == 4


async def test_a_part_that_several_put_at_once_is_that_of_one(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    upload = await begun(bucket)
    parts = await asyncio.gather(*(upload.upload_part(1, f"{n}") for n in range(5)))
    outcomes = [await completed(upload, part) for part in parts]
    assert outcomes.count(None) == 1
    assert set(outcomes) <= {None, 10024, 10025}
    await store.sweep(now=clock.now())
    assert await blob_records(store) == 1


async def completed(upload: R2MultipartUpload, part: Any) -> int | None:
    """The number of the error, if there is one."""
    try:
        await upload.complete([part])
    except R2Error as error:
        return error.code
    return None


async def test_an_upload_that_is_aborted_while_others_complete_it_is_whole_or_gone(
    bucket: R2Bucket, store: Store, clock: ManualClock
) -> None:
    upload = await begun(bucket)
    part = await upload.upload_part(1, "x")
    late = upload.upload_part(2, "y")
    await asyncio.gather(upload.complete([part]), upload.abort(), late, return_exceptions=True)
    await store.sweep(now=clock.now())
    found = await bucket.head("k")
    assert await blob_records(store) == (0 if found is None else 1)


def once_the_parts_are_listed(
    monkeypatch: pytest.MonkeyPatch, store: Store, work: Callable[[], Awaitable[object]]
) -> None:
    """Let `work` be done right after somebody has looked which parts there are, the first time."""
    real = store.records.list

    async def listed(space: str, **options: Any) -> Any:
        entries = await real(space, **options)
        if space.endswith("?uploads"):
            monkeypatch.setattr(store.records, "list", real)
            await work()
        return entries

    monkeypatch.setattr(store.records, "list", listed)


@pytest.mark.parametrize("end", ["complete", "abort"])
async def test_a_part_that_comes_while_the_upload_ends_is_dropped(
    bucket: R2Bucket, store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    upload = await begun(bucket)
    part = await upload.upload_part(1, "x")
    once_the_parts_are_listed(monkeypatch, store, lambda: upload.upload_part(2, "y"))
    await (upload.complete([part]) if end == "complete" else upload.abort())
    assert await bucket.head("k") is None or await content(bucket, "k") == b"x"
    await store.sweep(now=clock.now())
    assert await blob_records(store) == (1 if end == "complete" else 0)


@pytest.mark.parametrize("end", ["complete", "abort"])
async def test_who_has_ended_an_upload_is_told_so_though_its_late_parts_cannot_be_looked_for(
    bucket: R2Bucket,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    end: str,
) -> None:
    upload = await begun(bucket)
    part = await upload.upload_part(1, "x")

    async def fail(*args: Any, **options: Any) -> Any:
        raise StorageError("disk failed")

    async def then_fail() -> None:
        monkeypatch.setattr(store.records, "list", fail)

    once_the_parts_are_listed(monkeypatch, store, then_fail)
    await (upload.complete([part]) if end == "complete" else upload.abort())
    assert "disk failed" in caplog.text
    assert (await bucket.head("k") is not None) == (end == "complete")


async def test_a_part_that_is_put_anew_while_it_is_completed_is_not_taken(
    bucket: R2Bucket, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begun(bucket)
    part = await upload.upload_part(1, "x")
    once_the_parts_are_listed(monkeypatch, store, lambda: upload.upload_part(1, "y"))
    with pytest.raises(R2Error, match="10025"):
        await upload.complete([part])
    assert await bucket.head("k") is None


async def test_a_part_that_fails_leaves_nothing(bucket: R2Bucket, store: Store) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ZeroDivisionError

    upload = await begun(bucket)
    with pytest.raises(ZeroDivisionError):
        await upload.upload_part(1, broken())
    assert await blob_records(store) == 0
