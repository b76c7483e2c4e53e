"""R2Bucket over every engine: ranges, conditions, checksums, metadata."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from edgekit import Headers, ReadableStream
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2Object, R2ObjectBody
from edgekit.engines.open import Store
from edgekit.errors import (
    R2Error,
    R2RangeError,
    R2TypeError,
    UnsupportedError,
)

from .r2 import blob_records, body_of, content, put

HELLO = hashlib.md5(b"hello").hexdigest()


# Ranges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected", "offset"),
    [
        ({"offset": 2}, b"23456789", 2),
        ({"offset": 2, "length": 3}, b"234", 2),
        ({"length": 3}, b"012", 0),
        ({"suffix": 3}, b"789", 7),
        ({"suffix": 30}, b"0123456789", 0),
        ({"offset": 8, "length": 100}, b"89", 8),
        ({"offset": "2", "length": "0x3"}, b"234", 2),
        ({}, b"0123456789", 0),
        (Headers({"range": "bytes=2-4"}), b"234", 2),
        (Headers({"range": "bytes=-2"}), b"89", 8),
        (Headers({"range": "bytes=0-1,4-5"}), b"0123456789", 0),
        (Headers({"range": "bytes=20-"}), b"0123456789", 0),
        (Headers({"range": "nonsense"}), b"0123456789", 0),
        (Headers(), b"0123456789", 0),
        (None, b"0123456789", 0),
    ],
)
async def test_a_range_is_read(bucket: R2Bucket, wanted: Any, expected: bytes, offset: int) -> None:
    await put(bucket, "k", "0123456789")
    found = await body_of(bucket, "k", range=wanted)
    assert found.range == {"offset": offset, "length": len(expected)}
    assert found.size == 10
    assert await found.bytes() == expected


@pytest.mark.parametrize(
    ("wanted", "kind", "text"),
    [
        ({"offset": 10}, R2Error, r"get: The requested range is not satisfiable \(10039\)"),
        ({"offset": 10, "length": 1}, R2Error, "not satisfiable"),
        ({"offset": float("inf")}, R2Error, "not satisfiable"),
        ({"length": 0}, R2Error, "not satisfiable"),
        ({"suffix": 0}, R2Error, "not satisfiable"),
        (
            {"offset": -1},
            R2RangeError,
            r"Starting offset \(-1\) must be greater than or equal to 0",
        ),
        ({"offset": 1.5}, R2RangeError, r"Starting offset \(1.5\) must be an integer"),
        ({"length": float("nan")}, R2RangeError, r"Length \(nan\) must be greater"),
        ({"suffix": -1e21}, R2RangeError, r"Invalid suffix. Suffix \(-1e21\) must be greater"),
        ({"offset": "x"}, R2RangeError, r"\(nan\)"),
        ({"offset": []}, R2RangeError, r"\(nan\)"),
        ({"suffix": 1, "offset": 1}, R2TypeError, "Suffix is incompatible with offset."),
        ({"suffix": 1, "length": 1}, R2TypeError, "Suffix is incompatible with length."),
        ("bytes=0-1", R2TypeError, "'range' field on 'GetOptions'"),
    ],
)
async def test_a_range_that_cannot_be_is_refused(
    bucket: R2Bucket, wanted: Any, kind: type[Exception], text: str
) -> None:
    await put(bucket, "k", "0123456789")
    with pytest.raises(kind, match=text):
        await bucket.get("k", range=wanted)


async def test_an_empty_object_has_no_ranges(bucket: R2Bucket) -> None:
    await put(bucket, "k", "")
    assert await content(bucket, "k") == b""
    with pytest.raises(R2Error, match="not satisfiable"):
        await bucket.get("k", range={"offset": 0})


# Conditions -----------------------------------------------------------------------------------------

LATER, EARLIER = datetime(2070, 1, 1, tzinfo=UTC), datetime(2000, 1, 1)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"etag_matches": HELLO}, True),
        ({"etagMatches": "x"}, False),
        ({"etag_matches": "*"}, True),
        ({"etag_does_not_match": HELLO}, False),
        ({"etag_does_not_match": "x"}, True),
        ({"etag_does_not_match": "*"}, False),
        ({"uploaded_before": LATER}, True),
        ({"uploaded_before": EARLIER}, False),
        ({"uploaded_after": EARLIER}, True),
        ({"uploaded_after": LATER}, False),
        ({"uploaded_after": 0}, True),
        ({"uploaded_after": -1}, True),
        ({"uploaded_after": -5000}, False),
        ({"uploaded_before": -1}, True),
        # A tag that matches counts more than a date.
        ({"etag_matches": HELLO, "uploaded_before": EARLIER}, True),
        ({"etag_does_not_match": "x", "uploaded_after": LATER}, True),
        (Headers({"if-match": f'"x", "{HELLO}"'}), True),
        (Headers({"if-match": f'W/"{HELLO}"'}), False),
        (Headers({"if-match": "*"}), True),
        (Headers({"if-none-match": f'W/"{HELLO}"'}), False),
        (Headers({"if-none-match": '"x"'}), True),
        (Headers({"if-none-match": '"x" junk'}), True),
        (Headers({"if-modified-since": "Wed, 01 Jan 2070 00:00:00 GMT"}), False),
        (Headers({"if-unmodified-since": "Wed, 01 Jan 2070 00:00:00 GMT"}), True),
        (Headers({"if-unmodified-since": "no date"}), False),
        (Headers(), True),
        ({}, True),
        (None, True),
    ],
)
async def test_a_condition_decides_whether_there_is_a_body(
    bucket: R2Bucket, condition: Any, holds: bool
) -> None:
    await put(bucket, "k")
    found = await bucket.get("k", only_if=condition)
    assert isinstance(found, R2Object)
    assert isinstance(found, R2ObjectBody) == holds
    assert (await bucket.put("k", "new", only_if=condition) is not None) == holds
    assert await content(bucket, "k") == (b"new" if holds else b"hello")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"etag_does_not_match": "*"}, True),
        ({"uploaded_before": EARLIER}, True),
        ({"etag_matches": "*"}, False),
        ({"uploaded_after": EARLIER}, False),
    ],
)
async def test_a_condition_where_there_is_nothing(
    bucket: R2Bucket, condition: Any, holds: bool
) -> None:
    assert (await bucket.put("k", "new", only_if=condition) is not None) == holds


async def test_a_date_in_a_header_knows_no_milliseconds(bucket: R2Bucket) -> None:
    made = await put(bucket, "k")  # half a second past
    text = made.uploaded.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert not isinstance(
        await bucket.get("k", only_if=Headers({"if-modified-since": text})), R2ObjectBody
    )
    whole = made.uploaded.replace(microsecond=0)
    assert isinstance(await bucket.get("k", only_if={"uploaded_after": whole}), R2ObjectBody)
    found = await bucket.get("k", only_if={"uploaded_after": whole, "seconds_granularity": True})
    assert not isinstance(found, R2ObjectBody)


@pytest.mark.parametrize(
    ("condition", "kind", "text"),
    [
        ({"etag_matches": f'"{HELLO}"'}, R2TypeError, "should not be wrapped in quotes"),
        ({"etag_matches": 5}, R2TypeError, "'etagMatches' field on 'Conditional'"),
        ({"uploaded_after": "2020"}, R2TypeError, "not of type 'date'"),
        ({"uploaded_after": float("nan")}, R2TypeError, "not a valid Date"),
        ({"uploaded_after": 1e17}, R2TypeError, "after 2189"),
        ({"uploaded_after": -1e17}, R2TypeError, "before 1687"),
        (5, R2TypeError, "'onlyIf' field on 'GetOptions'"),
        (Headers({"if-match": HELLO}), R2Error, "Invalid ETag in if-match header"),
        (Headers({"if-match": '"a'}), R2Error, "Unclosed double quote"),
        (Headers({"if-match": "W/a"}), R2Error, "Weak etags must start with W/"),
        (Headers({"if-match": '"a" "b"'}), R2Error, "Encountered a double quote"),
        (Headers({"if-none-match": '"a" *'}), R2Error, "Encountered a wildcard"),
        (Headers({"if-none-match": '"a" W/"b"'}), R2Error, "Encountered a weak quotation"),
        (Headers({"if-none-match": ""}), R2Error, "Invalid ETag in if-none-match header"),
    ],
)
async def test_a_condition_that_is_none_is_refused(
    bucket: R2Bucket, condition: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        await bucket.get("k", only_if=condition)


async def test_of_several_who_put_only_if_there_is_nothing_one_succeeds(bucket: R2Bucket) -> None:
    made = await asyncio.gather(
        *(bucket.put("k", f"{n}", only_if={"etag_does_not_match": "*"}) for n in range(10))
    )
    [winner] = [each for each in made if each is not None]
    found = await body_of(bucket, "k")
    assert found.version == winner.version


async def test_of_several_who_put_only_over_what_they_saw_one_succeeds(bucket: R2Bucket) -> None:
    seen = await put(bucket, "k")
    made = await asyncio.gather(
        *(bucket.put("k", f"{n}", only_if={"etag_matches": seen.etag}) for n in range(10))
    )
    assert len([each for each in made if each is not None]) == 1


async def test_a_put_that_will_not_be_done_does_not_read_its_stream(bucket: R2Bucket) -> None:
    await put(bucket, "k")
    stream = ReadableStream((b"x",))
    assert await bucket.put("k", stream, only_if={"etag_does_not_match": "*"}) is None
    assert not stream.disturbed


# Checksums ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha384", "sha512"])
async def test_a_checksum_is_compared_with_what_arrived(bucket: R2Bucket, name: str) -> None:
    digest = hashlib.new(name, b"hello").digest()
    for right in (digest, digest.hex(), digest.hex().upper(), bytearray(digest)):
        made = await put(bucket, "k", **{name: right})
        assert getattr(made.checksums, name) == digest
    wrong = bytes(len(digest))
    with pytest.raises(R2Error, match="checksum you specified did not match") as e:
        await bucket.put("k", "other", **{name: wrong})
    assert e.value.code == 10037
    assert wrong.hex() in str(e.value)
    assert hashlib.new(name, b"other").hexdigest() in str(e.value)
    assert await content(bucket, "k") == b"hello"
    for bad, text in (
        ("00", "hex characters, not 2"),
        (b"x", "bytes, not 1"),
        (5, "JsBufferSource"),
    ):
        with pytest.raises(R2TypeError, match=text):
            await bucket.put("k", "hello", **{name: bad})  # type: ignore[arg-type]
    with pytest.raises(R2TypeError, match="wasn't a valid hex string"):
        await bucket.put("k", "hello", **{name: "zz" * len(digest)})  # type: ignore[arg-type]


async def test_only_one_checksum_may_be_given(bucket: R2Bucket) -> None:
    with pytest.raises(R2TypeError, match="You cannot specify multiple hashing algorithms"):
        await bucket.put("k", "hello", md5="00" * 16, sha1="00" * 20)


async def test_a_wrong_checksum_is_told_before_a_condition(bucket: R2Bucket, store: Store) -> None:
    with pytest.raises(R2Error, match="10037"):
        await bucket.put("k", "hello", md5="00" * 16, only_if={"etag_matches": "x"})
    right = {"md5": HELLO}
    assert await bucket.put("k", "hello", only_if={"etag_matches": "x"}, **right) is None  # type: ignore[arg-type]
    assert await blob_records(store) == 0


# Metadata -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "fits"),
    [
        ({"a": "x" * 2047}, True),
        ({"a": "x" * 2048}, False),
        ({"a": "é" * 2047}, True),
        ({"a": "\u0100" * 1023}, True),
        ({"a": "\u0100" * 1024}, False),
        ({"a": "𝄞" * 512}, False),
    ],
)
async def test_custom_metadata_has_a_limit(
    bucket: R2Bucket, metadata: dict[str, str], fits: bool
) -> None:
    if fits:
        assert (await put(bucket, "k", custom_metadata=metadata)).custom_metadata == metadata
        return
    with pytest.raises(R2Error, match="Your metadata headers exceed") as e:
        await bucket.put("k", "x", custom_metadata=metadata)
    assert e.value.code == 10012


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"http_metadata": 5}, R2TypeError, "'httpMetadata' field on 'PutOptions'"),
        ({"http_metadata": {"content_type": []}}, R2TypeError, "'contentType' field"),
        ({"http_metadata": {"cache_expiry": "2020"}}, R2TypeError, "'cacheExpiry' field"),
        ({"custom_metadata": 5}, R2TypeError, "'customMetadata' field"),
        ({"custom_metadata": {"a": []}}, R2TypeError, "object of strings"),
        ({"storage_class": "Cheap"}, R2Error, "Standard or InfrequentAccess"),
        ({"ssec_key": "00" * 32}, UnsupportedError, "ssecKey"),
        ({"ssec_key": bytes(32)}, UnsupportedError, "ssecKey"),
        ({"ssec_key": "00"}, R2Error, "SSE-C Key must be 32 bytes in length"),
        ({"ssec_key": "zz"}, R2Error, "SSE-C Key has invalid format"),
    ],
)
async def test_options_that_are_wrong_are_refused_before_the_stream_is_read(
    bucket: R2Bucket, options: Any, kind: type[Exception], text: str
) -> None:
    stream = ReadableStream((b"x",))
    with pytest.raises(kind, match=text):
        await bucket.put("k", stream, **options)
    assert not stream.disturbed


async def test_a_storage_class_is_told_again(bucket: R2Bucket) -> None:
    await put(bucket, "k", storage_class="InfrequentAccess")
    found = await bucket.head("k")
    assert found is not None
    assert found.storage_class == "InfrequentAccess"


async def test_options_come_in_either_spelling_and_as_a_dict(bucket: R2Bucket) -> None:
    fields = {"contentType": "a/b"}
    for made in (
        await bucket.put("k", "x", {"httpMetadata": fields}),  # type: ignore[call-arg]
        await bucket.put("k", "x", httpMetadata=fields),  # type: ignore[call-arg]
        await bucket.put("k", "x", http_metadata={"content_type": "a/b"}),
        await bucket.put("k", "x", http_metadata=fields),
    ):
        assert made is not None
        assert made.httpMetadata == fields  # type: ignore[attr-defined]
    assert await bucket.get("k", None) is not None  # type: ignore[call-arg]
