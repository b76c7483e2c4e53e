"""What a serving process writes: its log, and in development the errors with short tracebacks.

In development lines look like wrangler's, `[wrangler:info] ...`; those of other loggers carry their
own name instead. Requests and messages about the server go to standard output, the rest to
standard error.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from traceback import TracebackException
from types import TracebackType
from typing import TypeAlias

import click

from edgekit.cli.faults import trim

_ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

_LEVELS = {"WARNING": "warn", "CRITICAL": "error"}
_TOLD_ALREADY = "Application startup failed"
_AT_EACH_RELOAD = "Cancel %s running task"  # of requests that would not end


def tell(text: str) -> None:
    """A line about the server, to standard output, at once."""
    click.echo(f"[wrangler:info] {text}")


def warn(text: str) -> None:
    """A line that asks for attention, to standard error."""
    click.echo(click.style(f"[wrangler:warn] {text}", fg="yellow"), err=True)


def complain(text: str) -> None:
    """An error of the user's, to standard error."""
    click.echo(click.style(f"[wrangler:error] {text}", fg="red"), err=True)


def setup(*, development: bool) -> None:
    """Send the log of this process to standard error."""
    handler = logging.StreamHandler()
    if development:
        handler.setFormatter(_DevelopmentFormatter())
    else:
        handler.setFormatter(
            _Formatter("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")
        )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    server = logging.getLogger("uvicorn.error")
    server.setLevel(logging.WARNING)
    server.addFilter(_worth_saying)
    if development:
        server.addFilter(lambda record: not str(record.msg).startswith(_AT_EACH_RELOAD))
        # What the user prints belongs between the lines of the log, also in a pipe.
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _worth_saying(record: logging.LogRecord) -> bool:
    """Not that a failed start failed, nor a traceback for each request that a shutdown cut short."""
    cut_short = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut_short and not str(record.msg).startswith(_TOLD_ALREADY)


class _Formatter(logging.Formatter):
    """Tracebacks begin where the user's code does."""

    def formatException(self, ei: _ExcInfo) -> str:
        if ei[1] is None:
            return super().formatException(ei)
        trace = TracebackException.from_exception(ei[1])
        trim(trace, ei[1])
        return "".join(trace.format()).rstrip()


class _DevelopmentFormatter(_Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        name = record.name.partition(".")[0]
        if name in ("edgekit", "uvicorn"):
            name = "wrangler"
        level = _LEVELS.get(record.levelname, record.levelname.lower())
        return f"[{name}:{level}] {record.message}"
