"""RateLimit: so many calls with one key in a stretch of the wall clock. Spec: Workers Rate Limiting.

Texts and the order of the checks are the real platform's (`tests/bridge/test_ratelimit.py`). Here the
processes of one machine share a count, which is exact up to about 100,000 keys at a time; on the
platform each location has its own. The windows are fixed: 10 or 60 s of the clock, not since the
first call. It is no accounting: counts are not durable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from edgekit import host
from edgekit.bindings.webidl import string
from edgekit.errors import RateLimitError
from edgekit.web.spelling import Plain, Spelled

if TYPE_CHECKING:
    from edgekit.engines.counters import Counters

PERIODS = (10, 60)  # seconds

_OPTIONS = ("key", "limit", "period")


class RateLimitOutcome(Plain):
    """What `limit` answers: `success`, False where the limit was reached before this call."""

    __slots__ = ()
    success: bool


class RateLimit(Spelled):
    """A limiter: `limit` calls in `period` seconds for each key, as configured.

    Limiters of one `namespace_id` and period count together. A wrong call raises RateLimitError.
    """

    __slots__ = ("_counters", "_limit", "_period", "_space")

    binding_kind: ClassVar[str] = "ratelimits"

    def __init__(self, counters: Counters, namespace_id: str, *, limit: int, period: int) -> None:
        self._counters = counters
        self._space = namespace_id.encode("utf-8", "surrogatepass")
        self._limit = limit
        self._period = period

    async def limit(
        self, options: Mapping[str, Any] | None = None, /, **named: Any
    ) -> RateLimitOutcome:
        """`await env.LIMITER.limit(key="...")`: count a call with that key and tell whether it may be.

        `key` is a str ("" if it is left out). `limit` and `period` (10 or 60) override, for this
        call, what is configured. A call that is refused is not counted.
        """
        if isinstance(options, list | tuple):  # an object to JavaScript, with indexes for names
            options = {str(at): item for at, item in enumerate(options)}
        if not (isinstance(options, Mapping) or (options is None and named)):
            raise RateLimitError("invalid rate limit options")
        given = {**(options or {}), **named}
        if unknown := [str(name) for name in given if name not in _OPTIONS]:
            raise RateLimitError(f"bad rate limit options: [{','.join(unknown)}]")
        key = given.get("key", "")
        if not isinstance(key, str):
            raise RateLimitError(f"invalid key: {_spelled(key)}")
        limit = _number("limit", given.get("limit", self._limit))
        period = _number("period", given.get("period", self._period))
        if period not in PERIODS:
            raise RateLimitError(f"unsupported period: {_spelled(period)}")
        end = (int(host.now() // period) + 1) * int(period)
        if limit - limit != 0:  # NaN and Infinity, which the platform makes 0 on the way
            limit = 0
        counted = b"%d\0%b\0%b" % (period, self._space, key.encode("utf-8", "surrogatepass"))
        return RateLimitOutcome(success=self._counters.take(counted, limit=limit, end=end))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RateLimitError(f"{name} must be a number: {_spelled(value)}")
    return value


def _spelled(value: Any) -> str:
    """A value in a text, as JavaScript writes it there."""
    if isinstance(value, list | tuple):
        return ",".join("" if item is None else _spelled(item) for item in value)
    text = string(value)
    return "[object Object]" if text is None else text
