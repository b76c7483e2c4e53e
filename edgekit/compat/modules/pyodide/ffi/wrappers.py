"""`pyodide.ffi.wrappers`: listeners and timers whose functions need no proxies; here none do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit.compat.javascript.timers import clearTimeout, setInterval, setTimeout


def add_event_listener(element: Any, event: str, listener: Callable[[Any], None]) -> None:
    """`element.addEventListener(event, listener)`."""
    element.addEventListener(event, listener)


def remove_event_listener(element: Any, event: str, listener: Callable[[Any], None]) -> None:
    """`element.removeEventListener(event, listener)`."""
    element.removeEventListener(event, listener)


def set_timeout(callback: Callable[[], None], timeout: int) -> Any:
    """Call it once after so many milliseconds."""
    return setTimeout(callback, timeout)


def clear_timeout(timeout_retval: Any) -> None:
    """Forget what `set_timeout` gave."""
    clearTimeout(timeout_retval)


def set_interval(callback: Callable[[], None], interval: int) -> Any:
    """Call it again and again, with so many milliseconds between."""
    return setInterval(callback, interval)


def clear_interval(interval_retval: Any) -> None:
    """Forget what `set_interval` gave."""
    clearTimeout(interval_retval)
