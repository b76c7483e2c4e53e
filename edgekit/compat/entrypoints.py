"""What a Workers project subclasses or decorates, and the Worker that it becomes.

A class of `workers.WorkerEntrypoint`, or the older handlers `on_fetch`, `on_scheduled`, `on_queue` of a
module, with `@handler` or without, become a ProjectWorker: a Worker whose requests and bindings are seen
by the SDK's names. Handlers take as many of (request, env, ctx) as they have parameters for, always the
real ones, and may be sync.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from edgekit import entrypoints
from edgekit.asgi_call import Mounted
from edgekit.compat import greenlets
from edgekit.compat.bindings import Binding, wrap_env
from edgekit.compat.convert import from_user, to_user, view
from edgekit.compat.flags import effective
from edgekit.compat.http import IncomingRequest, adopt
from edgekit.context import ExecutionContext
from edgekit.env import Env
from edgekit.errors import ConfigError, UnsupportedError
from edgekit.web.response import convert
from edgekit.worker import EVENTS, Dispatch, EventHandler, Worker

if TYPE_CHECKING:
    from edgekit.web.request import Request
    from edgekit.web.response import Response as WebResponse


class WorkerEntrypoint(entrypoints.WorkerEntrypoint):
    """A Worker as a class: one object an event, with `self.env` and `self.ctx`."""

    _receives = staticmethod(to_user)  # the arguments of a call from another Worker

    @classmethod
    def _as_worker(cls) -> Worker:
        return ProjectWorker(_of_class(cls), cls, _events_of_class(cls))


class DurableObject:
    """The class of a Durable Object; its binding is refused where it is configured."""

    def __init__(self, ctx: Any, env: Any) -> None:
        self.ctx = ctx
        self.env = env


class WorkflowEntrypoint:
    """The class of a Workflow; its binding is refused where it is configured."""

    def __init__(self, ctx: Any, env: Any) -> None:
        self.ctx = ctx
        self.env = env


_JAVASCRIPT = "edgekit.compat.javascript.proxy"


class ProjectWorker(Worker):
    """The Worker of a Workers project. `apps` are ASGI apps whose lifespan it runs."""

    request_class = IncomingRequest

    def __init__(
        self, dispatch: Dispatch, handler: Any, events: dict[str, EventHandler] | None = None
    ) -> None:
        super().__init__(dispatch, handler)
        self._events = events or {}
        self.module: ModuleType | None = None  # its main one
        self.flags: frozenset[str] = effective(None, ())
        self.apps: list[Mounted] = list(getattr(handler, "_apps", ()))

    def prepare(self, env: Env) -> Env:
        """Every binding under the SDK's names."""
        return wrap_env(env)

    def configure(self, flags: frozenset[str]) -> None:
        """Behave as these compatibility flags say."""
        self.flags = flags
        old = "python_workers_20250116" not in flags
        # The date is felt by who has `js`, and nobody else pays for it.
        blobs = "websocket_standard_binary_type" in flags and _JAVASCRIPT in sys.modules
        if old or blobs:
            wrap = functools.partial(_of_its_date, null=not old, blobs=blobs)
            self.dispatch = wrap(self.dispatch)
            self._events = {kind: wrap(handle) for kind, handle in self._events.items()}

    def handler_of(self, request: Request) -> Any:
        """The function that answered: of a class its `fetch`."""
        return getattr(self._handler, "fetch", self._handler)

    async def answer(self, value: Any, request: Request) -> WebResponse:
        """As Worker's; the value may be one to await, or one of JavaScript's."""
        return convert(native(await settled(value)), self.handler_of(request))

    def mounted(self) -> list[Mounted]:
        """The apps of `asgi.entrypoint`."""
        return self.apps

    def exports(self) -> dict[str, type[entrypoints.WorkerEntrypoint]]:
        """The entrypoint classes of the main module, by their own names."""
        name = getattr(self._handler, "__module__", "")
        module = self.module or sys.modules.get(name)
        public = getattr(module, "__all__", None) or [n for n in dir(module) if n[0] != "_"]
        found = [getattr(module, name, None) for name in public]
        return {
            cls.__name__: cls
            for cls in found
            if isinstance(cls, type)
            and issubclass(cls, entrypoints.WorkerEntrypoint)
            and cls not in (WorkerEntrypoint, entrypoints.WorkerEntrypoint, self._handler)
        }


def _of_class(cls: type[WorkerEntrypoint]) -> Dispatch:
    handler = getattr(cls, "fetch", None)
    if handler is None:
        return _no_fetch
    count = parameters(handler) - 1
    if inspect.iscoroutinefunction(handler) and count == 1:
        # The most common form; this is the hot path, and what `relaxed` does in less time.
        own_init = cls.__init__ is not entrypoints.WorkerEntrypoint.__init__
        new = cls.__new__

        def dispatch(request: Request, env: Any, ctx: ExecutionContext) -> Awaitable[Any]:
            if request.__class__ is not IncomingRequest:
                request = adopt(request)
            if own_init:
                entrypoint: Any = cls(ctx, env)
            else:
                entrypoint = new(cls)
                entrypoint.ctx = ctx
                entrypoint.env = env
            coroutine: Coroutine[Any, Any, Any] = entrypoint.fetch(request)
            return greenlets.drive(coroutine) if greenlets.enabled else coroutine

        return dispatch

    async def relaxed(request: Request, env: Any, ctx: ExecutionContext) -> Any:
        entrypoint: Any = cls(ctx, env)
        request = adopt(request)
        return await run(entrypoint.fetch, *(request, env, ctx)[:count])

    return relaxed


def _of_its_date(handle: Dispatch, *, null: bool, blobs: bool) -> Dispatch:
    """A handler for which `js` is what it was at the project's date: without a null of its own, as under
    Python 3.12, and with Blobs as the binary messages of web sockets, or not yet.
    """

    async def dispatch(subject: Any, env: Any, ctx: ExecutionContext) -> Any:
        proxy = import_module(_JAVASCRIPT)
        if not null:
            proxy.nulls.set(None)
        proxy.blobs.set(blobs)
        return await handle(subject, env, ctx)

    return dispatch


async def _no_fetch(request: Request, env: Any, ctx: ExecutionContext) -> Any:
    raise UnsupportedError("Handler does not export a fetch() function.")


def _events_of_class(cls: type[WorkerEntrypoint]) -> dict[str, EventHandler]:
    return {kind: _event_of_class(cls, kind) for kind in EVENTS if hasattr(cls, kind)}


def _event_of_class(cls: type[WorkerEntrypoint], kind: str) -> EventHandler:
    count = parameters(getattr(cls, kind)) - 1

    def handle(subject: Any, env: Any, ctx: ExecutionContext) -> Awaitable[Any]:
        entrypoint: Any = cls(ctx, env)
        return run(getattr(entrypoint, kind), *(_subject(subject), env, ctx)[:count])

    return handle


def _subject(subject: Any) -> Any:
    """What an event is about: a batch, a message or a controller, under the SDK's names."""
    return subject if isinstance(subject, list) else Binding(subject)


async def run(function: Callable[..., Any], *args: Any) -> Any:
    """Call a handler, sync or async, and wait for whatever it returned."""
    if not greenlets.enabled:
        return await settled(function(*args))
    return await greenlets.drive(_run(function, *args))


async def _run(function: Callable[..., Any], *args: Any) -> Any:
    return await settled(function(*args))


async def settled(value: Any) -> Any:
    """What is behind a value that somebody has not awaited."""
    while inspect.isawaitable(value):
        value = await value
    return value


def parameters(function: Any) -> int:
    """How many positional arguments a function takes; of `*args`, as many as there may be."""
    count = 0
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            return 4
        count += parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    return count


# The older handlers ------------------------------------------------------------------------------


def handler(function: Callable[..., Any]) -> Callable[..., Any]:
    """`@handler` above `on_fetch` and its like: the request and `env` are the SDK's."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    wrapper._takes_sdk = True  # type: ignore[attr-defined]
    return wrapper


GLOBAL_HANDLERS = {"on_fetch": "fetch"} | {f"on_{kind}": kind for kind in EVENTS}


def of_module(module: ModuleType) -> ProjectWorker | None:
    """The Worker of a module's older handlers; None where it has none."""
    found = {
        kind: getattr(module, name)
        for name, kind in GLOBAL_HANDLERS.items()
        if callable(getattr(module, name, None))
    }
    if not found:
        return None
    events: dict[str, EventHandler] = {}
    dispatch: Dispatch = _no_fetch
    named = next(iter(found.values()))
    for kind, function in found.items():
        if kind == "fetch":
            dispatch, named = _global(function, adopt), function
        else:
            events[kind] = _global(function, _subject)
    made = ProjectWorker(dispatch, named, events)
    made.module = module
    return made


def _global(function: Callable[..., Any], see: Callable[[Any], Any]) -> Dispatch:
    count = parameters(function)
    sdk = hasattr(function, "_takes_sdk")

    def dispatch(subject: Any, env: Any, ctx: ExecutionContext) -> Awaitable[Any]:
        given = (see(subject), env, ctx)
        if not sdk:
            given = (view(given[0]), view(env), view(ctx))
        return run(function, *given[:count])

    return dispatch


def native(value: Any) -> Any:
    """What code gives back, of JavaScript's or not."""
    return from_user(value) if hasattr(type(value), "_to_edgekit") else value


def default_of(module: ModuleType) -> Worker | None:
    """The Worker of a project's main module: its class `Default`, or its older handlers."""
    from edgekit.worker import worker

    default = getattr(module, "Default", None)
    is_class = isinstance(default, type) and issubclass(default, entrypoints.WorkerEntrypoint)
    older = of_module(module)
    if is_class and older is not None:
        raise ConfigError(
            f"{module.__file__}: Cannot define multiple default entrypoints: there are both a class "
            "Default and on_ handlers"
        )
    made: Worker | None = older
    if is_class:
        made = worker(default)
    if isinstance(made, ProjectWorker):
        made.module = module
    return made


def without_default(module: ModuleType) -> Worker | None:
    """The Worker of a module that has other entrypoints only: it answers no requests itself."""
    made = ProjectWorker(_no_fetch, entrypoints.WorkerEntrypoint)
    made.module = module
    return made if made.exports() else None
