"""How far a long transfer has come: one line on standard error, where that is a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator

import click

_EVERY = 0.2  # seconds between two looks of the line
_MIB = 1024 * 1024


async def shown(
    chunks: AsyncIterable[bytes], label: str, total: int | None
) -> AsyncIterator[bytes]:
    """The same chunks, while the line tells how many bytes have passed, of `total` if it is known."""
    if not sys.stderr.isatty():
        async for chunk in chunks:
            yield chunk
        return
    done, started = 0, time.monotonic()
    due = started
    whole = "" if total is None else f" of {total / _MIB:.1f}"
    try:
        async for chunk in chunks:
            yield chunk
            done += len(chunk)
            now = time.monotonic()
            if now >= due:
                due = now + _EVERY
                speed = done / _MIB / max(now - started, 0.001)
                _line(f"{label}: {done / _MIB:.1f}{whole} MiB, {speed:.0f} MiB/s")
    finally:
        _line("")


def _line(text: str) -> None:
    text = text[: shutil.get_terminal_size().columns - 1]
    click.echo(f"\r\033[K{text}", nl=False, err=True)
