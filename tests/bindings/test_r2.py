"""R2Bucket over every engine: the rules that need no real platform to be told. See tests/bridge/test_r2.py."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edgekit import BindingError, Headers, ReadableStream, Response
from edgekit.bindings import r2_space
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2Object, R2ObjectBody
from edgekit.engines.open import Store, open_store
from edgekit.errors import (
    BodyUsedError,
    R2Error,
    R2RangeError,
    R2TypeError,
    StorageError,
    UnsupportedError,
    WebSyntaxError,
)
from edgekit.testing.clock import ManualClock
from edgekit.web.blob import Blob

SPACE = "r2/photos"
HELLO = hashlib.md5(b"hello").hexdigest()


@pytest.fixture(params=["memory", "files"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path}/state"
    store = open_store(url, durable=False)
    yield store
    await store.close()


@pytest.fixture
def bucket(store: Store, clock: ManualClock) -> R2Bucket:
    return R2Bucket(store.records, store.blobs(), SPACE)


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


async def blob_records(store: Store) -> int:
    return len(await store.records.list("blobs", now=0, limit=100))


# Objects and their bytes ----------------------------------------------------------------------------


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


# Delete ---------------------------------------------------------------------------------------------


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


# List -----------------------------------------------------------------------------------------------


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


# Space, readers, failures ---------------------------------------------------------------------------


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


@pytest.mark.parametrize("size", [5, 500_000])
@pytest.mark.parametrize("change", ["put", "delete"])
async def test_a_reader_reads_the_object_that_it_got(
    bucket: R2Bucket, size: int, change: str
) -> None:
    await put(bucket, "k", b"x" * size)
    found = await body_of(bucket, "k")
    await (bucket.put("k", "new") if change == "put" else bucket.delete("k"))
    assert await found.bytes() == b"x" * size


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
    assert await blob_records(store) == 1
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
    assert await blob_records(store) == 1
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
