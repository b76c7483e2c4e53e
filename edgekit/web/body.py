"""What Request and Response share: a body that is read once. WHATWG Fetch, "Body".

A body is held as it came: None, bytes, or a ReadableStream. Nothing is copied or converted before
somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit import host
from edgekit.errors import BodyUsedError, WebRangeError, WebSyntaxError, WebTypeError
from edgekit.web.spelling import Spelled
from edgekit.web.streams import ReadableStream

if TYPE_CHECKING:
    from edgekit.web.blob import Blob
    from edgekit.web.formdata import FormData
    from edgekit.web.headers import Headers

TEXT = b"text/plain;charset=UTF-8"
Bytes = bytes  # in a class with a method `bytes`, annotations need another name for the type


def encode_text(text: str) -> bytes:
    """UTF-8, in which a lone surrogate becomes U+FFFD, as wherever the standards encode."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def extract_body(body: Any) -> tuple[bytes | ReadableStream | None, bytes | None]:
    """A body as it is held, and the content type that it brings along, if any.

    Takes None, str, bytes, bytearray, memoryview, Blob, FormData, URLSearchParams, ReadableStream,
    an async iterator or an iterable of bytes; WebTypeError for anything else.
    """
    kind = body.__class__
    if kind is str:
        return encode_text(body), TEXT
    if kind is bytes or body is None or kind is ReadableStream:
        return body, None
    if isinstance(body, bytearray | memoryview | bytes):
        return bytes(body), None
    if isinstance(body, str):
        return encode_text(body), TEXT
    if isinstance(body, ReadableStream):
        return body, None
    # Looked up by name, so that whoever sends no form does not load the forms.
    encode = getattr(body, "_as_body", None)
    if encode is not None:
        data, content_type = encode()
        return data, content_type.encode("latin-1") if content_type else None
    if isinstance(body, dict | int | float | bool):
        raise WebTypeError(
            f"a body cannot be made of {kind.__name__}; did you mean Response.json(...)?"
        )
    if hasattr(body, "__aiter__") or hasattr(body, "__iter__"):
        return ReadableStream(body), None
    raise WebTypeError(f"a body cannot be made of {kind.__name__}")


class Body(Spelled):
    """Mixin: `body`, `body_used` and the methods that read it, each once."""

    _body: Bytes | ReadableStream | None
    _used: bool

    @property
    def headers(self) -> Headers:
        raise NotImplementedError  # both heirs have it

    @property
    def body(self) -> ReadableStream | None:
        """The body as a stream, or None when there is none."""
        body = self._body
        if body is None or isinstance(body, ReadableStream):
            return body
        stream = ReadableStream((body,), length=len(body))
        if self._used:
            stream.locked = stream.disturbed = True
        self._body = stream
        return stream

    @property
    def body_used(self) -> bool:
        """Whether somebody has begun to read the body."""
        body = self._body
        return self._used or (isinstance(body, ReadableStream) and body.disturbed)

    async def bytes(self) -> Bytes:
        """The whole body; b"" when there is none. BodyUsedError the second time."""
        body = self._take()
        if body is None:
            return b""
        return await body.read_all() if isinstance(body, ReadableStream) else body

    async def array_buffer(self) -> Bytes:
        """JavaScript's name for `bytes()`."""
        return await self.bytes()

    async def text(self) -> str:
        """The body as UTF-8 text; what is not UTF-8 becomes U+FFFD, a byte order mark goes."""
        text = (await self.bytes()).decode("utf-8", "replace")
        return text[1:] if text[:1] == "\ufeff" else text

    async def read_json(self, type: Any = None) -> Any:
        """The body as JSON, checked against `type` where given. See the heirs' `json`."""
        return self._decode(await self.bytes(), type)

    def _decode(self, data: Bytes, type: Any) -> Any:
        if data[:3] == b"\xef\xbb\xbf":
            data = data[3:]
        try:
            return host.json_decode(data, type)
        except host.JSONSyntaxError as error:
            raise self._fault(400, f"the body is not JSON: {error}", "$") from None
        except host.JSONShapeError as error:
            raise self._fault(422, str(error), error.path) from None

    async def blob(self) -> Blob:
        """The body as a Blob of the body's content type."""
        from edgekit.web.blob import Blob, media_type

        content_type = media_type(self.headers.get("content-type") or "")
        return Blob([await self.bytes()], type=content_type)

    async def form_data(self) -> FormData:
        """The body as a form, urlencoded or multipart; large files are spooled to disk."""
        from edgekit.web.formdata import parse_form

        content_type = self.headers.get("content-type") or ""
        body = self._take()
        stream = body if isinstance(body, ReadableStream) else ReadableStream((body or b"",))
        try:
            return await parse_form(content_type, stream)
        except WebSyntaxError as error:
            raise self._fault(400, str(error), None) from None
        except WebRangeError as error:
            raise self._fault(413, str(error), None) from None

    def _take(self) -> Bytes | ReadableStream | None:
        """Hand the body to its one reader."""
        body = self._body
        if body is None:
            return None
        if self._used or (isinstance(body, ReadableStream) and (body.locked or body.disturbed)):
            raise BodyUsedError(
                "Body has already been used. It can only be used once. Use tee() first if you need to read it twice."
            )
        self._used = True
        return body

    def _tee(self) -> Bytes | ReadableStream | None:
        """A second body of the same bytes, for `clone()`."""
        body = self._body
        if body is None:
            return None
        if self.body_used or (isinstance(body, ReadableStream) and body.locked):
            raise BodyUsedError("Cannot clone a body that has already been used.")
        if not isinstance(body, ReadableStream):
            return body
        self._body, other = body.tee()
        return other

    def _fault(self, status: int, message: str, path: str | None) -> Exception:
        """The error for a body that is not what it should be; a Request answers with a status."""
        return WebSyntaxError(message, path=path)
