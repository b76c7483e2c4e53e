"""AbortController, AbortSignal."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from typing import Any

import pytest

from edgekit import host
from edgekit.errors import AbortError, AbortTimeout, WebTypeError
from edgekit.testing.clock import ManualClock
from edgekit.web.abort import AbortController, AbortSignal


def test_signal_is_aborted_once_for_one_reason() -> None:
    controller = AbortController()
    signal = controller.signal
    assert signal is controller.signal
    assert not signal.aborted
    assert signal.reason is None
    signal.throw_if_aborted()
    controller.abort("first")
    controller.abort("second")
    assert signal.aborted
    assert signal.reason == "first"
    assert repr(signal) == "AbortSignal(aborted=True)"


def test_reason_is_an_abort_error_unless_given() -> None:
    signal = AbortSignal.abort()
    assert isinstance(signal.reason, AbortError)
    with pytest.raises(AbortError, match="The operation was aborted"):
        signal.throw_if_aborted()
    with pytest.raises(KeyError):
        AbortSignal.abort(KeyError("x")).throw_if_aborted()
    with pytest.raises(AbortError, match="bye"):
        AbortSignal.abort("bye").throw_if_aborted()


def test_listeners_run_once_inside_abort_in_order() -> None:
    controller = AbortController()
    signal = controller.signal
    seen: list[Any] = []
    signal.add_event_listener(
        "abort", lambda event: seen.append((1, event.type, event.target.aborted))
    )
    signal.onabort = lambda event: seen.append(2)
    signal.onabort = lambda event: seen.append(3)
    removed = lambda event: seen.append(4)  # noqa: E731
    signal.add_event_listener("abort", removed)
    signal.add_event_listener("abort", removed)
    signal.remove_event_listener("abort", removed)
    signal.add_event_listener("other", lambda event: seen.append(5))
    controller.abort()
    controller.abort()
    assert seen == [(1, "abort", True), 3]
    signal.onabort = None
    assert signal.onabort is None


def test_listener_added_twice_runs_once() -> None:
    controller: Any = AbortController()
    seen: list[Any] = []
    for _ in range(2):
        controller.signal.add_event_listener("abort", seen.append, {"once": True})
    controller.abort()
    assert len(seen) == 1


def test_listener_that_fails_is_logged_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    controller = AbortController()
    seen: list[Any] = []
    controller.signal.add_event_listener("abort", lambda event: 1 / 0)
    controller.signal.add_event_listener("abort", seen.append)
    with caplog.at_level(logging.ERROR, "edgekit.web.abort"):
        controller.abort()
    assert len(seen) == 1
    assert "ZeroDivisionError" in caplog.text


def test_coroutine_function_is_refused_as_a_listener() -> None:
    async def listener(event: Any) -> None: ...

    with pytest.raises(WebTypeError, match=r"signal\.wait"):
        AbortController().signal.add_event_listener("abort", listener)
    with pytest.raises(WebTypeError, match="callable"):
        AbortController().signal.add_event_listener("abort", 5)  # type: ignore[arg-type]


async def test_wait_returns_the_reason() -> None:
    controller = AbortController()
    task = asyncio.create_task(controller.signal.wait())
    await asyncio.sleep(0)
    controller.abort("now")
    assert await task == "now"
    assert await controller.signal.wait() == "now"


async def test_wait_that_is_cancelled_leaves_nothing_behind() -> None:
    signal = AbortController().signal
    task = asyncio.create_task(signal.wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert signal._listeners == []


async def test_timeout_aborts_after_that_many_milliseconds() -> None:
    clock = ManualClock()
    with host.use_clock(clock):
        signal = AbortSignal.timeout(1500)
        clock.advance(1.499)
        assert not signal.aborted
        clock.advance(0.001)
    assert isinstance(signal.reason, AbortTimeout)
    with pytest.raises(TimeoutError, match="due to timeout"):
        signal.throw_if_aborted()


async def test_timeout_goes_by_the_event_loop_on_the_systems_clock() -> None:
    signal = AbortSignal.timeout(0)
    assert isinstance(await signal.wait(), AbortTimeout)


@pytest.mark.parametrize("value", [-1, float("nan")])
async def test_timeout_that_is_no_time_is_refused(value: float) -> None:
    with pytest.raises(WebTypeError):
        AbortSignal.timeout(value)


def test_any_follows_the_first_of_its_signals() -> None:
    a, b = AbortController(), AbortController()
    both = AbortSignal.any([a.signal, b.signal])
    nested = AbortSignal.any(iter([both, AbortSignal.any([])]))
    seen: list[Any] = []
    b.signal.add_event_listener(
        "abort", lambda event: seen.append(("b", both.aborted, nested.aborted))
    )
    nested.add_event_listener("abort", lambda event: seen.append("nested"))
    b.abort("why")
    a.abort("late")
    assert both.reason == nested.reason == "why"
    assert seen == [("b", True, True), "nested"]


def test_any_of_an_aborted_signal_is_aborted() -> None:
    assert AbortSignal.any([AbortController().signal, AbortSignal.abort("x")]).reason == "x"


def test_source_keeps_only_dependents_with_listeners() -> None:
    source = AbortController()
    dropped = weakref.ref(AbortSignal.any([source.signal]))
    kept = AbortSignal.any([source.signal])
    seen: list[Any] = []
    kept.add_event_listener("abort", seen.append)
    kept_ref = weakref.ref(kept)
    del kept
    gc.collect()
    assert dropped() is None
    assert kept_ref() is not None
    source.abort()
    assert len(seen) == 1
    seen.clear()
    gc.collect()
    assert kept_ref() is None


def test_removing_the_last_listener_lets_a_dependent_go() -> None:
    source = AbortController()
    signal = AbortSignal.any([source.signal])
    signal.onabort = print
    signal.onabort = None
    ref = weakref.ref(signal)
    del signal
    gc.collect()
    assert ref() is None


def test_camel_case_is_understood() -> None:
    signal: Any = AbortSignal.abort()
    with pytest.raises(AbortError):
        signal.throwIfAborted()


async def test_manual_clock_calls_in_order_and_forgets_what_is_cancelled() -> None:
    clock = ManualClock()
    seen: list[str] = []
    with host.use_clock(clock):
        host.call_later(2, lambda: seen.append("2"))
        host.call_later(1, lambda: seen.append("1"))
        host.call_later(1, lambda: seen.append("never")).cancel()
    assert not clock.sleeping.is_set()
    clock.advance(5)
    assert seen == ["1", "2"]
