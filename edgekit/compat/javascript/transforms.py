"""TransformStream and its kinds: a WritableStream and the ReadableStream that comes of it.

Spec: WHATWG Streams, Encoding, Compression; Workers' FixedLengthStream.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from edgekit.compat.javascript.arrays import bytes_of
from edgekit.compat.javascript.convert import native
from edgekit.compat.javascript.errors import JsException, TypeError_
from edgekit.compat.javascript.promises import settled
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.streams import WritableStream, member, seen_chunk, stream_of
from edgekit.compat.javascript.values import Object, string
from edgekit.web.body import encode_text


class _Channel:
    """From a writer to a reader: one chunk at a time."""

    def __init__(self) -> None:
        self._chunks: deque[Any] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self.closed = False
        self.left = False
        self.error: BaseException | None = None

    async def put(self, chunk: Any, *rest: Any) -> None:
        """Give a chunk; returns when it has been taken, or nobody reads any more."""
        self.add(chunk)
        while self._chunks and not self.left:
            self._room.clear()
            await self._room.wait()
        if self.left:
            raise TypeError_("This ReadableStream has been cancelled.")

    def add(self, chunk: Any = None) -> None:
        self._chunks.append(chunk)
        self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    def fail(self, reason: Any = None) -> None:
        is_error = isinstance(reason, BaseException)
        self.error = reason if is_error else JsException("Error", string(reason))
        self.close()

    async def chunks(self) -> AsyncIterator[Any]:
        try:
            while True:
                if self._chunks:
                    chunk = self._chunks.popleft()
                    self._room.set()
                    yield chunk
                elif self.error is not None:
                    raise self.error
                elif self.closed:
                    return
                else:
                    self._news.clear()
                    await self._news.wait()
        finally:
            self.left = True
            self._room.set()


class TransformStream(JsProxy):
    """`TransformStream.new({"transform": ..., "flush": ...})`: `writable`, and what comes of it, `readable`."""

    def __init__(self, transformer: Any = None, *strategies: Any) -> None:
        channel = _Channel()
        controller = Object.over(
            {
                "enqueue": channel.add,
                "terminate": channel.close,
                "error": channel.fail,
                "desiredSize": 1,
            }
        )
        transform = member(transformer, "transform") or self._transform
        flush = member(transformer, "flush") or self._flush
        if (start := member(transformer, "start")) is not None:
            start(controller)

        async def write(chunk: Any, *rest: Any) -> None:
            if transform is None:
                await channel.put(chunk)
                return
            try:
                await settled(transform(chunk, controller))
            except Exception as error:
                channel.fail(error)
                raise
            while channel._chunks and not channel.left:
                channel._room.clear()
                await channel._room.wait()

        async def close() -> None:
            try:
                if flush is not None:
                    await settled(flush(controller))
            except Exception as error:
                channel.fail(error)  # whoever reads would wait for ever
                raise
            channel.close()

        self.writable = WritableStream({"write": write, "close": close, "abort": channel.fail})
        self.readable = stream_of(channel.chunks())

    _transform: Any = None
    _flush: Any = None


class IdentityTransformStream(TransformStream):
    """Bytes as they are."""


class FixedLengthStream(IdentityTransformStream):
    """Bytes as they are, of a length that is known before: a response of it tells it."""

    def __init__(self, length: Any, strategy: Any = None) -> None:
        self._left = int(length)
        if self._left < 0:
            raise TypeError_(f"A FixedLengthStream cannot have {self._left} bytes.")
        super().__init__()
        self.readable._it.length = self._left

    def _transform(self, chunk: Any, controller: Any) -> None:
        self._left -= len(bytes_of(native(chunk)))
        if self._left < 0:
            raise TypeError_("Attempt to write too many bytes through a FixedLengthStream.")
        controller.enqueue(chunk)

    def _flush(self, controller: Any) -> None:
        if self._left:
            raise TypeError_("FixedLengthStream did not see all expected bytes before close().")


class TextEncoderStream(TransformStream):
    """Text to UTF-8."""

    encoding = "utf-8"
    _half = ""  # of a pair of surrogates, whose other half is in the next chunk

    def _transform(self, chunk: Any, controller: Any) -> None:
        text = self._half + string(chunk)
        cut = len(text) - ("\ud800" <= text[-1:] <= "\udbff")
        self._half = text[cut:]
        _enqueue(controller, encode_text(text[:cut]))

    def _flush(self, controller: Any) -> None:
        _enqueue(controller, encode_text(self._half))


class TextDecoderStream(TransformStream):
    """Bytes to text."""

    def __init__(self, label: str = "utf-8", options: Any = None) -> None:
        from edgekit.compat.javascript.text import TextDecoder

        self._decoder = TextDecoder(label, options)
        self.encoding = self._decoder.encoding
        self.fatal, self.ignoreBOM = self._decoder.fatal, self._decoder.ignoreBOM
        super().__init__()

    def _transform(self, chunk: Any, controller: Any) -> None:
        if text := self._decoder.decode(chunk, {"stream": True}):
            controller.enqueue(text)

    def _flush(self, controller: Any) -> None:
        if text := self._decoder.decode():
            controller.enqueue(text)


_WINDOWS = {"gzip": 31, "deflate": 15, "deflate-raw": -15}


def _window(format: Any) -> int:
    if format not in _WINDOWS:
        raise TypeError_(
            "The compression format must be either 'deflate', 'deflate-raw' or 'gzip'."
        )
    return _WINDOWS[format]


class CompressionStream(TransformStream):
    """`CompressionStream.new("gzip")`; deflate and deflate-raw too."""

    def __init__(self, format: Any) -> None:
        self._coder = zlib.compressobj(wbits=_window(format))
        super().__init__()

    def _transform(self, chunk: Any, controller: Any) -> None:
        _enqueue(controller, self._coder.compress(bytes_of(native(chunk))))

    def _flush(self, controller: Any) -> None:
        _enqueue(controller, self._coder.flush())


class DecompressionStream(TransformStream):
    """`DecompressionStream.new("gzip")`; a TypeError for what is damaged or cut short."""

    def __init__(self, format: Any) -> None:
        self._coder = zlib.decompressobj(_window(format))
        super().__init__()

    def _transform(self, chunk: Any, controller: Any) -> None:
        try:
            _enqueue(controller, self._coder.decompress(bytes_of(native(chunk))))
        except zlib.error as error:
            raise TypeError_("Decompression failed.") from error
        if self._coder.unused_data:
            raise TypeError_("Trailing bytes after end of compressed data")

    def _flush(self, controller: Any) -> None:
        if not self._coder.eof:
            raise TypeError_("Called close() on a decompression stream with incomplete data")


def _enqueue(controller: Any, data: bytes) -> None:
    if data:
        controller.enqueue(seen_chunk(data))


class CountQueuingStrategy(JsProxy):
    """Accepted, and without effect: a stream here holds what has been written and not been read."""

    def __init__(self, init: Any) -> None:
        self.highWaterMark = init.highWaterMark


class ByteLengthQueuingStrategy(CountQueuingStrategy):
    """As CountQueuingStrategy."""
