"""Blob and File: bytes that do not change, in memory or on disk. W3C File API, without object URLs.

A Blob is a list of slices of sources, so that slicing and joining copy nothing. A source is a bytes
in memory, or a stretch of a `Spool`: where uploads wait, in memory up to 1 MiB, then in a temporary
file that vanishes with the last Blob in it. Reading a file is done in place, 64 KiB at a time: that
costs less than a thread would.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import AsyncIterator, Iterable
from typing import IO, NamedTuple, Protocol, cast

from edgekit import host
from edgekit.errors import WebTypeError
from edgekit.web.pairs import scalar
from edgekit.web.spelling import Spelled, options
from edgekit.web.streams import ReadableStream

CHUNK = 64 * 1024
SPOOL_LIMIT = 1024 * 1024  # bytes that a Spool keeps in memory

Bytes = bytes  # in a class with a method `bytes`, annotations need another name for the type

_PRINTABLE = re.compile(r"[\x20-\x7e]*").fullmatch
_NEWLINE = re.compile(r"\r\n?")
_LISTED = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*"?)+').findall
_MEDIA_TYPE = re.compile(
    r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*(?:;.*)?"
).fullmatch


class Source(Protocol):
    """Where bytes lie: `read(start, stop)` gives just those."""

    def read(self, start: int, stop: int) -> bytes: ...


class _Memory:
    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, start: int, stop: int) -> bytes:
        return self.data[start:stop]


class Spool:
    """Bytes written one after another, then read in any order; on disk when there are many."""

    def __init__(self, limit: int = SPOOL_LIMIT) -> None:
        self.size = 0
        self._file: IO[bytes]
        if sys.platform == "emscripten":  # its file system is memory too
            self._file = io.BytesIO()
        else:
            import tempfile

            self._file = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=limit))  # noqa: SIM115

    def write(self, data: bytes) -> None:
        """Add bytes at the end; OSError when the disk is full."""
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def read(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        data = self._file.read(stop - start)
        if len(data) < stop - start:
            raise OSError("the temporary file of a Blob has been cut short")
        return data

    def close(self) -> None:
        """Give the file back at once, whoever still holds a Blob in it."""
        self._file.close()

    def __del__(self) -> None:
        # Blobs have no close(), so the last of them takes the file along; without this, a warning.
        if (file := getattr(self, "_file", None)) is not None:
            file.close()


class _Slice(NamedTuple):
    source: Source
    start: int
    stop: int


class Blob(Spelled):
    """Bytes with a media type: `Blob(["text", b"bytes", other_blob], type="text/plain")`.

    Parts are str (as UTF-8), bytes-like or Blobs; a single one needs no list. `endings="native"`
    turns the line ends of str parts into "\\n". A type that is not printable ASCII becomes "".
    """

    __slots__ = ("_slices", "_type", "size")

    size: int

    @options
    def __init__(
        self,
        parts: Iterable[str | Bytes | bytearray | memoryview | Blob] | Blob = (),
        type: str = "",
        endings: str = "transparent",
    ) -> None:
        if endings not in ("transparent", "native"):
            raise WebTypeError(f'endings is "transparent" or "native", not {endings!r:.100}')
        if isinstance(parts, Blob):
            type = type or parts.type
        if isinstance(parts, str | bytes | bytearray | memoryview | Blob):
            parts = (parts,)
        slices: list[_Slice] = []
        run: list[bytes] = []  # small parts one after another become one source
        for part in parts:
            if isinstance(part, Blob):
                _flush(run, slices)
                slices += part._slices
            elif isinstance(part, str):
                text = scalar(part)
                run.append((_NEWLINE.sub("\n", text) if endings == "native" else text).encode())
            elif isinstance(part, bytes | bytearray | memoryview):
                run.append(bytes(part))
            else:
                raise WebTypeError(
                    f"a Blob is made of str, bytes and Blobs, not of {part.__class__.__name__}"
                )
        _flush(run, slices)
        self._fill(slices, type)

    def _fill(self, slices: list[_Slice], type: str) -> None:
        self._slices = slices
        self._type = type.lower() if _PRINTABLE(type) else ""
        self.size = sum(stop - start for _, start, stop in slices)

    @property
    def type(self) -> str:
        """The media type in lower case, or ""."""
        return self._type

    async def bytes(self) -> Bytes:
        """All of it, in memory."""
        return self._read()

    async def array_buffer(self) -> Bytes:
        """JavaScript's name for `bytes()`."""
        return self._read()

    async def text(self) -> str:
        """All of it as UTF-8; what is not UTF-8 becomes U+FFFD, a byte order mark goes."""
        return self._read().decode("utf-8", "replace").removeprefix("\ufeff")

    def stream(self) -> ReadableStream:
        """A stream of it, in chunks of at most 64 KiB."""
        return ReadableStream(self._chunks())

    @options
    def slice(self, start: int = 0, end: int | None = None, content_type: str = "") -> Blob:
        """The bytes from `start` up to `end`, negative ones counted from the end; nothing is copied."""
        start, end, _ = slice(start, end).indices(self.size)
        taken: list[_Slice] = []
        offset = 0
        for source, first, last in self._slices:
            low, high = max(start - offset, 0), min(end - offset, last - first)
            if low < high:
                taken.append(_Slice(source, first + low, first + high))
            offset += last - first
        blob = Blob.__new__(Blob)
        blob._fill(taken, content_type)
        return blob

    def __repr__(self) -> str:
        return f"Blob(size={self.size}, type={self.type!r})"

    def _read(self) -> Bytes:
        pieces = [source.read(start, stop) for source, start, stop in self._slices]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _chunks(self) -> AsyncIterator[Bytes]:
        for source, start, stop in self._slices:
            for first in range(start, stop, CHUNK):
                yield source.read(first, min(first + CHUNK, stop))

    def _as_body(self) -> tuple[Bytes | ReadableStream, str]:
        return (self._read() if self.size <= CHUNK else self.stream()), self.type


class File(Blob):
    """A Blob with a name and a time, as in a form.

    `last_modified` is in milliseconds since 1970; without it, now.
    """

    __slots__ = ("last_modified", "name")

    name: str
    last_modified: int

    @options
    def __init__(
        self,
        parts: Iterable[str | Bytes | bytearray | memoryview | Blob] | Blob,
        name: str,
        type: str = "",
        last_modified: int | None = None,
        endings: str = "transparent",
    ) -> None:
        super().__init__(parts, type, endings)
        self.name = scalar(name)
        self.last_modified = int(host.now() * 1000) if last_modified is None else last_modified

    def __repr__(self) -> str:
        return f"File(name={self.name!r}, size={self.size}, type={self.type!r})"


def spooled(spool: Spool, start: int, stop: int, name: str, type: str) -> File:
    """The File whose bytes are that stretch of a Spool."""
    file = File((), name, type)
    file._fill([_Slice(spool, start, stop)] if start < stop else [], type)
    return file


def _flush(run: list[bytes], slices: list[_Slice]) -> None:
    data = run[0] if len(run) == 1 else b"".join(run)
    if data:
        slices.append(_Slice(_Memory(data), 0, len(data)))
    run.clear()


def media_type(content_type: str) -> str:
    """The media type of a body: the last that a Content-Type header lists; "" where there is none."""
    found = [each.strip(" \t") for each in _LISTED(content_type)]
    return next((each for each in reversed(found) if _MEDIA_TYPE(each)), "")
