"""Streams as JavaScript's side shows them: ReadableStream, WritableStream; see `transforms.py` too.

A stream of edgekit's is one of bytes; one that code makes here may be of anything, until it becomes a
body. Writing waits until what was written has been taken. Spec: WHATWG Streams.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from edgekit.compat.javascript.arrays import ArrayBuffer, Uint8Array
from edgekit.compat.javascript.convert import native, view
from edgekit.compat.javascript.errors import JsException, TypeError_, rethrow
from edgekit.compat.javascript.promises import Ending, promise, resolved, settled
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import Array, Object, string
from edgekit.compat.javascript.views import View
from edgekit.web import streams


def seen_chunk(chunk: Any) -> Any:
    """A chunk of a stream of edgekit's as JavaScript's."""
    return Uint8Array(ArrayBuffer.over(chunk)) if isinstance(chunk, bytes) else view(chunk)


class _Made(streams.ReadableStream):
    """A stream that code has made: its chunks are bytes only for whoever needs a body."""

    __slots__ = ("_controller", "_given")

    def __init__(self, given: AsyncIterator[Any], controller: _Controller | None = None) -> None:
        super().__init__(_as_bytes(given))
        self._given = given
        self._controller = controller

    async def end(self, reason: Any) -> None:
        """Tell whoever made it that nobody reads on."""
        if self._controller is not None:
            await self._controller.cancel(reason)


async def _as_bytes(chunks: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        data = native(chunk)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError_(
                "This TransformStream is being used as a byte stream, but received an object of "
                "non-ArrayBuffer/ArrayBufferView type on its writable side."
            )
        yield bytes(data)


def given_chunks(stream: streams.ReadableStream) -> AsyncIterator[Any]:
    """The chunks as they were given, not as bytes; the stream is then somebody's."""
    if isinstance(stream, _Made):
        stream._lock()
        stream._let_go()
        return stream._given
    return aiter(stream)


class ReadableStream(View, of=streams.ReadableStream, reads="locked"):
    """`ReadableStream.new({"start": ..., "pull": ..., "cancel": ...})`; `async for` gives its chunks."""

    __slots__ = ()

    def __init__(self, source: Any = None, strategy: Any = None) -> None:
        controller = _Controller(source)
        self._it = _Made(controller.chunks(), controller)

    @staticmethod
    def from_(items: Any) -> Any:
        """A stream of what an iterable, sync or async, gives."""

        async def chunks() -> AsyncIterator[Any]:
            if hasattr(items, "__aiter__"):
                async for item in items:
                    yield item
            else:
                for item in items:
                    yield item

        return stream_of(chunks())

    def __aiter__(self) -> AsyncIterator[Any]:
        try:
            chunks = given_chunks(self._it)
        except Exception as error:
            rethrow(error)
        return _shown(chunks)

    def values(self, options: Any = None) -> AsyncIterator[Any]:
        return aiter(self)

    def getReader(self, options: Any = None) -> Any:
        """A reader: `await reader.read()` gives `{done, value}`."""
        return Reader(self)

    def cancel(self, reason: Any = None) -> Any:
        """A promise that is kept once the source is closed."""

        async def cancel() -> None:
            if isinstance(self._it, _Made) and not self._it.locked:
                await self._it.end(reason)
            await self._it.cancel(reason)

        return _promised(cancel())

    def tee(self) -> Any:
        """Two streams of the same chunks."""
        try:
            if not isinstance(self._it, _Made):
                return Array.over([view(branch) for branch in self._it.tee()])
            chunks = given_chunks(self._it)
        except Exception as error:
            rethrow(error)
        return Array.over([stream_of(branch) for branch in _branches(chunks)])

    def pipeTo(self, target: Any, options: Any = None) -> Any:
        """A promise that is kept once everything was written to a WritableStream."""
        return promise(_pipe(self, aiter(self), target.getWriter(), native(options) or {}))

    def pipeThrough(self, pair: Any, options: Any = None) -> Any:
        """Write everything to `pair.writable`; `pair.readable`."""
        piped = self.pipeTo(pair.writable, options)
        piped.add_done_callback(lambda task: task.cancelled() or task.exception())
        return pair.readable


def stream_of(chunks: AsyncIterator[Any]) -> ReadableStream:
    """The stream of these chunks."""
    return ReadableStream.over(_Made(chunks))  # type: ignore[no-any-return]


async def _shown(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    try:
        async for chunk in chunks:
            yield seen_chunk(chunk)
    except Exception as error:
        rethrow(error)
    finally:
        await streams.aclose(chunks)


async def _pipe(
    stream: Any, chunks: AsyncIterator[Any], writer: Any, options: dict[str, Any]
) -> None:
    try:
        async for chunk in chunks:
            await writer.write(chunk)
        if not options.get("preventClose"):
            await writer.close()
    except Exception as error:
        if not options.get("preventAbort"):
            await writer.abort(error)
        raise
    finally:
        writer.releaseLock()
        stream._it.locked = False


def _branches(chunks: AsyncIterator[Any]) -> list[AsyncIterator[Any]]:
    queues: tuple[deque[Any], deque[Any]] = (deque(), deque())
    lock = asyncio.Lock()

    async def branch(mine: deque[Any]) -> AsyncIterator[Any]:
        while True:
            if not mine:
                async with lock:
                    if not mine:
                        async for chunk in chunks:
                            for queue in queues:
                                queue.append(chunk)
                            break
                        else:
                            return
            yield mine.popleft()

    return [branch(queue) for queue in queues]


def _promised(coroutine: Any) -> Any:
    async def wait() -> None:
        try:
            await coroutine
        except Exception as error:
            rethrow(error)

    return promise(wait())


class Reader(JsProxy):
    """The one reader of a stream."""

    _js_name = "ReadableStreamDefaultReader"

    def __init__(self, stream: Any) -> None:
        self._stream = stream._it
        try:
            chunks = given_chunks(self._stream)
        except Exception as error:
            rethrow(error)
        self._chunks: Any = chunks
        self._order = asyncio.Lock()
        self._error: Exception | None = None
        self._closed = Ending()
        self._reading: asyncio.Task[Any] | None = None  # which is a promise of its own
        self._cancelled = False

    @property
    def closed(self) -> Any:
        """A promise that is kept once the end has been read, or broken when a read fails."""
        return self._closed.promise

    def read(self) -> Any:
        """A promise of `{done, value}`."""
        return promise(self._read())

    async def _read(self) -> Object:
        async with self._order:
            if self._chunks is None:
                raise TypeError_("This ReadableStream reader has been released.")
            if self._error is not None:
                raise self._error
            self._reading = asyncio.current_task()
            try:
                value = seen_chunk(await anext(self._chunks))
            except (StopAsyncIteration, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and not self._cancelled:
                    raise
                self._closed.end()
                return Object.over({"done": True, "value": None})
            except Exception as error:
                self._error = error
                self._closed.end(error)
                rethrow(error)
            finally:
                self._reading = None
            return Object.over({"done": False, "value": value})

    def cancel(self, reason: Any = None) -> Any:
        """A promise that is kept once the source is closed. A read that waits is at the end."""

        async def cancel() -> None:
            if isinstance(self._stream, _Made):
                await self._stream.end(reason)
            if self._reading is not None:
                self._cancelled = True
                self._reading.cancel()
            async with self._order:
                await streams.aclose(self._chunks)
            self._closed.end()

        return _promised(cancel())

    def releaseLock(self) -> None:
        """Let somebody else read what is left."""
        if self._chunks is not None:
            left, self._chunks = self._chunks, None
            if isinstance(self._stream, _Made):
                self._stream._given = left
                self._stream._source = _as_bytes(left)
            else:
                self._stream._source = left
            self._stream.locked = False
            self._closed.end(TypeError_("This ReadableStream reader has been released."))


class _Controller(JsProxy):
    """What a source's `start` and `pull` are given, and what feeds the stream."""

    _js_name = "ReadableStreamDefaultController"

    def __init__(self, source: Any) -> None:
        self._source = source
        self._queue: deque[Any] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._started: Any = None
        if (start := member(source, "start")) is not None:
            self._started = start(self)
            if inspect.isawaitable(self._started):
                self._started = promise(settled(self._started))

    @property
    def desiredSize(self) -> int:
        return 0 if self._closed else 1 - len(self._queue)

    def enqueue(self, chunk: Any = None) -> None:
        """Add a chunk."""
        if self._closed:
            raise TypeError_("Invalid state: Controller is already closed")
        self._queue.append(chunk)
        self._news.set()

    def close(self) -> None:
        """No more chunks."""
        if self._closed:
            raise TypeError_("Invalid state: Controller is already closed")
        self._closed = True
        self._news.set()

    def error(self, reason: Any = None) -> None:
        """Whoever reads gets this error."""
        is_error = isinstance(reason, BaseException)
        self._error = reason if is_error else JsException("Error", string(reason))
        self._closed = True
        self._news.set()

    async def chunks(self) -> AsyncIterator[Any]:
        """What was added, and what `pull` adds when asked."""
        pull = member(self._source, "pull")
        ended = False
        started = False
        try:
            while True:
                if self._error is not None:
                    raise self._error
                if self._queue:
                    yield self._queue.popleft()
                elif self._closed:
                    ended = True
                    return
                elif not started:
                    started = True
                    if isinstance(self._started, asyncio.Future) and pull is not None:
                        await self._started
                    elif isinstance(self._started, asyncio.Future):
                        self._started.add_done_callback(self._start_ended)
                elif pull is not None:
                    await settled(pull(self))
                    if not (self._queue or self._closed):
                        await self._wait()
                else:
                    await self._wait()
        finally:
            if not ended and self._error is None:
                await self.cancel(None)

    async def cancel(self, reason: Any) -> None:
        """Nobody reads on: the source is told, once."""
        cancel, self._closed = member(self._source, "cancel"), True
        self._source = None
        self._news.set()
        if cancel is not None:
            await settled(cancel(reason))

    def _start_ended(self, task: asyncio.Future[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.error(error)

    async def _wait(self) -> None:
        self._news.clear()
        if not (self._queue or self._closed):
            await self._news.wait()


def member(source: Any, name: str) -> Any:
    """A function of an object of options, which may be JavaScript's, a dict or one of Python's."""
    if source is None:
        return None
    found = source.get(name) if isinstance(source, dict) else getattr(source, name, None)
    return found if callable(found) else None


# Writing ----------------------------------------------------------------------------------------------


class WritableStream(JsProxy):
    """`WritableStream.new({"write": ..., "close": ..., "abort": ...})`."""

    def __init__(self, sink: Any = None, strategy: Any = None) -> None:
        self._sink = sink
        self._controller = Object.over({"error": self._fail})
        self._order = asyncio.Lock()
        self._closed = Ending()
        self._error: BaseException | None = None
        self._ended = False
        self.locked = False
        self._started: Any = None
        if (start := member(sink, "start")) is not None:
            self._started = start(self._controller)

    def _fail(self, reason: Any = None) -> None:
        is_error = isinstance(reason, BaseException)
        self._error = reason if is_error else JsException("Error", string(reason))
        self._closed.end(self._error)

    def getWriter(self) -> Writer:
        """The one writer: `write`, `close`, `abort`."""
        if self.locked:
            raise TypeError_("This WritableStream is currently locked to a writer.")
        return Writer(self)

    def close(self) -> Any:
        return promise(self._end())

    def abort(self, reason: Any = None) -> Any:
        return promise(self._abort(reason))

    async def _put(self, chunk: Any) -> None:
        async with self._order:
            if inspect.isawaitable(self._started):
                started, self._started = self._started, None
                await started
            self._check()
            if (write := member(self._sink, "write")) is not None:
                try:
                    await settled(write(chunk, self._controller))
                except Exception as error:
                    self._fail(error)
                    rethrow(error)

    async def _end(self) -> None:
        async with self._order:
            self._check()
            self._ended = True
            if (close := member(self._sink, "close")) is not None:
                try:
                    await settled(close())
                except Exception as error:
                    self._fail(error)
                    raise
            self._closed.end()

    async def _abort(self, reason: Any) -> None:
        if self._ended:
            return
        self._ended = True
        self._fail(reason)
        if (abort := member(self._sink, "abort")) is not None:
            await settled(abort(reason))

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._ended:
            raise TypeError_("This WritableStream has been closed.")


class Writer(JsProxy):
    """The one writer of a WritableStream. What it writes goes in the order of the calls."""

    _js_name = "WritableStreamDefaultWriter"

    def __init__(self, stream: WritableStream) -> None:
        self._stream: WritableStream | None = stream
        stream.locked = True

    @property
    def _held(self) -> WritableStream:
        if self._stream is None:
            raise TypeError_("This WritableStream writer has been released.")
        return self._stream

    @property
    def desiredSize(self) -> int:
        return 1

    @property
    def closed(self) -> Any:
        """A promise that is kept once the stream is closed, or broken when it fails."""
        return self._held._closed.promise

    @property
    def ready(self) -> Any:
        """A promise that is kept when there is room; `write` waits by itself."""
        return resolved(None)

    def write(self, chunk: Any = None) -> Any:
        """A promise that is kept once the chunk has been taken."""
        return promise(self._held._put(chunk))

    def close(self) -> Any:
        """A promise that is kept once everything has been taken."""
        return promise(self._held._end())

    def abort(self, reason: Any = None) -> Any:
        return promise(self._held._abort(reason))

    def releaseLock(self) -> None:
        if self._stream is not None:
            self._stream.locked = False
            self._stream = None
