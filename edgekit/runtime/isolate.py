"""One Worker alive in this process: its env, what runs in it, its start and its end.

It knows no server. `host.py` gives it requests; other kinds of events come from elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from edgekit import config as configuration
from edgekit import context, host
from edgekit.context import Background, ExecutionContext, Scope
from edgekit.engines.open import Store, open_store
from edgekit.env import Env
from edgekit.runtime.env import Place, build_env
from edgekit.runtime.lifespan import Lifespan
from edgekit.worker import Dispatch, Worker

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 30.0  # what wait_until has at shutdown, as on Workers after the response
SWEEP_SECONDS = 60.0  # between two sweeps of expired records


class Job(Protocol):
    """Something that makes events by itself while the Worker runs: crons, a queue's consumer."""

    async def start(self) -> None:
        """Begin; from now on `Isolate.run_event` may be called."""
        ...

    async def stop(self) -> None:
        """Make no more events, and wait for those under way."""
        ...


class Isolate:
    """A Worker with its env. `start` before the first event, `stop` after the last.

    `overrides` are values of env that the configuration does not give. `store` is for tests.
    """

    def __init__(
        self,
        worker: Worker,
        *,
        store: Store | None = None,
        overrides: Mapping[str, Any] | None = None,
        config: str | None = None,
    ) -> None:
        self.worker = worker
        self.background = Background()
        self.started = False
        self.config: configuration.Config
        self.env: Env
        self.scope: Scope
        # What answers a request: the Worker, behind whatever the configuration puts in front of it.
        self.dispatch: Dispatch
        self._jobs: list[Job] = []
        self._store = store
        self._own_store = store is None
        self.overrides = overrides
        self._config_path = config or worker.config
        self._lifespans: list[Lifespan] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Read the configuration, open the store, build and check env, run `on_start`; once."""
        async with self._starting:
            if self.started:
                return
            self.config = configuration.load(self._config_path)
            try:
                place = Place(self.config, self._open, self._spawn)
                self.env = build_env(self.worker, place, self.overrides)
                self.scope = Scope(self.env, self._spawn)
                context.running.append(self.scope)
                for app in self.worker.mounted():
                    lifespan = Lifespan(app)
                    await lifespan.start()
                    self._lifespans.append(lifespan)
                await self.worker.on_start_event(self.env)
                self.dispatch = self._in_front(self.worker.dispatch)
                for job in self._make_jobs():
                    await job.start()
                    self._jobs.append(job)
            except BaseException:
                await self._release()
                raise
            self._start_sweeper()
            self.started = True

    def move(self) -> None:
        """Go on in another event loop; tasks of the old one are lost with it."""
        self.background = Background()
        self._lifespans.clear()
        self._starting = asyncio.Lock()
        self._start_sweeper()

    async def stop(self) -> None:
        """Let `wait_until` end (30 s), run `on_stop`, close the store."""
        if not self.started:
            return
        self.started = False
        while self._jobs:
            await self._jobs.pop().stop()
        cancelled = await self.background.drain(DRAIN_SECONDS)
        if cancelled:
            logger.warning(
                "%d wait_until tasks took longer than %g s and were cancelled",
                cancelled,
                DRAIN_SECONDS,
            )
        try:
            await self.worker.on_stop_event(self.env)
        finally:
            await self._release()

    async def run_event(self, kind: str, subject: Any) -> Any:
        """Answer an event that is no request; see Worker.handle. Raises what the handler raises."""
        context.enter(self.scope)
        ctx = ExecutionContext(self.background.spawn)
        return await self.worker.handle(kind, subject, self.env, ctx)

    def _in_front(self, dispatch: Dispatch) -> Dispatch:
        """What answers requests before the Worker does."""
        return dispatch

    def _make_jobs(self) -> list[Job]:
        return []

    def _spawn(self, *args: Any, **kwargs: Any) -> None:
        self.background.spawn(*args, **kwargs)  # whichever it is now: see `move`

    async def _release(self) -> None:
        while self._jobs:
            await self._jobs.pop().stop()
        if (scope := getattr(self, "scope", None)) in context.running:
            context.running.remove(scope)
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None
        while self._lifespans:
            await self._lifespans.pop().stop()
        if self._own_store and self._store is not None:
            await self._store.close()
            self._store = None

    def _open(self) -> Store:
        if self._store is None:
            durable = not self.config.development
            self._store = open_store(self.config.store, durable=durable)
        return self._store

    def _start_sweeper(self) -> None:
        if self._store is not None:
            sweep = self._sweep(self._store)
            self._sweeper = asyncio.get_running_loop().create_task(sweep)

    async def _sweep(self, store: Store) -> None:
        """Remove expired records from time to time; nobody sees them even before."""
        while True:
            # Not host.sleep: to a test's clock that means that a handler is waiting for time to pass.
            due = asyncio.Event()
            timer = host.call_later(SWEEP_SECONDS, due.set)
            try:
                await due.wait()
            finally:
                timer.cancel()
            try:
                while await store.records.sweep(now=host.now()) >= 1000:
                    pass
            except Exception:
                logger.exception("sweeping expired records failed; it will be tried again")
