"""Consumers: batches by size and time, what follows from what a handler does, several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit import host
from edgekit.app import App
from edgekit.bindings.queues import MessageBatch, Queue
from edgekit.engines.open import open_store
from edgekit.engines.queues import Queues
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.engines.sqlite_queues import SQLiteQueues
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import ConfigError, StorageError
from edgekit.kinds import QueueConsumerConfig
from edgekit.runtime.consumers import CONCURRENCY, POLL_SECONDS, RECOVER_SECONDS, Consumer
from edgekit.runtime.isolate import Isolate
from edgekit.testing import ManualClock, TestClient
from edgekit.worker import worker

Handler = Callable[[MessageBatch], Any]


class Deployment:
    """What all processes share: the clock and the store; and what was handed out, by any of them."""

    def __init__(self, queues: Queues) -> None:
        self.clock = ManualClock()
        self.start = self.clock.now()
        self.queues = queues
        self.queue = Queue(queues, "q")
        # (seconds since the start, queue, [(body, attempts)]) of each batch
        self.batches: list[tuple[float, str, list[tuple[Any, int]]]] = []
        self.handler: Handler = lambda batch: None
        self.tasks: set[asyncio.Task[Any]] = set()
        self.consumers: list[Consumer] = []

    async def consumer(self, queue: str = "q", *, queues: Any = None, **config: Any) -> Consumer:
        entry = QueueConsumerConfig(queue=queue, **config)
        made = Consumer(entry, queues=queues or self.queues, run=self.run, spawn=self.spawn)
        await made.start()
        self.consumers.append(made)
        await self.settle()
        return made

    async def run(self, kind: str, batch: MessageBatch, ctx: Any) -> None:
        assert kind == "queue"
        found = [(message.body, message.attempts) for message in batch.messages]
        self.batches.append((self.clock.now() - self.start, batch.queue, found))
        answer = self.handler(batch)
        if asyncio.iscoroutine(answer):
            await answer

    def spawn(self, coroutine: Any, ctx: Any, serving: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def settle(self) -> None:
        """Until all tasks have ended or sleep, or wait for the test."""
        idle = 0
        while self.tasks and idle < 30:
            before = len(self.batches), len(self.tasks)
            await asyncio.sleep(0)
            idle = idle + 1 if before == (len(self.batches), len(self.tasks)) else 0

    async def advance(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while (due := self.clock.due()) is not None and due <= end:
            self.clock.turn_to(due)
            await self.settle()
        self.clock.turn_to(end)
        await self.settle()

    async def send(self, *bodies: Any, **options: Any) -> None:
        for body in bodies:
            await self.queue.send(body, **options)
        await self.settle()

    def handed_out(self) -> list[list[Any]]:
        """The bodies of each batch."""
        return [[body for body, _ in messages] for _, _, messages in self.batches]

    def moments(self) -> list[float]:
        return [moment for moment, _, _ in self.batches]

    async def left(self, queue: str = "q") -> int:
        return (await self.queues.backlog(queue)).messages


@pytest.fixture
async def deployment() -> AsyncIterator[Deployment]:
    store = open_store("memory:", durable=False)
    made = Deployment(store.queues())
    with host.use_clock(made.clock):
        yield made
        for consumer in made.consumers:
            await consumer.stop()
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)
        await store.close()


# Batches


async def test_a_full_batch_is_handed_out_at_once(deployment: Deployment) -> None:
    await deployment.consumer(max_batch_size=3)
    await deployment.send(1, 2)
    assert deployment.batches == []
    await deployment.send(3, 4)
    assert deployment.batches == [(0, "q", [(1, 1), (2, 1), (3, 1)])]
    assert await deployment.left() == 1


async def test_a_part_of_a_batch_is_handed_out_when_its_time_is_over(
    deployment: Deployment,
) -> None:
    await deployment.consumer(max_batch_size=3, max_batch_timeout=4)
    await deployment.send(1)
    await deployment.advance(3)
    await deployment.send(2)
    await deployment.advance(0.9)
    assert deployment.batches == []
    await deployment.advance(0.1)
    assert deployment.batches == [(4, "q", [(1, 1), (2, 1)])]
    assert await deployment.left() == 0


async def test_the_platforms_defaults_are_10_messages_5_seconds_3_retries(
    deployment: Deployment,
) -> None:
    await deployment.consumer()
    await deployment.send(*range(12))
    assert deployment.handed_out() == [list(range(10))]
    deployment.handler = lambda batch: batch.retry_all()
    await deployment.advance(100)
    assert deployment.moments() == [0, 5, 10, 15, 20]
    assert deployment.batches[-1][2] == [(10, 4), (11, 4)]
    assert await deployment.left() == 0


async def test_a_timeout_of_0_hands_out_at_once(deployment: Deployment) -> None:
    await deployment.consumer(max_batch_timeout=0)
    await deployment.send(1)
    await deployment.send(2)
    assert deployment.handed_out() == [[1], [2]]


async def test_what_waited_before_the_consumer_came_is_handed_out(deployment: Deployment) -> None:
    await deployment.send(*range(25))
    await deployment.advance(1000)
    assert await deployment.left() == 25
    await deployment.consumer()
    assert sorted(map(len, deployment.handed_out())) == [5, 10, 10]


async def test_a_delayed_message_is_handed_out_when_it_is_due(deployment: Deployment) -> None:
    await deployment.consumer(max_batch_timeout=0)
    await deployment.send("late", delay_seconds=60)
    await deployment.send("sooner", delay_seconds=30)
    await deployment.send("now")
    await deployment.advance(100)
    assert deployment.handed_out() == [["now"], ["sooner"], ["late"]]
    assert deployment.moments() == [0, 30, 60]


async def test_a_size_of_0_is_1(deployment: Deployment) -> None:
    await deployment.consumer(max_batch_size=0)
    await deployment.send(1, 2)
    assert deployment.handed_out() == [[1], [2]]


async def test_a_batch_knows_the_backlog(deployment: Deployment) -> None:
    seen: list[int] = []
    deployment.handler = lambda batch: seen.append(batch.metadata.metrics.backlog_count)
    await deployment.send(*range(3))
    await deployment.consumer(max_batch_size=2)
    assert seen == [3]


# What follows


async def test_messages_are_retried_after_their_own_delay_or_the_queues(
    deployment: Deployment,
) -> None:
    def handler(batch: MessageBatch) -> None:
        for message in batch.messages:
            if message.attempts == 1 and message.body != "fine":
                message.retry(None if message.body == "queue's" else {"delaySeconds": message.body})

    deployment.handler = handler
    await deployment.consumer(max_batch_timeout=0, retry_delay=20)
    await deployment.queue.send_batch([{"body": body} for body in ("fine", 7, "queue's", 0, -5)])
    await deployment.settle()
    await deployment.advance(100)
    again = [(moment, bodies) for moment, _, bodies in deployment.batches[1:]]
    assert again == [(0, [(0, 2), (-5, 2)]), (7, [(7, 2)]), (20, [("queue's", 2)])]


async def test_a_handler_that_raises_has_all_retried_that_it_did_not_acknowledge(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(batch: MessageBatch) -> None:
        batch.messages[0].ack()
        if batch.messages[0].attempts == 1:
            raise RuntimeError("broken")

    deployment.handler = handler
    await deployment.consumer(max_batch_size=3, max_batch_timeout=1)
    await deployment.send(1, 2, 3)
    await deployment.advance(1)
    assert deployment.batches[1:] == [(1, "q", [(2, 2), (3, 2)])]
    assert "queue q: the handler failed" in caplog.text
    assert "broken" in caplog.text


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_after_max_retries_a_message_goes_to_the_dead_letter_queue(
    deployment: Deployment, retries: int, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.handler = lambda batch: batch.retry_all() if batch.queue == "q" else None
    await deployment.send("bad")
    first = (await deployment.queue.metrics()).oldest_message_timestamp
    await deployment.consumer(
        max_batch_timeout=0, max_retries=retries, retry_delay=10, dead_letter_queue="dead"
    )
    await deployment.advance(1000)
    assert [queue for _, queue, _ in deployment.batches] == ["q"] * (retries + 1)
    assert await deployment.left() == 0
    assert f"has failed {retries + 1} times and goes to the dead letter queue dead" in caplog.text
    stamps = []
    deployment.handler = lambda batch: stamps.append(batch.messages[0].timestamp)
    await deployment.consumer("dead", max_batch_timeout=0)
    assert deployment.batches[-1][1:] == ("dead", [("bad", 1)])
    assert stamps == [first]


async def test_a_dead_letter_wakes_its_consumer_at_once(deployment: Deployment) -> None:
    deployment.handler = lambda batch: batch.retry_all() if batch.queue == "q" else None
    await deployment.consumer("dead", max_batch_timeout=0)
    await deployment.consumer(max_batch_timeout=0, max_retries=0, dead_letter_queue="dead")
    await deployment.send(1)
    assert deployment.batches == [(0, "q", [(1, 1)]), (0, "dead", [(1, 1)])]


async def test_without_a_dead_letter_queue_it_is_dropped(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.handler = lambda batch: batch.retry_all()
    await deployment.consumer(max_batch_timeout=0, max_retries=1)
    await deployment.send(1)
    assert await deployment.left() == 0
    assert "has failed 2 times and is dropped" in caplog.text


async def test_a_poisoned_message_does_not_block_the_rest(deployment: Deployment) -> None:
    def handler(batch: MessageBatch) -> None:
        for message in batch.messages:
            if message.body == "poison":
                raise ValueError("poison")
            message.ack()

    deployment.handler = handler
    await deployment.consumer(
        max_batch_size=2, max_batch_timeout=1, retry_delay=5, dead_letter_queue="dead"
    )
    await deployment.send("a", "poison", "b", "c", "d")
    await deployment.advance(2)
    handled = [body for bodies in deployment.handed_out() for body in bodies if body != "poison"]
    assert sorted(handled) == ["a", "b", "c", "d"]
    await deployment.advance(100)
    assert (await deployment.left(), await deployment.left("dead")) == (0, 1)


async def test_a_message_that_has_ended_its_process_each_time_is_dead(
    deployment: Deployment,
) -> None:
    await deployment.send("killer")
    for lives in range(4):  # of the processes that it ended
        now = host.now() + lives
        await deployment.queues.claim(
            "q", limit=1, batches=1, concurrency=None, now=now, until=now + 1
        )
    await deployment.send("innocent")
    await deployment.advance(4)
    await deployment.consumer(max_batch_timeout=0, dead_letter_queue="dead")
    assert deployment.handed_out() == [["innocent"]]
    assert await deployment.left("dead") == 1
    assert await deployment.left() == 0


# Concurrency, several processes


async def blocked(deployment: Deployment) -> asyncio.Event:
    """Let handlers wait until the event is set."""
    gate = asyncio.Event()
    deployment.handler = lambda batch: gate.wait()
    return gate


@pytest.mark.parametrize("concurrency", [1, 3, None])
async def test_so_many_batches_at_once(deployment: Deployment, concurrency: int | None) -> None:
    gate = await blocked(deployment)
    await deployment.consumer(max_batch_size=1, max_concurrency=concurrency)
    await deployment.send(*range(20))
    assert len(deployment.batches) == (concurrency or CONCURRENCY)
    gate.set()
    await deployment.settle()
    assert [body for bodies in deployment.handed_out() for body in bodies] == list(range(20))


async def test_processes_share_the_messages_and_the_concurrency(deployment: Deployment) -> None:
    gate = await blocked(deployment)
    for _ in range(4):
        await deployment.consumer(max_batch_size=1, max_concurrency=3)
    await deployment.send(*range(30))
    assert len(deployment.batches) == 3
    gate.set()
    for _ in range(30):
        await deployment.advance(1)
        await deployment.queues.configure("q", now=host.now())  # here nobody polls
    assert sorted(body for bodies in deployment.handed_out() for body in bodies) == list(range(30))


@pytest.fixture
async def processes(
    tmp_path: Path, deployment: Deployment
) -> AsyncIterator[tuple[SQLiteQueues, SQLiteQueues]]:
    """The engines of two processes, over one file."""
    files = [SQLiteFile(tmp_path / "records.sqlite3", durable=False) for _ in range(2)]
    one, other = (SQLiteQueues(file) for file in files)
    yield one, other
    for consumer in deployment.consumers:
        await consumer.stop()
    while deployment.tasks:
        await asyncio.wait(deployment.tasks)
    for engine, file in zip((one, other), files, strict=True):
        await engine.close()
        await file.close()


async def until(condition: Callable[[], Any]) -> None:
    """Let threads of the store and tasks go on until it is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_what_another_process_sends_is_found_by_looking(
    deployment: Deployment, processes: tuple[SQLiteQueues, SQLiteQueues]
) -> None:
    here, there = processes
    await deployment.consumer(max_batch_timeout=0, queues=here)
    await until(lambda: not deployment.tasks)
    await Queue(there, "q").send("hello")
    assert deployment.batches == []
    deployment.clock.advance(POLL_SECONDS)
    await until(lambda: deployment.batches)
    assert deployment.handed_out() == [["hello"]]


async def test_what_a_dead_process_had_is_handed_out_again(
    deployment: Deployment,
    processes: tuple[SQLiteQueues, SQLiteQueues],
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, there = processes
    await Queue(there, "q").send("hello")
    now = host.now()
    await there.claim("q", limit=1, batches=1, concurrency=None, now=now, until=now + 1e6)
    await deployment.consumer(max_batch_timeout=0, queues=here)
    await until(lambda: not deployment.tasks)
    assert deployment.batches == []
    # As the system does when a process ends: the file stays, the lock is gone.
    import os

    assert there._holder is not None
    assert there._holder._file is not None
    os.close(there._holder._file)
    there._holder._file = None
    there._claims = False
    deployment.clock.advance(RECOVER_SECONDS)
    await until(lambda: deployment.batches)
    assert deployment.batches[0][2] == [("hello", 2)]
    assert "1 batches of a process that has died" in caplog.text


# Pause, stop, faults


async def test_a_paused_queue_is_consumed_when_it_is_resumed(deployment: Deployment) -> None:
    await deployment.queues.configure("q", paused=True, now=host.now())
    await deployment.consumer(max_batch_timeout=0)
    await deployment.send(1)
    await deployment.advance(100)
    assert deployment.batches == []
    await deployment.queues.configure("q", paused=False, now=host.now())
    await deployment.settle()
    assert deployment.handed_out() == [[1]]


async def test_a_stopped_consumer_ends_its_batches_and_takes_no_more(
    deployment: Deployment,
) -> None:
    gate = await blocked(deployment)
    consumer = await deployment.consumer(max_batch_size=1, max_concurrency=1)
    await deployment.send(1, 2)
    await consumer.stop()
    await consumer.stop()
    gate.set()
    await deployment.settle()
    await deployment.send(3)
    await deployment.advance(100)
    assert deployment.handed_out() == [[1]]
    assert await deployment.left() == 2


async def test_a_consumer_that_is_stopped_while_it_looks_sets_no_timer(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = deployment.queues
    real = engine.waiting

    async def slow(*args: Any, **options: Any) -> Any:
        await consumer.stop()
        return await real(*args, **options)

    consumer = await deployment.consumer()
    monkeypatch.setattr(engine, "waiting", slow)
    await deployment.send(*range(10), delay_seconds=5)
    await deployment.advance(5)
    assert deployment.clock.due() is None


async def test_a_batch_that_is_cut_off_is_due_again_at_once(deployment: Deployment) -> None:
    async def handler(batch: MessageBatch) -> None:
        batch.messages[0].ack()
        batch.messages[1].retry(delay_seconds=1000)
        await asyncio.Event().wait()

    deployment.handler = handler
    consumer = await deployment.consumer(max_batch_size=3)
    await deployment.send(1, 2, 3)
    await consumer.stop()
    for task in deployment.tasks:
        task.cancel()
    await deployment.settle()
    deployment.handler = lambda batch: None
    await deployment.consumer(max_batch_size=2)
    assert deployment.batches[1:] == [(0, "q", [(2, 2), (3, 2)])]


async def test_what_is_cut_off_does_not_outlive_a_store_that_has_failed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*args: Any, **options: Any) -> None:
        raise StorageError("database or disk is full")

    await blocked(deployment)
    consumer = await deployment.consumer(max_batch_size=1)
    await deployment.send(1)
    await consumer.stop()
    engine: Any = deployment.queues
    monkeypatch.setattr(engine, "settle", full)
    for task in deployment.tasks:
        task.cancel()
    await deployment.settle()
    assert all(task.done() for task in deployment.tasks)


async def test_a_consumer_moves_to_another_loop(deployment: Deployment) -> None:
    await blocked(deployment)
    consumer = await deployment.consumer(max_batch_size=1, max_concurrency=1)
    await deployment.send(1, 2)
    deployment.handler = lambda batch: None
    consumer.move()  # what ran in the old loop never ends
    await deployment.settle()
    assert len(deployment.batches) == 1  # it still counts, until its time is over
    await deployment.advance(3600)
    assert sorted(deployment.handed_out()) == [[1], [1], [2]]


async def test_a_store_that_fails_is_tried_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine: Any = deployment.queues
    failures = {"claim": 2, "settle": 2}

    def failing(name: str) -> Any:
        real = getattr(engine, name)

        async def call(*args: Any, **options: Any) -> Any:
            if failures[name]:
                failures[name] -= 1
                if failures[name] == 1 and name == "claim":
                    raise OSError("a fault of another kind")
                raise StorageError(f"{name}: database or disk is full")
            return await real(*args, **options)

        return call

    for name in failures:
        monkeypatch.setattr(engine, name, failing(name))
    await deployment.consumer(max_batch_timeout=0)
    await deployment.send(1)
    assert deployment.batches == []
    await deployment.advance(2)
    assert deployment.handed_out() == [[1]]
    assert await deployment.left() == 1
    await deployment.advance(2)
    assert await deployment.left() == 0
    assert deployment.handed_out() == [[1]]  # handled once
    assert caplog.text.count("it will be tried again") == 4


# In a Worker


class AppEnv(Env):
    JOBS: Queue


async def test_a_queue_event_includes_what_is_given_to_wait_until() -> None:
    app = App(AppEnv)
    attempts: list[int] = []

    async def later(batch: MessageBatch) -> None:
        if batch.messages[0].attempts == 1:
            raise RuntimeError("later")
        if batch.messages[0].attempts == 2:
            batch.messages[0].retry(delay_seconds=3)

    @app.queue
    async def consume(batch: MessageBatch, env: AppEnv, ctx: Any) -> None:
        attempts.append(batch.messages[0].attempts)
        ctx.wait_until(later(batch))

    async with TestClient(app) as client:
        await client.env.JOBS.send(1)
        await client.advance(10)
        assert attempts == [1, 2]
        await client.advance(10)
        assert attempts == [1, 2, 3]
        assert (await client.env.JOBS.metrics()).backlog_count == 0


async def test_a_handler_has_15_minutes() -> None:
    app = App(AppEnv)
    attempts: list[int] = []

    @app.queue("JOBS")
    async def consume(batch: MessageBatch) -> None:
        attempts.append(batch.messages[0].attempts)
        if len(attempts) == 1:
            await host.sleep(3600)

    async with TestClient(app) as client:
        await client.env.JOBS.send(1)
        await client.advance(5 + 899)
        assert attempts == [1]
        await client.advance(6)
        assert attempts == [1, 2]


async def test_the_class_form_consumes() -> None:
    got: list[Any] = []

    class Default(WorkerEntrypoint):
        env: AppEnv

        async def queue(self, batch: MessageBatch) -> None:
            got.extend(message.body for message in batch.messages)
            await self.env.JOBS.metrics()

    async with TestClient(Default) as client:
        await client.env.JOBS.send("hello")
        await client.advance(5)
    assert got == ["hello"]


def configured(tmp_path: Path, text: str) -> str:
    path = tmp_path / "wrangler.jsonc"
    path.write_text(f'{{"name": "w", "queues": {text}}}')
    return str(path)


async def test_the_configuration_says_what_is_consumed_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(
        tmp_path,
        """{
            "producers": [{"binding": "JOBS", "queue": "jobs", "delivery_delay": 30}],
            "consumers": [{"queue": "jobs", "max_batch_size": 2, "max_batch_timeout": 1,
                "max_retries": 0, "dead_letter_queue": "dead"}, {"queue": "dead"}]
        }""",
    )
    app = App(AppEnv, config=config)
    got: list[Any] = []

    @app.queue("jobs")
    async def jobs(batch: MessageBatch) -> None:
        got.append([message.body for message in batch.messages])
        raise RuntimeError

    @app.queue("dead")
    async def dead(batch: MessageBatch) -> None:
        got.append(("dead", len(batch.messages)))

    async with TestClient(app) as client:
        await client.env.JOBS.send_batch([{"body": n} for n in range(3)])
        await client.advance(29)
        assert got == []
        await client.advance(7)
    assert got == [[0, 1], [2], ("dead", 3)]


@pytest.mark.parametrize(
    ("consumers", "message"),
    [
        ('[{"queue": "other"}]', r"queues.consumers\[0\]: 'other': no queue handler takes it"),
        ("[]", "queues.consumers has no 'jobs', which a queue handler is declared for"),
        (
            '[{"queue": "jobs"}, {"queue": "jobs"}]',
            r"queues.consumers\[1\]: 'jobs' has a consumer already",
        ),
        (
            '[{"queue": "jobs", "dead_letter_queue": "jobs"}]',
            r"queues.consumers\[0\]: 'jobs' cannot be its own dead letter queue",
        ),
        (
            '[{"queue": "jobs", "type": "http_pull"}]',
            r"queues.consumers\[0\]: there are no consumers of the type 'http_pull' here",
        ),
    ],
)
async def test_consumers_that_do_not_fit_are_found_at_the_start(
    tmp_path: Path, consumers: str, message: str
) -> None:
    app = App(config=configured(tmp_path, f'{{"consumers": {consumers}}}'))

    @app.queue("jobs")
    async def jobs(batch: MessageBatch) -> None: ...

    with pytest.raises(ConfigError, match=message):
        await Isolate(app).start()


async def test_without_a_file_a_handler_has_the_name_of_a_binding() -> None:
    app = App(AppEnv)

    @app.queue("jobs")
    async def jobs(batch: MessageBatch) -> None: ...

    with pytest.raises(ConfigError, match=r"declared for 'jobs'; without a .*: 'JOBS'$"):
        await Isolate(app, store=open_store("memory:", durable=False)).start()
    consumer = App()
    consumer.queue("jobs")(jobs)  # what others send
    async with TestClient(consumer):
        pass


async def test_a_worker_without_queues_opens_no_store() -> None:
    @worker
    async def fetch(request: Any) -> str:
        return "hello"

    async with TestClient(fetch) as client:
        assert await (await client.get("/")).text() == "hello"
