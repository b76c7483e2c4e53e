"""Part (k): Workers projects, as their authors wrote them for the platform.

- **Hello in process**: projects in each of the styles there are, beside edgekit's own hello.
- **Django**: the same Django through `workers.wsgi` in a Workers project, and by its own ASGI handler, both
  under uvicorn with 8 connections that are kept alive. The time is wall-clock time.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.apps import build
from benchmarks.cases import BROWSER, IN_PROCESS, Answer, Request
from benchmarks.driver import check, drive, lifespan, prepare
from benchmarks.figures import Goal, Report, profiled, ratios, spread
from benchmarks.serving import Server

PROJECTS = Path(__file__).with_name("projects")
STYLES = {
    "class_hello": "class Default",
    "handler_hello": "@handler on_fetch",
    "js_hello": "on_fetch, js.Response.new",
}
HELLO = IN_PROCESS[0]
REQUESTS = 4000  # in a round, in process
CONNECTIONS = 8
DJANGO_REQUESTS = 600  # in a round
ITEMS = {"items": [{"id": number, "name": f"item {number}"} for number in range(20)]}
PAGES = {
    "hello": (Request("GET", "/hello", BROWSER), Answer(200, "text/plain", b"Hello, world!")),
    "JSON": (Request("GET", "/items/20", BROWSER), Answer(200, "application/json", ITEMS)),
}


def project(name: str) -> Any:
    """A project, loaded as `edgekit serve` loads it."""
    from edgekit.cli.target import load, resolve

    app: Any = load(resolve(str(PROJECTS / name)))
    app.config = str(PROJECTS / name / "wrangler.jsonc")
    return app


def django_project() -> Any:
    """Django through `workers.wsgi`."""
    return project("django_hello")


def django_asgi() -> Any:
    """The same Django by its own ASGI handler."""
    sys.path.insert(0, str(PROJECTS / "django_hello" / "src"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    from django.core.asgi import get_asgi_application

    return get_asgi_application()


async def run(rounds: int, smoke: bool) -> Report:
    """Both; with `smoke` the answers alone."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    broken = await _hello(rounds, smoke, rows, goals)
    broken += await _django(rounds, smoke, rows, goals)
    note = f"Median of {rounds} interleaved rounds ± half the interquartile range."
    columns = ["project", "to compare with", "the project", "ratio"]
    return Report("Workers projects", note, columns, rows, goals, broken)


async def _hello(rounds: int, smoke: bool, rows: Any, goals: Any) -> list[str]:
    apps = {"edgekit": build("edgekit", HELLO.name)}
    # All are called "entry": each is forgotten before the next is loaded.
    for name in STYLES:
        sys.modules.pop("entry", None)
        apps[name] = project(name)
    broken: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        for name, app in apps.items():
            await stack.enter_async_context(lifespan(app))
            if problem := await check(HELLO, app, range(5)):
                broken.append(f"{name}: {problem}")
        if smoke or broken:
            return broken
        requests = [prepare(HELLO.request(n)) for n in range(REQUESTS)]
        times: dict[str, list[float]] = {name: [] for name in apps}
        order = list(apps)
        gc.collect()
        gc.freeze()
        for number in range(-1, rounds):  # the first round warms
            for name in order:
                taken = await drive(apps[name], requests) / REQUESTS
                if number >= 0:
                    times[name].append(taken)
            order.append(order.pop(0))
        gc.unfreeze()
        for name, title in STYLES.items():
            ratio = ratios(times[name], times["edgekit"])
            cells = [f"{spread(times[each])} ns" for each in ("edgekit", name)]
            rows.append([f"hello, {title}", *cells, str(ratio)])
        profile = await profiled(lambda: drive(apps["class_hello"], requests), REQUESTS)
        ratio = ratios(times["class_hello"], times["edgekit"])
        goals.append(
            Goal("a class's hello at most 1.3x edgekit's own", ratio, 1.3, profile=profile)
        )
    return broken


async def _django(rounds: int, smoke: bool, rows: Any, goals: Any) -> list[str]:
    broken: list[str] = []
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(f"benchmarks.compat:{name}", factory=True))
            for name in ("django_asgi", "django_project")
        }
        for title, (request, right) in PAGES.items():
            for name, server in servers.items():
                (got,) = server.ask([request])
                if got != right:
                    broken.append(f"{name}, {title}: expected {right!r:.200}, got {got!r:.200}")
            if smoke or broken:
                continue
            rates: dict[str, list[float]] = {name: [] for name in servers}
            order = list(servers)
            for number in range(-1, rounds):
                for name in order:
                    rate = await _load(servers[name].port, request)
                    if number >= 0:
                        rates[name].append(rate)
                order.reverse()
            ratio = ratios(rates["django_project"], rates["django_asgi"])
            cells = [f"{spread(rates[each])}/s" for each in ("django_asgi", "django_project")]
            rows.append([f"Django, {title}", *cells, str(ratio)])
            text = f"Django over wsgi, {title}: at least 0.8 of its own ASGI handler"
            goals.append(Goal(text, ratio, 0.8, least=True))
    return broken


async def _load(port: int, request: Request) -> float:
    """Requests a second over several connections."""
    head = [f"{request.method} {request.target} HTTP/1.1".encode()]
    head += [name + b": " + value for name, value in request.headers]
    sent = b"\r\n".join([*head, b"", b""])

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(DJANGO_REQUESTS // CONNECTIONS):
            writer.write(sent)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()

    start = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return DJANGO_REQUESTS / (time.perf_counter() - start)
