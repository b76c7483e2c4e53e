"""edgekit's R2Bucket beside the real one: the same calls, the same results, the same texts."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
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
from tests.bridge.bridge import Bridge, Call, Repeat, Result, perform
from tests.bridge.comparing import alike, judge, random_calls
from tests.bridge.differences import KNOWN_DIFFERENCES
from tests.bridge.r2_calls import CALLS, ODD_KEYS, PART, calls, upload_sequences

pytestmark = pytest.mark.bridge

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


@pytest.mark.parametrize("limit", [1, 3])
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
