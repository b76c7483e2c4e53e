"""Warns in development of what real Workers would end: too much memory, a handler's CPU time.

Both are estimates, and say so. Memory is that of the whole process. CPU time is what the process
spends while a request's own task is being run, between its awaits; tasks that it starts are not
counted. A thread looks once a second, so that a handler which never awaits is seen as well.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from time import process_time
from typing import Any

MEMORY_MB = 128
CPU_SECONDS = 30.0

_LOOK_SECONDS = 1.0


class Limits:
    """`warn(kind, text)` is called from any thread, at most once for "memory" and for "cpu"."""

    def __init__(self, warn: Callable[[str, str], None]) -> None:
        self._warn = warn
        self._warned: set[str] = set()
        self._running: tuple[str, float] | None = None

    def start(self) -> None:
        """Start to look."""
        threading.Thread(target=self._look, name="edgekit-limits", daemon=True).start()

    def metered(self, what: str, work: Awaitable[None]) -> _Metered:
        """`work`, to be awaited, with its CPU time counted."""
        return _Metered(self, what, work)

    def enter(self, what: str, spent: float) -> None:
        """A step of `what` begins, which has spent that many seconds before."""
        self._running = (what, process_time() - spent)

    def leave(self) -> float:
        """The step has ended: what has been spent until now."""
        what, began = self._running or ("", process_time())
        self._running = None
        spent = process_time() - began
        if spent > CPU_SECONDS:
            self._too_long(what)
        return spent

    def _look(self) -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK_SECONDS):
            running = self._running
            if running is not None and process_time() - running[1] > CPU_SECONDS:
                self._too_long(running[0])
            used = memory_mb()
            if used > MEMORY_MB:
                self._once(
                    "memory",
                    f"this process uses {used:.0f} MB; a Worker that needs more than {MEMORY_MB} MB"
                    " is ended by the platform",
                )

    def _too_long(self, what: str) -> None:
        self._once(
            "cpu",
            f"{what} has used {CPU_SECONDS:.0f} s of CPU time; a Worker's request that needs more"
            " is ended by the platform",
        )

    def _once(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self._warn(kind, text)


class _Metered:
    """Drives what it awaits as `await` does, and counts the steps in between."""

    __slots__ = ("_limits", "_what", "_work")

    def __init__(self, limits: Limits, what: str, work: Awaitable[None]) -> None:
        self._limits = limits
        self._what = what
        self._work = work

    def __await__(self) -> Generator[Any, Any, None]:
        spent = 0.0
        value: Any = None
        error: BaseException | None = None
        steps = self._work.__await__()
        while True:
            self._limits.enter(self._what, spent)
            try:
                if error is None:
                    awaited = steps.send(value)
                else:
                    thrown, error = error, None
                    awaited = steps.throw(thrown)
                    del thrown
            except StopIteration:
                return
            finally:
                spent = self._limits.leave()
            try:
                value = yield awaited
            except BaseException as raised:  # also a cancellation: it is the coroutine's to handle
                error = raised


def memory_mb() -> float:
    """The memory of this process in MB: what it holds, or where that is unknown its most so far."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    if sys.platform == "win32":
        return 0.0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most / 1e3
