"""`workers.asgi`: FastAPI, Starlette and other ASGI apps inside a Workers project.

Unlike on Workers, the app's lifespan runs once, from its first request (or, by `entrypoint`, the
Worker's start) to the Worker's end; but where every request makes an app of its own, those of before
are ended. Request bodies stream; the scope has the client's address, and the `env`. Web sockets are
refused or accepted as the app says.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Literal, get_args

from edgekit import context
from edgekit.asgi import ASGIApp, Receive, Scope, Send
from edgekit.asgi_call import Mounted, call_asgi
from edgekit.compat.entrypoints import WorkerEntrypoint
from edgekit.compat.http import Response, adopt
from edgekit.context import ExecutionContext
from edgekit.runtime.lifespan import Lifespan

EncodeBody = Literal["automatic", "manual"]
MOST_APPS = 8  # whose lifespans go on while nobody asks; a project of its own has one or two


@dataclass(frozen=True, kw_only=True)
class BaseOptions:
    """What the two adapters have in common.

    `encode_body`: "manual" where the app has encoded its bodies as their content-encoding says.
    """

    encode_body: EncodeBody = "automatic"

    def __post_init__(self) -> None:
        if self.encode_body not in get_args(EncodeBody):
            raise ValueError(
                f"encode_body must be one of {get_args(EncodeBody)}, got {self.encode_body!r}"
            )


class Options(BaseOptions):
    """Options of this adapter."""


class _WithEnv:
    """An app whose scopes have `env`, and the state of its lifespan."""

    def __init__(self, mounted: Mounted, env: Any) -> None:
        self._mounted = mounted
        self._env = env

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["env"] = self._env
        await self._mounted(scope, receive, send)


class _InUse(_WithEnv):
    """One whose lifespan must not end meanwhile."""

    def __init__(self, running: _Running, env: Any) -> None:
        super().__init__(running.mounted, env)
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._running:
            await super().__call__(scope, receive, send)


async def fetch(
    app: ASGIApp,
    req: Any,
    env: Any,
    ctx: ExecutionContext | None = None,
    *,
    options: Options | None = None,
) -> Response:
    """The app's answer to a request, which streams."""
    scope = context.current_scope("asgi")
    if ctx is None or not hasattr(ctx, "_spawn"):
        ctx = ExecutionContext(scope.spawn)
    apps = scope.kept.get(_Apps)
    if apps is None:
        apps = scope.kept[_Apps] = _Apps()
        scope.at_stop.append(apps.stop)
    unwrap = getattr(type(req), "_to_edgekit", None)
    request = req if unwrap is None else unwrap(req)
    running = apps.of(app)
    with running:
        apps.end_others(ctx)
        await running.start()
        # The app's headers describe its bytes, in both modes of `encode_body`: nothing is encoded twice.
        return adopt(await call_asgi(_InUse(running, env), request, ctx))  # type: ignore[no-any-return]


async def websocket(app: ASGIApp, req: Any, env: Any = None) -> Response:
    """The app's answer to the handshake of a web socket."""
    return await fetch(app, req, env)


def entrypoint(app: ASGIApp, *, options: Options | None = None) -> type[WorkerEntrypoint]:
    """The class `Default` of a project that is an ASGI app."""

    class Default(WorkerEntrypoint):
        _apps = (Mounted(app),)  # the Worker runs its lifespan

        async def fetch(self, request: Any) -> Response:
            return adopt(await call_asgi(_WithEnv(self._apps[0], self.env), request, self.ctx))  # type: ignore[no-any-return]

    return Default


class _Apps:
    """The apps that a Worker's requests have named, the one that was named last at the end."""

    def __init__(self) -> None:
        self._running: dict[Any, _Running] = {}

    def of(self, app: ASGIApp) -> _Running:
        """That app, whose lifespan may not have begun."""
        try:
            hash(app)
            key: Any = app
        except TypeError:
            key = id(app)  # and nobody else's while the app is here
        found = self._running.pop(key, None)
        self._running[key] = found = found or _Running(app)
        return found

    def end_others(self, ctx: ExecutionContext) -> None:
        """End the lifespans that are too many, of apps that nobody uses."""
        spare = len(self._running) - MOST_APPS
        if spare > 0:
            for key in [key for key, each in self._running.items() if not each.users][:spare]:
                ctx.wait_until(self._running.pop(key).lifespan.stop())

    async def stop(self) -> None:
        """End them all, the last one first."""
        async with AsyncExitStack() as steps:  # whichever of them fail
            for each in self._running.values():
                steps.push_async_callback(each.lifespan.stop)
            self._running.clear()


class _Running:
    """An app and its lifespan, which goes on while anybody is inside `with`."""

    def __init__(self, app: ASGIApp) -> None:
        import asyncio

        self.mounted = Mounted(app)
        self.lifespan = Lifespan(self.mounted)
        self.users = 0
        self._starting = asyncio.Lock()
        self._started = False

    def __enter__(self) -> None:
        self.users += 1

    def __exit__(self, *error: object) -> None:
        self.users -= 1

    async def start(self) -> None:
        """Begin the lifespan, once; whoever comes meanwhile waits."""
        if not self._started:
            async with self._starting:
                if not self._started:
                    await self.lifespan.start()
                    self._started = True


def __getattr__(name: str) -> Any:
    # `env: Any = asgi.env` in a FastAPI endpoint.
    if name == "env":
        from fastapi import Depends, Request

        async def env(request: Any) -> Any:
            return request.scope["env"]

        env.__annotations__ = {"request": Request}  # by which FastAPI knows what to give it
        return Depends(env)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
