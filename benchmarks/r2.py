"""Part (j): R2Bucket over SQLite and files, fully durable, beside bare files.

- **Small objects**, in this process: `get` with its bytes beside open, read, close; `put` beside write,
  fsync, close. The bare loop blocks, so that many tasks do not help it.
- **Large ones**: `put` of a stream beside a loop that takes the same chunks, hashes MD5, writes them and
  calls fsync; `get` over HTTP beside an ASGI app that reads a file, both under uvicorn, over one connection.

The time is wall-clock time: much of it is waiting for the disk. Where the temporary directory is none, the
puts say nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Goal, Report, profiled, ratios, spread
from benchmarks.serving import Server
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2ObjectBody
from edgekit.engines.open import open_store
from edgekit.runtime.env import r2_space

SMALL = 10 * 1024  # bytes
OBJECTS = 500
TASKS = 50
LARGE = 256 * 1024 * 1024  # bytes
CHUNK = 64 * 1024  # as servers hand them out

Round = Callable[[], Awaitable[float]]


def edgekit_app() -> Any:
    """The object `large` of the bucket FILES, by way of a Worker."""
    from edgekit import Env, Response, worker

    class AppEnv(Env):
        FILES: R2Bucket

    async def fetch(request: Any, env: Any) -> Response:
        found = await env.FILES.get("large")
        return Response(found.body, headers={"etag": found.http_etag})

    fetch.__annotations__["env"] = AppEnv
    return worker(fetch)


def raw_app() -> Any:
    """The file in BENCHMARK_FILE, as somebody writes it by hand."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        path = os.environ["BENCHMARK_FILE"]
        length = b"%d" % os.path.getsize(path)
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


async def run(rounds: int, smoke: bool) -> Report:
    """All of it; with `smoke` a few small objects, and a large one that is not."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare").mkdir()
        store = open_store(f"sqlite:{folder}/edgekit", durable=True)
        bucket = R2Bucket(store.records, store.blobs(), r2_space("FILES"))
        try:
            broken = await _small(bucket, folder / "bare", rounds, smoke, rows, goals)
            broken += await _large(bucket, folder, rounds, smoke, rows, goals)
        finally:
            await store.close()
    note = f"Median of {rounds} interleaved rounds ± half the interquartile range."
    columns = ["operation", "bare files", "edgekit", "times as fast"]
    return Report("R2", note, columns, rows, goals, broken)


async def _compare(ours: Round, bare: Round, rounds: int) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(-1, rounds):  # the first round warms
        for at in (0, 1) if number % 2 else (1, 0):
            taken = await (ours, bare)[at]()
            if number >= 0:
                times[at].append(taken)
    return times


async def _small(
    bucket: R2Bucket, bare: Path, rounds: int, smoke: bool, rows: Any, goals: Any
) -> list[str]:
    count = 20 if smoke else OBJECTS
    content = os.urandom(SMALL)
    for number in range(count):
        await bucket.put(f"small/{number}", content)
        (bare / f"{number}").write_bytes(content)

    async def read(number: int) -> bytes:
        found = await bucket.get(f"small/{number % count}")
        assert isinstance(found, R2ObjectBody)
        return await found.bytes()

    async def gets() -> float:
        start = time.perf_counter()
        for number in range(4 * count):
            await read(number)
        return (time.perf_counter() - start) / (4 * count)

    async def bare_gets() -> float:
        start = time.perf_counter()
        for number in range(4 * count):
            with open(bare / f"{number % count}", "rb") as file:
                file.read()
        return (time.perf_counter() - start) / (4 * count)

    async def puts(tasks: int) -> float:
        async def some(task: int) -> None:
            for number in range(5):
                await bucket.put(f"put/{task}/{number}", content)

        start = time.perf_counter()
        await asyncio.gather(*(some(task) for task in range(tasks)))
        return (time.perf_counter() - start) / (5 * tasks)

    async def bare_puts() -> float:
        start = time.perf_counter()
        for number in range(20):
            with open(bare / f"put{number}", "wb", buffering=0) as file:
                file.write(content)
                os.fsync(file.fileno())
        return (time.perf_counter() - start) / 20

    if await read(0) != content:
        return ["R2: a small object is not what was put"]
    if smoke:
        await puts(2)
        return []
    for title, ours, other in (
        ("get 10 KiB", gets, bare_gets),
        ("put 10 KiB, 1 task", lambda: puts(1), bare_puts),
        (f"put 10 KiB, {TASKS} tasks", lambda: puts(TASKS), bare_puts),
    ):
        mine, theirs = await _compare(ours, other, rounds)
        micro = [f"{spread(each * 1e6 for each in times)} µs" for times in (theirs, mine)]
        rows.append([title, *micro, f"{ratios(theirs, mine)}"])
        if title.startswith("get"):
            profile = await profiled(gets, 4 * count)
            text = f"{title}: at most 2x open, read, close"
            goals.append(Goal(text, ratios(mine, theirs), 2, profile=profile))
    return []


async def _large(
    bucket: R2Bucket, folder: Path, rounds: int, smoke: bool, rows: Any, goals: Any
) -> list[str]:
    size = 1024 * 1024 if smoke else LARGE
    chunk = os.urandom(CHUNK)
    file = folder / "large"

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size // CHUNK):
            yield chunk

    async def put() -> float:
        start = time.perf_counter()
        await bucket.put("large", chunks())  # type: ignore[arg-type]
        return time.perf_counter() - start

    async def bare_put() -> float:
        start = time.perf_counter()
        digest = hashlib.md5()
        # A new file, as ours: to write over an old one is another thing to the system.
        with open(f"{file}.new", "wb", buffering=0) as target:
            async for each in chunks():
                digest.update(each)
                target.write(each)
            os.fsync(target.fileno())
        os.replace(f"{file}.new", file)
        return time.perf_counter() - start

    def speeds(title: str, mine: list[float], theirs: list[float], least: float, text: str) -> None:
        mib = size / 1024 / 1024
        cells = [f"{spread(mib / each for each in times)} MiB/s" for times in (theirs, mine)]
        share = ratios(theirs, mine)
        rows.append([title, *cells, f"{share}"])
        goals.append(Goal(text, share, least, least=True, about="of its speed"))

    mine, theirs = await _compare(put, bare_put, 0 if smoke else rounds)
    if not smoke:
        speeds("put 256 MiB", mine, theirs, 0.8, "put: at least 0.8 of hashing, writing, fsync")
    environment = {"EDGEKIT_STORE": f"sqlite:{folder}/edgekit", "BENCHMARK_FILE": str(file)}
    with (
        Server("benchmarks.r2:edgekit_app", factory=True, env=environment) as ours,
        Server("benchmarks.r2:raw_app", factory=True, env=environment) as raw,
    ):
        for server in (ours, raw):
            if (received := await asyncio.to_thread(_received, server))[0] != size:
                return [f"R2: {received[0]} bytes of {size} came from {server.target}"]
        if smoke:
            return []

        async def fetched(server: Server) -> float:
            return (await asyncio.to_thread(_received, server))[1]

        mine, theirs = await _compare(lambda: fetched(ours), lambda: fetched(raw), rounds)
        speeds("get 256 MiB over HTTP", mine, theirs, 0.5, "get: at least 0.5 of a file's reading")
    return []


def _received(server: Server) -> tuple[int, float]:
    """Bytes of the body, and seconds."""
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        buffer = bytearray(1 << 20)
        head, total = b"", 0
        while (count := connection.recv_into(buffer)) != 0:
            if b"\r\n\r\n" not in head:
                head += buffer[:count]
                total = len(head.partition(b"\r\n\r\n")[2])
            else:
                total += count
    return total, time.perf_counter() - start
