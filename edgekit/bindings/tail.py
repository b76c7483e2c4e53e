"""What a tail consumer is told of each event of another Worker: trace items, as plain objects.

`@app.tail async def watch(events, env, ctx)` gets a list of them. Names, values and what is redacted
are the platform's. Who collects them is `runtime/tracing.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from edgekit.web.request import Request
from edgekit.web.spelling import Plain

REDACTED = "REDACTED"

_SECRET_HEADER = re.compile(r"^(?:set-)?cookie$|auth|jwt|key|secret|token").search
_RUN = re.compile(r"[A-Za-z0-9+\-_]{21,}")


class TraceItem(Plain):
    """One event of a Worker.

    `event` (what it was, see `request_info` and the others here; None for an unknown one),
    `eventTimestamp` and the `timestamp` of logs and exceptions (milliseconds since 1970), `logs`
    (each `level`, `message`: a list, `timestamp`), `exceptions` (each `name`, `message`, `stack`,
    `timestamp`), `outcome` ("ok", "exception" or "canceled"), `scriptName`, `entrypoint` (of a named
    one), `scriptVersion`, `wallTime` (milliseconds), `cpuTime` (always 0: nobody measures it).
    """

    __slots__ = ()


class RequestInfo(Plain):
    """A request in a trace item: `url`, `method`, `headers`, `cf`; ids and secrets are redacted."""

    __slots__ = ("_plainly",)

    if TYPE_CHECKING:
        _plainly: Plain

    def get_unredacted(self) -> Plain:
        """The same with nothing redacted."""
        return self._plainly

    getUnredacted = get_unredacted


def request_info(request: Request) -> RequestInfo:
    """A request, redacted."""
    plainly = Plain(
        url=request.url,
        method=request.method,
        headers=Plain(request.headers.items()),
        cf=request.cf and Plain(request.cf),
    )
    info = RequestInfo(plainly)
    object.__setattr__(info, "_plainly", plainly)
    info["url"] = redacted_url(request.url)
    info["headers"] = Plain(
        (name, REDACTED if _SECRET_HEADER(name) else value)
        for name, value in plainly["headers"].items()
    )
    return info


def subject_info(kind: str, subject: Any) -> Plain:
    """What a trace item says of an event that is no request."""
    if kind == "scheduled":
        return Plain(cron=subject.cron, scheduledTime=subject.scheduled_time)
    if kind == "queue":
        return Plain(queue=subject.queue, batchSize=len(subject.messages))
    if kind == "email":
        return Plain(mailFrom=subject.from_, rcptTo=subject.to, rawSize=subject.raw_size)
    return Plain()


def redacted_url(url: str) -> str:
    """The URL with what looks like an id or a secret taken out.

    That is 32 or more hexadecimal digits, or 21 or more letters, digits and "+", "-", "_", with at least
    two capitals, two small letters and two digits.
    """
    return _RUN.sub(_judge, url)


def _judge(match: re.Match[str]) -> str:
    run = match[0]
    plain = run.translate(_NO_SEPARATORS)
    if len(plain) >= 32 and not plain.strip("0123456789abcdefABCDEF"):
        return REDACTED
    capitals = sum(c.isupper() for c in plain)
    small = sum(c.islower() for c in plain)
    digits = len(plain) - capitals - small
    return REDACTED if min(capitals, small, digits) >= 2 else run


_NO_SEPARATORS = str.maketrans("", "", "+-_")
