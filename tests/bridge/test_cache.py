"""edgekit's caches beside the real ones: the same puts, matches and deletes, the same answers.

A call is a few steps on one URL of its own, in one cache; the operations that are counted are steps.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import host
from edgekit.bindings.cache import CacheStorage
from edgekit.engines.caches import CacheStore
from edgekit.engines.files import FileBlobs
from edgekit.engines.memory_blobs import MemoryBlobs
from edgekit.engines.sqlite_cache import MIGRATIONS, SQLiteCache
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.errors import CacheTypeError
from edgekit.testing.clock import ManualClock
from edgekit.web.conditional import http_date
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream
from tests.bridge.bridge import Bridge, Call, Failure, Stream
from tests.bridge.comparing import SLACK, random_calls
from tests.bridge.differences import KNOWN_DIFFERENCES, explained
from tests.bridge.differences_cache import URL

pytestmark = pytest.mark.bridge

STEPS = 5  # in one call
CALLS = 8  # in one sequence

_numbers = itertools.count()


class Here:
    """edgekit's caches over every engine, with a loop to run them in."""

    def __init__(self, runner: asyncio.Runner, engines: dict[str, CacheStore]) -> None:
        self.runner = runner
        self.storages = {
            name: CacheStorage(lambda engine=engine: engine, limit=2**30)  # type: ignore[misc]
            for name, engine in engines.items()
        }

    def call(self, calls: list[Call], now: float) -> dict[str, list[Any]]:
        with host.use_clock(ManualClock(now)):
            return {
                name: [self.runner.run(self.steps(storage, *call.args)) for call in calls]
                for name, storage in self.storages.items()
            }

    async def steps(self, storage: CacheStorage, name: str | None, steps: list[Any]) -> Any:
        try:
            cache = storage.default if name is None else await storage.open(name)
        except CacheTypeError as error:
            return Failure("TypeError", str(error))
        return [await self.step(cache, **step) for step in steps]

    async def step(
        self, cache: Any, op: str, request: Any, response: Any = None, options: Any = None
    ) -> Any:
        try:
            key = request
            if isinstance(request, dict):
                others = {name: value for name, value in request.items() if name != "url"}
                key = Request(request["url"], others)
            if op == "put":
                body = response["body"]
                if isinstance(body, Stream):
                    body = ReadableStream(iter(body.chunks))
                others = {name: value for name, value in response.items() if name != "body"}
                result = await cache.put(key, Response(body, others))
            else:
                result = await getattr(cache, op)(key, options)
        except (TypeError, ValueError) as error:
            name = "TypeError" if isinstance(error, TypeError) else "RangeError"
            return Failure(name, str(error))
        if isinstance(result, Response):
            headers = [list(pair) for pair in result.headers.items()]
            return {
                "status": result.status,
                "headers": headers,
                "body": await result.bytes(),
            }
        return result


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    folder: Path = tmp_path_factory.mktemp("cache")
    with asyncio.Runner() as runner:

        async def opened() -> dict[str, CacheStore]:
            file = SQLiteFile(folder / "cache.sqlite3", durable=False, migrations=MIGRATIONS)
            return {
                "memory": SQLiteCache(SQLiteMemory(MIGRATIONS), MemoryBlobs()),
                "sqlite": SQLiteCache(file, FileBlobs(folder / "blobs", durable=False)),
            }

        engines = runner.run(opened())
        yield Here(runner, engines)
        for engine in engines.values():
            runner.run(engine.close())


def compare(real: Bridge, here: Here, calls: list[Call]) -> None:
    calls = [with_url(call) for call in calls]
    now = time.time()
    expected = real.call("CACHE", calls, clear=False)
    for engine, results in here.call(calls, now).items():
        for call, theirs, ours in zip(calls, expected, results, strict=True):
            difference = first_difference(call, theirs, ours)
            if difference is not None and not explained("CACHE", *difference):
                call, there, here_ = difference
                raise AssertionError(
                    f"{engine}: {call!r:.2000}\n  real: {there!r:.1000}\n  here: {here_!r:.1000}"
                )


def first_difference(call: Call, real: Any, here: Any) -> tuple[Call, Any, Any] | None:
    """The steps up to the first that is answered differently, and what it is answered."""
    name, steps = call.args
    if isinstance(real, Failure):
        return None if real == here else (call, real, here)
    for at, (there, ours) in enumerate(zip(real, here, strict=True)):
        there, ours = comparable(there), comparable(ours)
        if not same(there, ours):
            return Call("steps", (name, steps[: at + 1])), there, ours
    return None


def comparable(answer: Any) -> Any:
    """Without Date, and with the same boundary in all multipart bodies."""
    if not isinstance(answer, dict):
        return answer
    headers = {name: value for name, value in answer["headers"] if name != "date"}
    body = answer["body"]
    if found := re.search("boundary=(.*)", headers.get("content-type", "")):
        headers["content-type"] = headers["content-type"].replace(found[1], "BOUNDARY")
        body = body.replace(found[1].encode(), b"BOUNDARY").removesuffix(b"\r\n")
    return {"status": answer["status"], "headers": headers, "body": body}


def same(real: Any, here: Any) -> bool:
    if isinstance(real, dict) and isinstance(here, dict):
        ages = real["headers"].get("age", "0"), here["headers"].get("age", "0")
        if all(age.isdecimal() for age in ages) and abs(int(ages[0]) - int(ages[1])) <= SLACK:
            real = {**real, "headers": {**real["headers"], "age": ages[1]}}
            here = {**here, "headers": {**here["headers"], "age": ages[1]}}
    return bool(real == here)


def with_url(call: Call) -> Call:
    """The steps on a URL that nobody has used yet."""
    name, steps = call.args
    url = f"{URL}{os.getpid()}/{next(_numbers)}"

    def changed(request: Any) -> Any:
        if isinstance(request, dict):
            return {name: changed(value) for name, value in request.items()}
        if not isinstance(request, str):
            return request
        return request.replace(URL, url).replace("http://[::1]/", f"http://[::1]/{url}")

    return Call("steps", (name, [{**step, "request": changed(step["request"])} for step in steps]))


# What steps are made of.

NOW = time.time()
LATER, PAST = http_date(NOW + 10_000), http_date(NOW - 10_000)
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"

USUAL_CONTROLS = [
    *("max-age=1000", "public, max-age=1000", "s-maxage=1000", "max-age=1000, must-revalidate"),
    *("no-store", "private", "no-cache", "max-age=0", "public", "private, max-age=1000"),
    *("no-cache, max-age=1000", "s-maxage=0, max-age=1000", "s-maxage=1000, max-age=0"),
    *("no-store, max-age=1000", "no-transform", "x-a, max-age=1000"),
]
ODD_CONTROLS = [
    *("", "MAX-AGE=1000", 'max-age="1000"', "max-age=abc", "max-age=-5", "max-age=1000.5"),
    *("max-age", "private=set-cookie, max-age=1000", 'private="set-cookie", max-age=1000'),
    *("private=x-a, max-age=1000", "no-cache=x-a, max-age=1000", "PRIVATE, max-age=1000"),
    *("max-age=0, max-age=1000", "max-age=1000, max-age=0", "immutable", "proxy-revalidate"),
    *("max-age=1000, proxy-revalidate", "max-age=0, stale-while-revalidate=1000"),
    *("stale-if-error=1000", "no-store, must-understand, max-age=1000", 'x="a, max-age=1000"'),
    *("max-age =1000", "max-age= 1000", "max-age=1000; x", "max-age=99999999999"),
]
STATUSES = [200, 201, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414]
STATUSES += [206, 304, 429, 451, 500, 501, 502, 503, 504, 599]
BODIES = ["hello world", "", None, b"\0\xff" * 5, "é" * 3, "x" * 70_000, Stream((b"ab", b"cde"))]
URLS = [
    *(URL, URL, URL, URL + "#f", URL + "?q", "/relative", "", "ftp://known.test/x", "data:,x"),
    *("http://u:p@known.test/", "http://a!b/", "http://[::1]/", "ws://known.test/", "foo:x"),
]

controls = st.one_of(*[st.sampled_from(USUAL_CONTROLS)] * 3, st.sampled_from(ODD_CONTROLS))
etags = st.sampled_from(['"a"', '"b"', 'W/"a"', "a", '""', '"a,b"', '"a'])
modified = st.sampled_from([MODIFIED, LATER, PAST, "Sunday, 06-Nov-94 08:49:37 GMT", "yesterday"])
dates = st.sampled_from([LATER, PAST, "0", "", "2050-01-01T00:00:00Z", MODIFIED])
response_headers = st.fixed_dictionaries(
    {},
    optional={
        "etag": etags,
        "last-modified": modified,
        "vary": st.sampled_from(["accept", "x-a, x-b", "*", "x-a, *"]),
        "set-cookie": st.just("a=b"),
        "x-a": st.just("1"),
        "connection": st.just("x-a"),
        "content-type": st.sampled_from(["text/html", "application/octet-stream"]),
    },
)
freshness_headers = st.one_of(
    st.fixed_dictionaries({"cache-control": st.just("max-age=1000")}),
    st.fixed_dictionaries({"cache-control": st.just("public, max-age=1000")}),
    st.fixed_dictionaries({"cache-control": controls}),
    st.fixed_dictionaries({"expires": st.sampled_from([LATER, LATER, PAST])}),
    st.fixed_dictionaries(
        {},
        optional={
            "cache-control": controls,
            "expires": dates,
            "date": dates,
            "age": st.sampled_from(["0", "10", "5000", "abc", "-5", "5, 5000", "5.5"]),
            "pragma": st.just("no-cache"),
        },
    ),
)
responses = st.builds(
    lambda status, fresh, others, body: {
        "status": status,
        "headers": [list(pair) for pair in {**fresh, **others}.items()],
        "body": None if status in (204, 304) else body,
    },
    st.one_of(*[st.just(200)] * 4, st.sampled_from(STATUSES)),
    freshness_headers,
    st.one_of(response_headers, st.fixed_dictionaries({"etag": st.just('"a"')})),
    st.one_of(*[st.just("hello world")] * 4, st.sampled_from(BODIES)),
)
request_headers = st.fixed_dictionaries(
    {},
    optional={
        "if-none-match": st.one_of(
            etags, st.sampled_from(["*", '"x", "a"', 'W/"b", W/"a"', "", '"x"'])
        ),
        "if-modified-since": modified,
        "if-range": st.one_of(etags, modified),
        "range": st.sampled_from(
            [
                *("bytes=0-4", "bytes=-3", "bytes=2-", "bytes=0-1,3-4", "bytes=50-", "bytes=-50"),
                *("bytes=5-2", "items=0-1", "bytes=0-99", "bytes=", "bytes=-0", "bytes=x"),
                *("bytes = 1 - 2", "BYTES=1-1", "bytes=0-1,", "bytes=-0,1-2", "bytes=0-,0-"),
                *("bytes=0-1,50-", "bytes=0-" + "9" * 19, "bytes=-3,0-1"),
            ]
        ),
        "authorization": st.just("x"),
        "cache-control": st.sampled_from(["no-cache", "no-store", "max-age=0", "only-if-cached"]),
        "x-a": st.sampled_from(["1", "2"]),
    },
)
one_header = request_headers.map(lambda headers: dict(list(headers.items())[:1]))
requests = st.one_of(
    st.sampled_from(URLS),
    st.fixed_dictionaries({"url": st.just(URL), "headers": one_header}),
    st.fixed_dictionaries(
        {"url": st.sampled_from(URLS[:5]), "headers": request_headers},
        optional={
            "method": st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
            "cf": st.sampled_from([{"cacheKey": URL}, {"cacheKey": URL + "k"}, {"cacheKey": ""}]),
        },
    ),
)
put_requests = st.one_of(*[st.just(URL)] * 4, requests)
choices = st.sampled_from([None, None, {}, {"ignoreMethod": True}, {"ignoreMethod": False}])
puts = st.builds(
    lambda request, response: {"op": "put", "request": request, "response": response},
    put_requests,
    responses,
)


def asks(op: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda request, options: {
            "op": op,
            "request": request,
            **({} if options is None else {"options": options}),
        },
        requests,
        choices,
    )


steps = st.one_of(puts, *[asks("match")] * 5, asks("delete"))
calls = st.builds(
    lambda name, first, others: Call("steps", (name, [first, *others])),
    st.sampled_from([None, None, "", "default", "é"]),
    puts,
    st.lists(steps, min_size=STEPS - 1, max_size=STEPS - 1),
)


@random_calls(CALLS * STEPS)
@given(sequence=st.lists(calls, min_size=CALLS, max_size=CALLS))
def test_random_steps_answer_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    compare(real, here, sequence)


def kept(headers: dict[str, str], **response: Any) -> dict[str, Any]:
    return {
        "op": "put",
        "request": URL,
        "response": {"status": 200, "body": "hello", **response, "headers": [*headers.items()]},
    }


MATCH = {"op": "match", "request": URL}


@pytest.mark.parametrize("control", USUAL_CONTROLS + ODD_CONTROLS)
@pytest.mark.parametrize("others", [{}, {"set-cookie": "a=b"}, {"x-a": "1", "expires": LATER}])
def test_a_response_is_kept_as_on_the_platform(
    real: Bridge, here: Here, control: str, others: dict[str, str]
) -> None:
    compare(
        real,
        here,
        [Call("steps", (None, [kept({"cache-control": control, **others}), MATCH, MATCH]))],
    )


@pytest.mark.parametrize("status", STATUSES)
def test_statuses_are_kept_as_on_the_platform(real: Bridge, here: Here, status: int) -> None:
    body = None if status in (204, 304) else "hello"
    compare(
        real,
        here,
        [
            Call("steps", (None, [kept(headers, status=status, body=body), MATCH]))
            for headers in (
                {"cache-control": "max-age=100"},
                {"cache-control": "public"},
                {"last-modified": MODIFIED},
                {},
            )
        ],
    )


@pytest.mark.parametrize("url", [*URLS, 5, True, None, {"a": 1}])
def test_keys_are_taken_as_on_the_platform(real: Bridge, here: Here, url: Any) -> None:
    put = {**kept({"cache-control": "max-age=100"}), "request": url}
    steps = [put, {"op": "match", "request": url}, {"op": "delete", "request": url}]
    if isinstance(url, dict | None):
        steps = [{**step, "request": f"{url}"} for step in steps]
    compare(real, here, [Call("steps", (None, steps))])


@pytest.mark.parametrize("name", ["", "a", "é" * 511, "é" * 512, "x" * 1023, "x" * 1024])
def test_names_of_caches_are_taken_as_on_the_platform(real: Bridge, here: Here, name: str) -> None:
    call = Call("steps", (name, [kept({"cache-control": "max-age=100"}), MATCH]))
    compare(real, here, [call])


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "CACHE"],
    ids=lambda difference: difference.what,
)
def test_known_difference_still_is_one(real: Bridge, here: Here, difference: Any) -> None:
    call = with_url(difference.example[-1])
    [theirs] = real.call("CACHE", [call], clear=False)
    for [ours] in here.call([call], time.time()).values():
        found = first_difference(call, theirs, ours)
        assert found is not None
        assert difference.allows(*found)
