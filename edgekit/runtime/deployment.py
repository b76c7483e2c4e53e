"""The Workers of one process, by name: how one reaches another, or itself, through a service.

Each has its own isolate (env, bindings, background tasks). A call runs in a task of its own, with the
callee's scope and none of the caller's context variables: what they share is what crosses, see
`bindings/services.py`. When the caller is cancelled, so is the call; what the callee gave to
`ctx.wait_until` goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from edgekit import context, host
from edgekit.bindings.fetcher import Fetcher
from edgekit.bindings.services import Home, call, crossing
from edgekit.bindings.values import clone
from edgekit.context import Background, ExecutionContext, Scope
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.errors import ConfigError, HTTPError, ServiceError, UnsupportedError, WebTypeError
from edgekit.web.headers import Headers
from edgekit.web.redirects import follow
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import options
from edgekit.web.streams import ReadableStream
from edgekit.worker import Dispatch, Worker, error_response
from edgekit.worker import worker as as_worker

if TYPE_CHECKING:
    from edgekit.bindings.tail import TraceItem
    from edgekit.env import Env
    from edgekit.kinds import TailConsumerConfig
    from edgekit.runtime.tracing import Tracer

MAX_DEPTH = 16  # Workers deep, the first one included; the platform's

_TOO_DEEP = (
    "Subrequest depth limit exceeded. This request recursed through Workers too many times. This can "
    "happen e.g. if you have a Worker or Durable Object that calls other Workers or objects "
    "recursively."
)
_depth: contextvars.ContextVar[int] = contextvars.ContextVar("edgekit.depth", default=1)


class Hosted(Protocol):
    """An Isolate, as far as this file knows it."""

    worker: Worker
    background: Background
    started: bool
    env: Env
    scope: Scope
    dispatch: Dispatch
    tracer: Tracer | None

    async def run_event(
        self, kind: str, subject: Any, ctx: ExecutionContext | None = None
    ) -> Any: ...


class Deployment:
    """Workers by name; `add` all of them before their envs are made."""

    def __init__(self) -> None:
        self.residents: dict[str, Resident] = {}

    def add(self, name: str | None, isolate: Hosted) -> Resident:
        """Take a Worker in. One without a name cannot be reached by others, only by itself."""
        resident = Resident(name or "(unnamed)", isolate)
        if name is not None:
            if name in self.residents:
                raise ConfigError(f"two Workers have the name {name!r}; give one another name")
            self.residents[name] = resident
        return resident

    def find(self, name: str, environment: str | None = None) -> Resident | None:
        """The Worker of that name; with `environment`, first the one that it has there."""
        if environment and (found := self.residents.get(f"{name}-{environment}")):
            return found
        return self.residents.get(name)

    def required(self, where: str, name: str, environment: str | None = None) -> Resident:
        """As `find`; a ConfigError, which says how to add it, where there is none."""
        found = self.find(name, environment)
        if found is None:
            there = ", ".join(self.residents) or "none with a name"
            raise ConfigError(
                f"{where}: there is no Worker {name!r} in this process (there: {there}); add its "
                f"configuration, as in `edgekit dev -c wrangler.jsonc -c ../{name}/wrangler.jsonc` "
                f'(`serve` likewise), or in tests TestClient(app, services={{"{name}": its_app}})'
            )
        return found

    def consumer(self, where: str, entry: TailConsumerConfig) -> Callable[[list[TraceItem]], None]:
        """What gives a tail consumer its items, and does not wait for it."""
        resident = self.required(where, entry.service, entry.environment)
        isolate = resident.isolate
        if not isolate.worker.has_events("tail"):
            raise ConfigError(f"{where}: the Worker {entry.service!r} has no tail handler")

        def consume(items: list[TraceItem]) -> None:
            ctx = ExecutionContext(isolate.background.spawn)
            # In a context of its own: what it logs is not the producer's.
            fresh = contextvars.Context()
            fresh.run(ctx._spawn, isolate.run_event("tail", list(items), ctx), ctx)

        return consume


class Resident:
    """One Worker of a deployment, to be called by others: a `Home` of services.py."""

    def __init__(self, name: str, isolate: Hosted) -> None:
        self.name = name
        self.isolate = isolate
        self._entrypoints: dict[str, Worker] = {}

    def fetcher(self, where: str, entrypoint: str | None = None, props: Any = None) -> Fetcher:
        """What a service binding is; ConfigError where there is no such entrypoint."""
        worker = self._entrypoint(where, entrypoint)
        named = None if worker is self.isolate.worker else entrypoint
        return Fetcher(*self._ways(worker, named, props))

    def exports(self) -> Exports:
        """`ctx.exports` of this Worker."""
        return Exports(self, ["default", *self.isolate.worker.exports()])

    def export(self, name: str) -> Export:
        """One of `exports`."""
        worker = self._entrypoint("ctx.exports", name)
        named = None if worker is self.isolate.worker else name
        return Export(lambda props: self._ways(worker, named, props))

    # As a Home ----------------------------------------------------------------------------------------

    def current(self) -> Home | None:
        try:
            home: Home | None = context.current_scope("a service").home
        except UnsupportedError:
            return None
        return home

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        if not self.isolate.started:
            raise ServiceError(f"The Worker {self.name!r} is not running.")
        depth = _depth.get() + 1
        if depth > MAX_DEPTH:
            raise ServiceError(_TOO_DEEP)
        fresh = contextvars.Context()
        task = asyncio.get_running_loop().create_task(self._enter(work, depth), context=fresh)
        try:
            return await task
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is None or me.cancelling():
                raise
            raise ServiceError(f"The Worker {self.name!r} was cancelled.") from None

    async def _enter(self, work: Callable[[], Awaitable[Any]], depth: int) -> Any:
        context.enter(self.isolate.scope)
        _depth.set(depth)
        return await work()

    # Calls --------------------------------------------------------------------------------------------

    def _entrypoint(self, where: str, name: str | None) -> Worker:
        worker = self.isolate.worker
        if name is None or name == "default":
            return worker
        classes = worker.exports()
        if name not in classes:
            if name == "Default" and worker.rpc_class is not None:
                return worker
            there = ", ".join(classes) or "none but the default"
            raise ConfigError(
                f"{where}: the Worker {self.name!r} has no entrypoint {name!r}; there: {there}"
            )
        if name not in self._entrypoints:
            self._entrypoints[name] = as_worker(classes[name])
        return self._entrypoints[name]

    def _ways(self, worker: Worker, entrypoint: str | None, props: Any) -> tuple[Any, Any]:
        props = clone(props)

        async def fetch(request: Request) -> Response:
            return await follow(lambda each: self._fetch(worker, entrypoint, props, each), request)

        def methods(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
            return self._method(worker, entrypoint, props, name, args, kwargs)

        return fetch, methods

    async def _fetch(
        self, worker: Worker, entrypoint: str | None, props: Any, request: Request
    ) -> Response:
        given = _arriving(request)

        async def work() -> tuple[Response | None, Exception | None]:
            isolate = self.isolate
            ctx = ExecutionContext(isolate.background.spawn, props=clone(props))
            dispatch = isolate.dispatch
            if worker is not isolate.worker:
                dispatch = worker.dispatch
                if isolate.tracer is not None:
                    dispatch = isolate.tracer.requests(dispatch, entrypoint)
            try:
                value = await dispatch(given, isolate.env, ctx)
                response = await worker.answer(value, given)
            except HTTPError as error:
                response = error_response(error)
            except Exception as error:
                return None, crossing(error, self)
            return await _leaving(response, given.method, isolate.scope), None

        response, error = await self.run(work)
        if error is not None:
            raise error
        assert isinstance(response, Response)
        return response

    def _method(
        self,
        worker: Worker,
        entrypoint: str | None,
        props: Any,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Awaitable[Any]:
        isolate, cls = self.isolate, worker.rpc_class

        def target() -> Any:
            if cls is None:  # an App or a function, which only answers requests
                return WorkerEntrypoint(None, None)  # type: ignore[arg-type]
            return cls(ctx, isolate.env)

        ctx = ExecutionContext(isolate.background.spawn, props=clone(props))
        home: Home = self
        if isolate.tracer is not None:
            home = isolate.tracer.calls(self, name, ctx, entrypoint)
        return call(home, target, name, args, kwargs)


class Export(Fetcher):
    """One of this Worker's own entrypoints: `ctx.exports.Name`, or with props `ctx.exports.Name(props=...)`."""

    __slots__ = ("_ways",)

    def __init__(self, ways: Callable[[Any], tuple[Any, Any]]) -> None:
        super().__init__(*ways(None))
        self._ways = ways

    @options
    def __call__(self, *, props: Mapping[str, Any] | None = None) -> Fetcher:
        """The same entrypoint, which will find these in `ctx.props`."""
        return Fetcher(*self._ways(props))


class Exports:
    """`ctx.exports`: this Worker's own entrypoints as services, `default` and the named ones."""

    __slots__ = ("_names", "_resident")

    def __init__(self, resident: Resident, names: list[str]) -> None:
        self._resident = resident
        self._names = names

    def __getattr__(self, name: str) -> Export:
        if name not in self._names:
            raise AttributeError(
                f"ctx.exports has no {name!r}; it has: {', '.join(self._names)}",
                name=name,
                obj=self,
            )
        return self._resident.export(name)

    def __getitem__(self, name: str) -> Export:
        if name not in self._names:
            raise KeyError(name)
        return self._resident.export(name)

    def __iter__(self) -> Any:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __dir__(self) -> list[str]:
        return self._names

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in Exports.__slots__:
            raise AttributeError("ctx.exports cannot be changed", name=name, obj=self)
        object.__setattr__(self, name, value)


def _arriving(request: Request) -> Request:
    """A request as the callee gets it: its own object, of which only the body is the caller's."""
    url = host.parse_url(request.url)
    if url is None or url.protocol not in ("http:", "https:"):
        raise WebTypeError(f"Fetch API cannot load: {request.url:.200}")
    body = request._take()
    given = Request.__new__(Request)
    # Who signs in and which part is shown are the caller's business, as over a network.
    given._url = f"{url.origin}{url.pathname}{url.search}"
    given.method = request.method
    given.redirect = "manual"  # as incoming requests have it
    given._headers = Headers(request.headers)
    given._headers.immutable = True
    if isinstance(body, ReadableStream):
        body = ReadableStream(body.detach(), length=body.length)
    given._body = body
    given._used = False
    given._cf = clone(request.cf)
    given._client = request.client
    given._signal = request._signal
    return given


class _Streaming:
    """A body that a generator makes: it goes on in the callee's scope while the caller reads."""

    def __init__(self, source: Any, scope: Scope) -> None:
        self._source = source
        self._scope = scope

    def __aiter__(self) -> _Streaming:
        return self

    async def __anext__(self) -> bytes:
        token = context.enter(self._scope)
        try:
            return await anext(self._source)
        finally:
            context.leave(token)

    async def aclose(self) -> None:
        await self._source.aclose()


async def _leaving(response: Response, method: str, scope: Scope) -> Response:
    """A response as the caller gets it; to HEAD it has no body."""
    body = response._take()
    if method == "HEAD" and body is not None:
        if isinstance(body, ReadableStream):
            await body.cancel()
        body = None
    given = Response.__new__(Response)
    if isinstance(body, ReadableStream):
        source: Any = body.detach()
        source = _Streaming(source, scope) if inspect.isasyncgen(source) else source
        body = ReadableStream(source, length=body.length)
    given._body = body
    given._content_type = response._content_type
    given._headers = Headers(response.headers)
    given._used = False
    given.status = response.status
    given._status_text = response._status_text
    given.web_socket = response.web_socket
    given.type = response.type
    given.cf = clone(response.cf)
    given.encode_body = response.encode_body
    return given
