"""A clock that stands still until a test turns it."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class ManualClock:
    """Time that only `advance` moves. `now` is in seconds since 1970.

    `sleeping` is set while somebody sleeps by this clock.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
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
        await future

    def advance(self, seconds: float) -> None:
        """Move time forward and wake, in order, whoever slept until then."""
        if seconds < 0:
            raise ValueError("time does not go backwards")
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
        if not any(not future.done() for _, _, future in self._sleepers):
            self.sleeping.clear()
