"""Timers, and what else JavaScript puts off: setTimeout and its like, queueMicrotask, scheduler, performance.

Time is the host's, so tests turn it by hand. A function that is called later may be a coroutine
function. What one raises is logged.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

from edgekit import host
from edgekit.compat.javascript.errors import TypeError_
from edgekit.compat.javascript.promises import _loop, promise
from edgekit.compat.javascript.proxy import JsProxy

logger = logging.getLogger(__name__)

_timers: dict[int, host.Timer] = {}
_last = 0


class Timeout(int):
    """What a timer is known by: a number."""

    constructor = type("Timeout", (), {})
    typeof = "number"


def setTimeout(function: Callable[..., Any], milliseconds: float = 0, *args: Any) -> Timeout:
    """Call `function(*args)` once, after that time."""
    return _start(function, milliseconds, args, again=False)


def setInterval(function: Callable[..., Any], milliseconds: float = 0, *args: Any) -> Timeout:
    """Call `function(*args)` again and again, with that time between."""
    return _start(function, milliseconds, args, again=True)


def _start(function: Any, milliseconds: Any, args: tuple[Any, ...], *, again: bool) -> Timeout:
    global _last
    if not callable(function):
        raise TypeError_("Failed to execute 'setTimeout': parameter 1 is not of type 'Function'.")
    _loop(None)
    _last += 1
    id = _last
    seconds = max(float(milliseconds or 0), 1 if again else 0) / 1000

    def fire() -> None:
        if again and id in _timers:
            _timers[id] = host.call_later(seconds, fire)
        else:
            _timers.pop(id, None)
        _run(function, args)

    _timers[id] = host.call_later(seconds, fire)
    return Timeout(id)


def clearTimeout(id: Any = None) -> None:
    """Forget a timer; nothing happens where there is none of that number."""
    if isinstance(id, int) and (timer := _timers.pop(int(id), None)) is not None:
        timer.cancel()


clearInterval = clearTimeout


def queueMicrotask(function: Callable[..., Any]) -> None:
    """Call it as soon as what runs now has come to a wait."""
    if not callable(function):
        raise TypeError_("The argument must be a function.")
    _loop(None).call_soon(_run, function, ())


def setImmediate(function: Callable[..., Any], *args: Any) -> Timeout:
    """As `setTimeout` without a time."""
    return setTimeout(function, 0, *args)


clearImmediate = clearTimeout


def _run(function: Any, args: tuple[Any, ...]) -> None:
    try:
        result = function(*args)
    except Exception:
        logger.exception("a timer's function failed")
        return
    if inspect.isawaitable(result):
        promise(_logged(result))


async def _logged(result: Any) -> None:
    try:
        await result
    except Exception:
        logger.exception("a timer's function failed")


class Scheduler(JsProxy):
    """`js.scheduler`."""

    def wait(self, milliseconds: float, options: Any = None) -> Any:
        """A promise that is kept after that time; an AbortError when the `signal` is aborted."""
        from edgekit.compat.javascript.convert import native

        signal = (native(options) or {}).get("signal")

        async def wait() -> None:
            if signal is None:
                await host.sleep(milliseconds / 1000)
                return
            aborted = asyncio.ensure_future(signal.wait())
            slept = asyncio.ensure_future(host.sleep(milliseconds / 1000))
            try:
                await asyncio.wait({aborted, slept}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                aborted.cancel()
                slept.cancel()
            signal.throw_if_aborted()

        return promise(wait())


class Performance(JsProxy):
    """`js.performance`: milliseconds since it was first asked."""

    def __init__(self) -> None:
        self.timeOrigin = host.now() * 1000

    def now(self) -> float:
        return host.now() * 1000 - self.timeOrigin
