"""`python -m benchmarks`: edgekit beside a raw ASGI callable and its peers, as Markdown.

    python -m benchmarks [inprocess] [kv] [process] [server] [fetch] [upload] [assets] [queues] [d1]
                         [cache] [r2] [compat] [--rounds N] [--only edgekit,starlette]
    python -m benchmarks --smoke

Without a part: the first three. `server` and `fetch` need wrk (`apt-get install wrk`). `--smoke` asks
every app of every part a few times whether it answers rightly, in seconds and without wrk; it says
nothing about time. The exit status is 1 when an app answered wrongly, and says nothing about goals.
What the peers need is in benchmarks/requirements.txt. Compare figures of one run only.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.metadata
import os
import platform
import sys
import warnings
from collections.abc import Callable

from benchmarks.apps import FRAMEWORKS, RAW
from benchmarks.figures import Report

ROUNDS = {
    "inprocess": 15,
    "kv": 11,
    "process": 11,
    "server": 9,
    "fetch": 9,
    "upload": 1,
    "assets": 9,
    "queues": 7,
    "d1": 11,
    "cache": 11,
    "r2": 7,
    "compat": 11,
}
PARTS = tuple(ROUNDS)


def main() -> int:
    """Run the chosen parts and print each as soon as it is done."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Benchmarks of edgekit."
    )
    parser.add_argument(
        "parts", nargs="*", metavar="|".join(PARTS), help="default: the first three"
    )
    parser.add_argument("--smoke", action="store_true", help="check the answers only, in seconds")
    parser.add_argument("--rounds", type=int, help="interleaved rounds of each measurement")
    parser.add_argument("--only", default=",".join(FRAMEWORKS), help="frameworks, by commas")
    options = parser.parse_args()
    parts = options.parts or (PARTS if options.smoke else PARTS[:3])
    only = options.only.split(",")
    if unknown := (set(parts) - set(PARTS)) | (set(only) - set(FRAMEWORKS)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # the peers' own affair
    print(f"# Benchmarks\n\n{_machine(only)}\n", flush=True)
    broken = False
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        for part in PARTS:
            if part in parts:
                rounds = 1 if options.smoke else options.rounds or ROUNDS[part]
                report = runner.run(_run(part, only, rounds, options.smoke))
                print(report.smoked() if options.smoke else report.markdown(), flush=True)
                broken = broken or bool(report.broken)
    return 1 if broken else 0


async def _run(part: str, only: list[str], rounds: int, smoke: bool) -> Report:
    # Imported one by one: a part need not have what another one needs.
    module = importlib.import_module(f"benchmarks.{part}")
    if part in ("assets", "cache", "compat", "kv", "d1", "fetch", "queues", "r2"):
        report: Report = await module.run(rounds, smoke)
    elif part == "upload":
        report = await module.run(only, smoke)
    else:
        report = await module.run(only, rounds, smoke)
    return report


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _machine(only: list[str]) -> str:
    def version(name: str) -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return "from source"

    packages = [
        f"{FRAMEWORKS[name]} {version('edgekit-asgi' if name == 'edgekit' else name)}"
        for name in FRAMEWORKS
        if name in only and name != RAW
    ]
    more = [f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "msgspec")]
    system = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    )
    return f"{system}, {os.cpu_count()} CPUs; {', '.join(packages + more)}."


if __name__ == "__main__":
    sys.exit(main())
