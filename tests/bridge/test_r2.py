"""edgekit's R2Bucket beside the real one: the same calls, the same results, the same texts."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import host
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2Object, R2ObjectBody
from edgekit.engines.open import Store, open_store
from edgekit.errors import R2Error, R2RangeError, UnsupportedError
from edgekit.testing.clock import ManualClock
from edgekit.web.headers import Headers
from edgekit.web.spelling import Spelled, snake
from tests.bridge.bridge import Bridge, Call, Repeat, Result, Sized, perform
from tests.bridge.comparing import alike, judge, random_calls
from tests.bridge.differences import KNOWN_DIFFERENCES

pytestmark = pytest.mark.bridge

CALLS = 40  # in one sequence
PART = 5 * 1024 * 1024  # bytes, of the smallest part that is not the last

FAILURES: dict[type[Exception], str] = {
    R2RangeError: "RangeError",
    TypeError: "TypeError",
    R2Error: "Error",
    UnsupportedError: "Unsupported",
}


async def told(found: R2Object | None) -> dict[str, Any] | None:
    """An object as data, in the form in which worker.mjs sends it."""
    if found is None:
        return None
    data = dict(found.to_json())
    del data["version"], data["uploaded"]
    headers = Headers()
    found.write_http_metadata(headers)
    data["headers"] = dict(headers.items())
    if isinstance(found, R2ObjectBody):
        data["body"] = await found.bytes()
    return data


class Told(Spelled):
    """A bucket whose answers are data; an upload's methods are its own, as in worker.mjs."""

    def __init__(self, bucket: R2Bucket) -> None:
        self.bucket = bucket

    async def head(self, *args: Any) -> Any:
        return await told(await self.bucket.head(*args))

    async def get(self, *args: Any, **options: Any) -> Any:
        return await told(await self.bucket.get(*args, **nested(options)))

    async def put(self, *args: Any, **options: Any) -> Any:
        return await told(await self.bucket.put(*args, **nested(options)))

    async def delete(self, *args: Any) -> None:
        await self.bucket.delete(*args)

    async def list(self, *args: Any, **options: Any) -> Any:
        page = await self.bucket.list(*args, **options)
        return {**page, "objects": [await told(each) for each in page.objects]}

    async def create_multipart_upload(self, *args: Any, **options: Any) -> Any:
        upload = await self.bucket.create_multipart_upload(*args, **nested(options))
        return {"key": upload.key, "uploadId": upload.upload_id}

    async def upload_part(self, key: Any, upload_id: Any, *args: Any, **options: Any) -> Any:
        upload = self.bucket.resume_multipart_upload(key, upload_id)
        return await upload.upload_part(*args, **options)

    async def complete(self, key: Any, upload_id: Any, parts: Any) -> Any:
        return await told(await self.bucket.resumeMultipartUpload(key, upload_id).complete(parts))  # type: ignore[attr-defined]

    async def abort(self, key: Any, upload_id: Any) -> None:
        await self.bucket.resume_multipart_upload(key, upload_id).abort()


def nested(options: dict[str, Any]) -> dict[str, Any]:
    """Options that are in snake_case, with what is in them in snake_case, too."""
    return {
        name: {snake(key): item for key, item in value.items()}
        if isinstance(value, dict) and name in ("only_if", "http_metadata")
        else value
        for name, value in options.items()
    }


class Here:
    """edgekit's R2 over every engine, with a loop to run it in."""

    def __init__(self, runner: asyncio.Runner, stores: dict[str, Store]) -> None:
        self.runner = runner
        self.stores = stores
        self._spaces = itertools.count()

    def call(self, calls: list[Call], now: float) -> dict[str, list[Any]]:
        space = f"r2/{next(self._spaces)}"
        with host.use_clock(ManualClock(now)):
            return {
                name: self.runner.run(
                    perform(Told(R2Bucket(store.records, store.blobs(), space)), calls, FAILURES)
                )
                for name, store in self.stores.items()
            }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    path: Path = tmp_path_factory.mktemp("r2")
    with asyncio.Runner() as runner:

        async def opened() -> dict[str, Store]:
            return {
                "memory": open_store("memory:", durable=False),
                "files": open_store(f"sqlite:{path}", durable=False),
            }

        stores = runner.run(opened())
        yield Here(runner, stores)
        for store in stores.values():
            runner.run(store.close())


def compare(real: Bridge, here: Here, calls: list[Call]) -> None:
    """Make the calls everywhere; fail at the first answer that differs in an unknown way."""
    now = int(time.time())
    expected = comparable(real.call("R2", calls))
    for engine, results in here.call(calls, now).items():
        judge("R2", engine, calls, expected, comparable(results))


def comparable(value: Any) -> Any:
    """Without what is random, and without the storage class, which is a known difference."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if not isinstance(value, dict):
        return value
    random = {"uploadId", "cursor"} | ({"etag"} if "partNumber" in value else set())
    return {
        key: isinstance(item, str) if key in random else comparable(item)
        for key, item in value.items()
        if key != "storageClass" and item is not None
    }


# What calls are made of. The usual keys are few, so that calls meet; the odd ones are at the limits.

USUAL_KEYS = ["a", "a/b", "a/c", "ab", "é"]
ODD_KEYS = [
    *("a//b", "../x", ".", "..", "", "a/", "/", "b/c/d", "b/c/e", "𝄞", "\uffff", "a b", "a%2Fb"),
    *("a?b#c", "\n", "k" * 1024, "k" * 1025, "é" * 512, "é" * 513, "7", "__proto__", "c\0d"),
    *("a\ud800", "\udc00b", 7, -1, 1.5, 2.0, True, None),
]
ODD_VALUES = ["", None, b"", "\ud800é", b"\xff\0", 5, True, {}, [1], Repeat("x", 100_000)]
HELLO = hashlib.md5(b"hello").hexdigest()
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC)

usual_keys = st.sampled_from(USUAL_KEYS)
keys = st.one_of(usual_keys, usual_keys, st.sampled_from(ODD_KEYS))
contents = st.one_of(
    st.sampled_from(["hello", b"hello", "0123456789", Sized(b"hello")]),
    st.binary(max_size=20),
    st.sampled_from(ODD_VALUES),
)
TAGS = ["x", HELLO, "*", f'"{HELLO}"', f'W/"{HELLO}"', '"', '"x', "", "a, b", "é"]
WRONG = [5, True, [HELLO]]
moments = st.one_of(
    st.sampled_from([PAST, FUTURE, 0, 1e12, 4e12, -5000, 1.5]),
    st.sampled_from(["2020-01-01", True, float("nan"), float("inf"), 1e17, -1e17]),
)


def of(**optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these options, each with one of its values."""
    return st.fixed_dictionaries({}, optional=optional)


tag_parts = st.sampled_from(
    [f'"{HELLO}"', f'W/"{HELLO}"', '"x"', "*", ",", ", ", " ", '"', "W", "/", "W/", "y", '"a,b"']
)
tag_headers = st.lists(tag_parts, max_size=5).map("".join).map(str.strip)
date_headers = st.sampled_from(
    [
        "Wed, 01 Jan 2020 00:00:00 GMT",
        "Wed, 01 Jan 2070 00:00:00 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "rubbish",
        "",
    ]
)


def headers(**names: st.SearchStrategy[str]) -> st.SearchStrategy[Headers]:
    optional = {name.replace("_", "-"): values for name, values in names.items()}
    return st.fixed_dictionaries({}, optional=optional).map(Headers)


conditions = st.one_of(
    of(
        etagMatches=st.sampled_from(TAGS),
        etagDoesNotMatch=st.sampled_from(TAGS),
        uploadedBefore=moments,
        uploadedAfter=moments,
        secondsGranularity=st.booleans(),
    ),
    of(etagMatches=st.sampled_from([*TAGS, *WRONG]), etagDoesNotMatch=st.sampled_from(TAGS)),
    headers(if_match=tag_headers, if_none_match=tag_headers),
    headers(if_none_match=tag_headers, if_modified_since=date_headers),
    headers(if_match=tag_headers, if_unmodified_since=date_headers),
    st.sampled_from([None, 5, "x", True, {}]),
)
numbers = st.one_of(
    st.integers(0, 12),
    st.sampled_from(
        [
            *(-1, 1.5, -1.5, 2.0, "2", "x", "", " 3 ", "0x3", float("nan"), float("inf"), -0.0),
            *(float("-inf"), 1e21, -1e21, 1e-7, 2**53, True, 0.1 + 0.2),
        ]
    ),
)
ranges = st.one_of(
    of(offset=st.integers(0, 9), length=st.integers(1, 12)),
    of(suffix=st.integers(0, 12)),
    of(offset=numbers, length=numbers, suffix=numbers),
    of(offset=numbers, length=numbers),
    st.sampled_from(
        [
            *(
                "bytes=2-4",
                "bytes=2-",
                "bytes=-3",
                "bytes=-10",
                "bytes=-30",
                "bytes=-0",
                "bytes=10-",
            ),
            *("bytes=10-12", "bytes=2-100", "bytes=4-2", "bytes=0-1,4-5", "bytes=", "bytes=-"),
            *("bytes=abc", "lines=0-1", "BYTES=0-1", "", "bytes=0-0", "bytes=00-01"),
        ]
    ).map(lambda text: Headers({"range": text})),
    st.sampled_from([None, 5, "bytes=0-1", {}, Headers()]),
)
texts = st.one_of(st.text(max_size=8), st.sampled_from(["text/plain", "", "é", 5, True, 1.5]))
http_metadata = st.one_of(
    of(
        contentType=st.sampled_from(["text/plain", "", "a/b; c=d", 5]),
        contentLanguage=st.just("de"),
        contentDisposition=st.just("inline"),
        contentEncoding=st.just("gzip"),
        cacheControl=st.sampled_from(["no-store", True]),
        cacheExpiry=moments.filter(lambda value: not isinstance(value, int) or value >= 0),
        other=st.just("x"),
    ),
    headers(content_type=st.sampled_from(["text/html", ""]), expires=date_headers, x=st.just("y")),
    headers(cache_control=st.just("max-age=5"), content_encoding=st.just("br")),
    st.sampled_from([None, 5, "x", True, {}]),
)
custom_metadata = st.one_of(
    st.dictionaries(
        st.text(max_size=4).filter(lambda name: name != "__proto__"), texts, max_size=3
    ),
    st.integers(2040, 2055).map(lambda size: {"a": "x" * size}),
    st.integers(1018, 1028).map(lambda size: {"a": "\u0100" * size}),
    st.integers(508, 516).map(lambda size: {"𝄞": "𝄞" * size}),
    st.integers(2040, 2055).map(lambda size: {"a": "é" * (size // 2), "b": "x" * (size // 2)}),
    st.sampled_from([5, "x", ["p"], {"\ud800": "\ud800"}]),
)


def digests(name: str, size: int) -> st.SearchStrategy[Any]:
    right = hashlib.new(name, b"hello").digest()
    return st.sampled_from(
        [
            *(right, right.hex(), right.hex().upper(), bytes(size), "00" * size),
            *(right[1:], "00", "zz" * size, "", 5, "é" * size),
        ]
    )


DIGESTS = {
    name: digests(name, hashlib.new(name).digest_size)
    for name in ("md5", "sha1", "sha256", "sha384", "sha512")
}


def call(method: str, *args: Any, **optional: Any) -> st.SearchStrategy[Call]:
    spelling = st.sampled_from(["snake", "camel", "dict"])
    return st.builds(Call, st.just(method), st.tuples(*args), of(**optional), spelling)


usual_puts = call(
    "put", usual_keys, contents, http_metadata=http_metadata, custom_metadata=custom_metadata
)
plain_puts = call("put", keys, st.sampled_from(["hello", "0123456789", b""]))
conditional_puts = call("put", usual_keys, st.just("hello"), only_if=conditions)
odd_puts = call(
    "put",
    keys,
    contents,
    only_if=conditions,
    http_metadata=http_metadata,
    custom_metadata=custom_metadata,
    **DIGESTS,
)
digest_puts = st.sampled_from(sorted(DIGESTS)).flatmap(
    lambda name: call("put", usual_keys, st.just("hello"), **{name: DIGESTS[name]})
)
gets = st.one_of(
    call("get", keys, range=ranges),
    call("get", usual_keys, only_if=conditions),
    call("get", usual_keys, only_if=conditions, range=ranges),
)
lists = call(
    "list",
    limit=st.one_of(
        st.integers(1, 5),
        st.sampled_from([0, -1, -2, 1000, 1001, 1.9, "2", "x", float("nan"), 2**31]),
    ),
    prefix=st.sampled_from(["", "a", "a/", "é", "b/c", "\ud800", "k" * 2000, 5]),
    delimiter=st.sampled_from(["", "/", "a", "//", "é", 5]),
    start_after=st.sampled_from(["", "a", "a/b", "a/bb", "é", "b/c/d", 5]),
    cursor=st.one_of(
        st.builds(Result, st.integers(0, CALLS - 1), st.just("cursor")),
        st.sampled_from(["", "YQ==", "YQ", "rubbish!!", "é", "_w==", 5]),
    ),
    include=st.sampled_from(
        [[], ["httpMetadata"], ["customMetadata", "httpMetadata"], ["x"], "httpMetadata", [5]]
    ),
)
plain_lists = call(
    "list", limit=st.integers(1, 5), delimiter=st.just("/"), include=st.just(["httpMetadata"])
)
deletes = st.one_of(
    call("delete", keys),
    call("delete", st.lists(keys, max_size=3)),
    call("delete", st.lists(usual_keys, max_size=3)),
)
calls = st.one_of(
    *(usual_puts, plain_puts, plain_puts, plain_puts, conditional_puts, odd_puts, digest_puts),
    *(gets, gets, gets, call("head", keys), lists, lists, plain_lists, deletes),
)


@random_calls(CALLS)
@given(sequence=st.lists(calls, min_size=CALLS, max_size=CALLS))
def test_random_calls_answer_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    # A cursor is that of an earlier call only.
    compare(real, here, [without_later_results(each, at) for at, each in enumerate(sequence)])


def without_later_results(call: Call, at: int) -> Call:
    cursor = call.options.get("cursor")
    if isinstance(cursor, Result) and cursor.call >= at:
        options = {name: value for name, value in call.options.items() if name != "cursor"}
        return Call(call.method, call.args, options, call.spelling)
    return call


# Uploads: two of them, of which parts are put, and which are completed with some of them.

UPLOADS = 2
uploads = st.integers(0, UPLOADS - 1)
part_numbers = st.one_of(
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([0, -1, 10_000, 10_001, "2", 1.9, float("nan"), None, True, 2**31]),
)
part_contents = st.sampled_from(
    ["a", "bb", b"", Sized(b"ccc"), None, 5, Repeat(b"x", PART), Repeat(b"y", PART + 1)]
)
small_parts = st.sampled_from(["a", "bb", b"", Sized(b"ccc")])


@st.composite
def upload_sequences(draw: st.DrawFn) -> list[Call]:
    made = [
        draw(
            call(
                "create_multipart_upload",
                usual_keys,
                http_metadata=http_metadata.filter(lambda value: isinstance(value, dict)),
                custom_metadata=st.just({"a": "b"}),
            )
        )
        for _ in range(UPLOADS)
    ]
    parts: list[int] = []
    for at in range(UPLOADS, 20):
        upload = draw(uploads)
        key: Any = Result(upload, "key")
        if draw(st.integers(0, 9)) == 0:
            key = draw(keys)
        named = (key, Result(upload, "uploadId") if draw(st.integers(0, 9)) else "none")
        match draw(st.integers(0, 9)):
            case 0 | 1 | 2 | 3 | 4:
                content = draw(small_parts if draw(st.integers(0, 2)) else part_contents)
                made.append(Call("upload_part", (*named, draw(part_numbers), content)))
                parts.append(at)
            case 5 | 6 | 7:
                some = draw(st.lists(st.sampled_from(parts), max_size=3)) if parts else []
                listed = [
                    {"partNumber": Result(part, "partNumber"), "etag": Result(part, "etag")}
                    for part in some
                ]
                odd = draw(
                    st.sampled_from([[], [], [], [{"partNumber": 1, "etag": "x"}], [5], [{}]])
                )
                made.append(Call("complete", (*named, [*listed, *odd])))
            case 8:
                made.append(Call("abort", named))
            case _:
                made.append(draw(call("get", usual_keys, range=ranges)))
    return [*made, *(Call("get", (key,)) for key in USUAL_KEYS), Call("list")]


@random_calls(150)
@given(sequence=upload_sequences())
def test_random_uploads_in_parts_answer_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    compare(real, here, sequence)


def completed(parts: list[tuple[int, Any]], order: list[int]) -> list[Call]:
    """An upload of these parts, completed in that order, and then read."""
    named = (Result(0, "key"), Result(0, "uploadId"))
    puts = [Call("upload_part", (*named, number, content)) for number, content in parts]
    chosen = [
        {"partNumber": Result(at + 1, "partNumber"), "etag": Result(at + 1, "etag")} for at in order
    ]
    return [
        Call("create_multipart_upload", ("m",)),
        *puts,
        Call("complete", (*named, chosen)),
        Call("head", ("m",)),
        Call("get", ("m",), {"range": {"suffix": 10}}),
        Call("get", ("m",), {"range": {"offset": PART - 5, "length": 10}}),
        Call("complete", (*named, chosen)),
        Call("upload_part", (*named, 1, "x")),
        Call("abort", named),
    ]


@pytest.mark.parametrize(
    ("parts", "order"),
    [
        ([(1, "tail")], [0]),
        ([], []),
        ([(1, Repeat(b"x", PART)), (2, "tail")], [0, 1]),
        ([(3, Repeat(b"x", PART)), (9, "tail")], [0, 1]),
        ([(1, Repeat(b"x", PART)), (2, "tail")], [1, 0]),
        ([(1, Repeat(b"x", PART)), (2, Repeat(b"y", PART))], [1, 0]),
        ([(1, Repeat(b"x", PART)), (2, Repeat(b"y", PART + 1))], [0, 1]),
        ([(1, Repeat(b"x", PART)), (2, Repeat(b"y", PART + 1)), (3, "z")], [0, 1, 2]),
        ([(1, Repeat(b"x", PART - 1)), (2, "tail")], [0, 1]),
        ([(1, "a"), (2, "b")], [1]),
        ([(1, "a"), (2, "b")], [0, 1]),
        ([(1, "a")], [0, 0]),
        ([(1, "a"), (1, "b")], [0]),
        ([(1, "a"), (1, "b")], [1]),
    ],
)
def test_parts_meet_the_rules_of_the_platform(
    real: Bridge, here: Here, parts: list[tuple[int, Any]], order: list[int]
) -> None:
    compare(real, here, completed(parts, order))


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key)[:60])
def test_key_is_taken_in_every_way_as_on_the_platform(real: Bridge, here: Here, key: Any) -> None:
    reads = [Call("get", (key,)), Call("head", (key,)), Call("list")]
    more = [Call("delete", ([key, "a"],)), Call("create_multipart_upload", (key,))]
    upload = [Call("upload_part", (key, "x", 1, "v")), Call("abort", (key, "x"))]
    compare(
        real,
        here,
        [Call("put", (key, "v")), *reads, Call("delete", (key,)), *reads, *more, *upload],
    )


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "é"])
@pytest.mark.parametrize("delimiter", ["", "/", "é"])
def test_pages_of_a_list_are_those_of_the_platform(
    real: Bridge, here: Here, limit: int, prefix: str, delimiter: str
) -> None:
    names = ["a", "a/", "a/b", "a/b/c", "a/b/d", "a/c", "ab", "b/a", "b/b", "é", "é1", "é2/", "𝄞"]
    filled = [Call("put", (name, name)) for name in names]
    first = Call("list", (), {"prefix": prefix, "limit": limit, "delimiter": delimiter})
    pages = [
        Call("list", (), {**first.options, "cursor": Result(len(filled) + page, "cursor")})
        for page in range(len(names) // limit)
    ]
    compare(real, here, [*filled, first, *pages])


def test_a_list_with_metadata_has_at_most_a_hundred_objects(real: Bridge, here: Here) -> None:
    filled = [Call("put", (f"{number:03}", "")) for number in range(105)]
    included = {"include": ["customMetadata"]}
    compare(
        real,
        here,
        [*filled, Call("list", (), included), Call("list"), Call("list", (), {"limit": 103})],
    )


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "R2"],
    ids=lambda difference: difference.what,
)
def test_known_difference_still_is_one(real: Bridge, here: Here, difference: Any) -> None:
    calls = list(difference.example)
    there = real.call("R2", calls)[-1]
    for results in here.call(calls, time.time()).values():
        assert not alike(there, results[-1])
        assert difference.allows(calls[-1], there, results[-1])
