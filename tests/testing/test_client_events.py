"""TestClient: events that are no requests, made by hand or by turning the clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edgekit import host
from edgekit.app import App
from edgekit.bindings.kv import KVNamespace
from edgekit.bindings.queues import MessageBatch, Queue
from edgekit.bindings.scheduled import ScheduledController
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import EmailError, QueueTypeError, UnsupportedError
from edgekit.testing import TestClient

MAIL = "From: a@x.z\r\nTo: b@x.z\r\nMessage-ID: <1@x.z>\r\nSubject: s\r\n\r\nbody\r\n"


class AppEnv(Env):
    KV: KVNamespace


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# scheduled


async def test_scheduled_runs_the_handler_with_env_and_what_it_waits_for() -> None:
    app = App(AppEnv)

    @app.scheduled("*/5 * * * *")
    async def tick(controller: ScheduledController, env: AppEnv, ctx: Any) -> None:
        assert controller.scheduled_time == 1_800_000_000_000
        ctx.wait_until(env.KV.put("tick", controller.cron))

    async with TestClient(app) as client:
        assert await client.scheduled("*/5 * * * *") == {"outcome": "ok", "noRetry": False}
        assert await client.env.KV.get("tick") == "*/5 * * * *"


@pytest.mark.parametrize("time", [86_400_000, datetime(1970, 1, 2, tzinfo=UTC)])
async def test_scheduled_for_a_time(time: Any) -> None:
    class Default(WorkerEntrypoint):
        async def scheduled(self, controller: ScheduledController) -> None:
            assert controller.scheduled_time == 86_400_000
            controller.no_retry()

    async with TestClient(Default) as client:
        result = await client.scheduled(time=time)
        assert (result.outcome, result.no_retry) == ("ok", True)


async def test_what_a_scheduled_handler_raises_is_raised_or_is_the_outcome() -> None:
    app = App()

    @app.scheduled
    async def fail(controller: ScheduledController, env: Env, ctx: Any) -> None:
        async def later() -> None:
            raise RuntimeError("late")

        ctx.wait_until(later())
        if controller.cron:
            raise ValueError("now")

    async with TestClient(app) as client:
        with pytest.raises(ValueError, match="now"):
            await client.scheduled("* * * * *")
        with pytest.raises(RuntimeError, match="late"):
            await client.scheduled()
    async with TestClient(app, raise_errors=False) as client:
        assert (await client.scheduled()).outcome == "exception"


async def test_a_cron_that_no_handler_takes_is_an_error() -> None:
    app = App()

    @app.scheduled("0 0 * * *")
    async def nightly(controller: ScheduledController) -> None: ...

    async with TestClient(app) as client:
        with pytest.raises(UnsupportedError, match=r"no scheduled handler for '0 1 \* \* \*'"):
            await client.scheduled("0 1 * * *")


# The clock


async def test_crons_fire_one_after_the_other_as_time_passes() -> None:
    app, seen = App(), []

    @app.scheduled("*/10 * * * *")
    async def often(controller: ScheduledController) -> None:
        seen.append(("often", controller.scheduled_time / 1000 - 1_800_000_000, host.now()))

    @app.scheduled("30 8 * * *")
    async def once(controller: ScheduledController) -> None:
        seen.append(("once", controller.scheduled_time / 1000 - 1_800_000_000, host.now()))

    async with TestClient(app) as client:
        await client.advance(35 * 60)
        assert [(name, after / 60) for name, after, _ in seen] == [
            ("often", 10),
            ("often", 20),
            ("often", 30),
            ("once", 30),
        ]
        assert all(now == 1_800_000_000 + after for _, after, now in seen)
        assert client.clock.now() == 1_800_000_000 + 35 * 60
        client.clock.advance(5 * 60)  # as well, if something is awaited after it
        await client.advance(0)
        assert len(seen) == 5


async def test_a_handler_that_sleeps_goes_on_as_time_passes() -> None:
    app, seen = App(), []

    @app.scheduled("1 8 * * *")
    async def slow(controller: ScheduledController) -> None:
        for _ in range(3):
            await host.sleep(10)
            seen.append(host.now() - 1_800_000_000)

    async with TestClient(app) as client:
        await client.advance(85)
        assert seen == [70, 80]
        await client.advance(100)
        assert seen == [70, 80, 90]


async def test_what_a_cron_raises_is_logged_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.scheduled("* * * * *")
    async def fail(controller: ScheduledController) -> None:
        raise ValueError("broken")

    async with TestClient(app) as client:
        await client.advance(60)
    assert "the cron '* * * * *' failed" in caplog.text


async def test_time_passes_where_nobody_waits() -> None:
    async with TestClient(App()) as client:
        await client.advance(1.5)
        assert client.clock.now() == 1_800_000_001.5


# queue


@pytest.fixture
def jobs() -> App:
    app = App()

    @app.queue("jobs")
    async def work(batch: MessageBatch, env: Env, ctx: Any) -> None:
        assert batch.queue == "jobs"
        for message in batch.messages:
            match message.body:
                case {"do": "ack"}:
                    message.ack()
                case {"do": "retry"}:
                    message.retry(delay_seconds=5)
                case "ack all":
                    batch.ack_all()
                case "retry all":
                    batch.retry_all(delay_seconds=7)
                case "fail":
                    raise ValueError("broken")

    return app


async def test_queue_gives_one_batch_to_the_handler_and_tells_what_it_did(jobs: App) -> None:
    async with TestClient(jobs) as client:
        result = await client.queue(
            "jobs",
            [
                {"id": "a", "body": {"do": "ack"}},
                {"id": "b", "body": {"do": "retry"}, "attempts": 3},
                {"do": "nothing"},
            ],
        )
        assert result == {
            "outcome": "ok",
            "ackAll": False,
            "retryBatch": {"retry": False},
            "explicitAcks": ["a"],
            "retryMessages": [{"msgId": "b", "delaySeconds": 5}],
        }
        assert result.explicit_acks == ["a"]
        assert (await client.queue("jobs", ["ack all"])).ack_all is True
        retried = await client.queue("jobs", ["retry all"])
        assert retried.retry_batch == {"retry": True, "delaySeconds": 7}


async def test_messages_have_ids_times_attempts_and_bodies_as_they_were_sent() -> None:
    app, seen = App(), []

    @app.queue
    async def work(batch: MessageBatch) -> None:
        for message in batch.messages:
            seen.append((message.body, message.attempts, message.timestamp, len(message.id)))

    async with TestClient(app) as client:
        await client.queue(
            "any",
            [
                ("a", "tuple"),
                {"body": b"raw", "content_type": "bytes", "attempts": 2},
                {"body": None},
            ],
        )
        await client.queue("any", [])
    moment = datetime.fromtimestamp(1_800_000_000, UTC)
    assert seen == [(["a", "tuple"], 1, moment, 32), (b"raw", 2, moment, 32), (None, 1, moment, 32)]


async def test_what_a_queue_handler_raises_is_raised_or_is_the_outcome(jobs: App) -> None:
    messages = [{"id": "a", "body": {"do": "ack"}}, "fail"]
    async with TestClient(jobs) as client:
        with pytest.raises(ValueError, match="broken"):
            await client.queue("jobs", messages)
        with pytest.raises(UnsupportedError, match=r"no queue handler for 'other'.*'jobs'"):
            await client.queue("other", ["x"])
    async with TestClient(jobs, raise_errors=False) as client:
        result = await client.queue("jobs", messages)
        assert (result.outcome, result.explicit_acks) == ("exception", ["a"])


async def test_a_body_that_no_queue_takes_is_refused(jobs: App) -> None:
    async with TestClient(jobs) as client:
        with pytest.raises(QueueTypeError):
            await client.queue("jobs", [{"body": 1, "content_type": "text"}])


async def test_consumers_get_their_messages_as_time_passes(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text(
        """{"queues": {
            "producers": [{"binding": "JOBS", "queue": "jobs"}],
            "consumers": [{"queue": "jobs", "max_batch_timeout": 5, "max_retries": 1, "retry_delay": 60}]
        }}"""
    )

    class JobsEnv(Env):
        JOBS: Queue

    app, seen = App(JobsEnv), []

    @app.queue("jobs")
    async def work(batch: MessageBatch) -> None:
        seen.extend((message.body, message.attempts, host.now()) for message in batch.messages)
        raise ValueError("broken")

    async with TestClient(app) as client:
        await client.env.JOBS.send("a")
        await client.advance(4)
        assert seen == []
        await client.advance(1)
        assert seen == [("a", 1, 1_800_000_005)]
        await client.advance(300)
        assert [(body, attempts) for body, attempts, _ in seen] == [("a", 1), ("a", 2)]
        assert seen[1][2] >= 1_800_000_065


# email


async def test_email_gives_a_message_to_the_handler_and_tells_what_it_did() -> None:
    app, seen = App(), []

    @app.email
    async def receive(message: Any, env: Env, ctx: Any) -> None:
        seen.append((message.from_, message.to, message.headers["subject"]))
        if message.to == "no@example.com":
            message.set_reject("nobody here")
            return
        await message.forward("other@example.com")
        await message.reply(text="Thanks")

    async with TestClient(app) as client:
        result = await client.email(MAIL, from_="sender@example.com")
        assert seen == [("sender@example.com", "to@example.com", "s")]
        assert (result.outcome, result.reject_reason) == ("ok", None)
        assert result.forwards[0].recipients == ["other@example.com"]
        assert b"Thanks" in result.replies[0].raw
        result = await client.email(MAIL.encode(), to="no@example.com")
        assert result.reject_reason == "nobody here"


async def test_an_email_that_fails() -> None:
    app = App()

    @app.email
    async def receive(message: Any) -> None:
        raise ValueError("broken")

    async with TestClient(app) as client:
        with pytest.raises(ValueError, match="broken"):
            await client.email(MAIL)
        with pytest.raises(EmailError, match="no message id"):
            await client.email("nothing")
    async with TestClient(app, raise_errors=False) as client:
        assert (await client.email(MAIL)).outcome == "exception"


async def test_nothing_is_left_when_the_client_ends(jobs: App) -> None:
    @jobs.scheduled("* * * * *")
    async def stuck(controller: ScheduledController) -> None:
        await host.sleep(1000)

    async with TestClient(jobs) as client:
        client.clock.advance(60)
    assert len(asyncio.all_tasks()) == 1
