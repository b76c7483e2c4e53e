"""`workers.asgi`: FastAPI, Starlette and other ASGI apps inside a Workers project.

Unlike on Workers, the app's lifespan runs once, from its first request (or, by `entrypoint`, the
Worker's start) to the Worker's end; request bodies stream; the scope has the client's address, and the
`env`. Web sockets are refused or accepted as the app says.
"""

from __future__ import annotations

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


async def fetch(
    app: ASGIApp,
    req: Any,
    env: Any,
    ctx: ExecutionContext | None = None,
    *,
    options: Options | None = None,
) -> Response:
    """The app's answer to a request, which streams."""
    mounted = await _running(app)
    if ctx is None or not hasattr(ctx, "_spawn"):
        ctx = ExecutionContext(context.current_scope("asgi").spawn)
    unwrap = getattr(type(req), "_to_edgekit", None)
    request = req if unwrap is None else unwrap(req)
    # The app's headers describe its bytes, in both modes of `encode_body`: nothing is encoded twice.
    return adopt(await call_asgi(_WithEnv(mounted, env), request, ctx))  # type: ignore[no-any-return]


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


async def _running(app: ASGIApp) -> Mounted:
    """The app with its lifespan begun, which ends with the Worker."""
    scope = context.current_scope("asgi")
    found: _Running | None = scope.kept.get(app)
    if found is None:
        found = scope.kept[app] = _Running(app)
        scope.at_stop.append(found.lifespan.stop)
    return await found.start()


class _Running:
    def __init__(self, app: ASGIApp) -> None:
        import asyncio

        self.mounted = Mounted(app)
        self.lifespan = Lifespan(self.mounted)
        self._starting = asyncio.Lock()
        self._started = False

    async def start(self) -> Mounted:
        """Begin the lifespan, once; whoever comes meanwhile waits."""
        if not self._started:
            async with self._starting:
                if not self._started:
                    await self.lifespan.start()
                    self._started = True
        return self.mounted


def __getattr__(name: str) -> Any:
    # `env: Any = asgi.env` in a FastAPI endpoint.
    if name == "env":
        from fastapi import Depends, Request

        async def env(request: Any) -> Any:
            return request.scope["env"]

        env.__annotations__ = {"request": Request}  # by which FastAPI knows what to give it
        return Depends(env)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
