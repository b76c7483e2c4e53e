"""One Worker alive: what its start opens, its stop closes, and what runs beside."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest

from edgekit import context, host
from edgekit.app import App
from edgekit.bindings.kv import KVNamespace
from edgekit.bindings.scheduled import ScheduledController
from edgekit.context import ExecutionContext
from edgekit.engines.open import Store, open_store
from edgekit.env import Env
from edgekit.errors import ConfigError, StorageError
from edgekit.runtime.isolate import Isolate
from edgekit.testing import ManualClock

from .wire import turns, until


class AppEnv(Env):
    VISITS: KVNamespace


class Records:
    """Stands for the records engine; counts its sweeps."""

    def __init__(self) -> None:
        self.closed = 0
        self.swept: list[float] = []
        self.results: list[Any] = []

    async def sweep(self, *, now: float) -> int:
        self.swept.append(now)
        result = self.results.pop(0) if self.results else 0
        if isinstance(result, Exception):
            raise result
        return result

    async def close(self) -> None:
        self.closed += 1


def store_of(records: Any) -> Store:
    return dataclasses.replace(open_store("memory:", durable=False), records=records)


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_start_and_stop_happen_once() -> None:
    calls: list[str] = []
    app = App()

    @app.on_start
    async def start():
        await turns(3)
        calls.append("start")

    @app.on_stop
    async def stop():
        calls.append("stop")

    isolate = Isolate(app)
    await asyncio.gather(isolate.start(), isolate.start(), isolate.start())
    await isolate.start()
    await isolate.stop()
    await isolate.stop()
    assert calls == ["start", "stop"]


async def test_a_stop_and_a_start_wait_for_each_other() -> None:
    calls: list[str] = []
    app = App()

    @app.on_start
    async def start():
        calls.append("starts")
        await turns(3)
        calls.append("started")

    @app.on_stop
    async def stop():
        calls.append("stops")
        await turns(3)
        calls.append("stopped")

    isolate = Isolate(app)
    await asyncio.gather(isolate.start(), isolate.stop(), isolate.start())
    assert calls == ["starts", "started", "stops", "stopped", "starts", "started"]
    assert isolate.started
    await isolate.stop()


async def test_the_store_is_the_configured_one_and_is_closed(somewhere: Path, monkeypatch) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", f"sqlite:{somewhere}/state")
    isolate = Isolate(App(AppEnv))
    await isolate.start()
    await isolate.env.VISITS.put("a", "1")
    await isolate.stop()
    again = Isolate(App(AppEnv))
    await again.start()
    assert await again.env.VISITS.get("a") == "1"
    await again.stop()
    assert list((somewhere / "state").iterdir())


async def test_a_worker_that_keeps_nothing_opens_no_store(somewhere: Path) -> None:
    isolate = Isolate(App())
    await isolate.start()
    await isolate.stop()
    assert list(somewhere.iterdir()) == []


async def test_a_store_that_was_given_stays_open() -> None:
    records = Records()
    isolate = Isolate(App(AppEnv), store=store_of(records))
    await isolate.start()
    await isolate.stop()
    assert records.closed == 0


@pytest.mark.parametrize("where", ["env", "on_start", "lifespan"])
async def test_a_start_that_fails_closes_what_it_opened(
    somewhere: Path, monkeypatch, where: str
) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", f"sqlite:{somewhere}/state")
    closed = []

    class Needs(AppEnv):
        if where == "env":
            SECRET: str

    app = App(Needs)

    async def living(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        closed.append("living")
        await send({"type": "lifespan.shutdown.complete"})

    async def failing(scope, receive, send):
        await receive()
        if where == "lifespan":
            await send({"type": "lifespan.startup.failed", "message": "x"})
        await asyncio.Event().wait()

    app.mount("/a", living)
    if where == "lifespan":
        app.mount("/b", failing)

    @app.on_start
    async def start():
        raise ZeroDivisionError

    isolate = Isolate(app)
    with pytest.raises(ZeroDivisionError if where == "on_start" else ConfigError):
        await isolate.start()
    assert isolate._store is None
    assert closed == ([] if where == "env" else ["living"])
    assert len(asyncio.all_tasks()) == 1


async def test_overrides_win_over_the_configuration(somewhere: Path) -> None:
    (somewhere / "wrangler.json").write_text('{"name": "x", "vars": {"A": "file", "B": "file"}}')
    isolate = Isolate(App(), overrides={"B": "given", "C": object})
    await isolate.start()
    assert (isolate.env["A"], isolate.env["B"], isolate.env["C"]) == ("file", "given", object)
    await isolate.stop()


async def test_the_configuration_may_be_named(somewhere: Path) -> None:
    (somewhere / "other.json").write_text('{"name": "x", "vars": {"A": "other"}}')
    for isolate in (Isolate(App(config="other.json")), Isolate(App(), config="other.json")):
        await isolate.start()
        assert isolate.env["A"] == "other"
        await isolate.stop()


async def test_on_stop_comes_after_wait_until_and_the_store_after_both(
    somewhere: Path, monkeypatch
) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    app, calls = App(AppEnv), []
    isolate = Isolate(app)

    async def later():
        await turns(5)
        await isolate.env.VISITS.put("a", "1")
        calls.append("later")

    @app.on_stop
    async def stop(env):
        calls.append(await env.VISITS.get("a"))

    await isolate.start()
    ExecutionContext(isolate.background.spawn).wait_until(later())
    await isolate.stop()
    assert calls == ["later", "1"]


async def test_an_error_in_on_stop_still_closes_everything(somewhere: Path, monkeypatch) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", f"sqlite:{somewhere}/state")
    app = App(AppEnv)

    @app.on_stop
    async def stop(env):
        raise ZeroDivisionError

    isolate = Isolate(app)
    await isolate.start()
    with pytest.raises(ZeroDivisionError):
        await isolate.stop()
    assert isolate._store is None
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("where", ["other", "at_stop", "both"])
async def test_an_error_while_it_closes_leaves_nothing_open(
    somewhere: Path, monkeypatch, where: str
) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", f"sqlite:{somewhere}/state")
    ended: list[Store] = []
    app, other = App(AppEnv), App()

    async def living(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ended.append(isolate._open())  # it is there up to the end, and no other one
        await send({"type": "lifespan.shutdown.complete"})

    async def failing():
        raise ZeroDivisionError

    app.mount("/", living)
    if where != "at_stop":
        other.on_stop(failing)
    isolate = Isolate(app, beside={"other": other})
    await isolate.start()
    if where != "other":
        isolate.scope.at_stop.append(failing)
    store = isolate._open()
    with pytest.raises(ZeroDivisionError):
        await isolate.stop()
    assert ended == [store]
    assert isolate._store is None
    with pytest.raises(StorageError, match="closed"):
        await store.records.get("x", b"x", now=0)
    assert isolate.scope not in context.running
    assert len(asyncio.all_tasks()) == 1


async def test_expired_records_are_swept_every_minute_by_the_clock(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, records = ManualClock(now=1000), Records()
    records.results = [5, 1000, 1000, 3, OSError("disk full"), 0]
    with host.use_clock(clock):
        isolate = Isolate(App(AppEnv), store=store_of(records))
        await isolate.start()
        for count in (1, 4, 5, 6):
            await turns()
            clock.advance(59)
            await turns()
            before = len(records.swept)
            clock.advance(1)
            await until(lambda count=count: len(records.swept) == count)
            assert before == count - {1: 1, 4: 3, 5: 1, 6: 1}[count]
        await isolate.stop()
    assert records.swept == [1060, 1120, 1120, 1120, 1180, 1240]
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert "sweeping" in record.getMessage()


# jobs


class Counting:
    """A job that notes what is asked of it."""

    def __init__(self, calls: list[str], name: str, fails: str = "") -> None:
        self.calls = calls
        self.name = name
        self.fails = fails

    def note(self, what: str) -> None:
        self.calls.append(f"{what} {self.name}")
        if what == self.fails:
            raise RuntimeError(f"{self.name} cannot {what}")

    async def start(self) -> None:
        self.note("start")

    async def stop(self) -> None:
        self.note("stop")

    def move(self) -> None:
        self.note("move")


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def observed(calls: list[str]) -> App:
    app = App()

    @app.on_start
    async def start() -> None:
        calls.append("on_start")

    @app.on_stop
    async def stop() -> None:
        calls.append("on_stop")

    return app


async def test_jobs_start_last_and_stop_first(
    calls: list[str], observed: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records()
    closing = records.close

    async def close() -> None:
        calls.append("close")
        await closing()

    monkeypatch.setattr(records, "close", close)
    isolate = Isolate(observed)
    isolate._store = store_of(records)
    monkeypatch.setattr(isolate, "_make_jobs", lambda: [Counting(calls, n) for n in "ab"])
    await isolate.start()
    assert calls == ["on_start", "start a", "start b"]
    calls.clear()

    async def last() -> None:
        await turns(10)
        calls.append("wait_until")

    ExecutionContext(isolate.background.spawn).wait_until(last())
    await isolate.stop()
    assert calls == ["stop b", "stop a", "wait_until", "on_stop", "close"]


async def test_a_job_that_cannot_start_ends_the_start_and_the_others(
    calls: list[str], observed: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate = Isolate(observed)
    jobs = [Counting(calls, "a"), Counting(calls, "b", fails="start"), Counting(calls, "c")]
    monkeypatch.setattr(isolate, "_make_jobs", lambda: jobs)
    with pytest.raises(RuntimeError, match="b cannot start"):
        await isolate.start()
    assert calls == ["on_start", "start a", "start b", "stop b", "stop a"]
    assert not isolate.started


async def test_a_job_that_cannot_stop_stops_nobody_else(
    calls: list[str],
    observed: App,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    isolate = Isolate(observed)
    jobs = [Counting(calls, "a"), Counting(calls, "b", fails="stop")]
    monkeypatch.setattr(isolate, "_make_jobs", lambda: jobs)
    await isolate.start()
    await isolate.stop()
    assert calls[-3:] == ["stop b", "stop a", "on_stop"]
    assert "Counting did not stop well" in caplog.text


async def test_jobs_move_to_another_event_loop(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate = Isolate(App())
    monkeypatch.setattr(isolate, "_make_jobs", lambda: [Counting(calls, "a")])
    await asyncio.to_thread(asyncio.run, isolate.start())
    isolate.move()
    await isolate.stop()
    assert calls == ["start a", "move a", "stop a"]


# events


async def test_an_event_runs_with_env_and_ctx_and_gives_what_the_handler_returns() -> None:
    app = App(AppEnv)

    @app.scheduled
    async def handler(controller: Any, env: AppEnv, ctx: ExecutionContext) -> str:
        await env.VISITS.put("seen", controller.cron)
        return ctx.request_id

    isolate = Isolate(app, store=open_store("memory:", durable=False))
    await isolate.start()
    ctx = ExecutionContext()
    assert await isolate.run_event("scheduled", ScheduledController("c"), ctx) == ctx.request_id
    assert await isolate.run_to_end("scheduled", ScheduledController("d"), ctx) == ctx.request_id
    assert await isolate.env.VISITS.get("seen") == "d"
    await isolate.stop()


async def test_run_event_leaves_wait_until_to_go_on_and_run_to_end_waits_for_it() -> None:
    app, ended = App(), []

    async def inner(name: str) -> None:
        await turns(5)
        ended.append(name)

    async def outer(ctx: ExecutionContext, name: str) -> None:
        await turns(5)
        ctx.wait_until(inner(name))

    @app.scheduled
    async def handler(controller: Any, env: Any, ctx: ExecutionContext) -> None:
        ctx.wait_until(outer(ctx, controller.cron))

    isolate = Isolate(app)
    await isolate.start()
    await isolate.run_event("scheduled", ScheduledController("event"))
    assert ended == []
    await isolate.run_to_end("scheduled", ScheduledController("end"))
    assert ended == ["event", "end"]
    await isolate.stop()


@pytest.mark.parametrize("way", ["run_event", "run_to_end"])
async def test_an_event_has_fifteen_minutes_by_the_clock(way: str) -> None:
    app, cancelled = App(), []

    @app.scheduled
    async def handler(controller: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    clock = ManualClock()
    with host.use_clock(clock):
        isolate = Isolate(app)
        await isolate.start()
        event = asyncio.ensure_future(getattr(isolate, way)("scheduled", ScheduledController()))
        await turns()
        clock.advance(899)
        await turns()
        assert not event.done()
        clock.advance(1)
        with pytest.raises(TimeoutError, match="scheduled event took longer than 15 minutes"):
            await event
        await isolate.stop()
    assert cancelled
    assert clock.due() is None


async def test_a_timeout_of_the_handlers_own_is_its_own() -> None:
    app = App()

    @app.scheduled
    async def handler(controller: Any) -> None:
        raise TimeoutError("mine")

    isolate = Isolate(app)
    await isolate.start()
    with pytest.raises(TimeoutError, match="mine"):
        await isolate.run_event("scheduled", ScheduledController())
    await isolate.stop()


async def test_who_is_cancelled_while_an_event_runs_takes_its_tasks_along() -> None:
    app, ended = App(), []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    @app.scheduled
    async def handler(controller: Any, env: Any, ctx: ExecutionContext) -> None:
        ctx.wait_until(forever())

    isolate = Isolate(app)
    await isolate.start()
    event = asyncio.ensure_future(isolate.run_to_end("scheduled", ScheduledController()))
    await turns()
    event.cancel()
    with pytest.raises(asyncio.CancelledError):
        await event
    await until(lambda: bool(ended))
    await isolate.stop()
