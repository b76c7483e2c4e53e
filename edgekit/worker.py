"""Worker: what answers events. `App`, `@worker` and the class form all become one.

Whoever has an event (the ASGI host, the test client, a service binding, real Workers) calls
`Worker.dispatch(event, env, ctx)`. How many arguments a handler takes is settled here, once.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.context import ExecutionContext
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import ConfigError, HTTPError, UnsupportedError
from edgekit.web.request import Request
from edgekit.web.response import NULL_BODY, Response, convert, describe

if TYPE_CHECKING:
    from edgekit.asgi import ASGIApp, AsgiRequest, Receive, Scope, Send
    from edgekit.asgi_call import Mounted

logger = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[Any]]
# Answers an event that is no request: (subject, env, ctx).
EventHandler = Callable[[Any, Any, ExecutionContext], Awaitable[Any]]
EVENTS = ("scheduled", "queue", "email", "tail")
# What answers a request; the value is still what the handler returned, see `convert`.
Dispatch = Callable[[Request, Any, ExecutionContext], Awaitable[Any]]


def arity(handler: Any, least: int, most: int, what: str) -> int:
    """How many positional arguments without default `handler` takes, `*args` meaning `most`.

    ConfigError for a sync function and for a number outside `least` to `most`.
    """
    target = handler.func if isinstance(handler, functools.partial) else handler
    call = target if inspect.isroutine(target) else getattr(type(target), "__call__", None)  # noqa: B004
    if not callable(handler) or isinstance(handler, type):
        raise ConfigError(f"{what}: {handler!r} is not an async function")
    if not (inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(call)):
        raise ConfigError(
            f"{what}: {describe(handler)} is not async; write `async def` "
            "(edgekit has no sync handlers: they would stop every other request)"
        )
    count = 0
    for parameter in inspect.signature(handler).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            return most
        if parameter.default is parameter.empty:
            if parameter.kind is parameter.KEYWORD_ONLY:
                raise ConfigError(
                    f"{what}: {describe(handler)} needs the keyword argument {parameter.name!r}, "
                    "which nobody passes"
                )
            count += parameter.kind is not parameter.VAR_KEYWORD
    if not least <= count <= most:
        raise ConfigError(
            f"{what}: {describe(handler)} takes {count} arguments, not {least} to {most}"
        )
    return count


def adapt(handler: Handler, what: str) -> Dispatch:
    """A handler of one, two or three of (request, env, ctx) as a function of all three.

    Of other events the subject stands in the request's place.
    """
    count = arity(handler, 1, 3, what)
    if count == 3:
        return handler
    if count == 2:
        return lambda request, env, ctx: handler(request, env)
    return lambda request, env, ctx: handler(request)


def error_response(error: HTTPError) -> Response:
    """The response that an HTTPError becomes."""
    if error.status in NULL_BODY:
        response = Response(None, status=error.status)
    elif error.detail is None:
        response = Response(None, status=error.status)
        response = Response(response.status_text or str(error.status), status=error.status)
    elif isinstance(error.detail, str):
        response = Response(error.detail, status=error.status)
    else:
        response = Response.json(error.detail, status=error.status)
    for name, value in (error.headers or {}).items():
        response.headers.set(name, value)
    return response


class Worker:
    """Something that answers events; also an ASGI app.

    `dispatch(request, env, ctx)` answers one request with whatever the handler returns, which
    `convert` makes a Response; HTTPError is raised. `env_class` declares the bindings it needs;
    `config` is the path of its wrangler file, or None for EDGEKIT_CONFIG or the nearest one.
    """

    dispatch: Dispatch
    # Whether anything looks at `ctx`; where nothing does, the host passes None and saves making one.
    uses_ctx: bool = True
    # What the host makes of an ASGI connection.
    request_class: type[AsgiRequest] | None = None
    # Other Workers of this process, each with its `config`, which reach each other by services.
    beside: Sequence[Worker] = ()

    def __init__(
        self,
        dispatch: Dispatch,
        handler: Any,
        *,
        env_class: type[Env] = Env,
        config: str | None = None,
    ) -> None:
        self.dispatch = dispatch
        self.env_class = env_class
        self.config = config
        self._handler = handler
        self._host: ASGIApp | None = None
        self._events: dict[str, EventHandler] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = self._host
        if host is None:
            # The one upward import: portable code must not load the ASGI side on real Workers.
            from edgekit.runtime.host import Host

            host = self._host = self.wrap(Host(self))
        await host(scope, receive, send)

    def entrypoint(self) -> type:
        """`Default = app.entrypoint()`: what real Workers look for in the main module."""
        if sys.platform == "emscripten":
            from edgekit.on_workers.entry import entrypoint  # the other upward import

            return entrypoint(self)
        return type("Default", (WorkerEntrypoint,), {"fetch": None, "_worker": self})

    def handler_of(self, request: Request) -> Any:
        """The function that answered, for error messages."""
        return self._handler

    async def answer(self, value: Any, request: Request) -> Response:
        """What `dispatch` gave for `request`, as a Response."""
        return convert(value, self.handler_of(request))

    @property
    def rpc_class(self) -> type[WorkerEntrypoint] | None:
        """The class whose methods others may call; None for what only answers requests."""
        return self._handler if isinstance(self._handler, type) else None

    def exports(self) -> dict[str, type[WorkerEntrypoint]]:
        """The named entrypoints: the other WorkerEntrypoint classes of its modules, by their names."""
        return {
            name: cls
            for module in self._modules()
            for name, cls in vars(sys.modules[module]).items()
            if isinstance(cls, type)
            and issubclass(cls, WorkerEntrypoint)
            and cls not in (WorkerEntrypoint, self._handler)
            and "_worker" not in vars(cls)  # what `entrypoint` makes is the default one
            and name in getattr(sys.modules[module], "__all__", (name,))
            and not name.startswith("_")
        }

    def _modules(self) -> list[str]:
        """The modules that this Worker is written in."""
        return [name for name in (module_of(self._handler),) if name in sys.modules]

    def event_handler(self, kind: str, name: str | None = None) -> EventHandler | None:
        """What answers the events of this kind (one of EVENTS); `name` is their cron or queue."""
        return self._events.get(kind)

    def event_names(self, kind: str) -> list[str]:
        """The crons or queues that handlers were declared for by name."""
        return []

    def has_events(self, kind: str) -> bool:
        """Whether any handler of this kind is there, for whatever name."""
        return self.event_handler(kind) is not None or bool(self.event_names(kind))

    async def handle(self, kind: str, subject: Any, env: Any, ctx: ExecutionContext) -> Any:
        """Answer an event that is no request; UnsupportedError where there is no handler for it.

        `subject` is a ScheduledController, a MessageBatch, a message or a list of trace items.
        """
        attribute = {"scheduled": "cron", "queue": "queue"}.get(kind)
        name = getattr(subject, attribute) if attribute else None
        handler = self.event_handler(kind, name)
        if handler is None:
            others = ", ".join(map(repr, self.event_names(kind)))
            which = f" for {name!r}; there are some for {others}" if others else ""
            raise UnsupportedError(f"{describe(self._handler)} has no {kind} handler{which}")
        return await handler(subject, env, ctx)

    async def fetch(
        self, request: Request | str, env: Any = None, ctx: ExecutionContext | None = None
    ) -> Response:
        """Run this Worker directly: no server, no limits, errors are raised.

        `request` is a Request or a URL. `env` is an Env, a mapping of names to bindings and vars,
        or None.
        """
        if not isinstance(request, Request):
            request = Request(request)
        if isinstance(env, Mapping):
            from edgekit.env import build

            env = build(self.env_class, env)
        try:
            value = await self.dispatch(request, env, ctx or ExecutionContext())
            return await self.answer(value, request)
        except HTTPError as error:
            return error_response(error)

    def env_classes(self) -> list[type[Env]]:
        """The Env classes to check at start-up, its own first."""
        return [self.env_class]

    async def on_start_event(self, env: Any) -> None:
        """Called once before the first event."""

    async def on_stop_event(self, env: Any) -> None:
        """Called once after the last event."""

    def prepare(self, env: Env) -> Env:
        """The env as this Worker's handlers are to find it; once, at start-up."""
        return env

    def wrap(self, asgi: ASGIApp) -> ASGIApp:
        """Put ASGI middlewares around the host."""
        return asgi

    def mounted(self) -> list[Mounted]:
        """ASGI apps inside this Worker, whose lifespan the host runs."""
        return []


def worker(target: Any) -> Worker:
    """Make a Worker of an async function or of a WorkerEntrypoint class.

    As a decorator above `async def fetch(request, env)`, or `app = worker(Default)`. An Env class
    in the annotation of `env` declares the bindings.
    """
    if isinstance(target, Worker):
        return target
    if isinstance(target, type):
        if (made := getattr(target, "_worker", None)) is not None:  # by `entrypoint()`
            return made  # type: ignore[no-any-return]
        if (as_worker := getattr(target, "_as_worker", None)) is not None:  # a Workers project's
            return as_worker()  # type: ignore[no-any-return]
        if not issubclass(target, WorkerEntrypoint):
            raise ConfigError(f"worker(): {target.__qualname__} is not a WorkerEntrypoint")
        declared = (vars(base).get("__annotations__", {}).get("env") for base in target.__mro__)
        annotation = next((a for a in declared if a is not None), None)
        made = Worker(_of_class(target), target, env_class=_env_class(target, annotation))
        made._events = {
            kind: _event_of_class(target, kind) for kind in EVENTS if hasattr(target, kind)
        }
        return made
    dispatch = adapt(target, "worker()")
    parameters = list(inspect.signature(target).parameters.values())
    if [p.name for p in parameters] == ["scope", "receive", "send"]:
        raise ConfigError(
            f"worker(): {describe(target)} is an ASGI app, not a fetch handler; put a Worker in front "
            "of it by EdgeMiddleware(app, worker=...), or mount it: App().mount('/', app)"
        )
    annotation = parameters[1].annotation if len(parameters) > 1 else None
    made = Worker(dispatch, target, env_class=_env_class(target, annotation))
    made.uses_ctx = dispatch is target  # not adapted: it takes all three
    functools.update_wrapper(made, target)
    return made


def _of_class(cls: type[WorkerEntrypoint]) -> Dispatch:
    handler = getattr(cls, "fetch", None)
    if handler is None:
        if any(
            not name.startswith("_") for name in dir(cls)
        ):  # events, or methods for others to call
            return _no_fetch
        raise ConfigError(f"worker({cls.__name__}): the class has no fetch handler")
    count = arity(handler, 1, 4, f"worker({cls.__name__})")

    def dispatch(request: Request, env: Any, ctx: ExecutionContext) -> Awaitable[Any]:
        entrypoint: Any = cls(ctx, env)
        return entrypoint.fetch(*(request, env, ctx)[: count - 1])  # type: ignore[no-any-return]

    return dispatch


async def _no_fetch(request: Request, env: Any, ctx: ExecutionContext) -> Any:
    raise UnsupportedError("Handler does not export a fetch() function.")


def _event_of_class(cls: type[WorkerEntrypoint], kind: str) -> EventHandler:
    count = arity(getattr(cls, kind), 2, 4, f"worker({cls.__name__}), {kind}")

    def handle(subject: Any, env: Any, ctx: ExecutionContext) -> Awaitable[Any]:
        entrypoint: Any = cls(ctx, env)
        return getattr(entrypoint, kind)(*(subject, env, ctx)[: count - 1])  # type: ignore[no-any-return]

    return handle


def module_of(handler: Any) -> str:
    """The module that a handler was written in."""
    target = getattr(handler, "func", handler)
    return getattr(target, "__module__", "")


def _env_class(target: Any, annotation: Any) -> type[Env]:
    """The Env class that an annotation names; plain Env where it names none."""
    if isinstance(annotation, str):
        namespace = vars(sys.modules.get(target.__module__, object()))
        try:
            annotation = eval(annotation, namespace)  # noqa: S307 - the program's own text
        except Exception as error:
            logger.warning(
                "%s: the annotation of env, %s, cannot be resolved when it runs (%s), so its bindings "
                "are not checked; import it also outside of TYPE_CHECKING",
                describe(target),
                annotation,
                error,
            )
    return annotation if isinstance(annotation, type) and issubclass(annotation, Env) else Env
