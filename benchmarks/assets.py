"""Part (h): static files, edgekit's assets beside Starlette's StaticFiles over the same server: CPU
time of the server a request. Linux only.

Both serve one folder under uvicorn. They are asked over one connection, in an order that turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Goal, Report, ratios, spread
from benchmarks.serving import Server

SIZES = {"small.css": 4 * 1024, "page.txt": 16 * 1024, "large.bin": 4 * 1024 * 1024}
TITLES = {"edgekit": "edgekit assets", "starlette": "Starlette StaticFiles"}
OTHERS = 500  # files beside the ones that are asked for


class Case(NamedTuple):
    """What is asked: a file, with a header, `requests` times a round; `etag` asks for what one has."""

    title: str
    path: str
    status: int
    requests: int
    header: str = ""
    etag: bool = False


CASES = [
    Case("4 KiB", "/small.css", 200, 1000),
    Case("16 KiB", "/page.txt", 200, 1000),
    Case("4 KiB, not modified", "/small.css", 304, 1000, etag=True),
    Case("4 MiB", "/large.bin", 200, 20),
    Case("100 bytes of 4 MiB", "/large.bin", 206, 500, "range: bytes=2000000-2000099"),
    Case("what is not there", "/none", 404, 1000),
]


def edgekit_app() -> Any:
    """The folder in BENCHMARK_FILES, served by edgekit."""
    from edgekit.runtime.assets_front import AssetsOnly

    return AssetsOnly(str(Path(os.environ["BENCHMARK_FILES"]) / "wrangler.json"))


def starlette_app() -> Any:
    """The folder in BENCHMARK_FILES, served by Starlette."""
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    folder = Path(os.environ["BENCHMARK_FILES"]) / "public"
    return Starlette(routes=[Mount("/", app=StaticFiles(directory=folder))])


async def run(rounds: int, smoke: bool) -> Report:
    """Both servers; with `smoke` a few requests of each case."""
    broken: list[str] = []
    rows: list[list[str]] = []
    goals: list[Goal] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _fill(folder)
        servers = {
            name: stack.enter_context(
                Server(
                    f"benchmarks.assets:{name}_app",
                    factory=True,
                    env={"BENCHMARK_FILES": str(folder)},
                )
            )
            for name in TITLES
        }
        for case in CASES:
            times: dict[str, list[float]] = {name: [] for name in servers}
            order = list(servers)
            for number in range(-1, 0 if smoke else rounds):  # the first round warms
                for name in order:
                    try:
                        used = _asked(servers[name], case, 3 if smoke else case.requests)
                    except ValueError as error:
                        broken.append(f"{TITLES[name]}, {case.title}: {error}")
                        return Report("Assets", "", [], [], [], broken)
                    if number >= 0:
                        times[name].append(used)
                order.append(order.pop(0))
            if not smoke:
                share = ratios(times["starlette"], times["edgekit"])
                rows.append(
                    [case.title, *(f"{spread(times[name])}" for name in TITLES), f"{share}"]
                )
                text = f"{case.title}: at most StaticFiles' time"
                goals.append(Goal(text, share, 1, least=True, about="times as fast"))
    note = f"CPU time of the server in µs a request: median of {rounds} interleaved rounds."
    columns = ["case", *TITLES.values(), "times as fast"]
    return Report("Assets", note, columns, rows, goals, broken)


def _fill(folder: Path) -> None:
    public = folder / "public"
    public.mkdir()
    for name, size in SIZES.items():
        (public / name).write_bytes(os.urandom(size))
    for number in range(OTHERS):
        (public / f"other{number}.txt").touch()
    (folder / "wrangler.json").write_text(json.dumps({"assets": {"directory": "public"}}))
    for file in public.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))  # as a deployment that is not of this second


def _asked(server: Server, case: Case, count: int) -> float:
    """CPU microseconds of the server a request; ValueError when an answer is not what it should be."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        reader = connection.makefile("rb")

        def ask(headers: str) -> Mapping[str, str]:
            text = f"GET {case.path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n"
            connection.sendall(text.encode())
            status = int(reader.readline().split()[1])
            found: dict[str, str] = {":status": str(status)}
            while (line := reader.readline().strip()) != b"":
                name, _, value = line.decode("latin-1").partition(":")
                found[name.lower()] = value.strip()
            left = int(found.get("content-length", 0)) if status != 304 else 0
            while left:
                left -= len(reader.read(min(left, 1 << 20)))
            return found

        headers = f"{case.header}\r\n" if case.header else ""
        if case.etag:
            headers += f"if-none-match: {ask('')['etag']}\r\n"
        before = server.cpu_ns()
        for _ in range(count):
            answer = ask(headers)
            if answer[":status"] != str(case.status):
                raise ValueError(f"answered {answer}")
        return (server.cpu_ns() - before) / count / 1000
