"""The Cache API: what is kept and for how long, what a match answers, what is refused, and sizes.

That this is the platform's is what tests/bridge/test_cache.py is for; here it is written down.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgekit import URL, App, Request, Response, WorkerEntrypoint, caches
from edgekit.bindings import cache as module
from edgekit.bindings.cache import Cache, CacheStorage
from edgekit.engines.caches import CacheStore
from edgekit.engines.files import FileBlobs
from edgekit.engines.memory_blobs import MemoryBlobs
from edgekit.engines.sqlite_cache import MIGRATIONS, SQLiteCache
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.errors import (
    BodyUsedError,
    CacheTypeError,
    StorageError,
    UnsupportedError,
    WebTypeError,
)
from edgekit.testing import TestClient
from edgekit.testing.clock import ManualClock
from edgekit.web.conditional import http_date
from edgekit.web.streams import ReadableStream

URL_ = "http://a.test/x"
LARGE = b"0123456789" * 20_000
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture(params=["memory", "file"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[CacheStore]:
    if request.param == "memory":
        engine = SQLiteCache(SQLiteMemory(MIGRATIONS), MemoryBlobs())
    else:
        file = SQLiteFile(tmp_path / "cache.sqlite3", durable=False, migrations=MIGRATIONS)
        engine = SQLiteCache(file, FileBlobs(tmp_path / "blobs", durable=False))
    yield engine
    await engine.close()


@pytest.fixture
def storage(store: CacheStore) -> CacheStorage:
    return CacheStorage(lambda: store, limit=2**30)


@pytest.fixture
def cache(storage: CacheStorage) -> Cache:
    return storage.default


def fresh(body: Any = "hello world", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, headers={"cache-control": "max-age=100", **named})


def asking(**headers: str) -> Request:
    return Request(URL_, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def kept(cache: Cache, response: Response, request: Any = URL_) -> bool:
    await cache.put(request, response)
    return await cache.match(request) is not None


# Putting and matching -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["", "é", b"\0\xff", LARGE, None])
async def test_a_response_comes_back(cache: Cache, clock: ManualClock, body: Any) -> None:
    put = Response(body, status=404, headers={"cache-control": "max-age=100", "x-a": "1"})
    assert await cache.put(URL_, put) is None
    found = await cache.match(URL_)
    assert found is not None
    data = body.encode() if isinstance(body, str) else body or b""
    assert found.status == 404
    assert found.headers["content-length"] == str(len(data))
    assert found.headers["x-a"] == "1"
    assert found.headers["cf-cache-status"] == "HIT"
    assert found.headers["date"] == http_date(clock.now())
    assert await found.bytes() == data
    again = await cache.match(URL_)
    assert again is not None
    assert await again.bytes() == data


async def test_a_body_is_read_to_its_end_by_put(cache: Cache) -> None:
    response = fresh(iter([b"ab", b"", b"cde"]))
    await cache.put(URL_, response)
    assert response.body_used
    found = await cache.match(URL_)
    assert found is not None
    assert await found.text() == "abcde"
    with pytest.raises(BodyUsedError):
        await cache.put(URL_, response)


async def test_headers_of_an_answer_cannot_be_changed(cache: Cache) -> None:
    await cache.put(URL_, fresh())
    found = await cache.match(URL_)
    assert found is not None
    with pytest.raises(WebTypeError, match="immutable"):
        found.headers["x"] = "y"


async def test_age_counts_from_the_age_that_it_came_with(cache: Cache, clock: ManualClock) -> None:
    await cache.put(URL_, fresh(age="30"))
    clock.advance(42.9)
    found = await cache.match(URL_)
    assert found is not None
    assert found.headers["age"] == "72"
    clock.advance(27)
    assert await cache.match(URL_) is not None
    clock.advance(0.2)
    assert await cache.match(URL_) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"cache-control": "max-age=50"}, 50),
        ({"cache-control": "s-maxage=50, max-age=1"}, 50),
        ({"expires": http_date(1_800_000_050)}, 50),
        ({"cache-control": "max-age=80", "date": http_date(1_799_999_970)}, 50),
        ({"last-modified": http_date(1_799_999_500)}, 50),
        ({"cache-control": "max-age=50, stale-while-revalidate=1000"}, 50),
    ],
)
async def test_a_response_is_kept_while_it_is_fresh(
    cache: Cache, clock: ManualClock, headers: dict[str, str], seconds: float
) -> None:
    await cache.put(URL_, Response("x", headers=headers))
    clock.advance(seconds - 1)
    assert await cache.match(URL_) is not None
    clock.advance(2)
    assert await cache.match(URL_) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cache-control": "public"},
        {"cache-control": "max-age=0"},
        {"cache-control": "max-age=x"},
        {"cache-control": "no-store, max-age=100"},
        {"cache-control": "no-cache, max-age=100"},
        {"cache-control": "private, max-age=100"},
        {"cache-control": "Private, max-age=100"},
        {"cache-control": "max-age=100", "age": "100"},
        {"cache-control": "max-age=100", "set-cookie": "a=b"},
        {"expires": "0"},
        {"expires": http_date(1_800_000_000)},
        {"pragma": "no-cache", "expires": http_date(1_900_000_000)},
    ],
)
async def test_what_may_not_be_kept_is_not_without_an_error(
    cache: Cache, headers: dict[str, str]
) -> None:
    response = Response(iter([b"x"]), headers=headers)
    assert not await kept(cache, response)
    assert response.body_used


@pytest.mark.parametrize("status", [201, 205, 304, 400, 403, 429, 500, 503])
async def test_these_statuses_are_not_kept(cache: Cache, status: int) -> None:
    body = None if status in (205, 304) else "x"
    assert not await kept(
        cache, Response(body, status=status, headers={"cache-control": "max-age=9"})
    )


@pytest.mark.parametrize(
    "status", [203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]
)
async def test_these_statuses_are_kept(cache: Cache, status: int) -> None:
    body = None if status == 204 else "x"
    response = Response(body, status=status, headers={"cache-control": "max-age=9"})
    await cache.put(URL_, response)
    found = await cache.match(asking(range="bytes=0-0"))
    assert found is not None
    assert found.status == status
    assert await found.bytes() == (b"" if body is None else b"x")
    assert ("content-length" in found.headers) is (status != 204)


@pytest.mark.parametrize("control", ["private=set-cookie", 'private="Set-Cookie, x-b"'])
async def test_private_fields_are_left_out(cache: Cache, control: str) -> None:
    headers = {"cache-control": f"{control}, max-age=100", "set-cookie": "a=b", "x-a": "1"}
    await cache.put(URL_, Response("x", headers=headers))
    found = await cache.match(URL_)
    assert found is not None
    assert "set-cookie" not in found.headers
    assert found.headers["x-a"] == "1"


async def test_fields_of_the_connection_are_left_out(cache: Cache) -> None:
    await cache.put(URL_, fresh(connection="x-a", x_a="1", keep_alive="x", etag='"e"'))
    found = await cache.match(URL_)
    assert found is not None
    assert sorted(found.headers) == [
        *("age", "cache-control", "cf-cache-status", "content-length", "content-type"),
        *("date", "etag"),
    ]


async def test_an_authorized_answer_is_kept_only_if_it_says_so(cache: Cache) -> None:
    request = asking(authorization="secret")
    assert not await kept(cache, fresh(), request)
    public = Response("x", headers={"cache-control": "public, max-age=100"})
    assert await kept(cache, public, request)


async def test_what_the_request_says_of_caching_does_not_matter(cache: Cache) -> None:
    request = asking(cache_control="no-store", pragma="no-cache")
    assert await kept(cache, fresh(), request)


async def test_vary_is_no_part_of_the_key(cache: Cache) -> None:
    await cache.put(asking(accept="a"), fresh(vary="accept"))
    assert await cache.match(asking(accept="b")) is not None


async def test_what_is_not_kept_leaves_the_old_unless_it_is_only_stale(cache: Cache) -> None:
    await cache.put(URL_, fresh("old"))
    await cache.put(URL_, Response("new", headers={"cache-control": "no-store"}))
    assert await cache.match(URL_) is not None
    await cache.put(URL_, Response("new", headers={"cache-control": "max-age=0"}))
    assert await cache.match(URL_) is None


async def test_a_body_that_fails_leaves_the_old(cache: Cache) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"new"
        raise ZeroDivisionError

    await cache.put(URL_, fresh("old"))
    with pytest.raises(ZeroDivisionError):
        await cache.put(URL_, fresh(failing()))
    found = await cache.match(URL_)
    assert found is not None
    assert await found.text() == "old"


async def test_compressed_bodies_are_sent_as_they_were_given(cache: Cache) -> None:
    plain = fresh("x" * 1000, content_encoding="gzip")
    packed = Response(
        b"packed",
        headers={"cache-control": "max-age=9", "content-encoding": "gzip"},
        encode_body="manual",
    )
    for response, body, length in ((plain, b"x" * 1000, None), (packed, b"packed", "6")):
        mode = response.encode_body
        await cache.put(URL_, response)
        found = await cache.match(asking(range="bytes=0-3") if length is None else URL_)
        assert found is not None
        assert (found.status, found.encode_body) == (200, mode)
        assert found.headers.get("content-length") == length
        assert await found.bytes() == body


# Keys ---------------------------------------------------------------------------------------------


async def test_a_key_is_the_url_as_the_standard_writes_it_without_fragment(cache: Cache) -> None:
    await cache.put("HTTP://A.test:80/é/../x#here", fresh())
    for request in (URL_, URL(URL_ + "#there"), Request(URL_)):
        assert await cache.match(request) is not None
    for request in (URL_ + "?", "https://a.test/x", "http://a.test/X"):
        assert await cache.match(request) is None


async def test_cache_key_takes_the_place_of_the_url(cache: Cache) -> None:
    keyed = {"cacheKey": "key"}
    await cache.put(Request("http://one.test/", cf=keyed), fresh())
    assert await cache.match(Request("http://other.test/", cf=keyed)) is not None
    assert await cache.match("http://one.test/") is None
    await cache.put(Request(URL_, cf={"cacheKey": ""}), fresh())
    assert await cache.match(Request(URL_, cf={"country": "DE"})) is not None


async def test_another_method_matches_nothing_unless_it_is_ignored(cache: Cache) -> None:
    await cache.put(URL_, fresh())
    for method in ("HEAD", "POST"):
        request = Request(URL_, method=method)
        assert await cache.match(request) is None
        assert await cache.match(request, None) is None  # type: ignore[arg-type]
        assert await cache.match(request, {"ignoreMethod": False}) is None  # type: ignore[arg-type]
        found = await cache.match(request, ignore_method=True)
        assert found is not None
        assert await found.text() == "hello world"
        assert await cache.match(request, {"ignoreMethod": True}) is not None  # type: ignore[arg-type]
        assert not await cache.delete(request)
    assert await cache.delete(Request(URL_, method="POST"), ignore_method=True)
    assert await cache.match(URL_) is None


async def test_delete_tells_whether_there_was_something_fresh(
    cache: Cache, clock: ManualClock
) -> None:
    assert not await cache.delete(URL_)
    await cache.put(URL_, fresh())
    assert await cache.delete(URL_)
    await cache.put(URL_, fresh())
    clock.advance(100)
    assert not await cache.delete(URL_)


async def test_caches_are_apart_by_name(storage: CacheStorage) -> None:
    named = [await storage.open(name) for name in ("", "default", "é", 5, {})]  # type: ignore[arg-type]
    for cache in (storage.default, *named):
        assert await cache.match(URL_) is None
        await cache.put(URL_, fresh())
    again = await storage.open("5")
    assert await again.match(URL_) is not None


# Conditions and ranges ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_none_match": '"e"'}, 304),
        ({"if_none_match": 'W/"e"'}, 304),
        ({"if_none_match": '"x", "e"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"x"'}, 200),
        ({"if_none_match": '"x"', "if_modified_since": MODIFIED}, 200),
        ({"if_modified_since": MODIFIED}, 304),
        ({"if_modified_since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 200),
        ({"if_none_match": '"e"', "range": "bytes=0-1"}, 304),
        ({"if_none_match": '"e"', "range": "bytes=99-"}, 304),
        ({"if_match": '"x"'}, 200),
        ({"range": "bytes=0-1", "if_range": '"e"'}, 206),
        ({"range": "bytes=0-1", "if_range": '"x"'}, 200),
        ({"range": "bytes=0-1", "if_range": MODIFIED}, 206),
    ],
)
async def test_conditions_are_answered(cache: Cache, headers: dict[str, str], status: int) -> None:
    await cache.put(URL_, fresh(etag='"e"', last_modified=MODIFIED))
    found = await cache.match(asking(**headers))
    assert found is not None
    assert found.status == status
    assert found.headers["etag"] == '"e"'
    assert await found.text() == {200: "hello world", 206: "he", 304: ""}[status]


@pytest.mark.parametrize("body", ["hello world", LARGE])
@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-4", 0, 5),
        ("bytes=2-", 2, None),
        ("bytes=-3", -3, None),
        ("bytes=0-", 0, None),
        ("BYTES = 1 - 2", 1, 3),
        ("bytes=1-99999999999999999999", 1, None),
        ("bytes=-0,1-2", 1, 3),
    ],
)
async def test_a_part_is_answered(
    cache: Cache, body: Any, header: str, start: int, stop: int | None
) -> None:
    data = body.encode() if isinstance(body, str) else body
    await cache.put(URL_, fresh(body))
    found = await cache.match(asking(range=header))
    assert found is not None
    first, last, _ = slice(start, stop).indices(len(data))
    assert found.status == 206
    assert found.headers["content-range"] == f"bytes {first}-{last - 1}/{len(data)}"
    assert found.headers["content-length"] == str(last - first)
    assert await found.bytes() == data[start:stop]


@pytest.mark.parametrize("body", ["hello world", LARGE])
async def test_several_parts_are_answered(cache: Cache, body: Any) -> None:
    data = body.encode() if isinstance(body, str) else body
    await cache.put(URL_, fresh(body, content_type="text/plain"))
    found = await cache.match(asking(range="bytes=0-1, 3-4, -2"))
    assert found is not None
    assert found.status == 206
    kind, _, boundary = found.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    parts = "".join(
        f"--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {first}-{last}/{len(data)}"
        f"\r\n\r\n{data[first : last + 1].decode()}\r\n"
        for first, last in ((0, 1), (3, 4), (len(data) - 2, len(data) - 1))
    )
    answer = await found.text()
    assert answer == f"{parts}--{boundary}--\r\n"
    assert found.headers["content-length"] == str(len(answer))


@pytest.mark.parametrize(
    "header",
    [
        *("bytes=11-", "bytes=5-2", "bytes=x", "bytes=-", "bytes", "items=0-1", "bytes=0-1,"),
        *("bytes=0-1,50-", "bytes=0.5-1", "bytes=" + "9" * 5000 + "-"),
    ],
)
async def test_parts_that_are_not_there_or_make_no_sense_are_416(cache: Cache, header: str) -> None:
    await cache.put(URL_, fresh())
    found = await cache.match(asking(range=header))
    assert found is not None
    assert found.status == 416
    assert dict(found.headers) == {"cf-cache-status": "HIT", "content-range": "bytes */11"}


@pytest.mark.parametrize(
    "header",
    [
        *("bytes=", "bytes=-0", "bytes=-11", "bytes=-99", "bytes=0-,0-", "bytes=0-10,2-3"),
        "bytes=" + ",".join(["0-0"] * 101),
    ],
)
async def test_these_ask_for_the_whole(cache: Cache, header: str) -> None:
    await cache.put(URL_, fresh())
    found = await cache.match(asking(range=header))
    assert found is not None
    assert found.status == 200
    assert await found.text() == "hello world"


async def test_parts_of_nothing(cache: Cache) -> None:
    await cache.put(URL_, fresh(""))
    for header, status in (("bytes=0-", 416), ("bytes=-5", 200)):
        found = await cache.match(asking(range=header))
        assert found is not None
        assert found.status == status


async def test_a_body_that_is_removed_before_it_is_opened_is_a_miss(
    cache: Cache, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*args: Any) -> None:
        return None

    await cache.put(URL_, fresh(LARGE))
    monkeypatch.setattr(type(store), "open", gone)
    assert await cache.match(URL_) is None
    found = await cache.match(asking(range="bytes=0-1,3-4"))
    assert found is not None
    with pytest.raises(StorageError, match="no longer there"):
        await found.bytes()


# What is refused ----------------------------------------------------------------------------------

INVALID = "Invalid URL. Cache API keys must be fully-qualified, valid URLs."


@pytest.mark.parametrize(
    ("request_", "response", "text"),
    [
        (Request(URL_, method="HEAD"), fresh(), "Cannot cache response to non-GET request."),
        (Request(URL_, method="POST"), fresh(), "Cannot cache response to non-GET request."),
        (
            URL_,
            Response("x", status=206),
            "Cannot cache response to a range request (206 Partial Content).",
        ),
        (URL_, fresh(vary="*"), "Cannot cache response with 'Vary: *' header."),
        (URL_, fresh(vary="a, *"), "Cannot cache response with 'Vary: *' header."),
        (
            URL_,
            "x",
            "Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'.",
        ),
        ("/x", fresh(), "Invalid URL: /x"),
        (None, fresh(), "Invalid URL: null"),
        (5, fresh(), "Invalid URL: 5"),
        ({}, fresh(), "Invalid URL: [object Object]"),
        ("http://u:p@a.test/", fresh(), INVALID),
        ("http://a!b/", fresh(), INVALID),
        ("data:,x", fresh(), INVALID),
        ("foo:x", fresh(), INVALID),
    ],
)
async def test_put_refuses(cache: Cache, request_: Any, response: Any, text: str) -> None:
    with pytest.raises(CacheTypeError) as caught:
        await cache.put(request_, response)
    assert str(caught.value) == text
    assert isinstance(caught.value, TypeError)


async def test_a_web_socket_is_refused(cache: Cache) -> None:
    from edgekit import WebSocketPair

    with pytest.raises(CacheTypeError, match="Cannot cache WebSocket upgrade response"):
        await cache.put(URL_, Response(None, status=101, web_socket=WebSocketPair()[0]))


@pytest.mark.parametrize("url", ["ftp://a.test/x", "ws://a.test/x", "foo://a.test/x", "file:///x"])
async def test_other_schemes_are_not_kept_and_cannot_be_asked_for(cache: Cache, url: str) -> None:
    await cache.put(url, fresh())
    for ask in (cache.match, cache.delete):
        with pytest.raises(CacheTypeError) as caught:
            await ask(url)
        assert str(caught.value) == f"Fetch API cannot load: {url}"


async def test_hosts_may_be_addresses(cache: Cache) -> None:
    for url in ("http://[::1]:8080/x", "http://127.0.0.1/x", "http://a_b.test/x", "http://é.test/"):
        assert await kept(cache, fresh(), url)


async def test_options_that_are_not_there_are_refused(cache: Cache) -> None:
    text = "The 'ignoreSearch' field on 'CacheQueryOptions' is not implemented."
    with pytest.raises(UnsupportedError, match=text):
        await cache.match(URL_, ignore_search=True)
    with pytest.raises(UnsupportedError, match="ignoreVary"):
        await cache.delete(URL_, {"ignoreVary": True})  # type: ignore[arg-type]


async def test_a_name_has_at_most_1023_bytes(storage: CacheStorage) -> None:
    await storage.open("x" * 1023)
    for name in ("x" * 1024, "é" * 512):
        with pytest.raises(CacheTypeError, match="Cache name is too long"):
            await storage.open(name)


# Sizes --------------------------------------------------------------------------------------------


async def test_a_body_that_is_too_large_is_not_kept_and_not_read_on(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 500_000)
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield bytes(100_000)

    await cache.put(URL_, fresh("old"))
    await cache.put(URL_, fresh(endless()))
    assert read == 6
    found = await cache.match(URL_)
    assert found is not None
    assert await found.text() == "old"
    await cache.put(URL_, fresh(bytes(500_000)))
    found = await cache.match(URL_)
    assert found is not None
    assert len(await found.bytes()) == 500_000


async def test_bodies_stream_in_constant_memory(tmp_path: Path, clock: ManualClock) -> None:
    file = SQLiteFile(tmp_path / "cache.sqlite3", durable=False, migrations=MIGRATIONS)
    store = SQLiteCache(file, FileBlobs(tmp_path / "blobs", durable=False))
    cache = CacheStorage(lambda: store, limit=2**30).default
    chunk = bytes(100_000)

    async def source() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield chunk

    tracemalloc.start()
    try:
        await cache.put(URL_, fresh(ReadableStream(source())))
        found = await cache.match(URL_)
        assert found is not None
        assert found.body is not None
        size = 0
        async for piece in found.body:
            size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    await store.close()
    assert size == 100_000_000
    assert peak < 10_000_000


async def test_all_caches_together_have_a_limit(store: CacheStore) -> None:
    storage = CacheStorage(lambda: store, limit=1_000_000)
    other = await storage.open("other")
    for at in range(10):
        await (other if at % 2 else storage.default).put(f"{URL_}{at}", fresh(bytes(300_000)))
    found = [
        await cache.match(f"{URL_}{at}") for at in range(10) for cache in (storage.default, other)
    ]
    assert sum(each is not None for each in found) == 3
    await storage.default.put(URL_, fresh(bytes(1_000_001)))
    assert await storage.default.match(URL_) is None


# In a Worker --------------------------------------------------------------------------------------


async def test_a_handler_keeps_what_it_made() -> None:
    app = App()
    made = 0

    @app.get("/page")
    async def page(request: Request) -> Response:
        nonlocal made
        found = await caches.default.match(request)
        if found is not None:
            return found
        made += 1
        response = Response("page", headers={"cache-control": "max-age=60", "etag": '"p"'})
        await caches.default.put(request, response.clone())
        return response

    async with TestClient(app) as client:
        first = await client.get("/page")
        second = await client.get("/page")
        assert (await first.text(), await second.text(), made) == ("page", "page", 1)
        assert second.headers["cf-cache-status"] == "HIT"
        third = await client.get("/page", headers={"if-none-match": '"p"'})
        assert third.status == 304
        client.clock.advance(61)
        await client.get("/page")
        assert made == 2


async def test_a_class_opens_a_cache_by_name() -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            cache = await caches.open("mine")
            await cache.put(request, fresh())
            return Response.json(
                [await cache.match(request) is not None, await cache.delete(request)]
            )

    async with TestClient(Default) as client:
        assert await (await client.get("/")).json() == [True, True]


async def test_outside_of_a_worker_there_are_no_caches() -> None:
    text = "caches: there is no Worker running here; use it inside a handler"
    with pytest.raises(UnsupportedError, match=text):
        _ = caches.default
    with pytest.raises(UnsupportedError, match=text):
        await caches.open("x")
