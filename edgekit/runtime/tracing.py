"""Collects what a Worker does for its tail consumers: an item for each event, once it is over.

A Worker without `tail_consumers` has no Tracer, and nothing here runs. Logs are those of `logging`
that the event's own code makes, at the levels that are on; an event ends when its handler has
returned and what it gave to `wait_until` is done (but a body may still be streaming). Tail events are
not traced themselves, so that no two Workers can trace each other for ever.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import ContextVar
from typing import Any

from edgekit import host
from edgekit.bindings.services import Home
from edgekit.bindings.tail import TraceItem, request_info, subject_info
from edgekit.context import ExecutionContext
from edgekit.errors import HTTPError
from edgekit.web.request import Request
from edgekit.web.spelling import Plain
from edgekit.worker import Dispatch, error_response

logger = logging.getLogger(__name__)

MAX_LOGS = 1000  # of one event; what comes then is dropped, and `truncated` says so
MAX_LOG_BYTES = 256 * 1024  # of the texts of one event, about

_LEVELS = {
    "DEBUG": "debug",
    "INFO": "info",
    "WARNING": "warn",
    "ERROR": "error",
    "CRITICAL": "error",
}
_trace: ContextVar[Trace | None] = ContextVar("edgekit.trace", default=None)

# Takes an item to the consumers; it must not wait.
Deliver = Callable[[TraceItem], None]


class Tracer:
    """Makes the traces of one Worker. `open` and `close` begin and end the listening to logs."""

    def __init__(self, script_name: str | None, version: Plain | None, deliver: Deliver) -> None:
        self.script_name = script_name
        self.version = version
        self.deliver = deliver
        self._logs = _Logs()

    def open(self) -> None:
        logging.getLogger().addHandler(self._logs)

    def close(self) -> None:
        logging.getLogger().removeHandler(self._logs)

    def requests(self, dispatch: Dispatch, entrypoint: str | None = None) -> Dispatch:
        """`dispatch`, traced."""

        async def traced(request: Request, env: Any, ctx: ExecutionContext) -> Any:
            ctx = ctx or ExecutionContext()  # a Worker that looks at none is given none
            event = Plain(request=request_info(request), response=None)
            trace = Trace(self, event, ctx, entrypoint)
            try:
                value = await trace.run(dispatch(request, env, ctx), excused=HTTPError)
            except HTTPError as error:
                event["response"] = Plain(status=error_response(error).status)
                raise
            else:
                # What is no Response yet becomes one of 200.
                event["response"] = Plain(status=getattr(value, "status", 200))
                return value
            finally:
                trace.end()

        return traced

    async def event(
        self, kind: str, subject: Any, ctx: ExecutionContext, handled: Awaitable[Any]
    ) -> Any:
        """Await an event that is no request, traced."""
        trace = Trace(self, subject_info(kind, subject), ctx, None)
        try:
            return await trace.run(handled)
        finally:
            trace.end()

    def calls(self, home: Home, method: str, ctx: ExecutionContext, entrypoint: str | None) -> Home:
        """`home` for one call of a method, traced. As on the platform its error is the caller's."""
        return _TracedHome(self, home, method, ctx, entrypoint)


class _TracedHome:
    def __init__(
        self,
        tracer: Tracer,
        home: Home,
        method: str,
        ctx: ExecutionContext,
        entrypoint: str | None,
    ) -> None:
        self.name = home.name
        self._tracer = tracer
        self._home = home
        self._event = Plain(rpcMethod=method)
        self._ctx = ctx
        self._entrypoint = entrypoint

    def current(self) -> Home | None:
        return self._home.current()

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def traced() -> Any:
            trace = Trace(self._tracer, self._event, self._ctx, self._entrypoint)
            try:
                return await trace.run(work())
            finally:
                trace.end()

        return await self._home.run(traced)


class Trace:
    """One event under way. `ctx` is the event's own, whose `wait_until` is watched from here on."""

    def __init__(
        self, tracer: Tracer, event: Plain, ctx: ExecutionContext, entrypoint: str | None
    ) -> None:
        self.logs: list[Plain] = []
        self.exceptions: list[Plain] = []
        self.outcome = "ok"
        self.truncated = False
        self._tracer = tracer
        self._event = event
        self._entrypoint = entrypoint
        self._began = host.now()
        self._waiting = 1  # for the handler, and for each awaitable of wait_until
        self._size = 0
        self._spawn, ctx._spawn = ctx._spawn, self.spawn

    async def run(self, handled: Awaitable[Any], excused: type[Exception] | tuple[()] = ()) -> Any:
        token = _trace.set(self)
        try:
            return await handled
        except asyncio.CancelledError:
            self.outcome = "canceled"
            raise
        except Exception as error:
            if not isinstance(error, excused):
                self.outcome = "exception"
                self.add_exception(error)
            raise
        finally:
            _trace.reset(token)

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], ctx: ExecutionContext, serving: bool = False
    ) -> None:
        if serving:  # the body of a response
            self._spawn(coroutine, ctx, serving)
            return

        async def watched() -> None:
            _trace.set(self)
            try:
                await coroutine
            except Exception as error:
                self.add_exception(error)
                raise
            finally:
                _trace.set(None)  # what is logged of the failure itself is edgekit's
                self.end()

        self._waiting += 1
        self._spawn(watched(), ctx)

    def end(self) -> None:
        """One of those waited for is done; with the last one the item goes to the consumers."""
        self._waiting -= 1
        if self._waiting:
            return
        self._tracer.deliver(
            TraceItem(
                event=self._event,
                eventTimestamp=_milliseconds(self._began),
                logs=self.logs,
                exceptions=self.exceptions,
                diagnosticsChannelEvents=[],
                scriptName=self._tracer.script_name,
                entrypoint=self._entrypoint,
                scriptVersion=self._tracer.version,
                outcome=self.outcome,
                executionModel="stateless",
                truncated=self.truncated,
                cpuTime=0,
                wallTime=_milliseconds(host.now() - self._began),
            )
        )

    def add_exception(self, error: Exception) -> None:
        self.exceptions.append(
            Plain(
                name=type(error).__name__,
                message=str(error),
                stack="".join(traceback.format_tb(error.__traceback__)).rstrip(),
                timestamp=_milliseconds(host.now()),
            )
        )

    def add_log(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self._size += len(text)
        if len(self.logs) == MAX_LOGS or self._size > MAX_LOG_BYTES:
            self.truncated = True
            return
        level = _LEVELS.get(record.levelname, "log")
        timestamp = _milliseconds(host.now())
        self.logs.append(Plain(level=level, message=[text], timestamp=timestamp))


class _Logs(logging.Handler):
    """Gives each log record to the trace of the event that made it."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = _trace.get()
        if trace is None:
            return
        try:
            trace.add_log(record)
        except Exception:  # as every handler does: a faulty format is told on standard error
            self.handleError(record)


def deliverer(consumers: Sequence[Callable[[list[TraceItem]], None]]) -> Deliver:
    """An item to each of several consumers."""

    def deliver(item: TraceItem) -> None:
        for consume in consumers:
            consume([item])

    return deliver


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
