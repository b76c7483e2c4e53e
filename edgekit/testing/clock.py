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


def _is_over(sleeper: asyncio.Future[None] | _Timer) -> bool:
    return sleeper.callback is None if isinstance(sleeper, _Timer) else sleeper.done()


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
        """Move time forward; wake or call, in order, whoever waited until then.

        Timers are called at their own moment. Who sleeps goes on when the event loop runs, which is
        when all of the time has passed: TestClient.advance goes from one moment to the next.
        """
        if seconds < 0:
            raise ValueError("time does not go backwards")
        self.turn_to(self._now + seconds)

    def turn_to(self, moment: float) -> None:
        """`advance` until `now` is `moment`."""
        while (due := self.due()) is not None and due <= moment:
            self._now = max(self._now, due)
            sleeper = heapq.heappop(self._sleepers)[2]
            if isinstance(sleeper, asyncio.Future):
                sleeper.set_result(None)
            else:
                callback, sleeper.callback = sleeper.callback, None
                assert callback is not None
                callback()
        self._now = max(self._now, moment)
        self._look()

    def due(self) -> float | None:
        """The moment that somebody waits for next; None where nobody waits."""
        while self._sleepers and _is_over(self._sleepers[0][2]):
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _look(self) -> None:
        if not any(isinstance(s, asyncio.Future) and not s.done() for _, _, s in self._sleepers):
            self.sleeping.clear()
