"""Where the platform's events come in: `Default = app.entrypoint()`, and the class form as it is.

workerd finds subclasses of the SDK's `workers.WorkerEntrypoint` in the main module, makes an object of
one for each event, and calls the method that the event, or the caller of an RPC, names. The classes
here are such ones, but what making an object of them gives is a `_Gate`: it takes the platform's
arguments, and runs the Worker as it runs on ASGI. So a program's own methods call each other as Python
does, and nothing is converted between them.

Where Workers are older than such classes (Python 3.12), functions of the main module are the handlers:
`on_fetch = Default.on_fetch`.

The Worker starts with its first event, not at import: Workers keep the memory that is there after
import, and allow no I/O, time or randomness before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import js
from pyodide.ffi import create_proxy

from edgekit import context, host
from edgekit.context import ExecutionContext, Scope
from edgekit.entrypoints import WorkerEntrypoint as _Ours
from edgekit.env import Env
from edgekit.errors import HTTPError
from edgekit.on_workers.convert import from_js
from edgekit.on_workers.env import build_env
from edgekit.on_workers.http import JsRequest, headers_of, response_into_js, without_stream
from edgekit.web.response import convert
from edgekit.worker import EVENTS, Worker, error_response
from edgekit.worker import worker as as_worker

try:
    from workers import WorkerEntrypoint as _Base
except ImportError:  # Workers from before the SDK

    class _Base:  # type: ignore[no-redef]
        pass


# Seconds between two looks whether another event has started the Worker; and how long a start may last
# before the next event takes it for lost.
_LOOK_AGAIN, _LONGEST_START = 0.005, 30.0


class JsContext(ExecutionContext):
    """The platform's ctx."""

    def __init__(self, ctx: Any) -> None:
        self._js = ctx
        self._props = None

    @property
    def props(self) -> Any:
        if self._props is None:
            self._props = from_js(getattr(self._js, "props", None))
        return super().props

    @property
    def exports(self) -> Any:
        from edgekit.on_workers.services import Exports

        return Exports(self._js.exports)

    def _spawn(self, coroutine: Any, ctx: ExecutionContext, serving: bool = False) -> None:
        _keep(self._js.waitUntil, asyncio.ensure_future(context.logged(coroutine, ctx)))

    def pass_through_on_exception(self) -> None:
        self._js.passThroughOnException()


class _Running:
    """A Worker in this isolate: started by its first event."""

    def __init__(self, make: Callable[[], Worker]) -> None:
        self._make = make
        self._starting_until = 0.0  # by the loop's clock
        self.worker: Worker
        self.env: Env | None = None

    async def start(self, env: Any, ctx: Any) -> Env:
        """The env, made once; who comes meanwhile waits."""
        # By looking again and again: on Workers one request cannot wake another, whose I/O would then
        # be the first one's. The one that starts goes on when its client has gone, for a while.
        now = asyncio.get_running_loop().time
        while self.env is None and now() < self._starting_until:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_AGAIN)
        if self.env is not None:
            return self.env
        self._starting_until = now() + _LONGEST_START
        starting = asyncio.ensure_future(self._start(env))
        _keep(ctx.waitUntil, starting)
        return await starting

    async def _start(self, env: Any) -> Env:
        try:
            worker = self.worker = self._make()
            built = build_env(
                worker, getattr(env, "_env", env)
            )  # the SDK may have put its own around
            context.running[:] = [_scope(built)]
            await worker.on_start_event(built)
            self.env = built
            return built
        finally:  # the next event tries again where this has failed
            self._starting_until = 0.0

    async def fetch(self, request: Any, env: Any, ctx: Any) -> Any:
        """Answer one request of the platform's by a response of the platform's."""
        ours = self.env
        if ours is None:
            ours = await self.start(env, ctx)
        worker = self.worker
        asked = JsRequest(getattr(request, "js_object", request))
        try:
            value = await worker.dispatch(asked, ours, JsContext(ctx))
            kind = value.__class__
            if kind is str:
                return js.Response.new(value)
            if kind is dict:
                return js.Response.new(
                    host.json_encode(value).decode(), headers=headers_of(b"application/json")
                )
            response = convert(value, worker.handler_of(asked))
            if asked.method == "HEAD":
                await without_stream(response)
            return response_into_js(response)
        except HTTPError as error:
            return response_into_js(error_response(error))

    async def handle(self, kind: str, subject: Any, env: Any, ctx: Any) -> None:
        """Answer an event that is no request."""
        from edgekit.on_workers.bindings import event_subject

        ours = self.env
        if ours is None:
            ours = await self.start(env, ctx)
        subject = event_subject(kind, getattr(subject, "_binding", subject))
        await self.worker.handle(kind, subject, ours, JsContext(ctx))


def _scope(env: Env) -> Scope:
    from edgekit.on_workers.caches import caches

    scope = Scope(env, _spawn_anywhere)
    scope.caches = caches
    return scope


def _spawn_anywhere(coroutine: Any, ctx: ExecutionContext, serving: bool = False) -> None:
    try:
        from workers import wait_until
    except ImportError:  # an older SDK
        from workers import waitUntil as wait_until

    _keep(wait_until, asyncio.ensure_future(context.logged(coroutine, ctx)))


def _keep(wait_until: Any, task: asyncio.Future[Any]) -> None:
    """Let it go on after the response. The platform looks at what it is given after the call, when
    Pyodide would have taken a proxy of its own making back.
    """
    proxy = create_proxy(task)
    task.add_done_callback(lambda done: proxy.destroy())
    wait_until(proxy)


class _Gate:
    """What the platform calls for one event, or for one caller of the Worker's methods."""

    __slots__ = ("_cls", "_ctx", "_env", "_object", "_running")

    def __init__(self, cls: Any, running: _Running, ctx: Any, env: Any) -> None:
        self._cls = cls
        self._running = running
        self._ctx = ctx
        self._env = env
        self._object: Any = None

    def fetch(self, request: Any, env: Any = None, ctx: Any = None) -> Awaitable[Any]:
        return self._running.fetch(request, self._env, self._ctx)

    def __getattr__(self, name: str) -> Any:
        if name in EVENTS and hasattr(self._cls, name):

            def handle(subject: Any, env: Any = None, ctx: Any = None) -> Awaitable[None]:
                return self._running.handle(name, subject, self._env, self._ctx)

            return handle
        if name.startswith("_") or not callable(_member(self._cls, name)):
            raise AttributeError(name, name=name, obj=self)

        async def method(*args: Any) -> Any:
            from edgekit.on_workers.services import offered

            if self._object is None:
                running = self._running
                env = running.env
                if env is None:
                    env = await running.start(self._env, self._ctx)
                self._object = self._cls(JsContext(self._ctx), env)
            return await offered(getattr(self._object, name))(*args)

        return method


def _member(cls: type, name: str) -> Any:
    """What a program's own classes define under that name."""
    for each in cls.__mro__:
        if each in (WorkerEntrypoint, _Ours, _Base, object):
            continue
        if name in vars(each):
            return getattr(cls, name)
    return None


class WorkerEntrypoint(_Base, _Ours):  # type: ignore[misc] # the SDK is not there
    """`edgekit.WorkerEntrypoint` on real Workers: its methods see what they see on ASGI."""

    _running: Any = None

    def __new__(cls, ctx: Any = None, env: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(env, Env) or ctx is None:  # by a Worker of ours, or by a test
            return object.__new__(cls)
        running = vars(cls).get("_running")
        if running is None:
            running = cls._running = _Running(lambda: as_worker(cls))
        return _Gate(cls, running, ctx, env)

    def __init__(self, ctx: Any, env: Any) -> None:
        self.ctx = ctx
        self.env = env

    def __init_subclass__(cls, **kwargs: Any) -> None:
        pass  # the SDK's would wrap `__init__` and `queue`


def entrypoint(worker: Worker) -> type:
    """The class that stands for `worker` in the main module of a Workers project."""
    running = _Running(lambda: worker)

    async def answer(self: Any, *args: Any) -> Any:  # never called: a `_Gate` is
        raise NotImplementedError

    def as_worker(cls: Any) -> Worker:
        return worker

    members: dict[str, Any] = {
        "fetch": answer,
        "on_fetch": staticmethod(running.fetch),
        "_running": running,
        "_as_worker": classmethod(as_worker),
    }
    rpc = worker.rpc_class
    if rpc is not None:
        return rpc
    for kind in EVENTS:
        if worker.has_events(kind):
            members[kind] = answer
            members[f"on_{kind}"] = staticmethod(_event(running, kind))
    return type("Default", (WorkerEntrypoint,), members)


def _event(running: _Running, kind: str) -> Any:
    async def handle(subject: Any, env: Any, ctx: Any) -> None:
        await running.handle(kind, subject, env, ctx)

    return handle
