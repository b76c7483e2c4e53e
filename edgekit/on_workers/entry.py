"""Where the platform's events come in: `Default = app.entrypoint()`, and the class form as it is.

workerd finds subclasses of the SDK's `workers.WorkerEntrypoint` in the main module, so what is made
here is one. Where Workers are older than such classes (Python 3.12), the module's functions are the
handlers: `on_fetch = Default.on_fetch`, which a build writes.

The Worker starts with its first event, not at import: Workers keep the memory that is there after
import, and allow no I/O, time or randomness before.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from typing import Any, ClassVar

import js

from edgekit import context, host
from edgekit.context import ExecutionContext, Scope
from edgekit.entrypoints import WorkerEntrypoint as _Ours
from edgekit.env import Env
from edgekit.errors import HTTPError
from edgekit.on_workers import bindings
from edgekit.on_workers.caches import CacheStorage
from edgekit.on_workers.convert import from_js, into_js
from edgekit.on_workers.env import build_env
from edgekit.on_workers.http import JsRequest, headers_of, response_into_js
from edgekit.web.response import convert
from edgekit.worker import EVENTS, Worker, error_response
from edgekit.worker import worker as as_worker

try:
    from workers import WorkerEntrypoint as _Base
except ImportError:  # Workers from before the SDK

    class _Base:  # type: ignore[no-redef]
        def __init__(self, ctx: Any, env: Any) -> None:
            pass


logger = logging.getLogger(__name__)


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

    def _spawn(self, coroutine: Any, ctx: ExecutionContext, serving: bool = False) -> None:
        self._js.waitUntil(asyncio.ensure_future(context.logged(coroutine, ctx)))

    def pass_through_on_exception(self) -> None:
        self._js.passThroughOnException()


class _Running:
    """A Worker in this isolate: started by its first event."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.env: Env | None = None

    async def start(self, env: Any) -> Env:
        env = getattr(env, "_env", env)  # the SDK has put a wrapper around it
        self.env = built = build_env(self.worker, env)
        scope = Scope(built, _spawn_anywhere)
        scope.caches = CacheStorage()
        context.running.append(scope)
        await self.worker.on_start_event(built)
        return built

    async def fetch(self, request: Any, env: Any, ctx: Any) -> Any:
        """Answer one request of the platform's by a response of the platform's."""
        ours = self.env
        if ours is None:
            ours = await self.start(env)
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
            return response_into_js(convert(value, worker.handler_of(asked)))
        except HTTPError as error:
            return response_into_js(error_response(error))

    async def handle(self, kind: str, subject: Any, env: Any, ctx: Any) -> None:
        """Answer an event that is no request."""
        ours = self.env
        if ours is None:
            ours = await self.start(env)
        subject = bindings.event_subject(kind, getattr(subject, "_binding", subject))
        await self.worker.handle(kind, subject, ours, JsContext(ctx))


def _spawn_anywhere(coroutine: Any, ctx: ExecutionContext, serving: bool = False) -> None:
    from workers import wait_until

    wait_until(asyncio.ensure_future(context.logged(coroutine, ctx)))


def entrypoint(worker: Worker) -> type:
    """The class that stands for `worker` in the main module of a Workers project."""
    running = _Running(worker)

    async def fetch(self: Any, request: Any, env: Any = None, ctx: Any = None) -> Any:
        return await running.fetch(request, self.env, self.ctx)

    members: dict[str, Any] = {"fetch": fetch, "on_fetch": staticmethod(running.fetch)}
    for kind in EVENTS:
        if worker.has_events(kind):
            members[kind] = _event(running, kind)
    return type("Default", (_Base,), members)


def _event(running: _Running, kind: str) -> Any:
    async def handle(self: Any, subject: Any, env: Any = None, ctx: Any = None) -> None:
        await running.handle(kind, subject, self.env, self.ctx)

    handle.__name__ = kind
    return handle


class WorkerEntrypoint(_Base, _Ours):  # type: ignore[misc] # the SDK is not there
    """`edgekit.WorkerEntrypoint` on real Workers: its methods see what they see on ASGI."""

    _env: ClassVar[Env | None] = None

    def __init__(self, ctx: Any, env: Any) -> None:
        cls = type(self)
        if cls._env is None:
            cls._env = build_env(as_worker(cls), getattr(env, "_env", env))
        self.env = cls._env
        self.ctx = JsContext(ctx)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        for name, method in list(vars(cls).items()):
            if not name.startswith("_") and inspect.isfunction(method):
                setattr(cls, name, _bridged(name, method))
        super().__init_subclass__(**kwargs)


def _bridged(name: str, method: Any) -> Any:
    """A method as the platform calls it: its arguments and its result are JavaScript's."""

    @functools.wraps(method)
    async def call(self: Any, *args: Any) -> Any:
        if name == "fetch":
            request = JsRequest(getattr(args[0], "js_object", args[0]))
            count = method.__code__.co_argcount - 1
            try:
                value = await method(self, *(request, self.env, self.ctx)[:count])
                return response_into_js(convert(value, method))
            except HTTPError as error:
                return response_into_js(error_response(error))
        if name in EVENTS:
            subject = bindings.event_subject(name, getattr(args[0], "_binding", args[0]))
            count = method.__code__.co_argcount - 1
            return await method(self, *(subject, self.env, self.ctx)[:count])
        value = method(self, *map(from_js, args))
        return into_js(await value if inspect.isawaitable(value) else value)

    return call
