"""Time that only a test moves."""

from __future__ import annotations

import asyncio

import pytest

from edgekit.testing import ManualClock


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_time_stands_still_until_it_is_turned() -> None:
    clock = ManualClock(now=100.5)
    assert clock.now() == 100.5
    await turns()
    assert clock.now() == 100.5
    clock.advance(2.5)
    assert clock.now() == 103.0


async def test_sleepers_wake_in_order_and_not_before_their_time() -> None:
    clock, woken = ManualClock(), []

    async def sleeper(seconds: float, name: str) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [
        asyncio.ensure_future(sleeper(s, n)) for s, n in [(3, "c"), (1, "a"), (2, "b"), (1, "a2")]
    ]
    await turns()
    assert woken == []
    clock.advance(1)
    await turns()
    assert woken == ["a", "a2"]
    clock.advance(10)
    await asyncio.gather(*tasks)
    assert woken == ["a", "a2", "b", "c"]


@pytest.mark.parametrize("seconds", [0, -1])
async def test_no_time_is_one_turn_of_the_loop(seconds: float) -> None:
    clock = ManualClock()
    await asyncio.wait_for(clock.sleep(seconds), 5)
    assert not clock.sleeping.is_set()


async def test_sleeping_tells_whether_somebody_sleeps() -> None:
    clock = ManualClock()
    first = asyncio.ensure_future(clock.sleep(1))
    second = asyncio.ensure_future(clock.sleep(2))
    assert not clock.sleeping.is_set()
    await turns()
    assert clock.sleeping.is_set()
    clock.advance(1)
    await first
    assert clock.sleeping.is_set()
    second.cancel()
    await turns()
    assert not clock.sleeping.is_set()
    third = asyncio.ensure_future(clock.sleep(1))
    await turns()
    clock.advance(1)
    assert not clock.sleeping.is_set()
    await third


async def test_a_sleeper_that_was_cancelled_is_not_woken() -> None:
    clock = ManualClock()
    task = asyncio.ensure_future(clock.sleep(1))
    await turns()
    task.cancel()
    await turns()
    clock.advance(1)
    assert task.cancelled()


async def test_timers_are_called_in_order_unless_cancelled() -> None:
    clock, calls = ManualClock(), []
    clock.call_later(2, lambda: calls.append("b"))
    clock.call_later(1, lambda: calls.append("a"))
    clock.call_later(1, lambda: calls.append("never")).cancel()
    assert not clock.sleeping.is_set()
    clock.advance(0.5)
    assert calls == []
    clock.advance(5)
    assert calls == ["a", "b"]
    clock.advance(5)
    assert calls == ["a", "b"]


async def test_a_timer_may_set_another() -> None:
    clock, calls = ManualClock(), []
    clock.call_later(1, lambda: clock.call_later(1, lambda: calls.append(clock.now())))
    clock.advance(1)
    assert calls == []
    clock.advance(1)
    assert len(calls) == 1


def test_time_does_not_go_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)
