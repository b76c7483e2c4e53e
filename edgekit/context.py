"""ExecutionContext: what a handler may do beyond its answer. Workers' `ctx`.

It knows no runtime: whoever dispatches an event gives it a `spawn`, which runs an awaitable beside
the handler, logs what it raises, and lets it finish before the process ends.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar, Token
from typing import Any

from edgekit import host
from edgekit.errors import UnsupportedError
from edgekit.web.spelling import Plain, Spelled

logger = logging.getLogger(__name__)

Spawn = Callable[..., None]  # of (coroutine, ctx, serving=False), see Background.spawn


class ExecutionContext(Spelled):
    """Given to a handler as `ctx`, one an event."""

    _props: Any = None
    _request_id: str | None = None
    passes_through: bool = False

    def __init__(self, spawn: Spawn | None = None, *, props: Any = None) -> None:
        self._spawn = spawn or _background.spawn
        if props is not None:
            self._props = props

    @property
    def props(self) -> Any:
        """What the caller of a service binding passed along; empty otherwise."""
        if self._props is None:
            self._props = Plain()
        return self._props

    @property
    def exports(self) -> Any:
        """The Worker's own entrypoints as services: `ctx.exports.Name`, with props
        `ctx.exports.Name(props={...})`, and `ctx.exports.default`.
        """
        return current_scope("ctx.exports").exports

    @property
    def request_id(self) -> str:
        """A random id (16 hex digits) of this event, as it stands in the log."""
        request_id: str | None = self._request_id
        if request_id is None:
            request_id = self._request_id = host.random_bytes(8).hex()
        return request_id

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Let `awaitable` go on after the response was sent.

        What it raises is logged. At shutdown it has 30 seconds to end.
        """
        if not inspect.isawaitable(awaitable):
            raise TypeError(f"wait_until() takes an awaitable, not {type(awaitable).__name__}")
        self._spawn(awaitable if inspect.iscoroutine(awaitable) else _await(awaitable), self)

    def pass_through_on_exception(self) -> None:
        """In front of an origin: should the handler raise, answer with the origin's response."""
        self.passes_through = True


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


class Background:
    """A set of tasks that are held, logged when they fail, and can be waited for."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.serving: set[asyncio.Task[Any]] = set()

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], ctx: ExecutionContext, serving: bool = False
    ) -> None:
        """Start it now; see ExecutionContext.wait_until. `serving` is one that makes a response,
        which ends when that has been read.
        """
        task = asyncio.get_running_loop().create_task(logged(coroutine, ctx))
        tasks = self.serving if serving else self.tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def drain(self, seconds: float) -> int:
        """Wait for all; cancel what is left after `seconds`. Returns how many were cancelled."""
        tasks = self.tasks | self.serving
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while tasks and (left := end - loop.time()) > 0:
            await asyncio.wait(tasks, timeout=left)
            tasks = self.tasks | self.serving  # they may have started others
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        return len(tasks)


async def logged(coroutine: Coroutine[Any, Any, Any], ctx: ExecutionContext) -> None:
    """Run it; what it raises is logged, with the request."""
    try:
        await coroutine
    except Exception:
        logger.exception("wait_until failed (request %s)", ctx.request_id)


class Scope:
    """What belongs to one running Worker and is reached without `env` or `ctx`: `caches`, and what
    the `workers` module of Workers projects offers. `caches` is set by whoever makes it; `home` is the
    Worker as its services see it, and `exports` what it offers to itself. `kept` is for what lives as
    long as the Worker, and `at_stop` is called, the last one first, when it stops.
    """

    __slots__ = ("at_stop", "caches", "env", "exports", "home", "kept", "spawn")

    def __init__(self, env: Any, spawn: Spawn) -> None:
        self.env = env
        self.spawn = spawn
        self.caches: Any = None
        self.exports: Any = None
        self.home: Any = None
        self.kept: dict[Any, Any] = {}
        self.at_stop: list[Callable[[], Awaitable[Any]]] = []


# All Workers that run in this process. While there is one, nothing need be noted for each event;
# beside others, whoever dispatches an event says whose it is.
running: list[Scope] = []
_scope: ContextVar[Scope] = ContextVar("edgekit.scope")


def enter(scope: Scope) -> Token[Scope]:
    """What follows in this task, and in those it starts, belongs to `scope`; until `leave`."""
    return _scope.set(scope)


def leave(token: Token[Scope]) -> None:
    """Take back `enter`, which gave the token."""
    _scope.reset(token)


def current_scope(what: str) -> Scope:
    """The scope of the Worker whose event is being answered; `what` is named where there is none."""
    if len(running) == 1:
        return running[0]
    scope = _scope.get(None)
    if scope is None or scope not in running:
        raise UnsupportedError(f"{what}: there is no Worker running here; use it inside a handler")
    return scope


# For contexts that nobody dispatched: a direct `await app.fetch(request)` in a script or a test.
_background = Background()
