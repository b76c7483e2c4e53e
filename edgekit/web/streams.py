"""ReadableStream: bytes that arrive over time. WHATWG Streams, as far as bodies need it.

A stream has one reader at a time. `async for chunk in stream` is the plain way to read it; the
source is asked for the next chunk only when the reader wants it, so backpressure reaches whoever
produces. It is not a general stream of objects: chunks are bytes (str is encoded as UTF-8).
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

from edgekit.errors import BodyUsedError, WebTypeError
from edgekit.web.spelling import Plain, Spelled

TEE_LIMIT = 8 * 1024 * 1024  # bytes that one branch of tee() may be ahead of the other

Source = AsyncIterable[bytes] | Iterable[bytes]


class ReadableStream(Spelled):
    """A stream of bytes from an async iterator, or any iterable, of bytes.

    `locked` while somebody reads; `disturbed` once anybody has begun to. `length`, in bytes, where it
    is known: a response with this body then tells it.
    """

    __slots__ = ("_source", "disturbed", "length", "locked")

    def __init__(self, source: Source, *, length: int | None = None) -> None:
        if isinstance(source, str | bytes | bytearray | memoryview):
            source = (source.encode() if isinstance(source, str) else bytes(source),)
        elif not hasattr(source, "__aiter__") and not hasattr(source, "__iter__"):
            raise WebTypeError(f"a stream is made of an iterable of bytes, not {source!r:.100}")
        self._source: Source = source
        self.length = length
        self.locked = False
        self.disturbed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read to the end; leaving the loop early cancels the stream."""
        return _chunks(self.detach())

    def detach(self) -> Source:
        """The source itself, for one who reads it to its end and makes its chunks bytes by himself."""
        self._lock()
        return self._let_go()

    def get_reader(self) -> StreamReader:
        """A reader that takes chunk by chunk; no one else may read until it releases its lock."""
        self._lock()
        return StreamReader(self)

    def tee(self, *, limit: int = TEE_LIMIT) -> tuple[ReadableStream, ReadableStream]:
        """Two streams of the same bytes. The faster reader waits when it is `limit` bytes ahead."""
        self._lock()
        shared = _Tee(self._let_go(), limit)
        one, other = (ReadableStream(_Branch(shared, i), length=self.length) for i in (0, 1))
        return one, other

    async def cancel(self, reason: Any = None) -> None:
        """Say that nobody will read on: the source is closed, and what was left is gone."""
        if self.locked:
            raise WebTypeError("Cannot cancel a stream that is locked to a reader.")
        await aclose(self._let_go())

    async def read_all(self) -> bytes:
        """The rest of the stream in one piece."""
        chunks = [chunk async for chunk in self]
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _lock(self) -> None:
        if self.locked:
            raise BodyUsedError("This ReadableStream is currently locked to a reader.")
        self.locked = True

    def _let_go(self) -> Source:
        self.disturbed = True
        source, self._source = self._source, ()  # what has been handed out is not held twice
        return source


class StreamReader(Spelled):
    """Takes one chunk after another: `await reader.read()` gives `{done, value}`.

    Reads that overlap are answered in order. Once one has failed, all later ones fail alike.
    """

    __slots__ = ("_cancelled", "_iterator", "_order", "_reading", "_stream")

    def __init__(self, stream: ReadableStream) -> None:
        self._stream: ReadableStream | None = stream
        self._iterator: AsyncIterator[bytes] | None = None
        self._order = asyncio.Lock()
        self._reading: asyncio.Task[Any] | None = None  # who waits for a chunk
        self._cancelled = False

    async def read(self) -> Plain:
        """The next chunk as `value`, or `done` and None at the end."""
        async with self._order:
            iterator = self._start()
            if self._cancelled:
                return Plain(done=True, value=None)
            task = self._reading = asyncio.current_task()
            before = task.cancelling() if task is not None else 0
            try:
                return Plain(done=False, value=await anext(iterator))
            except StopAsyncIteration:
                return Plain(done=True, value=None)
            except BaseException as error:
                if (
                    self._cancelled
                    and isinstance(error, asyncio.CancelledError)
                    and (task is None or task.cancelling() <= before + 1)  # by `cancel` alone
                ):
                    return Plain(done=True, value=None)
                # The iterator has ended; by itself it would now tell of a regular end.
                self._iterator = _broken(error)
                raise
            finally:
                self._reading = None
                if self._cancelled and task is not None:
                    task.uncancel()

    async def cancel(self, reason: Any = None) -> None:
        """Close the source: nobody will read on. A read that waits is at the end."""
        stream = self._held()
        if self._reading is not None and not self._cancelled:
            self._cancelled = True
            self._reading.cancel()
        async with self._order:
            self._cancelled = True
            await aclose(stream._let_go() if self._iterator is None else self._iterator)

    def release_lock(self) -> None:
        """Let somebody else read what is left."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if self._iterator is not None:
            stream._source = self._iterator
        stream.locked = False

    def _held(self) -> ReadableStream:
        if self._stream is None:
            raise WebTypeError("This ReadableStream reader has been released.")
        return self._stream

    def _start(self) -> AsyncIterator[bytes]:
        stream = self._held()
        if self._iterator is None:
            self._iterator = _chunks(stream._let_go())
        return self._iterator


def as_bytes(chunk: Any) -> bytes:
    """A chunk as bytes; WebTypeError for what is neither bytes nor text."""
    if chunk.__class__ is bytes:
        return chunk
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
        await aclose(iterator)


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


async def _broken(error: BaseException) -> AsyncIterator[bytes]:
    """What is left of an iterator after a failed, or cancelled, read."""
    if not isinstance(error, Exception):
        error = WebTypeError("A read of this stream was cancelled; the rest of it is lost.")
    raise error
    yield b""


async def aclose(source: Any) -> None:
    """Close an iterator, a stream or a file, whether or not it was begun."""
    if isinstance(source, ReadableStream):
        await source.cancel()
    elif (aclose := getattr(source, "aclose", None)) is not None:
        await aclose()
    elif isinstance(source, Iterable) and (close := getattr(source, "close", None)) is not None:
        close()


class _Tee:
    """One source read by two branches, each with what the other has already taken."""

    def __init__(self, source: Source, limit: int) -> None:
        self.source = source
        self.limit = limit
        self.iterator: AsyncIterator[bytes] | None = None
        self.queues: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self.ahead = [0, 0]  # bytes waiting in each queue
        self.open = [True, True]
        self.done = False
        self.error: Exception | None = None
        self.pulling: asyncio.Task[None] | None = None
        self.options: dict[str, Any] = {}  # of that task
        if sys.platform != "emscripten":  # Pyodide 0.26 has no such option
            # One for all chunks: a generator may set a variable before one and reset it after another.
            self.options["context"] = contextvars.copy_context()
        self.room = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None  # of whoever waited

    async def next(self, me: int) -> bytes:
        other = 1 - me
        queue = self.queues[me]
        while True:
            if queue:
                chunk = queue.popleft()
                self.ahead[me] -= len(chunk)
                self.room.set()
                return chunk
            if self.error is not None:
                raise self.error
            if self.done:
                raise StopAsyncIteration
            self.loop = asyncio.get_running_loop()
            if self.open[other] and self.ahead[other] >= self.limit:
                self.room.clear()
                await self.room.wait()
            else:
                # In a task: a reader that is cancelled, as its client has gone, leaves the other one be.
                # It may end without a step: cancelled with all tasks, or eagerly run by the loop's factory.
                if self.pulling is None or self.pulling.done():
                    self.pulling = self.loop.create_task(self.pull(), **self.options)
                await asyncio.wait([self.pulling])

    async def pull(self) -> None:
        if self.iterator is None:
            self.iterator = _chunks(self.source)
            self.source = ()
        try:
            chunk = await anext(self.iterator)
        except StopAsyncIteration:
            self.done = True
        except Exception as error:
            self.error = error
        except asyncio.CancelledError:
            self.error = WebTypeError("The reading of this stream was cancelled.")
            raise
        else:
            for i in (0, 1):
                if self.open[i]:
                    self.queues[i].append(chunk)
                    self.ahead[i] += len(chunk)
        finally:
            self.room.set()

    async def close(self) -> None:
        if self.pulling is not None:
            self.pulling.cancel()
            await asyncio.wait([self.pulling])
        await aclose(self.iterator or self.source)

    def stop(self) -> None:
        """After a branch was dropped."""
        self.room.set()
        if self.pulling is not None and not any(self.open):
            self.pulling.cancel()

    def leave(self, me: int) -> None:
        self.open[me] = False
        self.queues[me].clear()
        self.ahead[me] = 0


class _Branch:
    """One of the two iterators. To drop it, read or not, is to close it: nobody waits for it."""

    def __init__(self, shared: _Tee, me: int) -> None:
        self._shared = shared
        self._me = me

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await self._shared.next(self._me)

    async def aclose(self) -> None:
        shared = self._shared
        shared.leave(self._me)
        shared.room.set()
        if not any(shared.open):
            await shared.close()

    def __del__(self) -> None:
        shared = self._shared
        shared.leave(self._me)
        # The garbage collector runs in whichever thread it likes.
        if shared.loop is not None and not shared.loop.is_closed():
            shared.loop.call_soon_threadsafe(shared.stop)
