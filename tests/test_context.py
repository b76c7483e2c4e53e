"""ExecutionContext, and the tasks that go on behind responses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edgekit import host
from edgekit.context import Background, ExecutionContext
from edgekit.testing import ManualClock


class Recorder:
    def __init__(self) -> None:
        self.spawned: list[Any] = []

    def __call__(self, coroutine: Any, ctx: Any, serving: bool = False) -> None:
        self.spawned.append((coroutine, ctx))


def test_the_request_id_is_16_hex_digits_and_stays() -> None:
    first, second = ExecutionContext(), ExecutionContext()
    assert len(first.request_id) == 16
    assert int(first.request_id, 16) >= 0
    assert first.request_id == first.request_id != second.request_id


def test_props_are_empty_and_its_own_unless_given() -> None:
    first, second = ExecutionContext(), ExecutionContext()
    assert first.props == {}
    first.props.a = 1
    assert first.props == {"a": 1}
    assert second.props == {}
    assert ExecutionContext(props={"b": 2}).props == {"b": 2}


def test_pass_through_in_both_spellings() -> None:
    first, second = ExecutionContext(), ExecutionContext()
    assert not first.passes_through
    first.pass_through_on_exception()
    second.passThroughOnException()
    assert first.passes_through
    assert second.passes_through


async def test_wait_until_takes_every_awaitable() -> None:
    done = []

    async def work(name: str) -> None:
        done.append(name)

    background = Background()
    ctx = ExecutionContext(background.spawn)
    future = asyncio.get_running_loop().create_future()
    ctx.wait_until(work("coroutine"))
    ctx.waitUntil(asyncio.ensure_future(work("task")))
    ctx.wait_until(future)
    assert len(background.tasks) == 3
    future.set_result(None)
    assert await background.drain(5) == 0
    assert sorted(done) == ["coroutine", "task"]
    assert background.tasks == set()


@pytest.mark.parametrize("value", [None, 5, print, "x"])
def test_wait_until_refuses_what_cannot_be_awaited(value: Any) -> None:
    with pytest.raises(TypeError, match="takes an awaitable"):
        ExecutionContext().wait_until(value)


async def test_what_is_spawned_goes_to_the_runtime() -> None:
    async def work() -> None: ...

    recorder = Recorder()
    ctx = ExecutionContext(recorder)
    coroutine = work()
    ctx.wait_until(coroutine)
    assert recorder.spawned == [(coroutine, ctx)]
    await coroutine


async def test_errors_are_logged_with_the_request_s_id(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    background = Background()
    ctx = ExecutionContext(background.spawn)
    ctx.wait_until(work())
    await background.drain(5)
    [record] = caplog.records
    assert ctx.request_id in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_drain_waits_for_tasks_that_tasks_start() -> None:
    done = []
    background = Background()
    ctx = ExecutionContext(background.spawn)

    async def work(depth: int) -> None:
        await asyncio.sleep(0)
        if depth:
            ctx.wait_until(work(depth - 1))
        done.append(depth)

    ctx.wait_until(work(3))
    assert await background.drain(5) == 0
    assert sorted(done) == [0, 1, 2, 3]


async def test_drain_cancels_what_takes_too_long_and_counts_it() -> None:
    cancelled = []
    background = Background()
    ctx = ExecutionContext(background.spawn)

    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    ctx.wait_until(stuck())
    ctx.wait_until(stuck())
    await asyncio.sleep(0)
    assert await background.drain(0) == 2
    assert cancelled == [True, True]
    assert background.tasks == set()


async def test_a_context_that_nobody_dispatched_still_runs_its_tasks() -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    ExecutionContext().wait_until(work())
    await asyncio.wait_for(done.wait(), 5)


async def test_the_clock_of_a_test_turns_by_hand() -> None:
    clock = ManualClock(now=100.0)
    with host.use_clock(clock):
        assert host.now() == 100.0
        task = asyncio.ensure_future(host.sleep(10))
        await asyncio.sleep(0)
        clock.advance(9.5)
        await asyncio.sleep(0)
        assert not task.done()
        clock.advance(0.5)
        await task
        assert host.now() == 110.0
    assert host.now() > 110.0
