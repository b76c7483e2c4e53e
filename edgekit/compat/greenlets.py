"""run_sync: sync code that waits for something async, while other requests go on.

On Workers the platform switches stacks. Here a handler is driven inside a greenlet: `run_sync` switches
to the event loop, and back when the awaitable is done. That costs each request a few microseconds, so
it begins only when a project has `run_sync` (see `enable`). Greenlets come with the extra `workers`.

In a thread of `wsgi.py`, where blocking code stops nobody, `run_sync` hands the awaitable to the event
loop and waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from greenlet import greenlet

T = TypeVar("T")

# Whether handlers are driven; read for each request.
enabled = False

_YIELDED, _WAITS, _DONE = range(3)
# The event loop to which a thread belongs that runs sync code.
loop_of_thread: ContextVar[asyncio.AbstractEventLoop] = ContextVar("edgekit.loop_of_thread")
_driven: ContextVar[bool] = ContextVar("edgekit.driven", default=False)
_waiters: list[type[greenlet]] = []  # the class, once greenlet is imported


def enable() -> None:
    """From now on, drive handlers so that they may `run_sync`; ConfigError without greenlet."""
    global enabled
    if enabled:
        return
    try:
        from greenlet import greenlet
    except ImportError:
        raise ConfigError("run_sync needs greenlet: pip install 'edgekit-asgi[workers]'") from None

    class Waiter(greenlet):  # type: ignore[misc]
        """A greenlet whose parent is ready to wait for it."""

    _waiters[:] = [Waiter]
    enabled = True


def can_run_sync() -> bool:
    """Whether `run_sync` would work here."""
    return loop_of_thread.get(None) is not None or waiting() is not None


def run_sync(awaitable: Awaitable[T]) -> T:
    """Wait for `awaitable` from sync code: its result, or what it raises.

    RuntimeError outside of a Worker's handlers.
    """
    if (waiter := waiting()) is not None:
        return cast(T, waiter.parent.switch((_WAITS, awaitable)))
    loop = loop_of_thread.get(None)
    if loop is None or is_running(loop):
        if asyncio.iscoroutine(awaitable):
            awaitable.close()
        raise RuntimeError(
            "Cannot stack switch: run_sync() works in the handlers of a Worker, and in what they call"
        )
    return asyncio.run_coroutine_threadsafe(_result(awaitable), loop).result()


def is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this is the thread in which that loop runs."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def waiting() -> greenlet | None:
    """The greenlet that runs, if it is one that can wait."""
    if not _waiters:
        return None
    from greenlet import getcurrent

    current = getcurrent()
    return current if current.__class__ is _waiters[0] else None


async def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; in it, and in the tasks it starts, `run_sync` works."""
    _follow_tasks()
    return cast(T, await _Switching(_steps, coroutine))


async def call(function: Callable[..., T], *args: Any) -> T:
    """Call a sync function, which may `run_sync`, in this thread."""
    return cast(T, await _Switching(_called, function, *args))


class _Switching:
    """Awaits what a greenlet waits for, until it has run to its end."""

    def __init__(self, *args: Any) -> None:
        self._args = args

    def __await__(self) -> Generator[Any, Any, Any]:
        from greenlet import getcurrent

        function, *args = self._args
        waiter = _waiters[0](function)
        # The context is the task's own: what sync code sets, the rest of the task sees.
        waiter.gr_context = getcurrent().gr_context
        resume: Callable[..., Any] = waiter.switch
        while True:
            kind, value = resume(*args)
            if kind == _DONE:
                return value
            try:
                if kind == _YIELDED:
                    args = [(yield value)]
                else:
                    args = [(yield from _result(value).__await__())]
                resume = waiter.switch
            except BaseException as error:
                resume, args = waiter.throw, [error]


async def _result(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _called(function: Callable[..., Any], *args: Any) -> tuple[int, Any]:
    return _DONE, function(*args)


def _steps(coroutine: Coroutine[Any, Any, Any]) -> tuple[int, Any]:
    """Take a coroutine's steps; the parent does its waiting."""
    from greenlet import getcurrent

    parent = getcurrent().parent
    assert parent is not None
    step: Callable[..., Any] = coroutine.send
    value: Any = None
    while True:
        try:
            waits_for = step(value)
        except StopIteration as end:
            return _DONE, end.value
        try:
            value = parent.switch((_YIELDED, waits_for))
            step = coroutine.send
        except BaseException as error:
            step, value = coroutine.throw, error


def _follow_tasks() -> None:
    """Have tasks that are started in here driven too."""
    _driven.set(True)
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    if getattr(before, "__module__", None) == __name__:
        return

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        if _driven.get() and asyncio.iscoroutine(coroutine):
            coroutine = _started(coroutine)
        if before is not None:
            return before(loop, coroutine, **options)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(factory)


async def _started(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await _Switching(_steps, coroutine)
