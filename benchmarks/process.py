"""Part (c): what a framework costs before and beside its requests: import time and memory.

Import time is the CPU time of a fresh interpreter that imports the smallest app, less that of one
that imports the app without a framework. Memory is the resident set of uvicorn serving that app:
after its first request, and after more of them over one connection. Linux only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.apps import FRAMEWORKS, RAW
from benchmarks.cases import IN_PROCESS
from benchmarks.figures import Goal, Report, ratios, spread
from benchmarks.serving import ROOT, Server, environment

APPS = {name: name if name == RAW else f"{name}_hello" for name in FRAMEWORKS} | {
    "edgekit with KV": "edgekit_kv"
}
REQUESTS = 20_000
FLAT_KIB = 256  # what 18,000 requests may add before we call it growth


async def run(frameworks: Sequence[str], rounds: int, smoke: bool) -> Report:
    """Both measurements, of every framework."""
    chosen = [n for n in APPS if n == RAW or n.partition(" ")[0] in frameworks]
    times = _import_times(chosen, 1 if smoke else rounds)
    memory: dict[str, list[int]] = {}
    broken: list[str] = []
    for name in chosen:
        found = _memory(name, 50 if smoke else REQUESTS)
        if isinstance(found, str):
            broken.append(f"{name}: {found}")
        else:
            memory[name] = found
    rows = []
    for name in chosen:
        kib = memory.get(name)
        ratio = f"{kib[2] / memory[RAW][2]:.2f}" if kib and RAW in memory else ""
        cells = [*(f"{n / 1024:.1f}" for n in kib), ratio] if kib else ["broken"] * 4
        rows.append([FRAMEWORKS.get(name, name), f"{spread(_net(times, name))}", *cells])
    note = (
        f"Import: CPU milliseconds over the raw app's, median of {rounds} interleaved rounds ± half the "
        f"interquartile range. Memory: MiB after 1, {REQUESTS // 10:,} and {REQUESTS:,} requests."
    )
    columns = ["app", "import, ms", "at start", "early", "late", "late to raw"]
    goals = [] if smoke else _goals(times, memory)
    return Report("Process", note, columns, rows, goals, broken)


def _import_times(names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of an interpreter that imports each app, round by round."""
    times: dict[str, list[float]] = {name: [] for name in names}
    order = list(names)
    for number in range(-1, rounds):  # the first round writes the bytecode
        for name in order:
            took = _import(APPS[name])
            if number >= 0:
                times[name].append(took)
        order.append(order.pop(0))
    return times


def _import(module: str) -> float:
    command = [sys.executable, "-c", f"import benchmarks.hello.{module}"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    return (usage.ru_utime + usage.ru_stime) * 1000


def _net(times: dict[str, list[float]], name: str) -> list[float]:
    """What an app's import takes more than that of the app without a framework."""
    return [a - b for a, b in zip(times[name], times[RAW], strict=True)]


def _memory(name: str, count: int) -> list[int] | str:
    """Resident memory in KiB after 1, a tenth of and all `count` requests, or what was answered wrongly."""
    case = IN_PROCESS[0]
    found = []
    server = Server(f"benchmarks.hello.{APPS[name]}:app")
    with server:  # compiles what the one that is measured then loads
        server.ask([case.request(0)])
    with server:
        asked = 0
        for until in (1, count // 10, count):
            answers = server.ask([case.request(n) for n in range(asked, until)])
            if wrong := [answer for answer in answers if answer != case.answer(0)]:
                return f"answered {wrong[0]!r:.400}"
            asked = until
            found.append(server.memory())
    return found


def _goals(times: dict[str, list[float]], memory: dict[str, list[int]]) -> list[Goal]:
    goals = []
    if "edgekit" in times and "starlette" in times:
        ratio = ratios(_net(times, "edgekit"), _net(times, "starlette"))
        reached = ratio.median <= 1
        goal = Goal("import and one route in at most Starlette's time", reached, f"{ratio}x")
        goals.append(goal if reached else goal._replace(profile=_slowest_imports()))
    for name, limit in (("edgekit", 1.15), ("edgekit with KV", 1.3)):
        if name in memory and RAW in memory:
            ratio_kib = memory[name][2] / memory[RAW][2]
            text = f"{name}: resident memory at most {limit}x raw"
            goals.append(Goal(text, ratio_kib <= limit, f"{ratio_kib:.2f}x"))
            growth = memory[name][2] - memory[name][1]
            text = f"{name}: flat, at most {FLAT_KIB} KiB more from the early to the late figure"
            goals.append(Goal(text, growth <= FLAT_KIB, f"{growth} KiB"))
    return goals


def _slowest_imports() -> str:
    """-X importtime: the modules that take longest themselves."""
    program = f"import benchmarks.hello.{APPS['edgekit']}"
    command = [sys.executable, "-X", "importtime", "-c", program]
    found = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    ).stderr
    lines = [line for line in found.splitlines()[1:] if line.startswith("import time:")]
    lines.sort(key=lambda line: -int(line.split(":")[1].split("|")[0]))
    return "\n".join(["self us | cumulative us | module", *(line[12:] for line in lines[:20])])
