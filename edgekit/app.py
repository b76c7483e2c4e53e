"""App: handlers with decorators, routes, middlewares. The thing most programs are made of.

An App is a Worker, so it is an ASGI app too. Routes and arities are checked where they are
declared, at import; the chain of middlewares is built once, at the first event.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload
from urllib.parse import unquote

from edgekit.context import ExecutionContext
from edgekit.env import Env
from edgekit.errors import ConfigError, HTTPError
from edgekit.routing import ANY, Route, Router, split
from edgekit.web.request import Request
from edgekit.web.response import Response, convert
from edgekit.worker import Dispatch, EventHandler, Handler, Worker, adapt, arity, module_of

if TYPE_CHECKING:
    from starlette.middleware import Middleware

    from edgekit.asgi import ASGIApp
    from edgekit.asgi_call import Mounted

logger = logging.getLogger(__name__)

H = TypeVar("H", bound=Handler)


class Next(Protocol):
    """What a middleware surrounds: `response = await next(request)`."""

    def __call__(self, request: Request, /) -> Awaitable[Response]: ...


class App(Worker):
    """A Worker made of decorated handlers: `app = App(AppEnv)`, then `uvicorn main:app`.

    `env_class` declares bindings and vars. `config` is the path of a wrangler file (default:
    EDGEKIT_CONFIG, then the nearest one from the current folder upward). `middleware` is a list of
    Starlette's `Middleware(...)`, the outermost first, around everything; not on real Workers.
    Handlers are async and take (request), (request, env) or (request, env, ctx).
    """

    def __init__(
        self,
        env_class: type[Env] = Env,
        *,
        config: str | None = None,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        if not (isinstance(env_class, type) and issubclass(env_class, Env)):
            raise ConfigError(f"App(): {env_class!r} is not a subclass of Env")
        super().__init__(self._first, self, env_class=env_class, config=config)
        self._router = Router()
        self._asgi_middleware = list(middleware)
        self._middleware: list[tuple[Handler, int]] = []
        self._fallback: Route | None = None
        self._on_error: tuple[Handler, int] | None = None
        self._on_start: list[tuple[Handler, int]] = []
        self._on_stop: list[tuple[Handler, int]] = []
        self._by_name: dict[str, dict[str | None, EventHandler]] = {}
        self._event_modules: list[str] = []
        self._started = False

    # Declaring --------------------------------------------------------------------------------------

    def get(self, pattern: str) -> Callable[[H], H]:
        """Answer GET, and HEAD, where `pattern` takes the path."""
        return self.route(pattern, methods=("GET",))

    def post(self, pattern: str) -> Callable[[H], H]:
        """Answer POST where `pattern` takes the path."""
        return self.route(pattern, methods=("POST",))

    def put(self, pattern: str) -> Callable[[H], H]:
        """Answer PUT where `pattern` takes the path."""
        return self.route(pattern, methods=("PUT",))

    def patch(self, pattern: str) -> Callable[[H], H]:
        """Answer PATCH where `pattern` takes the path."""
        return self.route(pattern, methods=("PATCH",))

    def delete(self, pattern: str) -> Callable[[H], H]:
        """Answer DELETE where `pattern` takes the path."""
        return self.route(pattern, methods=("DELETE",))

    def head(self, pattern: str) -> Callable[[H], H]:
        """Answer HEAD where `pattern` takes the path, instead of the GET handler."""
        return self.route(pattern, methods=("HEAD",))

    def options(self, pattern: str) -> Callable[[H], H]:
        """Answer OPTIONS where `pattern` takes the path, instead of the automatic answer."""
        return self.route(pattern, methods=("OPTIONS",))

    def route(self, pattern: str, methods: Iterable[str] | None = None) -> Callable[[H], H]:
        """Answer these methods, or without `methods` every one, where `pattern` takes the path.

        Patterns: `/a/{name}`, `/a/{n:int}`, `/a/{rest:path}`; see edgekit.routing. ConfigError for
        a pattern that can never match, and for a second route that takes the same paths.
        """
        if isinstance(methods, str):
            raise ConfigError(f"route {pattern!r}: methods is a list of names, not a str")
        names = (ANY,) if methods is None else tuple(m.upper() for m in methods)
        if not names:
            raise ConfigError(f"route {pattern!r}: no methods")

        def declare(handler: H) -> H:
            self._open(f"route {pattern!r}")
            target = adapt(handler, f"route {pattern!r}")
            self._router.add(names, pattern, target, handler)
            return handler

        return declare

    def fallback(self, handler: H) -> H:
        """Answer whatever path no route and no mount has; without one that is a 404."""
        self._open("fallback")
        if self._fallback is not None:
            raise ConfigError("fallback: there is one already")
        self._fallback = Route(adapt(handler, "fallback"), handler)
        return handler

    def middleware(self, handler: H) -> H:
        """Run `(request, env, next)` or `(request, env, ctx, next)` around every handler.

        `await next(request)` gives the Response, which may be read, changed or replaced; the first
        one declared is the outermost. HTTPError and other errors pass through them as exceptions.
        """
        self._open("middleware")
        self._middleware.append((handler, arity(handler, 3, 4, "middleware")))
        return handler

    def on_error(self, handler: H) -> H:
        """Answer for an uncaught error: `(request, env, error)` or `(request, env, ctx, error)`.

        HTTPErrors are responses already and do not come here. None means: not mine.
        """
        self._open("on_error")
        if self._on_error is not None:
            raise ConfigError("on_error: there is one already")
        self._on_error = (handler, arity(handler, 3, 4, "on_error"))
        return handler

    def on_start(self, handler: H) -> H:
        """Run `(env)` or `()` before the first event; an error ends the start."""
        self._open("on_start")
        self._on_start.append((handler, arity(handler, 0, 1, "on_start")))
        return handler

    def on_stop(self, handler: H) -> H:
        """Run `(env)` or `()` after the last event."""
        self._open("on_stop")
        self._on_stop.append((handler, arity(handler, 0, 1, "on_stop")))
        return handler

    @overload
    def scheduled(self, cron: str | None = None) -> Callable[[H], H]: ...

    @overload
    def scheduled(self, cron: H) -> H: ...

    def scheduled(self, cron: Any = None) -> Any:
        """Run `(controller)`, `(controller, env)` or `(controller, env, ctx)` when a cron fires.

        `@app.scheduled("*/5 * * * *")` takes that cron, `@app.scheduled` all that no other takes;
        `controller` is a ScheduledController. With a configuration file the crons are those of its
        `triggers`, and each handler's must be among them; without one they are the handlers'. Crons
        are in UTC, and 1 to 7 are Sunday to Saturday: see edgekit.cron. A handler has 15 minutes.
        """
        if isinstance(cron, str):
            from edgekit.cron import parse  # here: most Workers have none

            parse(cron)
        return self._declare("scheduled", cron)

    @overload
    def queue(self, name: str | None = None) -> Callable[[H], H]: ...

    @overload
    def queue(self, name: H) -> H: ...

    def queue(self, name: Any = None) -> Any:
        """Run `(batch)`, `(batch, env)` or `(batch, env, ctx)` for messages of a queue.

        `@app.queue("jobs")` takes that queue, `@app.queue` all that no other takes. With a
        configuration file the consumers are those of its `queues`.
        """
        return self._declare("queue", name)

    def email(self, handler: H) -> H:
        """Run `(message)`, `(message, env)` or `(message, env, ctx)` for an incoming email."""
        self._add("email", None, handler)
        return handler

    def tail(self, handler: H) -> H:
        """Run `(events)`, `(events, env)` or `(events, env, ctx)` for what other Workers have done.

        They name this one in their `tail_consumers`.
        """
        self._add("tail", None, handler)
        return handler

    def _declare(self, kind: str, name: Any) -> Any:
        if callable(name):  # without parentheses
            self._add(kind, None, name)
            return name

        def declare(handler: H) -> H:
            self._add(kind, name, handler)
            return handler

        return declare

    def _add(self, kind: str, name: str | None, handler: Handler) -> None:
        what = f"{kind} {name!r}" if name is not None else kind
        self._open(what)
        handlers = self._by_name.setdefault(kind, {})
        if name in handlers:
            raise ConfigError(f"{what}: there is one already")
        handlers[name] = adapt(handler, what)
        self._event_modules.append(module_of(handler))

    def event_handler(self, kind: str, name: str | None = None) -> EventHandler | None:
        apps = self._apps()
        for wanted in (name, None):
            for app in apps:
                if isinstance(app, App):
                    handler = app._by_name.get(kind, {}).get(wanted)
                else:
                    handler = app.event_handler(kind, wanted)
                if handler is not None:
                    return handler
        return None

    def event_names(self, kind: str) -> list[str]:
        apps = [app for app in self._apps() if isinstance(app, App)]
        return [name for app in apps for name in app._by_name.get(kind, {}) if name is not None]

    def mount(self, prefix: str, other: Worker | ASGIApp) -> None:
        """Give every path below `prefix` that no route takes to another App, or to any ASGI app.

        An App shares env, and its routes are relative to the prefix; its middlewares run inside
        this one's. An ASGI app finds the prefix in `root_path`, and its lifespan is run.
        """
        self._open(f"mount {prefix!r}")
        if isinstance(other, App):
            if self in other._apps():
                raise ConfigError(f"mount {prefix!r}: an app cannot be mounted in itself")
            if other._asgi_middleware:
                raise ConfigError(
                    f"mount {prefix!r}: the app's Starlette middleware would not run; "
                    "give it to the outermost app"
                )
        if not callable(other):
            raise ConfigError(f"mount {prefix!r}: {other!r} is neither an App nor an ASGI app")
        if not isinstance(other, Worker):
            from edgekit.asgi_call import Mounted  # here: most Workers have none

            other = Mounted(other)
        self._router.mount(prefix, other)

    # Serving ----------------------------------------------------------------------------------------

    def _apps(self) -> list[Worker]:
        """This app and all below it, each once."""
        apps: list[Worker] = [self]
        for _, other in self._router.mounts:
            below = other._apps() if isinstance(other, App) else [other]
            apps += [a for a in below if isinstance(a, Worker) and a not in apps]
        return apps

    def env_classes(self) -> list[type[Env]]:
        inner = [a for _, a in self._router.mounts if isinstance(a, Worker)]
        return [self.env_class, *(c for other in inner for c in other.env_classes())]

    def mounted(self) -> list[Mounted]:
        apps: list[Mounted] = []
        for _, other in self._router.mounts:
            for mounted in other.mounted() if isinstance(other, Worker) else [other]:
                known = next((m for m in apps if m.app is mounted.app), None)
                if known is None:
                    apps.append(mounted)
                else:  # one app in two places lives once
                    mounted.state = known.state
        return apps

    async def on_start_event(self, env: Any) -> None:
        self._prepare()
        for app in self._apps():
            if isinstance(app, App):
                for handler, count in app._on_start:
                    await handler(*(env,)[:count])
            else:
                await app.on_start_event(env)

    async def on_stop_event(self, env: Any) -> None:
        for app in reversed(self._apps()):
            if isinstance(app, App):
                for handler, count in reversed(app._on_stop):
                    await handler(*(env,)[:count])
            else:
                await app.on_stop_event(env)

    def wrap(self, asgi: ASGIApp) -> ASGIApp:
        for cls, args, kwargs in reversed(self._asgi_middleware):
            asgi = cls(asgi, *args, **kwargs)
        return asgi

    def _modules(self) -> list[str]:
        routes = [*self._router.routes, *([self._fallback] if self._fallback else [])]
        handlers = [route.handler for route in routes] + [each for each, _ in self._middleware]
        names = [*map(module_of, handlers), *self._event_modules]
        return [name for name in dict.fromkeys(names) if name in sys.modules]

    def _open(self, what: str) -> None:
        if self._started:
            raise ConfigError(f"{what}: the app has started; declare everything at import")

    def _prepare(self) -> None:
        if self.dispatch == self._first:
            self.dispatch = self._compile("")
            self.uses_ctx = self._looks_at_ctx()

    def _first(self, request: Request, env: Any, ctx: ExecutionContext) -> Awaitable[Any]:
        self._prepare()
        return self.dispatch(request, env, ctx)

    def _looks_at_ctx(self) -> bool:
        if self._on_error is not None or self._router.mounts:
            return True
        if any(count == 4 for _, count in self._middleware):
            return True
        routes = [*self._router.routes, *([self._fallback] if self._fallback else [])]
        return any(route.target is route.handler for route in routes)

    def handler_of(self, request: Request) -> Any:
        return request._route.handler if request._route is not None else self

    def _compile(self, prefix: str) -> Dispatch:
        """The whole app as one function, for requests whose path begins with `prefix`."""
        self._started = True
        dispatch = self._core(prefix)
        if self._middleware:
            dispatch = self._converted(dispatch)
            for handler, count in reversed(self._middleware):
                dispatch = _around(handler, count, dispatch)
        if self._on_error is not None:
            dispatch = self._rescued(dispatch, *self._on_error)
        return dispatch

    def _core(self, prefix: str) -> Dispatch:
        """Routes, then mounts, then the fallback."""
        router = self._router
        static, find = {} if prefix else router.static, router.find
        above = split(prefix, prefix)[1:]
        depth = len(above)
        mounts = [
            (split(mount, mount)[1:], self._enter(prefix + mount, other))
            for mount, other in router.mounts
        ]
        last = self._fallback or Route(_not_found, _not_found)

        def core(request: Request, env: Any, ctx: ExecutionContext) -> Awaitable[Any]:
            # Most requests end here: a literal path, as it came over the wire.
            route = static.get((request.method, request.raw_path))
            if route is not None:
                request._route = route
                return route.target(request, env, ctx)  # type: ignore[no-any-return]
            segments = split(*request.target())
            if depth:
                if segments[1 : depth + 1] != above:  # an inner middleware sent it elsewhere
                    request._route = last
                    return last.target(request, env, ctx)  # type: ignore[no-any-return]
                segments = ["", *(segments[depth + 1 :] or [""])]
            values: list[Any] = []
            route = find(request.method, segments, values)
            if route is not None:
                request._params = dict(zip(route.names, values))  # noqa: B905 - as long by construction
            elif allow := router.allowed(segments):
                return _other_method(request.method, allow)
            else:
                for mount, enter in mounts:
                    if segments[1 : len(mount) + 1] == mount:
                        return enter(request, env, ctx)
                route = last
            request._route = route
            return route.target(request, env, ctx)  # type: ignore[no-any-return]

        return core

    def _enter(self, prefix: str, other: Worker | Mounted) -> Dispatch:
        if isinstance(other, App):
            return other._compile(prefix)
        if isinstance(other, Worker):
            worker = other

            async def pass_on(request: Request, env: Any, ctx: ExecutionContext) -> Response:
                value = await worker.dispatch(request, env, ctx)
                return convert(value, worker.handler_of(request))

            return pass_on
        from edgekit.asgi_call import call_asgi

        root_path = unquote(prefix)

        def enter(request: Request, env: Any, ctx: ExecutionContext) -> Awaitable[Response]:
            return call_asgi(other, request, ctx, root_path=root_path)

        return enter

    def _converted(self, inner: Dispatch) -> Dispatch:
        """The handlers' results as Responses, for middlewares."""

        async def dispatch(request: Request, env: Any, ctx: ExecutionContext) -> Response:
            value = await inner(request, env, ctx)
            return (
                value if value.__class__ is Response else convert(value, self.handler_of(request))
            )

        return dispatch

    def _rescued(self, inner: Dispatch, handler: Handler, count: int) -> Dispatch:
        """`on_error` around the whole app."""

        async def dispatch(request: Request, env: Any, ctx: ExecutionContext) -> Any:
            try:
                return convert(await inner(request, env, ctx), self.handler_of(request))
            except HTTPError:
                raise
            except Exception as error:
                args = (request, env, error) if count == 3 else (request, env, ctx, error)
                value = await handler(*args)
                if value is None:
                    raise
                logger.error(
                    "%s %r failed (request %s)",
                    request.method,
                    request.path,
                    ctx.request_id,
                    exc_info=error,
                )
                return convert(value, handler)

        return dispatch


async def _not_found(request: Request, env: Any, ctx: ExecutionContext) -> Response:
    return Response("Not Found", status=404)


async def _other_method(method: str, allow: tuple[str, ...]) -> Response:
    headers = {"allow": ", ".join(allow)}
    if method == "OPTIONS":
        return Response(None, status=204, headers=headers)
    return Response("Method Not Allowed", status=405, headers=headers)


def _around(handler: Handler, count: int, inner: Dispatch) -> Dispatch:
    """A middleware with what it surrounds."""

    async def dispatch(request: Request, env: Any, ctx: ExecutionContext) -> Response:
        def next(request: Request) -> Awaitable[Response]:
            return inner(request, env, ctx)

        if count == 3:
            value = await handler(request, env, next)
        else:
            value = await handler(request, env, ctx, next)
        return value if value.__class__ is Response else convert(value, handler)

    return dispatch
