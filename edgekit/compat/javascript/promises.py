"""Promises: futures of the event loop with `then`, `catch` and `finally_`, as Pyodide shows them.

What JavaScript's side does goes on whether or not somebody awaits it: so each is a task, which is
held here until it is done. A task that nobody awaits ends with its event loop, as on Workers with
the request.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from edgekit.compat.javascript.errors import AggregateError, JsException
from edgekit.compat.javascript.proxy import JsProxy, JsType
from edgekit.compat.javascript.values import Array, Object, string

_held: set[asyncio.Future[Any]] = set()


class _Then:
    """What futures and tasks have in common as promises."""

    def then(self, on_value: Any = None, on_error: Any = None) -> PyodideTask:
        """A promise of what `on_value` makes of the value, or `on_error` of the error."""
        return promise(_then(self, on_value, on_error))  # type: ignore[arg-type]

    def catch(self, on_error: Any) -> PyodideTask:
        """A promise of the value, or of what `on_error` makes of the error."""
        return self.then(None, on_error)

    def finally_(self, on_end: Any) -> PyodideTask:
        """A promise of the same, after `on_end` has run."""
        return promise(_finally(self, on_end))  # type: ignore[arg-type]

    def syncify(self) -> Any:
        """The value, waited for; `run_sync`."""
        from edgekit.compat.greenlets import run_sync

        return run_sync(self)  # type: ignore[arg-type]


class PyodideFuture(_Then, asyncio.Future[Any]):
    """A future that is a promise too."""

    follows = False  # whether it was kept by another promise, which is not kept yet


class PyodideTask(_Then, asyncio.Task[Any]):
    """A task that is a promise too."""


async def _then(source: Awaitable[Any], on_value: Any, on_error: Any) -> Any:
    try:
        value = await source
    except Exception as error:
        if on_error is None:
            raise
        return await settled(on_error(error))
    return value if on_value is None else await settled(on_value(value))


async def _finally(source: Awaitable[Any], on_end: Any) -> Any:
    try:
        return await source
    finally:
        await settled(on_end())


async def settled(value: Any) -> Any:
    """A value, or what an awaitable comes to."""
    return await value if inspect.isawaitable(value) else value


def promise(coroutine: Coroutine[Any, Any, Any]) -> PyodideTask:
    """Start it now; the promise of its result."""
    task = PyodideTask(coroutine, loop=_loop(coroutine))
    _held.add(task)
    task.add_done_callback(_done)
    return task


def future() -> PyodideFuture:
    """A promise that somebody will keep."""
    return PyodideFuture(loop=_loop(None))


def resolved(value: Any) -> PyodideFuture:
    """A promise of this value."""
    made = future()
    made.set_result(value)
    return made


class Ending:
    """The promise `closed` of a reader or writer: made for who asks, kept at the end, or broken."""

    def __init__(self) -> None:
        self._promise: PyodideFuture | None = None
        self._ended = False
        self._error: BaseException | None = None

    @property
    def promise(self) -> PyodideFuture:
        """The promise."""
        if self._promise is None:
            self._promise = future()
            self._tell()
        return self._promise

    def end(self, error: BaseException | None = None) -> None:
        """It has ended, or failed; what comes later does not count."""
        if not self._ended:
            self._ended, self._error = True, error
            self._tell()

    def _tell(self) -> None:
        if self._promise is None or not self._ended:
            return
        if self._error is None:
            self._promise.set_result(None)
        else:
            self._promise.set_exception(self._error)
            self._promise.exception()  # nobody needs to ask


def _loop(coroutine: Coroutine[Any, Any, Any] | None) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        if coroutine is not None:
            coroutine.close()
        raise JsException(
            "Error",
            "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or "
            "connect()), setting a timeout, and generating random values are not allowed within "
            "global scope. To fix this error, perform this operation within a handler.",
        ) from None


def _done(task: asyncio.Future[Any]) -> None:
    _held.discard(task)


class _PromiseFunctions(JsType):
    """The functions of `js.Promise`."""

    def resolve(cls, value: Any = None) -> Any:
        if inspect.isawaitable(value):
            return promise(settled(value))
        return resolved(value)

    def reject(cls, reason: Any = None) -> Any:
        made = future()
        made.set_exception(_as_error(reason))
        return made

    def all(cls, values: Iterable[Any]) -> Any:
        """All the values, or the first error."""

        async def gather() -> Array:
            return Array.over(list(await asyncio.gather(*[settled(v) for v in given])))

        given = list(values)
        return promise(gather())

    def allSettled(cls, values: Iterable[Any]) -> Any:
        """Of each `{status, value}` or `{status, reason}`."""

        async def gather() -> Array:
            found = await asyncio.gather(*map(settled, given), return_exceptions=True)
            return Array.over(
                [
                    Object.over({"status": "rejected", "reason": item})
                    if isinstance(item, BaseException)
                    else Object.over({"status": "fulfilled", "value": item})
                    for item in found
                ]
            )

        given = list(values)
        return promise(gather())

    def race(cls, values: Iterable[Any]) -> Any:
        """The first to be settled."""
        return promise(_first([asyncio.ensure_future(settled(v)) for v in values], False))

    def any(cls, values: Iterable[Any]) -> Any:
        """The first value; an AggregateError when there are only errors."""
        return promise(_first([asyncio.ensure_future(settled(v)) for v in values], True))

    def withResolvers(cls) -> Object:
        made = future()
        return Object.over({"promise": made, "resolve": _keep(made), "reject": _break(made)})


class Promise(JsProxy, metaclass=_PromiseFunctions):
    """`js.Promise`: `Promise.new(lambda resolve, reject: ...)`, and functions that join promises."""

    @classmethod
    def _new(cls, executor: Callable[..., Any]) -> Any:
        made = future()
        keep, fail = _keep(made), _break(made)
        try:
            executor(keep, fail)
        except Exception as error:
            fail(error)
        return made


async def _first(tasks: list[asyncio.Future[Any]], only_values: bool) -> Any:
    errors: list[BaseException] = []
    left = set(tasks)
    while left:
        done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task not in done:
                continue
            error = task.exception()
            if error is None or not only_values:
                for other in left:
                    other.add_done_callback(_retrieved)
                return task.result()
            errors.append(error)
    if only_values:
        raise AggregateError(errors, "All promises were rejected")
    return await asyncio.get_running_loop().create_future()  # a race of nobody has no end


def _retrieved(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # that of a loser is nobody's business


def _keep(made: PyodideFuture) -> Callable[..., None]:
    def resolve(value: Any = None) -> None:
        if made.done() or made.follows:
            return
        if inspect.isawaitable(value):
            made.follows = True
            promise(_settle(made, value))
        else:
            made.set_result(value)

    return resolve


async def _settle(made: PyodideFuture, value: Any) -> None:
    try:
        result = await value
    except Exception as error:
        if not made.done():
            made.set_exception(error)
    else:
        if not made.done():
            made.set_result(result)


def _break(made: PyodideFuture) -> Callable[..., None]:
    def reject(reason: Any = None) -> None:
        if not made.done() and not made.follows:
            made.set_exception(_as_error(reason))

    return reject


def _as_error(reason: Any) -> BaseException:
    return reason if isinstance(reason, BaseException) else JsException("Error", string(reason))
