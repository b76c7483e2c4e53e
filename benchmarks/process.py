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
from typing import NamedTuple

from benchmarks.apps import FRAMEWORKS, RAW
from benchmarks.cases import IN_PROCESS
from benchmarks.figures import Goal, Report, Spread, ratios, spread
from benchmarks.serving import ROOT, Server, environment

APPS = {name: name if name == RAW else f"{name}_hello" for name in FRAMEWORKS} | {
    "edgekit with KV": "edgekit_kv"
}
MOMENTS = (1, 2_000, 20_000)  # requests after which memory is read
ATTEMPTS = 3
FLAT_KIB = 256  # what 18,000 requests may add before we call it growth


class Memory(NamedTuple):
    """KiB at each moment, resident and anonymous, and at the last one by what is mapped there.

    Anonymous memory stays where there is no swap; pages of files are taken back by a kernel that is
    short of memory, and then a process looks smaller than it is, or seems to grow when they return.
    """

    kib: list[int]
    anonymous: list[int]
    mapped: dict[str, int]

    @property
    def disturbed(self) -> bool:
        """Whether the kernel has taken pages back meanwhile."""
        return self.kib != sorted(self.kib)


async def run(frameworks: Sequence[str], rounds: int, smoke: bool) -> Report:
    """Both measurements, of every framework; with `smoke` the answers alone."""
    chosen = [n for n in APPS if n == RAW or n.partition(" ")[0] in frameworks]
    times = {} if smoke else _import_times(chosen, rounds)
    memory: dict[str, Memory] = {}
    broken: list[str] = []
    if not smoke:
        for name in chosen:  # compiles what the servers that are measured then load
            _memory(name, MOMENTS[:1])
    for name in chosen:
        found = _memory(name, (1, 10) if smoke else MOMENTS)
        if isinstance(found, str):
            broken.append(f"{name}: {found}")
        else:
            memory[name] = found
    rows = []
    for name in times:
        cells = ["broken"] * 4
        if name in memory and RAW in memory:
            late = memory[name].kib[-1] / memory[RAW].kib[-1]
            cells = [*(f"{kib / 1024:.1f}" for kib in memory[name].kib), f"{late:.2f}"]
            if memory[name].disturbed:
                cells[-1] += " (disturbed)"
        rows.append([FRAMEWORKS.get(name, name), f"{spread(_net(times, name))}", *cells])
    note = (
        f"Import: CPU milliseconds over the raw app's, median of {rounds} interleaved rounds ± half the "
        f"interquartile range. Memory: MiB after {', '.join(f'{n:,}' for n in MOMENTS)} requests."
    )
    columns = ["app", "import, ms", "at start", "early", "late", "late to raw"]
    return Report("Process", note, columns, rows, [] if smoke else _goals(times, memory), broken)


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


def _memory(name: str, moments: Sequence[int]) -> Memory | str:
    """Memory after so many requests, or what was answered wrongly; tried again when disturbed."""
    for _ in range(ATTEMPTS):
        found = _memory_once(name, moments)
        if isinstance(found, str) or not found.disturbed:
            break
    return found


def _memory_once(name: str, moments: Sequence[int]) -> Memory | str:
    case = IN_PROCESS[0]
    kib: list[int] = []
    anonymous: list[int] = []
    asked = 0
    with Server(f"benchmarks.hello.{APPS[name]}:app") as server:
        for until in moments:
            answers = server.ask([case.request(n) for n in range(asked, until)])
            if wrong := [answer for answer in answers if answer != case.answer(0)]:
                return f"answered {wrong[0]!r:.400}"
            asked = until
            kib.append(server.memory())
            anonymous.append(server.memory("Anonymous"))
        return Memory(kib, anonymous, server.mapped())


def _goals(times: dict[str, list[float]], memory: dict[str, Memory]) -> list[Goal]:
    goals = []
    if "edgekit" in times and "starlette" in times:
        ratio = ratios(_net(times, "edgekit"), _net(times, "starlette"))
        goal = Goal("import and one route in at most Starlette's time", ratio, 1)
        slow = goal.verdict != "reached"
        goals.append(goal._replace(profile=_slowest_imports()) if slow else goal)
    for name, limit in (("edgekit", 1.15), ("edgekit with KV", 1.3)):
        if name in memory and RAW in memory:
            ours, raw = memory[name], memory[RAW]
            doubt = "the kernel took pages back" if ours.disturbed or raw.disturbed else ""
            late = Spread(ours.kib[-1] / raw.kib[-1], 0)
            profile = _more_mapped(ours.mapped, raw.mapped)
            text = f"{name}: resident memory at most {limit}x raw"
            goals.append(Goal(text, late, limit, profile=profile, doubt=doubt))
            growth = Spread(ours.anonymous[-1] - ours.anonymous[-2], 0)
            text = f"{name}: flat, at most {FLAT_KIB} KiB more anonymous memory from early to late"
            goals.append(Goal(text, growth, FLAT_KIB, about="KiB"))
    return goals


def _more_mapped(ours: dict[str, int], raw: dict[str, int]) -> str:
    """What is resident beyond the raw app's memory, the largest mappings first."""
    more = {name: kib - raw.get(name, 0) for name, kib in ours.items()}
    largest = sorted(more.items(), key=lambda item: -item[1])[:8]
    return "\n".join(["KiB over raw", *(f"{kib:12}  {name}" for name, kib in largest)])


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
