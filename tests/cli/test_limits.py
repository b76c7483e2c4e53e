from __future__ import annotations

import asyncio

import pytest

from edgekit.cli import limits
from edgekit.cli.limits import Limits, memory_mb


class Clock:
    """CPU time, turned by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "process_time", clock)
    return clock


async def test_warns_once_of_a_request_that_used_30_s_of_its_own(cpu: Clock):
    warned: list[tuple[str, str]] = []
    watch = Limits(lambda *what: warned.append(what))

    async def handler() -> None:
        for _ in range(4):
            cpu.now += 10
            await asyncio.sleep(0)

    async def others() -> None:
        for _ in range(4):
            cpu.now += 1000
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(others())
        await watch.metered("GET /a", handler())
        await watch.metered("GET /b", handler())
    [(kind, text)] = warned
    assert kind == "cpu"
    assert text.startswith("GET /a has used 30 s of CPU time")


async def test_metered_work_is_cancelled_and_fails_as_unmetered():
    watch = Limits(lambda *what: None)
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def run() -> None:
        await watch.metered("", handler())

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]

    async def fails() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        raise KeyError("x")

    with pytest.raises(KeyError):
        await watch.metered("", fails())


def test_memory_of_this_process_is_plausible():
    assert 5 < memory_mb() < 5000
