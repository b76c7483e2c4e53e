"""How long a put takes while several processes write to one SQLite store.

    python -m benchmarks.store_processes [--processes 4] [--tasks 10] [--seconds 3] [--size 100]

Each process has that many tasks, each of which puts one value after the other under a random key.
Prints p50, p99 and the longest put (ms) of each process, and the puts per second of all together.
The aim: p99 at most 100 ms with four processes and full durability.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgekit.engines.base import Put
from edgekit.engines.open import open_store


async def write(folder: str, tasks: int, seconds: float, size: int, start: float) -> None:
    store = open_store(f"sqlite:{folder}", durable=True)
    times: list[float] = []
    await asyncio.sleep(start - time.time())

    async def one() -> None:
        while time.time() < start + seconds:
            key = b"key:%06d" % random.randrange(100_000)
            began = time.perf_counter()
            await store.records.apply((Put("kv/bench", key, os.urandom(size)),), now=time.time())
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(tasks)))
    await store.close()
    json.dump(sorted(times), sys.stdout)


def report(name: str, times: list[float]) -> None:
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    print(
        f"{name:>5} {len(times):7} puts   p50 {p50 * 1e3:7.2f} ms   p99 {p99 * 1e3:7.2f} ms"
        f"   longest {times[-1] * 1e3:7.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--size", type=int, default=100, help="bytes of a value")
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "START"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        folder, start = args.child
        asyncio.run(write(folder, args.tasks, args.seconds, args.size, float(start)))
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.time() + 1
        command = [sys.executable, "-m", "benchmarks.store_processes", *sys.argv[1:]]
        children = [
            subprocess.Popen([*command, "--child", folder, str(start)], stdout=subprocess.PIPE)
            for _ in range(args.processes)
        ]
        everything: list[float] = []
        for number, child in enumerate(children):
            times = json.loads(child.communicate()[0])
            report(str(number), times)
            everything += times
        left = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
    report("all", sorted(everything))
    print(f"{len(everything) / args.seconds:.0f} puts/s; files: {left}")


if __name__ == "__main__":
    main()
