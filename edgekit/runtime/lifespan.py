"""Runs the ASGI lifespan of an app that is mounted inside a Worker."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from edgekit.asgi import ASGIApp, Message
from edgekit.errors import ConfigError

logger = logging.getLogger(__name__)


class Lifespan:
    """One app's lifespan; an app that has none is left alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._incoming: asyncio.Queue[Message]
        self._answers: asyncio.Queue[Message]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Send startup; ConfigError when the app says that it failed."""
        self._incoming, self._answers = asyncio.Queue(), asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            answer = await self._ask("lifespan.startup")
        except asyncio.CancelledError:  # the app must not go on without anybody who would stop it
            await self._cancel(self._task)
            raise
        if answer == "lifespan.startup.failed":
            await self._cancel(self._task)
            raise ConfigError(f"the mounted app {self._app!r} failed to start; its log says why")

    async def stop(self) -> None:
        """Send shutdown and wait for the end."""
        if self._task is not None and not self._task.done():
            await self._ask("lifespan.shutdown")
            await asyncio.wait([self._task])

    async def _ask(self, kind: str) -> str:
        assert self._task is not None
        self._incoming.put_nowait({"type": kind})
        answer = asyncio.ensure_future(self._answers.get())
        try:
            await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
            return str(answer.result()["type"]) if answer.done() else "nothing"
        finally:
            await self._cancel(answer)

    async def _cancel(self, future: asyncio.Future[Any]) -> None:
        future.cancel()
        await asyncio.wait([future])

    async def _send(self, message: Message) -> None:
        # An app that does not look at the scope's type answers as if it were a request.
        if not message["type"].startswith("lifespan."):
            raise RuntimeError(f"{message['type']!r} is not an answer to a lifespan message")
        await self._answers.put(message)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await self._app(scope, self._incoming.get, self._send)
        except Exception:
            # By ASGI's rule an app without lifespan support raises here.
            logger.debug("%r has no lifespan", self._app, exc_info=True)
