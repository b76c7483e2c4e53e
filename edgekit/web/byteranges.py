"""Several parts of a body in one answer: multipart/byteranges. Spec: RFC 9110, 14.6.

Which parts are asked for is `conditional.parse_range`'s; whose bytes they are, the caller's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from edgekit import host
from edgekit.errors import StorageError


class ByteRanges:
    """An answer of these parts, (start, end) with the end exclusive, of a body of `size` bytes.

    `content_type` is the answer's, `length` its number of bytes. `part_type` is the whole body's.
    """

    def __init__(self, ranges: Sequence[tuple[int, int]], size: int, part_type: str | None) -> None:
        boundary = host.random_bytes(16).hex()
        typed = "" if part_type is None else f"Content-Type: {part_type}\r\n"
        self.content_type = f"multipart/byteranges; boundary={boundary}"
        self._parts = [
            (
                f"--{boundary}\r\n{typed}Content-Range: bytes {start}-{end - 1}/{size}\r\n\r\n".encode(
                    "latin-1"
                ),
                start,
                end,
            )
            for start, end in ranges
        ]
        self._end = f"--{boundary}--\r\n".encode()
        self.length = len(self._end) + sum(
            len(head) + end - start + 2 for head, start, end in self._parts
        )

    async def body(
        self, read: Callable[[int, int], Awaitable[AsyncIterator[bytes] | bytes | None]]
    ) -> AsyncIterator[bytes]:
        """The bytes of the answer; `read(start, end)` gives those of a part when it is its turn.

        StorageError when it has none: they were removed meanwhile.
        """
        for head, start, end in self._parts:
            yield head
            data = await read(start, end)
            if data is None:
                raise StorageError("what was being read is no longer there")
            if isinstance(data, bytes):
                yield data
            else:
                async for chunk in data:
                    yield chunk
            yield b"\r\n"
        yield self._end
