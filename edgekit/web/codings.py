"""Content codings: gzip, deflate, and br where `brotli` (1.2 or later) is installed. RFC 9110, 8.4.

A body that arrives coded stays so until somebody reads it: `Coded` is the source of such a stream.
Reading it decodes, a piece at a time; passing it on unread hands over `Coded.source`, the bytes as
they came; `to_send` decides. A body in several codings, or in an unknown one, is left as it is, as on Workers.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from edgekit.errors import WebTypeError
from edgekit.web.streams import ReadableStream, Source

# Bytes that one step of decoding gives at most: a chunk may hold a thousand times more.
PIECE = 64 * 1024

_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "br": "br"}


@functools.cache
def _brotli() -> Any:
    try:
        import brotli
    except ImportError:
        return None
    # Before 1.2 there was no limit to what one chunk becomes.
    return brotli if hasattr(brotli.Decompressor, "can_accept_more_data") else None


def known(name: str) -> str | None:
    """The coding that a content-encoding header names, if it can be decoded here."""
    coding = _NAMES.get(name.strip().lower())
    return None if coding == "br" and _brotli() is None else coding


def preferred() -> str:
    """The accept-encoding header of a request that has none."""
    return "gzip, deflate" if _brotli() is None else "gzip, deflate, br"


@functools.lru_cache(maxsize=256)
def acceptable(header: bytes) -> bytes:
    """An accept-encoding header without what could not be decoded here.

    A browser's header is often passed on with its request, and the answer shall be readable.
    """
    kept = []
    for item in header.decode("latin-1").split(","):
        name = item.partition(";")[0].strip().lower()
        if name == "identity" or known(name):
            kept.append(item.strip())
    return ", ".join(kept).encode("latin-1") or b"identity"


def accepts(header: str, coding: str) -> bool:
    """Whether an accept-encoding header takes the coding. Without one, nobody is sent any."""
    for item in header.lower().split(","):
        name, _, weight = item.replace(" ", "").partition(";q=")
        if name in (coding, "x-gzip" if coding == "gzip" else coding, "*"):
            return not weight or weight.strip("0.") != ""
    return False


class Coded:
    """The source of a stream: `source` gives the bytes in `coding`, iterating the plain ones.

    `length`, in bytes, is that of the former, where it is known.
    What is not in that coding raises `failure(text)`, WebTypeError by default.
    """

    __slots__ = ("coding", "failure", "source")

    def __init__(
        self,
        source: Source,
        coding: str,
        failure: Callable[[str], Exception] = WebTypeError,
        *,
        length: int | None = None,
    ) -> None:
        self.source = ReadableStream(source, length=length)
        self.coding = coding
        self.failure = failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        title = {"gzip": "Gzip", "deflate": "Deflate", "br": "Brotli"}[self.coding]
        decoder = _Brotli() if self.coding == "br" else _Zlib(self.coding)
        reader = self.source.get_reader()
        try:
            while not (step := await reader.read())["done"]:
                for piece in decoder.feed(step["value"]):
                    yield piece
            if not decoder.finished:
                raise self.failure(f"{title} compressed stream ended prematurely.")
        except decoder.error as error:
            raise self.failure(f"{title} decompression failed.") from error
        finally:
            await reader.cancel()

    async def aclose(self) -> None:
        """Close the source, where nobody has begun to read."""
        await self.source.cancel()


def to_send(
    body: bytes | ReadableStream, header: str, *, manual: bool
) -> tuple[bytes | ReadableStream, bool]:
    """What is sent of a body under a content-encoding header, and whether its length is as it was.

    What came in that coding and was not touched goes on as it came. Otherwise the body is brought
    into the coding, as on Workers, unless that is the program's own business (`manual`).
    """
    source = body._source if isinstance(body, ReadableStream) else None
    coding = known(header) if header else None
    if isinstance(source, Coded) and coding == source.coding:
        return source.source, True
    if coding is None or manual:
        return body, not isinstance(source, Coded)
    if isinstance(body, ReadableStream):
        return ReadableStream(_encode_stream(body, coding)), False
    encoder = _encoder(coding)
    return b"".join((encoder(body), encoder(None))), False


def _encoder(coding: str) -> Callable[[bytes | None], bytes]:
    """Takes the body piece by piece, and None at its end."""
    if coding == "br":
        brotli = _brotli().Compressor(quality=4)
        return lambda data: brotli.finish() if data is None else brotli.process(data)
    deflate = zlib.compressobj(6, wbits=31 if coding == "gzip" else 15)
    return lambda data: deflate.flush() if data is None else deflate.compress(data)


async def _encode_stream(body: ReadableStream, coding: str) -> AsyncIterator[bytes]:
    encoder = _encoder(coding)
    async for chunk in body:
        if piece := encoder(chunk):
            yield piece
    yield encoder(None)


class _Zlib:
    """gzip, of one member or several, and deflate, with zlib's frame or, as some servers send it, bare."""

    error: type[Exception] = zlib.error

    def __init__(self, coding: str) -> None:
        self._bits = 31 if coding == "gzip" else 0
        self._inner: Any = None

    @property
    def finished(self) -> bool:
        return self._inner is None or self._inner.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        # What follows a member is copied, each time: of thousands in one long chunk that took seconds.
        for at in range(0, len(data), PIECE):
            yield from self._feed(data[at : at + PIECE])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._inner is None or (data and self._inner.eof):
                # zlib's frame begins with the number of its method, 8, in the lower half of a byte.
                self._bits = self._bits or (15 if data[0] & 15 == 8 else -15)
                self._inner = zlib.decompressobj(self._bits)
            piece = self._inner.decompress(data, PIECE)
            if piece:
                yield piece
            data = self._inner.unconsumed_tail or self._inner.unused_data
            if not data and len(piece) < PIECE:
                return


class _Brotli:
    def __init__(self) -> None:
        self.error: type[Exception] = _brotli().error
        self._inner = _brotli().Decompressor()
        self._begun = False

    @property
    def finished(self) -> bool:
        return not self._begun or self._inner.is_finished()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = True
        while True:
            piece = self._inner.process(data, output_buffer_limit=PIECE)
            yield piece
            if self._inner.is_finished() or (not piece and self._inner.can_accept_more_data()):
                return
            data = b""
