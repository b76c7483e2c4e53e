"""Hands the messages of queues to the Worker's handler, in batches, and does what it says of them.

One `Consumer` a queue and process. All processes consume: who claims a batch has it to itself, so that
nothing is handed out twice while everybody lives; `max_concurrency` holds for all of them together.
What a killed process had claimed is claimed anew, as soon as another one, or the next one, sees that it
is dead.

A batch is made when `max_batch_size` messages are due, or the first of them has been for
`max_batch_timeout` seconds. What this process sends wakes its consumers at once; what others have sent
is found by a look at the queue every POLL_SECONDS, which costs some microseconds.

Each message is handed out at most 1 + `max_retries` times; then it goes to the dead letter queue, or is
dropped. A message that ends the process is counted before it is handed out, so it goes there too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from edgekit import host
from edgekit.bindings.queues import MAX_DELAY, batch_of, retries
from edgekit.config import Config
from edgekit.context import ExecutionContext, Spawn
from edgekit.engines.queues import Batch, Queues
from edgekit.env import declarations
from edgekit.errors import ConfigError, StorageError
from edgekit.kinds import QueueConsumerConfig
from edgekit.runtime.events import EVENT_SECONDS
from edgekit.worker import Worker

logger = logging.getLogger(__name__)

# What the platform does where the configuration says nothing.
BATCH_SIZE = 10
BATCH_SECONDS = 5.0
RETRIES = 3

CONCURRENCY = 10  # batches at once in a process, unless max_concurrency says otherwise
POLL_SECONDS = 0.2  # between two looks at what other processes may have sent
RECOVER_SECONDS = 2.0  # between two looks for processes that have died
AGAIN_SECONDS = 1.0  # before the store, which has failed, is tried again
# How long a batch belongs to its holder, should nobody find out that it has died.
_CLAIM_SECONDS = EVENT_SECONDS + 60

# Isolate.run_to_end
RunEvent = Callable[[str, Any, ExecutionContext], Awaitable[Any]]


def consumers_of(worker: Worker, config: Config) -> list[QueueConsumerConfig]:
    """The queues to consume, and how: those of the configuration file, or without a file those of
    the handlers. ConfigError for one that no handler takes.
    """
    names = worker.event_names("queue")
    if config.path is None:
        declared = [
            each.name
            for cls in worker.env_classes()
            for each in declarations(cls)
            if each.is_binding and each.type.binding_kind == "queues"
        ]
        if declared and (strange := set(names).difference(declared)):
            raise ConfigError(
                f"a queue handler is declared for {', '.join(map(repr, sorted(strange)))}; without a"
                " configuration file queues have the names of their bindings:"
                f" {', '.join(map(repr, declared))}"
            )
        if not names and worker.event_handler("queue") is not None:
            names = declared
        return [QueueConsumerConfig(queue=name) for name in dict.fromkeys(names)]
    wrong = []
    seen: set[str] = set()
    for index, consumer in enumerate(config.queues.consumers):
        where = f"{config.path.name}: queues.consumers[{index}]"
        if consumer.type != "worker":
            wrong.append(f"{where}: there are no consumers of the type {consumer.type!r} here")
        elif worker.event_handler("queue", consumer.queue) is None:
            wrong.append(f"{where}: {consumer.queue!r}: no queue handler takes it")
        if consumer.dead_letter_queue == consumer.queue:
            wrong.append(f"{where}: {consumer.queue!r} cannot be its own dead letter queue")
        if consumer.queue in seen:
            wrong.append(f"{where}: {consumer.queue!r} has a consumer already")
        seen.add(consumer.queue)
    for name in names:
        if name not in seen:
            wrong.append(
                f"{config.path.name}: queues.consumers has no {name!r}, which a queue handler is"
                " declared for"
            )
    if wrong:
        raise ConfigError("\n".join(wrong))
    return list(config.queues.consumers)


class Consumer:
    """Consumes one queue in this process' share."""

    def __init__(
        self, config: QueueConsumerConfig, *, queues: Queues, run: RunEvent, spawn: Spawn
    ) -> None:
        self._config = config
        self._queue = config.queue
        self._size = BATCH_SIZE if config.max_batch_size is None else config.max_batch_size or 1
        self._timeout = (
            BATCH_SECONDS if config.max_batch_timeout is None else config.max_batch_timeout
        )
        self._retries = RETRIES if config.max_retries is None else config.max_retries
        self._queues = queues
        self._run = run
        self._spawn = spawn
        self._running = 0
        self._missing = self._size  # messages that a whole batch still lacks, as far as is known
        self._pulling = self._again = False
        self._timer: host.Timer | None = None
        self._timer_at = 0.0
        self._next_recovery = 0.0
        self._unwatch: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin to consume."""
        self._unwatch = self._queues.watch(self._queue, self._notice)
        self._look()

    async def stop(self) -> None:
        """Claim no more; the handlers that run go on."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self._cancel_timer()

    def move(self) -> None:
        """Go on in another event loop; what ran in the old one is claimed anew when its time is over."""
        self._pulling, self._running = False, 0
        self._cancel_timer()
        self._look()

    def _notice(self, due: float, count: int) -> None:
        """Something was sent or is to be tried again; not each time a reason to look at the store."""
        if due > host.now():
            self._look_at(due)
            return
        self._missing -= count
        if self._missing <= 0 or self._timeout == 0 or not count:
            self._look()
        else:
            self._look_at(due + self._timeout)

    def _look_at(self, moment: float) -> None:
        if self._timer is not None and self._timer_at <= moment:
            return
        self._cancel_timer()
        self._timer_at = moment
        self._timer = host.call_later(max(0.0, moment - host.now()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._look()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        if self._unwatch is None:
            return
        if self._pulling:
            self._again = True
            return
        self._pulling = True
        ctx = ExecutionContext(self._spawn)
        self._spawn(self._pull(), ctx)

    async def _pull(self) -> None:
        """Claim and hand out what there is, then set the timer for when there will be more."""
        self._cancel_timer()
        moment: float | None = None
        try:
            await self._recover()
            self._again = True
            while self._again and self._unwatch is not None:
                self._again = False
                moment = await self._claim()
        except Exception:  # whatever it is, a consumer that looks no more would be worse
            logger.exception("queue %s: it will be tried again", self._queue)
            moment = host.now() + AGAIN_SECONDS
        finally:
            self._pulling = False
        if self._unwatch is None:
            return
        if self._queues.shared:
            poll = host.now() + POLL_SECONDS
            moment = poll if moment is None else min(moment, poll)
        if moment is not None:
            self._look_at(moment)

    async def _recover(self) -> None:
        now = host.now()
        if self._queues.shared and not now < self._next_recovery <= now + RECOVER_SECONDS:
            self._next_recovery = now + RECOVER_SECONDS
            if batches := await self._queues.recover(now=now):
                logger.warning(
                    "%d batches of a process that has died are handed out again", batches
                )

    async def _claim(self) -> float | None:
        """Hand out what can be; the moment to look again, None when somebody will say so."""
        now = host.now()
        free = (self._config.max_concurrency or CONCURRENCY) - self._running
        if free <= 0:
            return None  # the next one that ends looks again
        waiting = await self._queues.waiting(self._queue, now=now, limit=self._size * free)
        whole, rest = divmod(waiting.ready, self._size)
        self._missing = self._size - rest
        if not whole and rest:
            over = waiting.since + self._timeout
            if over > now:
                return over if waiting.next is None else min(over, waiting.next)
        if waiting.ready:
            claimed = await self._queues.claim(
                self._queue,
                limit=self._size,
                batches=whole or 1,
                concurrency=self._config.max_concurrency,
                now=now,
                until=now + _CLAIM_SECONDS,
            )
            for batch in claimed:
                self._running += 1
                ctx = ExecutionContext(self._spawn)
                self._spawn(self._deliver(batch, ctx), ctx)
            self._again = self._again or bool(claimed)
        return waiting.next

    async def _deliver(self, claimed: Batch, ctx: ExecutionContext) -> None:
        """Run the handler on a batch, and settle it."""
        # More than one too many: it was handed out, and its process died, every time.
        last = self._retries + 1
        dead = [message.number for message in claimed.messages if message.attempts > last]
        good = [message for message in claimed.messages if message.attempts <= last]
        retry: list[tuple[int, float]] = []
        try:
            if good:
                batch = batch_of(self._queue, good, claimed.backlog)
                failed = True
                try:
                    await self._run("queue", batch, ctx)
                    failed = False
                except Exception:
                    logger.exception(
                        "queue %s: the handler failed (request %s)", self._queue, ctx.request_id
                    )
                except asyncio.CancelledError:
                    # Shut down in the middle of it: what was not acknowledged is free at once.
                    now = host.now()
                    retry = [(good[at].number, now) for at, _ in retries(batch, failed=True)]
                    await self._settle(claimed, retry, dead)
                    raise
                now = host.now()
                for at, delay in retries(batch, failed=failed):
                    if good[at].attempts < last:
                        wait = self._config.retry_delay or 0 if delay is None else delay
                        retry.append((good[at].number, now + min(max(wait, 0), MAX_DELAY)))
                    else:
                        dead.append(good[at].number)
            await self._settle(claimed, retry, dead)
        finally:
            self._running -= 1
            self._look()

    async def _settle(
        self, claimed: Batch, retry: list[tuple[int, float]], dead: list[int]
    ) -> None:
        letters = self._config.dead_letter_queue
        for message in claimed.messages:
            if message.number in dead:
                logger.warning(
                    "queue %s: message %s has failed %d times and %s",
                    self._queue,
                    message.id,
                    min(message.attempts, self._retries + 1),
                    f"goes to the dead letter queue {letters}" if letters else "is dropped",
                )
        while True:
            try:
                await self._queues.settle(
                    claimed, retry=retry, dead=dead, dead_letter_queue=letters, now=host.now()
                )
                return
            except StorageError:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise  # the process ends, and the store closes
                # What was handled must not be handed out again for a disk that is full for a moment.
                logger.exception("queue %s: it will be tried again", self._queue)
                await host.sleep(AGAIN_SECONDS)
