"""What differs below `env` between CPython and real Workers, chosen once, by `sys.platform`.

Portable code asks this package for the time, sleep, randomness, JSON and URL parsing, and nothing
else asks the platform for them. All times are seconds since 1970 (float) and come from one clock,
which `use_clock` replaces in tests: `ManualClock` stands still until it is turned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from edgekit.host.url import URLRecord

if sys.platform == "emscripten":
    from edgekit.host import workers as _platform
else:
    from edgekit.host import cpython as _platform

__all__ = [
    "Clock",
    "JSONShapeError",
    "JSONSyntaxError",
    "Timer",
    "URLRecord",
    "call_later",
    "convert",
    "json_decode",
    "json_encode",
    "now",
    "parse_url",
    "random_bytes",
    "set_url_part",
    "sleep",
    "use_clock",
]

json_encode = _platform.json_encode
json_decode = _platform.json_decode
convert = _platform.convert
JSONSyntaxError = _platform.JSONSyntaxError
JSONShapeError = _platform.JSONShapeError
parse_url = _platform.parse_url
set_url_part = _platform.set_url_part
random_bytes = _platform.random_bytes


class Timer(Protocol):
    """What will happen later, unless it is cancelled."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """A source of time: the system's, or one that a test turns by hand."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once `now()` has advanced by that much."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> Timer:
        """Call once `now()` has advanced by that much; needs a running event loop, starts no task."""
        ...


_clock: Clock = _platform.SystemClock()


def now() -> float:
    """The time in seconds since 1970."""
    return _clock.now()


async def sleep(seconds: float) -> None:
    """Sleep by the clock that `now` reads."""
    await _clock.sleep(seconds)


def call_later(seconds: float, callback: Callable[[], Any]) -> Timer:
    """Call a plain function later, by the clock that `now` reads."""
    return _clock.call_later(seconds, callback)


@contextmanager
def use_clock(clock: Clock) -> Iterator[None]:
    """Let the whole process live by another clock; for tests."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before
