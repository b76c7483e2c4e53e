"""One Worker alive in this process: its env, what runs in it, its start and its end.

It knows no server. `host.py` gives it requests; other kinds of events come from elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

from edgekit import config as configuration
from edgekit import context, host
from edgekit.bindings.assets import Assets
from edgekit.bindings.cache import CacheStorage
from edgekit.context import Background, ExecutionContext, Scope
from edgekit.engines.open import Store, open_store
from edgekit.env import Env
from edgekit.errors import ConfigError
from edgekit.runtime import assets_front, dev_endpoints
from edgekit.runtime.consumers import Consumer, consumers_of
from edgekit.runtime.crons import Crons, crons_of
from edgekit.runtime.deployment import Deployment, Resident
from edgekit.runtime.env import Place, build_env, version_of
from edgekit.runtime.events import Following, limited
from edgekit.runtime.lifespan import Lifespan
from edgekit.runtime.tracing import Tracer, deliverer
from edgekit.worker import Dispatch, Worker

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 30.0  # what wait_until has at shutdown, as on Workers after the response
SWEEP_SECONDS = 60.0  # between two sweeps of expired records


class Job(Protocol):
    """What makes events by itself while the Worker runs: crons, a queue's consumer."""

    async def start(self) -> None:
        """Begin; from now on events may be run."""
        ...

    async def stop(self) -> None:
        """Make no more events; those under way may go on by `spawn`. Also where `start` has failed."""
        ...

    def move(self) -> None:
        """Go on in another event loop; what waited in the old one is lost with it."""
        ...


class Isolate:
    """A Worker with its env. `start` before the first event, `stop` after the last.

    `overrides` are values of env that the configuration does not give. `store` is for tests. `beside`
    are other Workers of this process by name, instead of those that the Worker itself brings; `first`
    is for those: the isolate that started them, whose store they share.
    """

    def __init__(
        self,
        worker: Worker,
        *,
        store: Store | None = None,
        overrides: Mapping[str, Any] | None = None,
        config: str | None = None,
        beside: Mapping[str, Worker] | None = None,
        first: Isolate | None = None,
    ) -> None:
        self.worker = worker
        self.background = Background()
        self.started = False
        self.config: configuration.Config
        self.assets: Assets | None = None
        self.env: Env
        self.scope: Scope
        # What answers a request: the Worker, behind whatever the configuration puts in front of it.
        self.dispatch: Dispatch
        self.others: dict[str, Isolate] = {}
        self.tracer: Tracer | None = None
        self._resident: Resident
        self._deployment: Deployment
        self._beside = beside
        self._first = first
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
            if self._first is None:
                self.config = configuration.load(self._config_path)
                self._gather()
            try:
                for other in self.others.values():
                    await other.start()
                self.assets = assets_front.make_assets(self.config, self.worker)
                place = Place(
                    self.config,
                    self._open,
                    self._spawn,
                    self.assets,
                    self._deployment,
                    self.overrides or (),
                )
                self.env = self.worker.prepare(build_env(self.worker, place, self.overrides))
                self.scope = Scope(self.env, self._spawn)
                self.scope.caches = CacheStorage(
                    lambda: self._open().caches(), limit=self.config.cache_bytes
                )
                self.scope.home, self.scope.exports = self._resident, self._resident.exports()
                context.running.append(self.scope)
                self._trace()
                jobs = self._make_jobs()
                for app in self.worker.mounted():
                    lifespan = Lifespan(app)
                    await lifespan.start()
                    self._lifespans.append(lifespan)
                await self.worker.on_start_event(self.env)
                dispatch = self.worker.dispatch
                if self.tracer is not None:
                    dispatch = self.tracer.requests(dispatch)
                self.dispatch = self._in_front(dispatch)
                for job in jobs:
                    self._jobs.append(job)
                    await job.start()
            except BaseException:
                await self._release()
                raise
            self._start_sweeper()
            self.started = True

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """What `wait_until` has going, here and in the Workers beside this one."""
        return self.background.tasks.union(*(other.tasks for other in self.others.values()))

    def move(self) -> None:
        """Go on in another event loop; tasks of the old one are lost with it."""
        self.background = Background()
        self._lifespans.clear()
        self._starting = asyncio.Lock()
        self._start_sweeper()
        for job in self._jobs:
            job.move()
        for other in self.others.values():
            other.move()

    async def stop(self) -> None:
        """Make no more events, let those under way and `wait_until` end (30 s), run `on_stop`, close
        the store.
        """
        async with self._starting:  # nobody starts again what is not over
            if not self.started:
                return
            self.started = False
            try:
                await self._stop_jobs()
                cancelled = await self.background.drain(DRAIN_SECONDS)
                if cancelled:
                    logger.warning(
                        "%d wait_until tasks took longer than %g s and were cancelled",
                        cancelled,
                        DRAIN_SECONDS,
                    )
                await self.worker.on_stop_event(self.env)
            finally:
                await self._release()

    async def run_event(self, kind: str, subject: Any, ctx: ExecutionContext | None = None) -> Any:
        """Answer an event that is no request; see Worker.handle. Raises what the handler raises,
        and TimeoutError when it takes longer than 15 minutes.
        """
        context.enter(self.scope)
        async with limited(kind):
            ctx = ctx or ExecutionContext(self._spawn)
            return await self._handle(kind, subject, ctx)

    async def run_to_end(self, kind: str, subject: Any, ctx: ExecutionContext | None = None) -> Any:
        """As `run_event`, and what the handler gave to `wait_until` belongs to it: it is waited for
        within the same 15 minutes, and what it raises is raised here unless the handler did.
        """
        context.enter(self.scope)
        ctx = ctx or ExecutionContext(self._spawn)
        following = Following(ctx)
        failure: Exception | None = None
        async with limited(kind):
            try:
                try:
                    result = await self._handle(kind, subject, ctx)
                except Exception as error:
                    failure = error
                await following.end()
            except asyncio.CancelledError:
                following.cancel()
                raise
        if failure := failure or following.error:
            raise failure
        return result

    def _handle(self, kind: str, subject: Any, ctx: ExecutionContext) -> Awaitable[Any]:
        handled = self.worker.handle(kind, subject, self.env, ctx)
        if self.tracer is None or kind == "tail":
            return handled
        return self.tracer.event(kind, subject, ctx, handled)

    def _gather(self) -> None:
        """The Workers of this process: this one, and those beside it."""
        self._deployment = Deployment()
        self._resident = self._deployment.add(self.config.name, self)
        self.others = {}
        named = self._beside
        pairs = named.items() if named is not None else [(None, w) for w in self.worker.beside]
        for given, worker in pairs:
            other = Isolate(worker, first=self)
            tests_own = named is not None and worker.config is None
            other.config = configuration.bare() if tests_own else configuration.load(worker.config)
            name = given or other.config.name
            if name is None:
                raise ConfigError(f'{other.config.path}: a Worker beside others needs a "name"')
            other._deployment = self._deployment
            other._resident = self._deployment.add(name, other)
            self.others[name] = other

    def _trace(self) -> None:
        consumers = [
            self._deployment.consumer(f"{self.config.path}: tail_consumers[{at}]", entry)
            for at, entry in enumerate(self.config.tail_consumers)
        ]
        if consumers:
            self.tracer = Tracer(self.config.name, version_of(self.config), deliverer(consumers))
            self.tracer.open()

    def _in_front(self, dispatch: Dispatch) -> Dispatch:
        """What answers requests before the Worker does."""
        dispatch = assets_front.in_front(self.assets, self.config, self.worker, dispatch)
        if self.config.development:
            dispatch = dev_endpoints.in_front(dispatch, self.run_to_end, self.config.smtp)
        return dispatch

    def _make_jobs(self) -> list[Job]:
        jobs: list[Job] = []
        if crons := crons_of(self.worker, self.config):
            records, name = self._open().records, self.config.name or ""
            jobs.append(
                Crons(crons, name=name, records=records, run=self.run_to_end, spawn=self._spawn)
            )
        for entry in consumers_of(self.worker, self.config):
            queues = self._open().queues()
            jobs.append(Consumer(entry, queues=queues, run=self.run_to_end, spawn=self._spawn))
        return jobs

    def _spawn(self, *args: Any, **kwargs: Any) -> None:
        self.background.spawn(*args, **kwargs)  # whichever it is now: see `move`

    async def _stop_jobs(self) -> None:
        while self._jobs:
            job = self._jobs.pop()
            try:
                await job.stop()
            except Exception:
                logger.exception("%s did not stop well", type(job).__name__)

    async def _release(self) -> None:
        await self._stop_jobs()
        async with AsyncExitStack() as steps:  # from the last to the first, whichever of them fail
            steps.push_async_callback(self._close_store)
            for lifespan in self._lifespans:
                steps.push_async_callback(lifespan.stop)
            self._lifespans.clear()
            steps.push_async_callback(self._stop_sweeper)
            for other in self.others.values():
                steps.push_async_callback(other.stop)
            if self.tracer is not None:
                steps.callback(self.tracer.close)
                self.tracer = None
            if (scope := getattr(self, "scope", None)) in context.running:
                steps.callback(context.running.remove, scope)
                for end in scope.at_stop:
                    steps.push_async_callback(end)
                scope.at_stop.clear()

    async def _close_store(self) -> None:
        # Known up to here: whoever asks for it while others stop must not open another one.
        if self._own_store and self._store is not None:
            store, self._store = self._store, None
            await store.close()

    async def _stop_sweeper(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None

    def _open(self) -> Store:
        if self._first is not None:
            return self._first._open()
        if self._store is None:
            durable = not self.config.development
            self._store = open_store(self.config.store, self.config.blobs, durable=durable)
        return self._store

    def _start_sweeper(self) -> None:
        if self._store is not None:
            sweep = self._sweep(self._store)
            self._sweeper = asyncio.get_running_loop().create_task(sweep)

    async def _sweep(self, store: Store) -> None:
        """Remove what has expired from time to time (nobody sees it even before) and, at the start too,
        the bytes that a process which died has left.
        """
        await self._attempt(store.sweep_blobs)
        while True:
            # Not host.sleep: to a test's clock that means that a handler is waiting for time to pass.
            due = asyncio.Event()
            timer = host.call_later(SWEEP_SECONDS, due.set)
            try:
                await due.wait()
            finally:
                timer.cancel()
            await self._attempt(store.sweep)

    async def _attempt(self, sweep: Callable[..., Awaitable[None]]) -> None:
        try:
            await sweep(now=host.now())
        except Exception:
            logger.exception("sweeping the store failed; it will be tried again")
