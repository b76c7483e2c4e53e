"""Fires crons: each at its minute, once in a deployment however many processes serve it.

Every process watches the clock. Who comes first at a minute writes it into the cron's record, on the
condition that the record is still the one it has read; the others see that the minute is taken. So a
(cron, minute) is fired at most once, also when a process is killed while its handler runs.

What was missed is not made up for, as on the platform: a minute that nobody fired within
LATE_SECONDS, because no process ran or the machine slept, is left out. Those seconds let a restart
that falls on a minute miss nothing; how far back to look, the record says. A cron that is new to the
store begins with the minute after.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from edgekit import cron as crons
from edgekit import host
from edgekit.bindings.scheduled import ScheduledController
from edgekit.config import Config
from edgekit.context import ExecutionContext, Spawn
from edgekit.cron import Cron
from edgekit.engines.base import Fence, Put, Records
from edgekit.errors import ConfigError, FencedOut
from edgekit.worker import Worker

logger = logging.getLogger(__name__)

LATE_SECONDS = 60  # a fire may be late by less than this
WATCH_SECONDS = (
    60.0  # between two looks at the clock, which may be set, or stop while the machine sleeps
)
# A record further ahead of the clock was written by a clock that was wrong; it does not count.
_AHEAD_SECONDS = 3600

# Isolate.run_event
RunEvent = Callable[[str, Any, ExecutionContext], Awaitable[Any]]


def crons_of(worker: Worker, config: Config) -> list[Cron]:
    """The crons to fire: those of the configuration file, or without a file those of the handlers.

    ConfigError for one that cannot be parsed, that no handler takes, or that the file lacks.
    """
    declared = worker.event_names("scheduled")
    if config.path is None:
        return [crons.parse(text) for text in dict.fromkeys(declared)]
    file = config.path.name
    texts = list(dict.fromkeys(config.triggers.crons or ()))
    wrong = [
        f"{file}: triggers.crons has no {text!r}, which a scheduled handler is declared for; there"
        f" {'is ' + ', '.join(map(repr, texts)) if texts else 'are none'}"
        for text in declared
        if text not in texts
    ]
    found = []
    for index, text in enumerate(texts):
        where = f"{file}: triggers.crons[{index}]"
        try:
            found.append(crons.parse(text))
        except ConfigError as error:
            wrong.append(f"{where}: {error}")
            continue
        if worker.event_handler("scheduled", text) is None:
            handlers = f" (there are some for {', '.join(map(repr, declared))})" if declared else ""
            wrong.append(f"{where}: {text!r}: no scheduled handler takes it{handlers}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return found


class Crons:
    """Fires `crons` in this process' share. `name` is the Worker's; a Worker of the same name in the
    same store is the same deployment.
    """

    def __init__(
        self, crons: list[Cron], *, name: str, records: Records, run: RunEvent, spawn: Spawn
    ) -> None:
        self._crons = crons
        self._space = f"crons/{name}"
        self._records = records
        self._run = run
        self._spawn = spawn
        self._due: dict[Cron, int] = {}
        self._timer: host.Timer | None = None

    async def start(self) -> None:
        """Begin to watch the clock."""
        now = host.now()
        for cron in self._crons:
            _, last = await self._read(cron)
            if last is None:
                last = int(now)
                await self._claim(cron, last)  # so that a restart looks back to here
            due = cron.next(max(last, now - LATE_SECONDS))
            if due is None:
                logger.warning("the cron %r never fires: no such month has such a day", cron.text)
            else:
                self._due[cron] = due
        self._look()

    async def stop(self) -> None:
        """Fire no more; the handlers that run go on."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def move(self) -> None:
        """Go on in another event loop."""
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def _look(self) -> None:
        """Fire what is due, and look again when the next one is."""
        now = host.now()
        for cron in list(self._due):
            due: int | None = self._due.pop(cron)
            while due is not None and due <= now:
                if due > now - LATE_SECONDS:
                    ctx = ExecutionContext(self._spawn)
                    self._spawn(self._fire(cron, due, ctx), ctx)
                else:
                    logger.warning("the cron %r was missed at %s", cron.text, _shown(due))
                due = cron.next(max(due, now - LATE_SECONDS))
            if due is not None:
                self._due[cron] = due
        if self._due:
            wait = min(min(self._due.values()) - now, WATCH_SECONDS)
            self._timer = host.call_later(wait, self._look)

    async def _fire(self, cron: Cron, due: int, ctx: ExecutionContext) -> None:
        try:
            if not await self._claim(cron, due):
                return
            logger.info("the cron %r fires at %s", cron.text, _shown(due))
            await self._run("scheduled", ScheduledController(cron.text, due * 1000), ctx)
        except Exception:
            logger.exception(
                "the cron %r failed at %s (request %s)", cron.text, _shown(due), ctx.request_id
            )

    async def _claim(self, cron: Cron, due: int) -> bool:
        """Write down that `due` is taken; False where it was."""
        key = cron.text.encode()
        while True:
            value, last = await self._read(cron)
            if last is not None and last >= due:
                return False
            op, fence = Put(self._space, key, b"%d" % due), Fence(self._space, key, value)
            try:
                await self._records.apply([op], now=host.now(), fence=fence)
            except FencedOut:
                continue  # somebody else was faster, here or with another minute
            return True

    async def _read(self, cron: Cron) -> tuple[bytes | None, int | None]:
        """The record's value, and the last minute taken as it says."""
        record = await self._records.get(self._space, cron.text.encode(), now=host.now())
        if record is None:
            return None, None
        [value] = record.value
        return value, int(value) if int(value) < host.now() + _AHEAD_SECONDS else None


def _shown(due: int) -> str:
    return datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d %H:%M UTC")
