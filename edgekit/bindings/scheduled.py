"""ScheduledController: what a `scheduled` handler is given when a cron fires.

https://developers.cloudflare.com/workers/runtime-apis/handlers/scheduled/
"""

from __future__ import annotations

from edgekit import host
from edgekit.web.spelling import Spelled


class ScheduledController(Spelled):
    """One firing of a cron.

    `cron` is the expression as it stands in the configuration. `scheduled_time` is the minute that
    it was due, in milliseconds since 1970; now, where none is given.
    """

    type = "scheduled"

    def __init__(self, cron: str = "", scheduled_time: float | None = None) -> None:
        self._cron = cron
        self._time = int(host.now() * 1000 if scheduled_time is None else scheduled_time)
        self._no_retry = False

    @property
    def cron(self) -> str:
        return self._cron

    @property
    def scheduled_time(self) -> int:
        return self._time

    def no_retry(self) -> None:
        """Ask that this firing be not tried again, should the handler fail. Here none ever is."""
        self._no_retry = True

    def __repr__(self) -> str:
        return f"ScheduledController(cron={self._cron!r}, scheduled_time={self._time})"
