"""Part (e): an app that fetches its answer from an origin, with edgekit's fetch(), bare aiohttp, and
a bare httptools client: CPU time of the fetching server a request, under wrk. Linux only."""

from __future__ import annotations

import contextlib

from benchmarks.apps import serve
from benchmarks.cases import IN_PROCESS
from benchmarks.driver import differs
from benchmarks.figures import Goal, Report, ratios, spread
from benchmarks.serving import Server
from benchmarks.wrk import Load, Wrk

SECONDS = 1
CLIENTS = {"edgekit": "edgekit fetch()", "aiohttp": "bare aiohttp", "httptools": "bare httptools"}


async def run(rounds: int, smoke: bool) -> Report:
    """All three clients in front of one raw origin."""
    case = IN_PROCESS[0]
    broken: list[str] = []
    rows: list[list[str]] = []
    goals: list[Goal] = []
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(serve("raw", case.name))
        url = f"http://127.0.0.1:{origin.port}/hello"
        servers: dict[str, Server] = {}
        for name, title in CLIENTS.items():
            target = f"benchmarks.apps.fetching:{name}"
            server = Server(target, factory=True, env={"BENCHMARK_ORIGIN": url})
            servers[name] = stack.enter_context(server)
            for n, answer in enumerate(server.ask([case.request(n) for n in range(3)])):
                if problem := differs(case, n, answer):
                    broken.append(f"{title}: {problem}")
        if not smoke and not broken:
            loads = _measure(servers, rounds)
            cpu = {name: [load.cpu_us for load in found] for name, found in loads.items()}
            for name, title in CLIENTS.items():
                rate = spread(load.rate for load in loads[name])
                share = ratios(cpu["aiohttp"], cpu[name])
                rows.append([title, f"{spread(cpu[name])}", f"{share}", f"{rate}"])
            share = ratios(cpu["aiohttp"], cpu["edgekit"])
            goals.append(Goal("fetch() at least 0.9 of bare aiohttp", share, 0.9, least=True))
    note = f"CPU time of the fetching server a request: median of {rounds} interleaved rounds."
    columns = ["client", "CPU, µs", "share of aiohttp", "requests a second"]
    return Report("fetch() from an origin", note, columns, rows, goals, broken)


def _measure(servers: dict[str, Server], rounds: int) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    order = list(servers)
    with Wrk([IN_PROCESS[0].request(0)]) as wrk:
        for number in range(-1, rounds):  # the first round warms
            for name in order:
                load = wrk.load(servers[name], SECONDS)
                if number >= 0:
                    loads[name].append(load)
            order.append(order.pop(0))
    return loads
