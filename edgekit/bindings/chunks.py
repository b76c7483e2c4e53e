"""Large values in pieces, so that none is ever held twice: streams in, streams out.

Engines take and give a value as a list of bytes; bindings take and give a ReadableStream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import cast

from edgekit.engines.base import CHUNK
from edgekit.web.streams import ReadableStream


async def collected(
    stream: ReadableStream, limit: int, too_long: Callable[[int], Exception]
) -> list[bytes]:
    """All of a stream, in pieces of CHUNK bytes as engines keep them; the last one is shorter.

    As soon as the stream has passed the limit (bytes) its source is closed, and what `too_long`
    makes of the number of bytes read is raised.
    """
    pieces: list[bytes] = []
    rest = bytearray()  # less than a piece
    length = 0
    async with aclosing(cast("AsyncGenerator[bytes]", aiter(stream))) as chunks:
        async for chunk in chunks:
            length += len(chunk)
            if length > limit:
                raise too_long(length)
            with memoryview(chunk) as view:
                begin = min(CHUNK - len(rest), len(view))
                rest += view[:begin]
                if len(rest) == CHUNK:
                    pieces.append(bytes(rest))
                    rest.clear()
                while len(view) - begin >= CHUNK:
                    pieces.append(bytes(view[begin : begin + CHUNK]))
                    begin += CHUNK
                rest += view[begin:]
    if rest or not pieces:
        pieces.append(bytes(rest))
    return pieces


def handed_out(value: list[bytes]) -> Iterator[bytes]:
    """The chunks in order, none of which is held here once it was handed out.

    The list itself may be the engine's and stays as it is.
    """
    chunks = deque(value)
    del value
    while chunks:
        yield chunks.popleft()
