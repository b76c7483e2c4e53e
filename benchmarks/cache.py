"""Part (h): the Cache API and rate limits, beside the bare driver, plain files and SQLite counters.

A match is compared with reading the same bytes from one row by sqlite3, a put with writing them there
(WAL, `synchronous=NORMAL`, as the cache has it), a large body with a file, and a rate limit with what
would be written by hand to share counts between processes: an upsert into SQLite without any fsync.
"""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Goal, Report, ratios, spread
from edgekit.bindings.cache import Cache, CacheStorage
from edgekit.bindings.ratelimit import RateLimit
from edgekit.engines.open import open_store
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream

KEYS = 1000
MiB = 1024 * 1024
CHUNK = 64 * 1024
HEADERS = {"cache-control": "max-age=3600", "content-type": "text/html", "etag": '"abc"'}

Call = Callable[[int], Awaitable[Any]]
Bare = Callable[[int], Any]


async def run(rounds: int, smoke: bool) -> Report:
    """All rows, each with the hand-written counterpart."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(f"sqlite:{folder}/edgekit", durable=True)
        con = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("PRAGMA synchronous=NORMAL")
        con.execute("CREATE TABLE cache (key TEXT PRIMARY KEY, body BLOB NOT NULL)")
        con.execute("CREATE TABLE counts (key TEXT PRIMARY KEY, window INTEGER, n INTEGER)")
        try:
            cache = CacheStorage(store.caches, limit=2**32).default
            limiter = RateLimit(store.counters(), "1", limit=10**9, period=60)
            for title, count, ours, bare, limit in _works(cache, limiter, con, folder, smoke):
                one, other = await _measured(ours, bare, count, rounds)
                ratio = ratios(one, other)
                rows.append([title, f"{spread(other)}", f"{spread(one)}", f"{ratio}"])
                if limit and not smoke:
                    goals.append(Goal(f"{title}: at most {limit}x", ratio, limit))
            broken = await _checked(cache, limiter)
        finally:
            con.close()
            await store.close()
    note = f"Microseconds an operation (large bodies: milliseconds); median of {rounds} rounds."
    columns = ["operation", "by hand", "edgekit", "ratio"]
    return Report("Cache and rate limits", note, columns, rows, goals, broken)


def _works(
    cache: Cache, limiter: RateLimit, con: sqlite3.Connection, folder: Path, smoke: bool
) -> list[tuple[str, int, Call, Bare, float]]:
    count = 20 if smoke else 2000
    size = MiB if smoke else 64 * MiB
    read = "SELECT body FROM cache WHERE key = ?"
    write = "INSERT OR REPLACE INTO cache VALUES (?, ?)"
    numbers = itertools.count()
    # By hand there are no fsyncs either, and what is over is never removed.
    upsert = (
        "INSERT INTO counts VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET"
        " n = iif(window = excluded.window, n + 1, 1), window = excluded.window RETURNING n"
    )

    def url(at: int) -> str:
        return f"http://a.test/{at % KEYS}"

    def works(title: str, body: bytes) -> list[tuple[str, int, Call, Bare, float]]:
        async def put(at: int) -> None:
            await cache.put(url(at), Response(body, headers=HEADERS))

        async def match(at: int) -> None:
            found = await cache.match(Request(url(at)))
            assert found is not None
            await found.bytes()

        def bare_put(at: int) -> None:
            con.execute(write, (url(at), body))

        def bare_get(at: int) -> None:
            con.execute(read, (url(at),)).fetchone()

        return [
            (f"put {title}", max(count // 4, KEYS // 50), put, bare_put, 0),
            (f"match {title}", count // 4, match, bare_get, 0),
        ]

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size // CHUNK):
            yield bytes(CHUNK)

    async def large_put(at: int) -> None:
        await cache.put("http://a.test/l", Response(ReadableStream(chunks()), headers=HEADERS))

    async def large_match(at: int) -> None:
        found = await cache.match("http://a.test/l")
        assert found is not None
        assert found.body is not None
        async for _ in found.body:
            pass

    def file_put(at: int) -> None:
        with (folder / "file").open("wb") as file:
            for _ in range(size // CHUNK):
                file.write(bytes(CHUNK))

    def file_get(at: int) -> None:
        with (folder / "file").open("rb") as file:
            while file.read(CHUNK):
                pass

    async def limit(at: int) -> None:
        await limiter.limit(key=f"key-{at % KEYS}")

    def bare_limit(at: int) -> None:
        con.execute(upsert, (f"key-{at % KEYS}", next(numbers) // 10**6)).fetchone()

    return [
        *works("1 KiB", bytes(1024)),
        *works("32 KiB", bytes(32 * 1024)),
        (f"put {size // MiB} MiB as a stream (ms)", 1, large_put, file_put, 0),
        (f"match {size // MiB} MiB as a stream (ms)", 1, large_match, file_get, 0),
        ("rate limit", count, limit, bare_limit, 1),
    ]


async def _measured(
    ours: Call, bare: Bare, count: int, rounds: int
) -> tuple[list[float], list[float]]:
    one: list[float] = []
    other: list[float] = []
    scale = 1e3 if count == 1 else 1e6
    for number in range(-1, rounds):  # the first round warms
        start = time.perf_counter()
        for at in range(count):
            await ours(at)
        middle = time.perf_counter()
        for at in range(count):
            bare(at)
        end = time.perf_counter()
        if number >= 0:
            one.append((middle - start) / count * scale)
            other.append((end - middle) / count * scale)
    return one, other


async def _checked(cache: Cache, limiter: RateLimit) -> list[str]:
    """What is wrong with what they answer."""
    broken = []
    await cache.put("http://a.test/check", Response("checked", headers=HEADERS))
    found = await cache.match("http://a.test/check")
    if found is None or await found.text() != "checked":
        broken.append("cache: a match does not answer what was put")
    if [(await limiter.limit(key="check", limit=1)).success for _ in range(2)] != [True, False]:
        broken.append("rate limit: the second call of one is let through")
    return broken
