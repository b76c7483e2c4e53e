"""Crons in several processes over one store, whose clocks this test turns; and what a kill leaves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

PROCESS = """
import asyncio, sys
from edgekit import host
from edgekit.app import App
from edgekit.runtime.isolate import Isolate
from edgekit.testing import ManualClock

app = App()

@app.scheduled("* * * * *")
async def tick(controller):
    print("fired", controller.scheduled_time // 1000, flush=True)
    await asyncio.sleep(0)

async def main():
    clock = ManualClock(now=float(sys.argv[1]))
    with host.use_clock(clock):
        isolate = Isolate(app)
        await isolate.start()
        moment = clock.now()
        while True:
            while isolate.background.tasks:
                await asyncio.wait(isolate.background.tasks)
            print("at", int(moment), flush=True)
            if not (line := await asyncio.to_thread(sys.stdin.readline)):
                break
            moment = float(line)
            clock.turn_to(moment)
        await isolate.stop()

asyncio.run(main())
"""

MORNING = 1_800_000_000


class Process:
    """One serving process; `fired` are the minutes that it has fired."""

    def __init__(self, folder: Path, now: int) -> None:
        environ = {**os.environ, "EDGEKIT_STORE": f"sqlite:{folder}/state"}
        self.fired: list[int] = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(now)],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self, now: int) -> None:
        """Until it has done everything up to `now`."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            what, moment = line.split()
            if what == "fired":
                self.fired.append(int(moment))
            elif int(moment) == now:
                return
        raise AssertionError("the process ended by itself")

    def tell(self, now: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{now}\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        rest, _ = self._process.communicate()
        self.fired += [int(line.split()[1]) for line in rest.splitlines() if line[0] == "f"]

    def stop(self) -> None:
        self._process.communicate(timeout=30)


def test_several_processes_fire_each_minute_once(tmp_path: Path) -> None:
    processes = [Process(tmp_path, MORNING) for _ in range(3)]
    for process in processes:
        process.wait(MORNING)
    minutes = [MORNING + 60 * n for n in range(1, 31)]
    for now in minutes:
        for process in processes:
            process.tell(now)
        for process in processes:
            process.wait(now)
    for process in processes:
        process.stop()
    assert sorted(chain.from_iterable(process.fired for process in processes)) == minutes


@pytest.mark.kills
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_kills_make_no_minute_fire_twice_and_lose_only_what_was_begun(tmp_path: Path) -> None:
    chance = random.Random(7)
    processes = [Process(tmp_path, MORNING) for _ in range(2)]
    for process in processes:
        process.wait(MORNING)
    gone: list[Process] = []
    minutes = [MORNING + 60 * n for n in range(1, 19)]
    safe = minutes[::2]  # nobody is killed then
    for now in minutes:
        for process in processes:
            process.tell(now)
        if now not in safe:
            victim = processes.pop(chance.randrange(2))
            victim.kill()  # before, while or after it fires
            gone.append(victim)
            processes[0].wait(now)
            # The next one comes within the minute, and finds that it is taken, or is not.
            processes.append(Process(tmp_path, now + 20))
            processes[1].wait(now + 20)
        else:
            for process in processes:
                process.wait(now)
    for process in processes:
        process.stop()
    fired = Counter(chain.from_iterable(process.fired for process in [*gone, *processes]))
    assert max(fired.values()) == 1
    assert set(safe) <= set(fired) <= set(minutes)
