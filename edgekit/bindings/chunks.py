"""Large values in pieces, so that none is ever held twice: streams in, streams out.

Engines take and give a value as a list of bytes; bindings take and give a ReadableStream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import cast

from edgekit.web.streams import ReadableStream

PIECE = 64 * 1024  # smaller chunks of a stream are put together to pieces of at least this size


async def collected(
    stream: ReadableStream, limit: int, too_long: Callable[[int], Exception]
) -> list[bytes]:
    """All of a stream, in order, in pieces whose number is bounded by `limit` (bytes).

    As soon as the stream has passed the limit its source is closed, and what `too_long` makes of
    the bytes read so far is raised.
    """
    pieces: list[bytes] = []
    small = bytearray()
    length = 0
    async with aclosing(cast("AsyncGenerator[bytes]", aiter(stream))) as chunks:
        async for chunk in chunks:
            length += len(chunk)
            if length > limit:
                raise too_long(length)
            if len(chunk) < PIECE:
                small += chunk
                if len(small) < PIECE:
                    continue
            if small:
                pieces.append(bytes(small))
                small.clear()
            if len(chunk) >= PIECE:
                pieces.append(chunk)
    if small or not pieces:
        pieces.append(bytes(small))
    return pieces


def handed_out(value: list[bytes]) -> Iterator[bytes]:
    """The chunks in order, none of which is held here once it was handed out.

    The list itself may be the engine's and stays as it is.
    """
    chunks = deque(value)
    del value
    while chunks:
        yield chunks.popleft()
