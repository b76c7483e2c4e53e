"""One Worker alive: what its start opens, its stop closes, and what runs beside."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from edgekit import host
from edgekit.app import App
from edgekit.bindings.kv import KVNamespace
from edgekit.context import ExecutionContext
from edgekit.engines.open import Store
from edgekit.env import Env
from edgekit.errors import ConfigError
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
    isolate = Isolate(App(AppEnv), store=Store(records))  # type: ignore[arg-type]
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


async def test_expired_records_are_swept_every_minute_by_the_clock(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, records = ManualClock(now=1000), Records()
    records.results = [5, 1000, 1000, 3, OSError("disk full"), 0]
    with host.use_clock(clock):
        isolate = Isolate(App(AppEnv), store=Store(records))  # type: ignore[arg-type]
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
