"""Counters: how often a key came in a stretch of time. The protocol; for rate limits, not durable."""

from __future__ import annotations

from typing import Protocol


class Counters(Protocol):
    """Counts that the processes of one machine share. Where there are too many keys, it forgets some."""

    def take(self, key: bytes, *, limit: float, end: int) -> bool:
        """Count one more for `key`, unless it has `limit` already in the time until `end`.

        `end` is in whole seconds since 1970; with another `end` the count begins anew. Microseconds,
        without waiting for anybody but who is counting right now. StorageError once it is closed.
        """
        ...

    async def close(self) -> None:
        """Let go of the counts. Closing twice is fine."""
        ...
