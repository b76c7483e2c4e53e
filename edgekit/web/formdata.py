"""FormData, and forms read and written. XMLHttpRequest (FormData), Fetch (bodies), RFC 7578.

A form is read as a stream: its text is kept in memory, the bytes of all its files in one `Spool`,
so that an upload costs at most about 1 MiB of memory and one temporary file. Splitting multipart
is the package `multipart`'s work (imported on first use); names, types and limits are decided here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from edgekit import host
from edgekit.errors import WebRangeError, WebSyntaxError, WebTypeError
from edgekit.web.blob import CHUNK, Blob, File, Spool, spooled
from edgekit.web.encodings import encoding_of
from edgekit.web.pairs import Pairs, pairs_of, scalar
from edgekit.web.streams import ReadableStream
from edgekit.web.url import FORM_TYPE, parse_urlencoded

MAX_FIELDS = 1000
MAX_FILES = 1000
MAX_FIELD_BYTES = 1024 * 1024  # one text field
MAX_TEXT_BYTES = 16 * 1024 * 1024  # all text fields together; a urlencoded form as a whole

_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]*))', re.IGNORECASE)
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE)
_EXTENDED = re.compile(r";\s*filename\*\s*=\s*utf-8'[^']*'([^\s;]+)", re.IGNORECASE)
_LONE_NEWLINE = re.compile(r"\r(?!\n)|(?<!\r)\n")
_NO_NAME = re.compile(r";\s*name\s*=", re.IGNORECASE)


class FormData(Pairs[str | File]):
    """The pairs of a form; a value is a str or a File.

    Made of nothing, a mapping, or pairs. A Blob that is no File becomes one named "blob".
    """

    __slots__ = ()

    def __init__(self, init: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        self._pairs = []
        for name, value in pairs_of(init or ()):
            self.append(name, value)

    def append(self, name: str, value: str | int | Blob, filename: str | None = None) -> None:
        """Add a pair at the end; `filename` is the name that a Blob or File shall have there."""
        self._pairs.append((scalar(name), _entry(value, filename)))

    def set(self, name: str, value: str | int | Blob, filename: str | None = None) -> None:
        """Give `name` this one value, where its first stood."""
        self._set(scalar(name), _entry(value, filename))

    def __setitem__(self, name: str, value: str | int | Blob) -> None:
        self.set(name, value)

    def _as_body(self) -> tuple[bytes | ReadableStream, str]:
        content_type, parts, size = encode_form(self)
        if size <= CHUNK:
            return b"".join(p if isinstance(p, bytes) else p._read() for p in parts), content_type
        return ReadableStream(_read_parts(parts)), content_type


def _entry(value: str | int | Blob, filename: str | None) -> str | File:
    if not isinstance(value, Blob):
        if filename is not None:
            raise WebTypeError("only a Blob or a File can have a filename")
        return scalar(value)
    if isinstance(value, File):
        if filename is None:
            return value
        return File(value, filename, last_modified=value.last_modified)
    return File(value, "blob" if filename is None else filename)


# Reading ----------------------------------------------------------------------------------------


async def parse_form(
    content_type: str,
    body: AsyncIterable[bytes],
    *,
    max_fields: int = MAX_FIELDS,
    max_files: int = MAX_FILES,
    max_field_bytes: int = MAX_FIELD_BYTES,
    max_text_bytes: int = MAX_TEXT_BYTES,
) -> FormData:
    """The form in a body of that content type, urlencoded or multipart, read to its end.

    Text is UTF-8, with U+FFFD for what is not. Files may be of any size: what bounds them is whoever
    bounds the body. A part whose filename is "", as browsers send where no file was chosen, is text,
    as on Workers. WebSyntaxError when it is no form, or one of another charset; WebRangeError when
    it exceeds a limit.
    """
    essence = content_type.partition(";")[0].strip().lower()
    if essence == "multipart/form-data":
        boundary = _boundary(content_type)
        return await _Multipart(max_fields, max_files, max_field_bytes, max_text_bytes).read(
            boundary, body
        )
    if essence == FORM_TYPE:
        charset = _CHARSET.search(content_type)
        if charset is not None and (encoding_of(charset[1]) or ("",))[0] != "utf-8":
            raise WebSyntaxError(
                f"Non-utf-8 application/x-www-form-urlencoded body: {charset[1]!r:.40}"
            )
        return await _read_urlencoded(body, max_fields, max_text_bytes)
    if not essence:
        raise WebSyntaxError("Parsing a Body as FormData requires a Content-Type header.")
    raise WebSyntaxError(
        "Unrecognized Content-Type header value. FormData can only parse the following MIME types: "
        f"multipart/form-data, {FORM_TYPE}"
    )


def _boundary(content_type: str) -> str:
    found = _BOUNDARY.search(content_type)
    boundary = (found[1] or found[2] or "") if found else ""
    if not boundary:
        raise WebSyntaxError(
            "No boundary string in Content-Type header. The multipart/form-data MIME type requires a "
            "boundary parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. "
            "See RFC 7578, section 4."
        )
    if len(boundary) > 70 or not boundary.isascii() or not boundary.isprintable():
        raise WebSyntaxError("The boundary of multipart/form-data is 1 to 70 printable characters.")
    return boundary


async def _read_urlencoded(
    body: AsyncIterable[bytes], max_fields: int, max_text_bytes: int
) -> FormData:
    data = bytearray()
    async for chunk in body:
        data += chunk
        if len(data) > max_text_bytes:
            raise WebRangeError(f"the form is longer than {max_text_bytes} bytes")
    # Counted before they are split: a pair costs a hundred times the "&" that makes one.
    if data.count(b"&") > 2 * max_fields:
        raise WebRangeError(f"the form has more than {max_fields} fields")
    form = FormData()
    form._pairs += parse_urlencoded(data.decode("utf-8", "replace"))
    if len(form) > max_fields:
        raise WebRangeError(f"the form has more than {max_fields} fields")
    return form


class _Multipart:
    """One multipart form as it is read."""

    def __init__(
        self, max_fields: int, max_files: int, max_field_bytes: int, max_text_bytes: int
    ) -> None:
        self.max_fields = max_fields
        self.max_files = max_files
        self.max_field_bytes = max_field_bytes
        self.room = max_text_bytes
        self.form = FormData()
        self.spool: Spool | None = None  # made for the first file that is not empty
        self.fields = self.files = 0
        self.name = ""
        self.filename: str | None = None
        self.type = ""
        self.text = bytearray()
        self.start = 0
        self.split: Any = None  # of the package, which is imported when a form is read

    async def read(self, boundary: str, body: AsyncIterable[bytes]) -> FormData:
        from multipart import (  # type: ignore[import-untyped]
            MultipartError,
            ParserLimitReached,
            PushMultipartParser,
            parse_content_disposition,
        )

        self.split = parse_content_disposition
        try:
            with PushMultipartParser(boundary) as parser:
                # Read on after the last boundary: what is left belongs to nobody else.
                async for chunk in body:
                    for event in parser.parse(chunk) if chunk else ():
                        if event is None:
                            self.end()
                        elif isinstance(event, bytes):
                            self.data(event)
                        else:
                            self.begin(event)
        except ParserLimitReached as error:
            raise WebRangeError(f"multipart/form-data: {error}") from None
        except MultipartError as error:
            raise WebSyntaxError(f"multipart/form-data: {error.args[0]}") from None
        return self.form

    def begin(self, part: Any) -> None:
        """A part's headers are there: `part` is a multipart.MultipartSegment."""
        disposition: str = part.header("Content-Disposition", "")
        if "\t" in disposition:  # which the package does not take for a space, between quoted texts
            pieces = disposition.split('"')
            pieces[::2] = [piece.replace("\t", " ") for piece in pieces[::2]]
            _, part.name, part.filename = self.split('"'.join(pieces))
        if not part.name and not _NO_NAME.search(disposition):
            raise WebSyntaxError("Content-Disposition header in FormData part is missing a name.")
        self.name = part.name or ""
        self.filename = part.filename
        if self.filename is None and (extended := _EXTENDED.search(disposition)):
            # RFC 7578 forbids this form, yet some clients send it alone for what is not ASCII.
            self.filename = unquote(extended[1])
        self.filename = self.filename or None
        self.text.clear()
        if self.filename is None:
            self.fields += 1
            if self.fields > self.max_fields:
                raise WebRangeError(f"the form has more than {self.max_fields} fields")
            return
        self.files += 1
        if self.files > self.max_files:
            raise WebRangeError(f"the form has more than {self.max_files} files")
        self.type = part.header("Content-Type", "") or "text/plain"
        self.start = self.spool.size if self.spool is not None else 0

    def data(self, data: bytes) -> None:
        if self.filename is not None:
            if self.spool is None:
                self.spool = Spool()
            self.spool.write(data)
            return
        self.text += data
        self.room -= len(data)
        if len(self.text) > self.max_field_bytes:
            raise WebRangeError(
                f"the form's field {self.name!r:.100} is longer than {self.max_field_bytes} bytes"
            )
        if self.room < 0:
            raise WebRangeError("the form's text fields are too long together")

    def end(self) -> None:
        value: str | File
        if self.filename is None:
            value = self.text.decode("utf-8", "replace")
        elif self.spool is None:
            value = File((), self.filename, self.type)
        else:
            value = spooled(self.spool, self.start, self.spool.size, self.filename, self.type)
        self.form._pairs.append((scalar(self.name), value))


# Writing ----------------------------------------------------------------------------------------


def encode_form(form: FormData, boundary: str | None = None) -> tuple[str, list[bytes | Blob], int]:
    """A form as multipart/form-data: content type, the body's parts in order, their size in bytes.

    Line ends in names and texts become CRLF; quotes and line ends in names are escaped as %22, %0D,
    %0A. All as the Fetch and HTML standards say.
    """
    if boundary is None:
        boundary = "----edgekit" + host.random_bytes(18).hex()
    parts: list[bytes | Blob] = []
    text = bytearray()
    for name, value in form.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_escape(_crlf(name))}"'
        if isinstance(value, str):
            text += f"{head}\r\n\r\n{_crlf(value)}\r\n".encode()
            continue
        kind = value.type or "application/octet-stream"
        head += f'; filename="{_escape(value.name)}"\r\nContent-Type: {kind}\r\n\r\n'
        parts += (bytes(text + head.encode()), value)
        text = bytearray(b"\r\n")
    parts.append(bytes(text + f"--{boundary}--\r\n".encode()))
    size = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)
    return f"multipart/form-data; boundary={boundary}", parts, size


async def _read_parts(parts: list[bytes | Blob]) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            async for chunk in part._chunks():
                yield chunk


def _crlf(text: str) -> str:
    return _LONE_NEWLINE.sub("\r\n", text)


def _escape(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
