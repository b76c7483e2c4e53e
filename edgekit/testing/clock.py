"""A clock that stands still until a test turns it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any


class _Timer:
    """A plain function that waits for its time."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], Any] | None) -> None:
        self.callback = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """Time that only `advance` moves. `now` is in seconds since 1970.

    `sleeping` is set while somebody sleeps by this clock.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None] | _Timer]] = []
        self.sleeping = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        self.sleeping.set()
        try:
            await future
        finally:
            self._look()

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> _Timer:
        timer = _Timer(callback)
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Move time forward; wake or call, in order, whoever waited until then."""
        if seconds < 0:
            raise ValueError("time does not go backwards")
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            sleeper = heapq.heappop(self._sleepers)[2]
            if isinstance(sleeper, _Timer):
                callback, sleeper.callback = sleeper.callback, None
                if callback is not None:
                    callback()
            elif not sleeper.done():
                sleeper.set_result(None)
        self._look()

    def _look(self) -> None:
        if not any(isinstance(s, asyncio.Future) and not s.done() for _, _, s in self._sleepers):
            self.sleeping.clear()
