"""Part (d): the same apps over uvicorn, under wrk, judged by the server's CPU time a request.

All servers of a case are up at once and are loaded one after the other, in an order that turns; an
app's figure is the share of raw's speed that is left, raw's CPU time through its own in the same
round. Throughput is for information: the client takes its part of the machine. Linux only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from benchmarks.apps import FRAMEWORKS, RAW, serve
from benchmarks.cases import IN_PROCESS, STREAMS, Case
from benchmarks.driver import differs
from benchmarks.figures import Goal, Report, ratios, spread
from benchmarks.serving import Server
from benchmarks.wrk import Load, Wrk

SECONDS = 1
LEAST = {
    "hello": 0.95,
    "json": 0.95,
    "typed": 0.95,
    "download": 0.95,
    "upload": 0.95,
    "param1": 0.90,
    "param1000": 0.90,
    "inputs": 0.90,
    "five": 0.85,
}


async def run(frameworks: Sequence[str], rounds: int, smoke: bool) -> Report:
    """All cases; with `smoke` the answers of raw and edgekit to a few of them, without wrk."""
    names = [name for name in FRAMEWORKS if name == RAW or name in frameworks]
    cases = [*IN_PROCESS, *STREAMS]
    if smoke:
        names, cases = [name for name in names if name in (RAW, "edgekit")], [cases[0], *STREAMS]
    broken: list[str] = []
    rows: list[list[str]] = []
    goals: list[Goal] = []
    for case in cases:
        with contextlib.ExitStack() as stack:
            servers: dict[str, Server] = {}
            for name in names:
                server = stack.enter_context(serve(name, case.name))
                if problem := _problem(server, case):
                    broken.append(f"{FRAMEWORKS[name]}, {case.title}: {problem}")
                else:
                    servers[name] = server
            if smoke or RAW not in servers:
                continue
            loads = _measure(servers, case, rounds)
        cpu = {name: [load.cpu_us for load in found] for name, found in loads.items()}
        rows.append(
            [case.title, f"{spread(cpu[RAW])}", *(_cell(name, loads) for name in names[1:])]
        )
        if "edgekit" in cpu:
            goals += _goals(case, cpu)
    note = (
        f"Raw's CPU time a request through the app's: median of {rounds} interleaved rounds of "
        f"{SECONDS} s ± half the interquartile range; in brackets thousands of requests a second."
    )
    columns = ["case", "raw, µs", *(FRAMEWORKS[name] for name in names[1:])]
    return Report("Over uvicorn", note, columns, rows, goals, broken)


def _problem(server: Server, case: Case) -> str | None:
    numbers = range(3)
    answers = server.ask([case.request(n) for n in numbers])
    return next((p for n in numbers if (p := differs(case, n, answers[n]))), None)


def _measure(servers: dict[str, Server], case: Case, rounds: int) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    order = list(servers)
    with Wrk([case.request(n) for n in range(4 if case.name == "upload" else 2000)]) as wrk:
        for name in order:
            wrk.load(servers[name], SECONDS)  # warms
        for _ in range(rounds):
            for name in order:
                loads[name].append(wrk.load(servers[name], SECONDS))
            order.append(order.pop(0))
    return loads


def _cell(name: str, loads: dict[str, list[Load]]) -> str:
    if name not in loads:
        return "broken"
    share = ratios([load.cpu_us for load in loads[RAW]], [load.cpu_us for load in loads[name]])
    return f"{share} ({spread(load.rate for load in loads[name]).median / 1000:.1f})"


def _goals(case: Case, cpu: dict[str, list[float]]) -> list[Goal]:
    goals = []
    if least := LEAST.get(case.name):
        share = ratios(cpu[RAW], cpu["edgekit"])
        goals.append(Goal(f"{case.title} at least {least} of raw", share, least, least=True))
    nearest = {name: ratios(cpu["edgekit"], cpu[name]) for name in cpu if name in FRAMEWORKS}
    del nearest[RAW], nearest["edgekit"]
    if nearest:
        name, ratio = max(nearest.items(), key=lambda item: item[1].median)
        about = f"of the CPU time of {FRAMEWORKS[name]}, the nearest"
        goals.append(Goal(f"{case.title} above every peer", ratio, 1, about=about))
    return goals
