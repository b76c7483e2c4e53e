"""Part (a): what a framework costs a request in process, without server and sockets.

Every app of a case is driven in every round, in an order that turns, with the round's own requests;
an app's ratio is to the raw app of the same round. The time is CPU time of the process.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Sequence
from typing import Any

from benchmarks.apps import FRAMEWORKS, RAW, build
from benchmarks.cases import IN_PROCESS, STREAMS, Case
from benchmarks.driver import check, drive, lifespan, nothing, prepare
from benchmarks.figures import Goal, Report, Spread, profiled, ratios, spread

DRIVER = "driver"
PARAMETERS = [case for case in IN_PROCESS if case.name in ("param1", "param1000")]
# A run of this long is short enough to be interleaved and long enough to outlast a cold cache.
RUN_NS = 15_000_000

Times = dict[str, list[float]]  # nanoseconds a request, one for each round


async def run(frameworks: Sequence[str], rounds: int, smoke: bool) -> Report:
    """All cases; with `smoke` the answers alone, those to the streaming cases too."""
    names = [name for name in FRAMEWORKS if name == RAW or name in frameworks]
    broken: list[str] = []
    results: dict[str, Times] = {}
    profiles: dict[str, str] = {}
    for case in [*IN_PROCESS, *STREAMS] if smoke else IN_PROCESS:
        async with contextlib.AsyncExitStack() as stack:
            apps: dict[str, Any] = {}
            for name in names:
                app = build(name, case.name)
                await stack.enter_async_context(lifespan(app))
                if problem := await check(case, app, [*range(20), 123_456]):
                    broken.append(f"{FRAMEWORKS[name]}, {case.title}: {problem}")
                else:
                    apps[name] = app
            if smoke or RAW not in apps:
                continue
            times = results[case.title] = await _measure(case, apps, rounds)
            if _misses(case.title, times):
                profiles[case.title] = await _profile(case, apps["edgekit"])
    rows = [_row(title, times, names) for title, times in results.items()]
    alone = spread(results["hello"][DRIVER]) if "hello" in results else Spread(0, 0)
    note = (
        f"CPU time of one request as a ratio to the raw ASGI callable: median of {rounds} interleaved "
        f"rounds ± half the interquartile range. The driver alone, contained in every figure, costs "
        f"{alone} ns a request."
    )
    columns = ["case", "raw, ns", *(FRAMEWORKS[name] for name in names if name != RAW)]
    return Report("In process", note, columns, rows, _goals(results, profiles), broken)


async def _measure(case: Case, apps: dict[str, Any], rounds: int) -> Times:
    driven = {DRIVER: nothing, **apps}
    counts: dict[str, int] = {}
    number = 1_000_000
    for name, app in driven.items():
        for _ in range(2):  # the first warms, the second says how many requests fit into RUN_NS
            sample = [prepare(case.request(number + i)) for i in range(50)]
            number += len(sample)
            cost = await drive(app, sample) / len(sample)
        counts[name] = max(20, min(5000, int(RUN_NS / cost)))
    gc.collect()
    gc.freeze()  # the apps of other frameworks are not this one's garbage to look through
    times: Times = {name: [] for name in driven}
    order = list(driven)
    for _ in range(rounds):
        requests = [prepare(case.request(number + i)) for i in range(max(counts.values()))]
        number += len(requests)
        for name in order:
            gc.collect()
            count = counts[name]
            times[name].append(await drive(driven[name], requests[:count]) / count)
        order.append(order.pop(0))
    gc.unfreeze()
    return times


async def _profile(case: Case, app: Any) -> str:
    requests = [prepare(case.request(9_000_000 + i)) for i in range(5000)]
    return await profiled(lambda: drive(app, requests), len(requests))


def _row(title: str, times: Times, names: Sequence[str]) -> list[str]:
    cells = [
        str(ratios(times[name], times[RAW])) if name in times else "broken"
        for name in names
        if name != RAW
    ]
    return [title, str(spread(times[RAW])), *cells]


def _goals(results: dict[str, Times], profiles: dict[str, str]) -> list[Goal]:
    goals = []
    for title, times in results.items():
        if "edgekit" not in times:
            continue
        ours, profile = times["edgekit"], profiles.get(title, "")
        if title == "hello":
            goals.append(
                Goal("hello at most 2.2x raw", ratios(ours, times[RAW]), 2.2, profile=profile)
            )
        nearest = {peer: ratios(ours, times[peer]) for peer in _peers(times)}
        if nearest:
            peer, ratio = max(nearest.items(), key=lambda item: item[1].median)
            about = f"of {FRAMEWORKS[peer]}, the nearest"
            goals.append(Goal(f"{title} below every peer", ratio, 1, about=about, profile=profile))
    one, many = (results.get(case.title, {}).get("edgekit") for case in PARAMETERS)
    if one and many:
        goals.append(Goal("1,000 routes at most 1.2x one", ratios(many, one), 1.2))
    return goals


def _peers(times: Times) -> list[str]:
    return [name for name in times if name not in (DRIVER, RAW, "edgekit")]


def _misses(title: str, times: Times) -> bool:
    """Whether edgekit misses a goal, so that its profile is wanted."""
    return any(goal.verdict != "reached" for goal in _goals({title: times}, {}))
