"""Crons: fired at their minute, once in a deployment, never made up for, and checked at the start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit import host
from edgekit.app import App
from edgekit.bindings.kv import KVNamespace
from edgekit.bindings.scheduled import ScheduledController
from edgekit.cron import Cron, parse
from edgekit.engines.base import Put
from edgekit.engines.memory import MemoryRecords
from edgekit.engines.open import open_store
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import ConfigError, StorageError
from edgekit.runtime.crons import Crons
from edgekit.runtime.isolate import Isolate
from edgekit.testing import ManualClock
from edgekit.worker import worker

from .wire import turns, until

# 2027-01-15 08:00:00 UTC, a Friday
MORNING = 1_800_000_000


class Deployment:
    """What all processes share: the clock, the store; and what has been fired, by any of them."""

    def __init__(self) -> None:
        self.clock = ManualClock(now=MORNING)
        self.records = MemoryRecords()
        self.fired: list[tuple[str, int]] = []
        self.tasks: set[asyncio.Task[Any]] = set()

    def process(self, *crons: str, name: str = "w", run: Any = None) -> Crons:
        return Crons(
            [parse(text) for text in crons],
            name=name,
            records=self.records,
            run=run or self.run,
            spawn=self.spawn,
        )

    async def run(self, kind: str, subject: ScheduledController, ctx: Any) -> None:
        assert kind == "scheduled"
        self.fired.append((subject.cron, subject.scheduled_time // 1000 - MORNING))

    def spawn(self, coroutine: Any, ctx: Any, serving: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        while self.tasks:
            await asyncio.wait(self.tasks)


@pytest.fixture
def deployment() -> Any:
    made = Deployment()
    with host.use_clock(made.clock):
        yield made


async def test_each_cron_fires_at_each_of_its_minutes(deployment: Deployment) -> None:
    crons = deployment.process("*/2 * * * *", "5 8 * * *")
    await crons.start()
    assert deployment.fired == []
    await deployment.advance(119)
    assert deployment.fired == []
    await deployment.advance(1)
    assert deployment.fired == [("*/2 * * * *", 120)]
    await deployment.advance(300)
    assert deployment.fired[1:] == [
        ("*/2 * * * *", 240),
        ("5 8 * * *", 300),
        ("*/2 * * * *", 360),
    ]
    await crons.stop()


async def test_a_stopped_process_fires_no_more(deployment: Deployment) -> None:
    crons = deployment.process("* * * * *")
    await crons.start()
    await deployment.advance(60)
    await crons.stop()
    await deployment.advance(600)
    assert deployment.fired == [("* * * * *", 60)]


async def test_of_several_processes_one_fires(deployment: Deployment) -> None:
    processes = [deployment.process("* * * * *", "*/5 * * * *") for _ in range(4)]
    await asyncio.gather(*(crons.start() for crons in processes))
    await deployment.advance(600)
    assert sorted(deployment.fired) == sorted(
        [("* * * * *", 60 * n) for n in range(1, 11)] + [("*/5 * * * *", n) for n in (300, 600)]
    )
    for crons in processes:
        await crons.stop()


async def test_who_is_overtaken_while_it_claims_a_minute_does_not_fire(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    crons, apply = deployment.process("* * * * *"), deployment.records.apply
    await crons.start()
    other = Put("crons/w", b"* * * * *", b"%d" % (MORNING + 60))

    async def overtaken(ops: Any, *, now: float, fence: Any = None) -> None:
        monkeypatch.undo()
        await apply([other], now=now)
        await apply(ops, now=now, fence=fence)

    monkeypatch.setattr(deployment.records, "apply", overtaken)
    await deployment.advance(60)
    assert deployment.fired == []
    await deployment.advance(60)
    assert deployment.fired == [("* * * * *", 120)]


async def test_workers_of_different_names_are_apart(deployment: Deployment) -> None:
    for name in ("a", "b"):
        await deployment.process("* * * * *", name=name).start()
    await deployment.advance(60)
    assert deployment.fired == [("* * * * *", 60)] * 2


async def test_the_others_go_on_when_one_process_is_gone(deployment: Deployment) -> None:
    first, second = deployment.process("* * * * *"), deployment.process("* * * * *")
    await first.start()
    await second.start()
    await deployment.advance(120)
    await first.stop()
    await deployment.advance(120)
    assert [time for _, time in deployment.fired] == [60, 120, 180, 240]


async def test_a_restart_across_a_minute_misses_nothing(deployment: Deployment) -> None:
    crons = deployment.process("* * * * *")
    await crons.start()
    await deployment.advance(110)
    await crons.stop()
    await deployment.advance(13)  # it was down at 120
    await deployment.process("* * * * *").start()
    await deployment.settle()
    assert deployment.fired == [("* * * * *", 60), ("* * * * *", 120)]
    await deployment.advance(60)
    assert deployment.fired[2:] == [("* * * * *", 180)]


async def test_a_cron_that_never_fired_is_not_missed_by_a_restart_either(
    deployment: Deployment,
) -> None:
    crons = deployment.process("1 8 * * *")
    await crons.start()
    await crons.stop()
    await deployment.advance(119)
    await deployment.process("1 8 * * *").start()
    await deployment.settle()
    assert deployment.fired == [("1 8 * * *", 60)]


async def test_a_restart_within_the_minute_does_not_fire_again(deployment: Deployment) -> None:
    for _ in range(3):
        crons = deployment.process("* * * * *")
        await crons.start()
        await deployment.advance(20)
        await crons.stop()
    await deployment.process("* * * * *").start()
    await deployment.settle()
    assert deployment.fired == [("* * * * *", 60)]


async def test_a_new_cron_begins_with_the_next_minute(deployment: Deployment) -> None:
    deployment.clock.advance(30)
    await deployment.process("0 8 * * *", "* * * * *").start()
    await deployment.settle()
    assert deployment.fired == []
    await deployment.advance(30)
    assert deployment.fired == [("* * * * *", 60)]


async def test_what_was_missed_for_longer_is_not_made_up_for(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    crons = deployment.process("30 * * * *", "* * * * *")
    await crons.start()
    await crons.stop()
    await deployment.advance(2 * 3600 + 90)  # nobody was there at 8:30 and 9:30
    await deployment.process("30 * * * *", "* * * * *").start()
    await deployment.settle()
    assert deployment.fired == [("* * * * *", 7260)]
    await deployment.advance(28 * 60 + 30)
    assert ("30 * * * *", 9000) in deployment.fired


async def test_after_a_long_sleep_of_the_machine_only_the_last_minute_counts(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    crons = deployment.process("* * * * *", "3 8 * * *", "0 4 * * *")
    await crons.start()
    deployment.clock._now += 600.5  # nobody was woken meanwhile
    await deployment.advance(0)
    assert deployment.fired == [("* * * * *", 600)]
    assert [record.getMessage() for record in caplog.records if record.levelno > 20] == [
        "the cron '* * * * *' was missed at 2027-01-15 08:01 UTC",
        "the cron '3 8 * * *' was missed at 2027-01-15 08:03 UTC",
    ]
    await deployment.advance(60)
    assert deployment.fired[1:] == [("* * * * *", 660)]


async def test_a_clock_that_goes_back_fires_no_minute_twice(deployment: Deployment) -> None:
    crons = deployment.process("* * * * *")
    await crons.start()
    await deployment.advance(300)
    deployment.clock._now -= 200
    other = deployment.process("* * * * *")
    await other.start()
    await deployment.advance(100)
    assert [time for _, time in deployment.fired] == [60, 120, 180, 240, 300]
    await deployment.advance(160)
    assert [time for _, time in deployment.fired][5:] == [360]


async def test_a_record_of_a_clock_that_was_far_ahead_stops_nothing(
    deployment: Deployment,
) -> None:
    put = Put("crons/w", b"* * * * *", b"%d" % (MORNING + 10**9))
    await deployment.records.apply([put], now=MORNING)
    await deployment.process("* * * * *").start()
    await deployment.advance(120)
    assert [time for _, time in deployment.fired] == [60, 120]


async def test_a_failing_handler_is_logged_with_its_cron_and_not_tried_again(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    crons = deployment.process("* * * * *", run=fail)
    caplog.set_level(logging.INFO)
    await crons.start()
    await deployment.advance(60)
    fires, failed = caplog.records
    assert fires.getMessage() == "the cron '* * * * *' fires at 2027-01-15 08:01 UTC"
    assert failed.levelno == logging.ERROR
    assert failed.getMessage().startswith("the cron '* * * * *' failed at 2027-01-15 08:01 UTC (")
    assert failed.exc_info is not None
    assert str(failed.exc_info[1]) == "broken"
    await deployment.advance(59)
    assert len(caplog.records) == 2


async def test_a_slow_handler_keeps_nobody_waiting(deployment: Deployment) -> None:
    release = asyncio.Event()

    async def run(kind: str, subject: Any, ctx: Any) -> None:
        if subject.cron == "* * * * *":
            await release.wait()
        await deployment.run(kind, subject, ctx)

    await deployment.process("* * * * *", "*/2 * * * *", run=run).start()
    deployment.clock.advance(240)
    await until(lambda: len(deployment.fired) == 2)
    assert deployment.fired == [("*/2 * * * *", 120), ("*/2 * * * *", 240)]
    release.set()
    await deployment.settle()
    assert len(deployment.fired) == 6


async def test_a_store_that_fails_is_logged_and_the_next_minute_is_tried(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    crons = deployment.process("* * * * *")
    await crons.start()

    async def full(*_: Any, **__: Any) -> None:
        raise StorageError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(deployment.records, "apply", full)
        await deployment.advance(60)
    assert deployment.fired == []
    [record] = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "disk full"
    await deployment.advance(60)
    assert deployment.fired == [("* * * * *", 120)]


async def test_a_cron_that_never_fires_is_a_warning(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    crons = deployment.process("0 0 30 2 *")
    await crons.start()
    assert "'0 0 30 2 *' never fires" in caplog.text
    await crons.stop()


async def test_the_last_minute_of_a_cron_ends_its_watch(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = iter([MORNING + 60, None])
    monkeypatch.setattr(Cron, "next", lambda self, after: next(following))
    await deployment.process("* * * * *").start()
    await deployment.advance(3600)
    assert deployment.fired == [("* * * * *", 60)]


async def test_a_far_cron_is_watched_at_least_every_minute(deployment: Deployment) -> None:
    # Because the clock may be set, or stand still while the machine sleeps.
    await deployment.process("0 0 1 1 *").start()
    assert deployment.clock.due() == MORNING + 60


# In an isolate


class AppEnv(Env):
    SEEN: KVNamespace


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    return tmp_path


def configured(folder: Path, crons: str, more: str = "") -> None:
    (folder / "wrangler.jsonc").write_text(
        f'{{"name": "w", "triggers": {{"crons": {crons}}}{more}}}'
    )


async def advance(isolate: Isolate, clock: ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    await turns()
    while isolate.background.tasks:
        await asyncio.wait(isolate.background.tasks)


async def test_handlers_get_env_and_ctx_and_wait_until_works(folder: Path) -> None:
    app = App(AppEnv)

    @app.scheduled("* * * * *")
    async def tick(controller: ScheduledController, env: AppEnv, ctx: Any) -> None:
        ctx.wait_until(env.SEEN.put("tick", str(controller.scheduled_time)))

    @app.scheduled
    async def others(controller: ScheduledController) -> None:
        raise AssertionError("no other cron is there")

    clock = ManualClock(now=MORNING)
    with host.use_clock(clock):
        isolate = Isolate(app)
        await isolate.start()
        await advance(isolate, clock, 60)
        assert await isolate.env.SEEN.get("tick") == str((MORNING + 60) * 1000)
        await isolate.stop()


async def test_a_class_takes_every_cron_of_the_configuration(folder: Path) -> None:
    configured(folder, '["*/2 * * * *", "*/3 * * * *", "*/3 * * * *"]')
    seen = []

    class Default(WorkerEntrypoint):
        async def scheduled(self, controller: Any, env: Any, ctx: Any) -> None:
            assert self.env is env
            assert self.ctx is ctx
            seen.append(controller.cron)

    clock = ManualClock(now=MORNING)
    with host.use_clock(clock):
        isolate = Isolate(worker(Default))
        await isolate.start()
        await advance(isolate, clock, 360)
        await isolate.stop()
    assert sorted(seen) == ["*/2 * * * *"] * 3 + ["*/3 * * * *"] * 2


async def test_a_handler_has_fifteen_minutes(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []
    app = App()

    async def forever(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    @app.scheduled("0 9 * * *")
    async def handler(controller: Any, env: Any, ctx: Any) -> None:
        ctx.wait_until(forever("wait_until"))
        await forever("handler")

    clock = ManualClock(now=MORNING)
    with host.use_clock(clock):
        isolate = Isolate(app)
        await isolate.start()
        clock.advance(3600)
        await until(lambda: len(isolate.background.tasks) == 2)
        clock.advance(15 * 60 - 1)
        await turns()
        assert ended == []
        clock.advance(1)
        await until(lambda: not isolate.background.tasks)
        await isolate.stop()
    assert sorted(ended) == ["handler", "wait_until"]
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the scheduled event took longer than 15 minutes"


async def test_a_stop_waits_for_what_was_fired(folder: Path) -> None:
    ended = []
    app = App()

    @app.scheduled("* * * * *")
    async def tick(controller: Any) -> None:
        await turns(20)
        ended.append(controller.cron)

    clock = ManualClock(now=MORNING)
    with host.use_clock(clock):
        isolate = Isolate(app)
        await isolate.start()
        clock.advance(60)
        await isolate.stop()
        clock.advance(60)
        await turns()
    assert ended == ["* * * * *"]


async def test_no_crons_need_no_store(folder: Path) -> None:
    app = App()

    @app.scheduled
    async def by_hand(controller: Any) -> None: ...

    isolate = Isolate(app)
    await isolate.start()
    assert isolate._store is None
    await isolate.stop()


async def test_crons_go_on_in_another_event_loop(folder: Path) -> None:
    app, seen = App(), []

    @app.scheduled("* * * * *")
    async def tick(controller: Any) -> None:
        seen.append(controller.scheduled_time // 1000 - MORNING)

    clock = ManualClock(now=MORNING)
    with host.use_clock(clock):
        isolate = Isolate(app, store=open_store("memory:", durable=False))
        await asyncio.to_thread(asyncio.run, isolate.start())
        isolate.move()
        await advance(isolate, clock, 60)
        await isolate.stop()
    assert seen == [60]


def one(cron: str | None) -> Callable[[App], None]:
    def declare(app: App) -> None:
        async def handler(controller: Any) -> None: ...

        (app.scheduled(cron) if cron else app.scheduled)(handler)

    return declare


@pytest.mark.parametrize(
    ("crons", "declare", "message"),
    [
        (
            '["0 0 * * *"]',
            [],
            "wrangler.jsonc: triggers.crons[0]: '0 0 * * *': no scheduled handler takes it",
        ),
        (
            '["0 0 * * *"]',
            [one("0 1 * * *")],
            "wrangler.jsonc: triggers.crons has no '0 1 * * *', which a scheduled handler is declared"
            " for; there is '0 0 * * *'\nwrangler.jsonc: triggers.crons[0]: '0 0 * * *': no scheduled"
            " handler takes it (there are some for '0 1 * * *')",
        ),
        (
            "[]",
            [one("0 1 * * *")],
            "wrangler.jsonc: triggers.crons has no '0 1 * * *', which a scheduled handler is declared"
            " for; there are none",
        ),
        (
            '["* * * * *", "0 0 * * 0"]',
            [one(None)],
            "wrangler.jsonc: triggers.crons[1]: the cron '0 0 * * 0', day of the week: expected 1 to"
            " 7, or SUN to SAT, at character 9, '0'",
        ),
    ],
)
async def test_crons_and_handlers_must_match_at_the_start(
    folder: Path, crons: str, declare: list[Callable[[App], None]], message: str
) -> None:
    configured(folder, crons)
    app = App()
    started = []

    @app.on_start
    async def start() -> None:
        started.append(True)

    for each in declare:
        each(app)
    with pytest.raises(ConfigError) as raised:
        await Isolate(app).start()
    assert str(raised.value) == message
    assert not started
    assert len(asyncio.all_tasks()) == 1


async def test_a_cron_of_the_configuration_may_have_the_handler_for_all(folder: Path) -> None:
    configured(folder, '["0 0 * * *", "0 1 * * *"]')
    app = App()
    one("0 1 * * *")(app)
    one(None)(app)
    isolate = Isolate(app)
    await isolate.start()
    await isolate.stop()


async def test_triggers_may_have_no_crons(folder: Path) -> None:
    configured(folder, "null")
    isolate = Isolate(App())
    await isolate.start()
    await isolate.stop()


def test_a_wrong_cron_is_refused_where_it_is_declared() -> None:
    with pytest.raises(ConfigError, match="'0 0 \\* \\* 8', day of the week"):
        App().scheduled("0 0 * * 8")


async def test_a_start_that_fails_in_the_store_releases_everything(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise StorageError("cannot read")

    monkeypatch.setattr(MemoryRecords, "get", broken)
    app = App()
    one("* * * * *")(app)
    isolate = Isolate(app)
    with pytest.raises(StorageError, match="cannot read"):
        await isolate.start()
    assert isolate._store is None
    assert isolate._jobs == []
    assert len(asyncio.all_tasks()) == 1
