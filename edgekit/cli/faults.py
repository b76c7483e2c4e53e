"""Errors as users of the command see them: the place in their code, and what is wrong there.

Frames of edgekit, the server and the import system are left out, unless the error came from inside
and says nothing that edgekit meant to say: then the frames below the user's are what a bug report
needs.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from traceback import FrameSummary, TracebackException

from edgekit.errors import EdgekitError


def explain(error: BaseException) -> str:
    """Why the user's code could not be imported: `file:line: what`, and the lines around it."""
    trace = TracebackException.from_exception(error)
    summary = list(trace.format_exception_only())
    if isinstance(error, SyntaxError) and error.filename:
        source = "".join(summary[1:-1]).rstrip()
        return f"{shown(error.filename)}:{error.lineno}: {summary[-1].strip()}\n{source}".rstrip()
    what = str(error) if isinstance(error, EdgekitError) else summary[0].strip()
    if isinstance(error, ModuleNotFoundError):
        what += f" (looked for in {sys.prefix} too)"
    elif isinstance(error, SystemExit):
        what = f"the module ended the process: SystemExit: {error.code}"
    trim(trace, error)
    place = next((frame for frame in reversed(trace.stack) if not _inner(frame)), None)
    if place is None:
        return what if isinstance(error, EdgekitError) else "".join(trace.format()).rstrip()
    head = f"{shown(place.filename)}:{place.lineno}: {what}"
    if isinstance(error, EdgekitError | ModuleNotFoundError):
        return head
    chained = trace.__cause__ or (trace.__context__ and not trace.__suppress_context__)
    return "\n".join([head, "".join(trace.format() if chained else trace.stack.format()).rstrip()])


def trim(trace: TracebackException, error: BaseException | None) -> None:
    """Drop the frames that are not the user's, of the whole chain, where any of the user's are left."""
    stack = trace.stack
    users = [index for index, frame in enumerate(stack) if not _inner(frame)]
    if users:
        end = len(stack) if not isinstance(error, EdgekitError) else users[-1] + 1
        # Above and between the user's frames is how they were called; below is what they called.
        stack[:] = [f for i, f in enumerate(stack[:end]) if i > users[-1] or not _inner(f)]
        if _importing(stack):
            del stack[users_end(stack) :]
    if trace.__cause__ is not None:
        trim(trace.__cause__, error and error.__cause__)
    if trace.__context__ is not None:
        trim(trace.__context__, error and error.__context__)


def shown(file: str | Path) -> str:
    """A path as briefly as it can be written from the current folder."""
    try:
        short = os.path.relpath(file)
    except ValueError:  # another drive
        return str(file)
    return str(file) if short.startswith("..") else short
