"""Errors as users of the command see them: the place in their code, and what is wrong there.

Frames of edgekit, the server and the import system are left out. Where an error came from inside
and is none that edgekit raises on purpose, the frames below the user's stay: a report needs them.
"""

from __future__ import annotations

import asyncio
import concurrent
import importlib
import multiprocessing
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from traceback import FrameSummary, TracebackException

from edgekit.errors import EdgekitError


def explain(error: BaseException) -> str:
    """Why the user's code could not start: `file:line: what`, then the lines that led there."""
    trace = TracebackException.from_exception(error)
    summary = list(trace.format_exception_only())
    if isinstance(error, SyntaxError) and error.filename:
        source = "".join(summary[1:-1])
        return f"{shown(error.filename)}:{error.lineno}: {summary[-1].strip()}\n{source}".rstrip()
    what = "".join(summary).strip()
    if isinstance(error, EdgekitError):
        what = str(error)
    elif isinstance(error, ModuleNotFoundError):
        what += f" (also looked for in {sys.prefix})"
    elif isinstance(error, SystemExit):
        what = f"the import ended the process: SystemExit: {error.code}"
    trim(trace, error)
    places = [frame for frame in trace.stack if not _inner(frame)]
    if not places:
        return what if isinstance(error, EdgekitError) else "".join(trace.format()).rstrip()
    own = [frame for frame in places if "site-packages" not in frame.filename] or places
    head = f"{shown(own[-1].filename)}:{own[-1].lineno}: {what}"
    if isinstance(error, EdgekitError | ModuleNotFoundError):
        return head
    chained = trace.__cause__ or (trace.__context__ and not trace.__suppress_context__)
    lines = trace.format() if chained else trace.stack.format()
    return f"{head}\n{''.join(lines)}".rstrip()


def trim(trace: TracebackException, error: BaseException) -> None:
    """Leave the user's frames of `error`'s whole chain; a stack without any stays as it is."""
    users = [index for index, frame in enumerate(trace.stack) if not _inner(frame)]
    if users:
        # Above and between the user's frames stands how they were called, below them what they
        # called: that matters unless edgekit raised the error on purpose.
        meant = isinstance(error, EdgekitError) or trace.stack[-1].filename.startswith(_MODULES)
        trace.stack[:] = [
            frame
            for index, frame in enumerate(trace.stack)
            if not _inner(frame)
            or (index > users[-1] and not meant and not frame.filename.startswith("<frozen "))
        ]
    if trace.__cause__ is not None and error.__cause__ is not None:
        trim(trace.__cause__, error.__cause__)
    if trace.__context__ is not None and error.__context__ is not None:
        trim(trace.__context__, error.__context__)
    if trace.exceptions and isinstance(error, BaseExceptionGroup):
        for inner, one in zip(trace.exceptions, error.exceptions, strict=True):
            trim(inner, one)


def shown(file: str | Path) -> str:
    """A path as briefly as it can be written from the current folder."""
    try:
        short = os.path.relpath(file)
    except ValueError:  # another drive
        return str(file)
    return str(file) if short.startswith("..") else short


def _folders() -> tuple[str, ...]:
    specs = [find_spec(name) for name in ("edgekit", "uvicorn", "starlette")]
    found = [spec.origin for spec in specs if spec is not None]
    found += [m.__file__ for m in (asyncio, concurrent, importlib, multiprocessing)]
    return tuple(os.path.dirname(file) + os.sep for file in found if file)


_FOLDERS = _folders()
_MODULES = os.path.join(_FOLDERS[0], "compat", "modules") + os.sep


def _inner(frame: FrameSummary) -> bool:
    return frame.filename.startswith((*_FOLDERS, "<frozen "))
