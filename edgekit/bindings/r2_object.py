"""R2Object and R2ObjectBody: what a bucket tells of an object, and its bytes. Spec: Workers R2.

A record's `meta` is an object's description, as JSON; its value says the version, and where the bytes
are, or has them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from edgekit import host
from edgekit.bindings.r2_options import CHECKSUMS
from edgekit.bindings.results import HTTP_FIELDS, R2HTTPMetadata, R2Range
from edgekit.engines.blobs import Piece
from edgekit.errors import R2TypeError
from edgekit.web.body import Body
from edgekit.web.conditional import http_date
from edgekit.web.headers import Headers
from edgekit.web.spelling import Plain, Spelled
from edgekit.web.streams import ReadableStream

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Description(NamedTuple):
    """All that is known of an object but its key. `uploaded`, and an `expires` in `http`, are in ms."""

    version: str
    size: int
    etag: str
    uploaded: int
    storage_class: str
    checksums: dict[str, str]
    http: dict[str, Any]
    custom: dict[str, str]

    def encode(self) -> bytes:
        """As it stands in a record."""
        return host.json_encode(self)

    @classmethod
    def decode(cls, meta: bytes) -> Description:
        """From a record."""
        return cls(*host.json_decode(meta))


class Contents(NamedTuple):
    """The bytes of an object: `data`, or else pieces of blobs that have them.

    The version makes no two values of a record alike.
    """

    version: str
    pieces: list[Piece]
    data: bytes | None = None

    def encode(self) -> bytes:
        """As it stands in a record: a line of JSON, and the bytes that it has itself."""
        line = host.json_encode((self.version, self.pieces))
        return line if self.data is None else b"%s\n%s" % (line, self.data)

    @classmethod
    def decode(cls, value: list[bytes]) -> Contents:
        """From a record."""
        line, newline, data = b"".join(value).partition(b"\n")
        version, pieces = host.json_decode(line)
        return cls(version, [Piece(*piece) for piece in pieces], data if newline else None)


class R2Checksums(Spelled):
    """Digests of an object, each as bytes or None: MD5 if it was put at once, others if they were given."""

    __slots__ = ("md5", "sha1", "sha256", "sha384", "sha512")

    md5: bytes | None
    sha1: bytes | None
    sha256: bytes | None
    sha384: bytes | None
    sha512: bytes | None

    def __init__(self, digests: dict[str, str]) -> None:
        for name in CHECKSUMS:
            text = digests.get(name)
            setattr(self, name, None if text is None else bytes.fromhex(text))

    def to_json(self) -> Plain:
        """Those that there are, in hexadecimal."""
        digests = ((name, getattr(self, name)) for name in CHECKSUMS)
        return Plain({name: digest.hex() for name, digest in digests if digest is not None})

    def __repr__(self) -> str:
        return f"R2Checksums({dict(self.to_json())!r})"


class R2Object(Spelled):
    """What a bucket tells of an object: its `key`, `version`, `size` (bytes), `etag` and the rest.

    `range` is None for an object that was just put or listed.
    """

    __slots__ = ("_about", "key", "range")

    key: str
    range: R2Range | None

    def __init__(self, key: str, about: Description, range: R2Range | None = None) -> None:
        self.key = key
        self.range = range
        self._about = about

    @property
    def version(self) -> str:
        """A text that no other upload has."""
        return self._about.version

    @property
    def size(self) -> int:
        """The object's length in bytes, whatever `range` says."""
        return self._about.size

    @property
    def etag(self) -> str:
        """MD5 in hexadecimal; of a multipart upload, that of its parts' MD5s, and their number."""
        return self._about.etag

    @property
    def http_etag(self) -> str:
        """The etag as the header wants it, in quotes."""
        return f'"{self._about.etag}"'

    @property
    def uploaded(self) -> datetime:
        """When it was put, in UTC, to the millisecond."""
        return _EPOCH + timedelta(milliseconds=self._about.uploaded)

    @property
    def checksums(self) -> R2Checksums:
        """The digests that are known."""
        about = self._about
        md5 = {"md5": about.etag} if len(about.etag) == 32 else {}
        return R2Checksums({**md5, **about.checksums})

    @property
    def http_metadata(self) -> R2HTTPMetadata:
        """The headers that it was put with; none in a list that does not include them."""
        fields = R2HTTPMetadata(self._about.http)
        if "cacheExpiry" in fields:
            fields["cacheExpiry"] = _EPOCH + timedelta(milliseconds=fields["cacheExpiry"])
        return fields

    @property
    def custom_metadata(self) -> Plain:
        """The names and texts that it was put with; none in a list that does not include them."""
        return Plain(self._about.custom)

    @property
    def storage_class(self) -> str:
        """Standard or InfrequentAccess, which are the same here."""
        return self._about.storage_class

    @property
    def ssec_key_md5(self) -> None:
        """None: nothing is encrypted here."""
        return None

    def write_http_metadata(self, headers: Headers) -> None:
        """Set the headers that it was put with."""
        if not isinstance(headers, Headers):
            raise R2TypeError(
                "Failed to execute 'writeHttpMetadata' on 'HeadResult': parameter 1 is not of type 'Headers'."
            )
        for field, header in HTTP_FIELDS.items():
            value = self._about.http.get(field)
            if value is not None:
                text = http_date(value / 1000) if field == "cacheExpiry" else value
                headers.set(header, text)

    def to_json(self) -> Plain:
        """What JSON.stringify shows of it on the platform, as data."""
        shown = Plain(key=self.key, version=self.version, size=self.size, etag=self.etag)
        shown["httpEtag"] = self.http_etag
        shown["checksums"] = self.checksums.to_json()
        shown["uploaded"] = self.uploaded
        shown["httpMetadata"] = self.http_metadata
        shown["customMetadata"] = self.custom_metadata
        if self.range is not None:
            shown["range"] = self.range
        shown["storageClass"] = self.storage_class
        return shown

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, size={self.size}, etag={self.etag!r})"


class R2ObjectBody(R2Object, Body):
    """An object with its bytes, of which `range` says which: `body` (a stream), or `text()`, `json()`,
    `bytes()`, `array_buffer()`, `blob()`, each once. `Response(obj.body)` streams it to a client.

    The bytes are those of when it was got, even if the object is overwritten or deleted meanwhile.
    """

    __slots__ = ("_body", "_used")

    def __init__(self, key: str, about: Description, range: R2Range, body: ReadableStream) -> None:
        super().__init__(key, about, range)
        self._body = body
        self._used = False

    @property
    def headers(self) -> Headers:
        """The headers that it was put with."""
        headers = Headers()
        self.write_http_metadata(headers)
        return headers

    async def json(self, type: Any = None) -> Any:
        """The bytes as JSON, checked against `type` where given; WebSyntaxError if they are not."""
        return await self.read_json(type)
