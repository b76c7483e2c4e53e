"""What an event that is no request may take: its time, and the end of what it gave to `wait_until`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from edgekit import host
from edgekit.context import ExecutionContext, Spawn

EVENT_SECONDS = 15 * 60.0  # the platform's limit for crons, queues and alarms


@asynccontextmanager
async def limited(kind: str) -> AsyncIterator[None]:
    """Cancel what is inside after EVENT_SECONDS by the host's clock: TimeoutError names `kind`."""
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    timer = host.call_later(EVENT_SECONDS, lambda: limit.reschedule(loop.time()))
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise  # the handler's own
        minutes = EVENT_SECONDS / 60
        raise TimeoutError(f"the {kind} event took longer than {minutes:g} minutes") from error
    finally:
        timer.cancel()


class Following:
    """Follows what one event gives to `wait_until`. `error` is the first that failed there."""

    def __init__(self, ctx: ExecutionContext) -> None:
        self.error: Exception | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._spawn: Spawn = ctx._spawn
        ctx._spawn = self._follow

    def _follow(
        self, coroutine: Coroutine[Any, Any, Any], ctx: ExecutionContext, serving: bool = False
    ) -> None:
        self._waiting += 1
        self._idle.clear()
        self._spawn(self._run(coroutine), ctx, serving)

    async def _run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await coroutine
        except Exception as error:
            self.error = self.error or error
            raise
        finally:
            self._tasks.discard(task)
            self._waiting -= 1
            if not self._waiting:
                self._idle.set()

    async def end(self) -> None:
        """Wait until all of it has ended."""
        await self._idle.wait()

    def cancel(self) -> None:
        """End it now."""
        for task in self._tasks:
            task.cancel()
