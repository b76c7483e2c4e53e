"""ReadableStream: bytes that arrive over time. WHATWG Streams, as far as bodies need it.

A stream has one reader at a time. `async for chunk in stream` is the plain way to read it; the
source is asked for the next chunk only when the reader wants it, so backpressure reaches whoever
produces. It is not a general stream of objects: chunks are bytes (str is encoded as UTF-8).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

from edgekit.errors import BodyUsedError, WebTypeError
from edgekit.web.spelling import Plain, Spelled

TEE_LIMIT = 8 * 1024 * 1024  # bytes that one branch of tee() may be ahead of the other

Source = AsyncIterable[bytes] | Iterable[bytes]


class ReadableStream(Spelled):
    """A stream of bytes from an async iterator, or any iterable, of bytes.

    `locked` while somebody reads; `disturbed` once anybody has begun to.
    """

    __slots__ = ("_source", "disturbed", "locked")

    def __init__(self, source: Source) -> None:
        if isinstance(source, str | bytes | bytearray | memoryview):
            source = (source.encode() if isinstance(source, str) else bytes(source),)
        elif not hasattr(source, "__aiter__") and not hasattr(source, "__iter__"):
            raise WebTypeError(f"a stream is made of an iterable of bytes, not {source!r:.100}")
        self._source: Source = source
        self.locked = False
        self.disturbed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read to the end; leaving the loop early cancels the stream."""
        self._lock()
        self.disturbed = True
        source = self._source
        self._source = ()  # what has been handed out is not held twice
        return _chunks(source)

    def get_reader(self) -> StreamReader:
        """A reader that takes chunk by chunk; no one else may read until it releases its lock."""
        self._lock()
        return StreamReader(self)

    def tee(self, *, limit: int = TEE_LIMIT) -> tuple[ReadableStream, ReadableStream]:
        """Two streams of the same bytes. The faster reader waits when it is `limit` bytes ahead."""
        shared = _Tee(self.__aiter__(), limit)
        return ReadableStream(shared.branch(0)), ReadableStream(shared.branch(1))

    async def cancel(self, reason: Any = None) -> None:
        """Say that nobody will read on; the source is closed."""
        if self.locked:
            raise WebTypeError("Cannot cancel a stream that is locked to a reader.")
        await _close(self.__aiter__())

    async def read_all(self) -> bytes:
        """The rest of the stream in one piece."""
        chunks = [chunk async for chunk in self]
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _lock(self) -> None:
        if self.locked:
            raise BodyUsedError("This ReadableStream is currently locked to a reader.")
        self.locked = True


class StreamReader(Spelled):
    """Takes one chunk after another: `await reader.read()` gives `{done, value}`."""

    __slots__ = ("_iterator", "_stream")

    def __init__(self, stream: ReadableStream) -> None:
        self._stream: ReadableStream | None = stream
        self._iterator: AsyncIterator[bytes] | None = None

    async def read(self) -> Plain:
        """The next chunk as `value`, or `done` and None at the end."""
        iterator = self._start()
        try:
            return Plain(done=False, value=await anext(iterator))
        except StopAsyncIteration:
            return Plain(done=True, value=None)

    async def cancel(self, reason: Any = None) -> None:
        """Close the source: nobody will read on."""
        await _close(self._start())

    def release_lock(self) -> None:
        """Let somebody else read what is left."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if self._iterator is not None:
            stream._source = self._iterator
        stream.locked = False

    def _start(self) -> AsyncIterator[bytes]:
        if self._stream is None:
            raise WebTypeError("This ReadableStream reader has been released.")
        if self._iterator is None:
            self._stream.locked = False
            self._iterator = self._stream.__aiter__()
        return self._iterator


def as_bytes(chunk: Any) -> bytes:
    """A chunk as bytes; WebTypeError for what is neither bytes nor text."""
    if chunk.__class__ is bytes:
        return chunk  # type: ignore[no-any-return]
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise WebTypeError(f"a stream's chunks are bytes, not {type(chunk).__name__}")


def _chunks(source: Source) -> AsyncIterator[bytes]:
    # Our own generators already yield clean chunks: do not put a second one around them.
    if getattr(source, "ag_code", None) in _OURS:
        return source  # type: ignore[return-value]
    return _from_async(source) if isinstance(source, AsyncIterable) else _from_iterable(source)


async def _from_async(source: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    iterator = aiter(source)
    try:
        async for chunk in iterator:
            if data := as_bytes(chunk):
                yield data
    finally:
        await _close(iterator)


async def _from_iterable(source: Iterable[bytes]) -> AsyncIterator[bytes]:
    iterator = iter(source)
    del source  # a list must not keep what its reader has let go
    try:
        for chunk in iterator:
            if data := as_bytes(chunk):
                yield data
                del data, chunk
    finally:
        if (close := getattr(iterator, "close", None)) is not None:
            close()


_OURS = frozenset({_from_async.__code__, _from_iterable.__code__})


async def _close(iterator: AsyncIterator[bytes]) -> None:
    if (close := getattr(iterator, "aclose", None)) is not None:
        await close()


class _Tee:
    """One source read by two branches, each with what the other has already taken."""

    def __init__(self, source: AsyncIterator[bytes], limit: int) -> None:
        self.source = source
        self.limit = limit
        self.queues: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self.ahead = [0, 0]  # bytes waiting in each queue
        self.open = [True, True]
        self.done = False
        self.error: Exception | None = None
        self.lock = asyncio.Lock()
        self.room = asyncio.Event()

    async def branch(self, me: int) -> AsyncIterator[bytes]:
        other = 1 - me
        queue = self.queues[me]
        try:
            while True:
                if queue:
                    chunk = queue.popleft()
                    self.ahead[me] -= len(chunk)
                    self.room.set()
                    yield chunk
                elif self.error is not None:
                    raise self.error
                elif self.done:
                    return
                elif self.open[other] and self.ahead[other] >= self.limit:
                    self.room.clear()
                    await self.room.wait()
                else:
                    async with self.lock:
                        if not (queue or self.done or self.error):
                            await self.pull()
        finally:
            self.open[me] = False
            queue.clear()
            self.ahead[me] = 0
            self.room.set()
            if not self.open[other]:
                await _close(self.source)

    async def pull(self) -> None:
        try:
            chunk = await anext(self.source)
        except StopAsyncIteration:
            self.done = True
        except Exception as error:
            self.error = error
        except BaseException:  # cancelled while reading: the source is gone for the other one too
            self.error = WebTypeError("The stream's other reader was cancelled while reading.")
            raise
        else:
            for i in (0, 1):
                if self.open[i]:
                    self.queues[i].append(chunk)
                    self.ahead[i] += len(chunk)
        self.room.set()
