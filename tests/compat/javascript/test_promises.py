"""Promises and timers: they go on by themselves, and are joined as in JavaScript."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from edgekit import host
from edgekit.compat.javascript import streams, timers
from edgekit.compat.javascript.convert import view
from edgekit.compat.javascript.errors import AggregateError, Error, JsException
from edgekit.compat.javascript.events import AbortController
from edgekit.compat.javascript.promises import Promise
from edgekit.testing.clock import ManualClock
from edgekit.web.streams import ReadableStream


async def value(of: Any) -> Any:
    await asyncio.sleep(0)
    return of


async def fails() -> Any:
    await asyncio.sleep(0)
    raise Error.new("no")


async def never() -> Any:
    await asyncio.Event().wait()


async def test_all_gives_every_value_or_the_first_error():
    assert (await Promise.all([value(1), 2, Promise.resolve(3)])).to_py() == [1, 2, 3]
    with pytest.raises(JsException, match="Error: no"):
        await Promise.all([value(1), fails()])


async def test_all_settled_tells_of_each():
    first, second = await Promise.allSettled([value(1), fails()])
    assert (first.status, first.value) == ("fulfilled", 1)
    assert (second.status, second.reason.message) == ("rejected", "no")


async def test_race_and_any():
    loser = asyncio.ensure_future(never())
    assert await Promise.race([loser, value(1)]) == 1
    loser.cancel()
    with pytest.raises(JsException, match="no"):
        await Promise.race([fails()])
    assert await Promise.any([fails(), value(2)]) == 2
    with pytest.raises(AggregateError, match="All promises were rejected") as caught:
        await Promise.any([fails(), fails()])
    assert len(caught.value.errors) == 2


async def test_a_promise_runs_without_being_awaited():
    done: list[int] = []
    Promise.resolve(value(5)).then(done.append)
    for _ in range(6):
        await asyncio.sleep(0)
    assert done == [5]


async def test_a_promise_is_kept_or_broken_once():
    kept = Promise.withResolvers()
    kept.resolve(value(1))
    kept.resolve(2)
    assert await kept.promise == 1
    broken = Promise.withResolvers()
    broken.reject("why")
    broken.reject("again")
    broken.resolve(1)
    with pytest.raises(JsException, match="Error: why"):
        await broken.promise
    failing = Promise.new(lambda resolve, reject: resolve(fails()))
    with pytest.raises(JsException, match="no"):
        await failing


async def test_handlers_run_in_order_and_finally_always():
    order: list[str] = []
    caught = Promise.reject(Error.new("x")).catch(lambda error: error.message)
    assert await caught.finally_(lambda: order.append("end")) == "x"
    with pytest.raises(JsException):
        await Promise.resolve(fails()).finally_(lambda: order.append("end"))
    assert order == ["end", "end"]


async def test_timers_live_by_the_hosts_clock(caplog: pytest.LogCaptureFixture):
    clock = ManualClock()
    heard: list[Any] = []

    async def later() -> None:
        heard.append("async")

    async def failing() -> None:
        raise ValueError("async")

    def broken() -> None:
        raise ValueError("sync")

    with host.use_clock(clock), caplog.at_level(logging.ERROR):
        timers.setTimeout(heard.append, 100, "once")
        again = timers.setInterval(heard.append, 40, "again")
        gone = timers.setTimeout(heard.append, 50, "never")
        timers.clearTimeout(gone)
        timers.clearTimeout(None)
        for _ in range(3):
            clock.advance(0.04)
            await asyncio.sleep(0)
        timers.clearInterval(again)
        timers.setTimeout(later)
        timers.setTimeout(failing)
        timers.setImmediate(broken)
        timers.queueMicrotask(lambda: heard.append("micro"))
        clock.advance(0.01)
        for _ in range(5):
            await asyncio.sleep(0)
    assert sorted(heard) == ["again", "again", "again", "async", "micro", "once"]
    assert [record.getMessage() for record in caplog.records] == ["a timer's function failed"] * 2
    for wrong in (timers.setTimeout, timers.queueMicrotask):
        with pytest.raises(JsException, match="TypeError"):
            wrong("text")  # type: ignore[arg-type]


async def test_the_scheduler_waits_until_it_is_aborted():
    clock = ManualClock()
    with host.use_clock(clock):
        plain = timers.Scheduler().wait(20)
        await asyncio.sleep(0)
        clock.advance(0.02)
        assert await plain is None
        controller = AbortController.new()
        waiting = timers.Scheduler().wait(1000, signal=controller.signal)
        await asyncio.sleep(0)
        controller.abort(Error.new("enough"))
        with pytest.raises(JsException, match="enough"):
            await waiting
    assert timers.Performance().now() >= 0


async def unending(ended: list[str]) -> Any:
    try:
        await never()
        yield b""
    finally:
        ended.append("closed")


@pytest.mark.parametrize("source", ["edgekit's", "the code's"])
async def test_reads_that_wait_are_at_the_end_when_their_reader_is_cancelled(source: str):
    ended: list[str] = []
    if source == "edgekit's":
        stream = view(ReadableStream(unending(ended)))
    else:
        stream = streams.ReadableStream.new({"pull": lambda c: never(), "cancel": ended.append})
    reader = stream.getReader()
    reads = [reader.read(), reader.read()]
    await asyncio.sleep(0)
    await reader.cancel("closed")
    assert [(await read).to_py() for read in reads] == [{"done": True, "value": None}] * 2
    assert (reader.closed.done(), ended) == (True, ["closed"])
