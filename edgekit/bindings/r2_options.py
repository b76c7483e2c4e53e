"""What R2's methods are given, in all its forms, checked with the platform's texts. Spec: Workers R2.

Objects, conditions, ranges, metadata and checksums are dicts in either spelling or Headers where the
platform takes those; a moment is a datetime (a naive one is local time) or milliseconds since 1970.
The order of the checks is the platform's. Pure: nothing here reads or writes an object.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn, TypeAlias

from edgekit.bindings.webidl import string, utf8
from edgekit.errors import R2Error, R2RangeError, R2TypeError, UnsupportedError
from edgekit.web.blob import Blob
from edgekit.web.conditional import parse_http_date, parse_range
from edgekit.web.headers import Headers
from edgekit.web.spelling import snake
from edgekit.web.streams import ReadableStream

MAX_KEY = 1024  # bytes of UTF-8
MAX_CUSTOM_METADATA = 2048  # characters, which count twice in a text that has one above U+00FF
MAX_PART_NUMBER = 10_000

# name -> (its options' name and hashlib's, the platform's name, bytes)
CHECKSUMS = {
    "md5": ("MD5", 16),
    "sha1": ("SHA-1", 20),
    "sha256": ("SHA-256", 32),
    "sha384": ("SHA-384", 48),
    "sha512": ("SHA-512", 64),
}
STORAGE_CLASSES = ("Standard", "InfrequentAccess")
HTTP_FIELDS = {
    "contentType": "content-type",
    "contentLanguage": "content-language",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "cacheControl": "cache-control",
    "cacheExpiry": "expires",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MOMENT = (2**63 - 1) // 10**6  # milliseconds: what has nanoseconds of 64 bits

_BEGINS_TAG = re.compile(r'[ \t]*([,*"W])').match
_HEX = re.compile(r"[0-9a-fA-F]*").fullmatch

Moment: TypeAlias = datetime | float
Value: TypeAlias = (
    str
    | bytes
    | bytearray
    | memoryview
    | Blob
    | ReadableStream
    | AsyncIterable[bytes]
    | Iterable[bytes]
    | None
)


class Tag(NamedTuple):
    """An entity tag of a condition; `value` None stands for any."""

    value: str | None
    weak: bool = False


class Condition(NamedTuple):
    """When a get or put is to be done. Moments are in milliseconds since 1970."""

    matches: Sequence[Tag] | None = None
    differs: Sequence[Tag] | None = None
    before: int | None = None
    after: int | None = None
    whole_seconds: bool = False

    def holds(self, etag: str | None, uploaded: int) -> bool:
        """Whether it holds for an object, or (without an etag) where there is none."""
        if etag is None:
            return self.matches is None and self.after is None
        unit = 1000 if self.whole_seconds else 1
        uploaded //= unit
        matches = self.matches is None or any(
            tag.value is None or (tag.value == etag and not tag.weak) for tag in self.matches
        )
        differs = self.differs is None or not any(
            tag.value is None or tag.value == etag for tag in self.differs
        )
        # As in HTTP, a date counts for nothing beside the tags of its kind.
        after = self.after is None or self.after // unit < uploaded or self.differs is not None
        before = self.before is None or uploaded < self.before // unit or self.matches is not None
        return matches and differs and after and before


class Range(NamedTuple):
    """Which bytes to get: as numbers, or as a Range header."""

    offset: float | None = None
    length: float | None = None
    suffix: float | None = None
    header: str | None = None

    def of(self, size: int) -> tuple[int, int] | None:
        """Offset and length within `size` bytes; None where there are no such bytes."""
        if self.header is not None:  # of which the platform takes a single range, or else nothing
            ranges = parse_range(self.header, size)
            if ranges is None or len(ranges) != 1:
                return 0, size
            return ranges[0][0], ranges[0][1] - ranges[0][0]
        if self.suffix is not None:
            length = int(min(self.suffix, size))
            return (size - length, length) if length else None
        if (self.offset or 0) >= size:
            return None
        offset = int(self.offset or 0)
        length = int(min(size if self.length is None else self.length, size - offset))
        return (offset, length) if length else None


def key_bytes(
    method: str, key: Any, text: str, owner: str = "R2Bucket", parameter: int = 1
) -> bytes:
    """A key's UTF-8, in which lone surrogates are replaced as on the way to the platform's store."""
    name = string(key)
    if name is None:
        raise R2TypeError(_not_of_type(method, owner, parameter, text))
    return name.encode() if name.isascii() else replaced(name).encode()


def replaced(text: str) -> str:
    """A string as it arrives at the platform's store."""
    return utf8(text).decode("utf-8", "replace")


def check_key(method: str, key: bytes) -> bytes:
    """The key, if it is not too long."""
    if len(key) > MAX_KEY:
        raise failure(method, 10020)
    return key


def held(
    method: str, value: Any, owner: str = "R2Bucket", *, none: bool = True
) -> bytes | ReadableStream:
    """What is to be stored: all of it, or a stream."""
    if value.__class__ is bytes or isinstance(value, ReadableStream):
        return value
    if value is None and none:
        return b""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Blob):
        return value.stream()
    # Lists, tuples, dicts and sets are objects to the platform, which refuses those.
    if isinstance(value, AsyncIterable) or (
        isinstance(value, Iterable) and not isinstance(value, Sequence | Mapping | Set)
    ):
        return ReadableStream(value)
    kinds = "ReadableStream or ArrayBuffer or ArrayBufferView or string or Blob"
    raise R2TypeError(_not_of_type(method, owner, 2, kinds))


def condition_fields(value: Any, options: str) -> Headers | Condition | None:
    """`only_if`, with its types checked: {etagMatches, etagDoesNotMatch, uploadedBefore,
    uploadedAfter, secondsGranularity}, or the Headers of a request. `condition` makes it one."""
    if value is None or isinstance(value, Headers):
        return value
    fields = _fields(value, "onlyIf", options, "Conditional or Headers")
    matches, differs = (
        None if text is None else (Tag(text),)
        for text in (
            _text(fields, name, "Conditional") for name in ("etagMatches", "etagDoesNotMatch")
        )
    )
    before = _moment(fields, "uploadedBefore", "Conditional")
    after = _moment(fields, "uploadedAfter", "Conditional")
    return Condition(matches, differs, before, after, bool(fields.get("seconds_granularity")))


def condition(fields: Headers | Condition | None) -> Condition | None:
    """What `condition_fields` has given, with its tags checked."""
    if isinstance(fields, Headers):
        return Condition(
            _header_tags(fields, "if-match"),
            _header_tags(fields, "if-none-match"),
            _header_moment(fields, "if-unmodified-since"),
            _header_moment(fields, "if-modified-since"),
            True,
        )
    if fields is None:
        return None
    return fields._replace(matches=_tags(fields.matches), differs=_tags(fields.differs))


def range_fields(value: Any) -> Headers | Mapping[str, Any] | None:
    """`range`, with its type checked: {offset, length}, {suffix} or the Headers of a request."""
    if value is None or isinstance(value, Headers):
        return value
    return _fields(value, "range", "GetOptions", "Range or Headers")


def range_of(fields: Headers | Mapping[str, Any] | None) -> Range | None:
    """What `range_fields` has given, with its numbers checked."""
    if fields is None:
        return None
    if isinstance(fields, Headers):
        header = fields.get("range")
        return None if header is None else Range(header=header)
    offset, length, suffix = (
        None if fields.get(name) is None else _number(fields[name])
        for name in ("offset", "length", "suffix")
    )
    _check_number(offset, "range. Starting offset", "range. Starting offset")
    _check_number(length, "range. Length", "range. Length")
    if suffix is not None:
        if offset is not None:
            raise R2TypeError("Suffix is incompatible with offset.")
        if length is not None:
            raise R2TypeError("Suffix is incompatible with length.")
    _check_number(suffix, "suffix. Suffix", "range. Suffix")
    return Range(offset, length, suffix)


def http_metadata(value: Any, options: str) -> dict[str, Any]:
    """`http_metadata`, a dict or Headers, as it is stored: by the platform's names, a moment in ms."""
    if value is None:
        return {}
    if isinstance(value, Headers):
        found: dict[str, Any] = {}
        for field, header in HTTP_FIELDS.items():
            if (text := value.get(header)) is not None:
                found[field] = _header_moment(value, header) if header == "expires" else text
        return found
    fields = _fields(value, "httpMetadata", options, "HttpMetadata or Headers")
    found = {}
    for field in HTTP_FIELDS:
        if (given := fields.get(snake(field))) is not None:
            if field == "cacheExpiry":
                found[field] = _moment(fields, field, "HttpMetadata")
            else:
                text = string(given)
                if text is None:
                    _refuse(field, "HttpMetadata", "string")
                found[field] = replaced(text)
    return found


def custom_metadata(value: Any, options: str) -> dict[str, str]:
    """`custom_metadata`, a dict of strings."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        _refuse("customMetadata", options, "object")
    found = {}
    for name, item in value.items():
        key, text = string(name), string(item)
        if key is None or text is None:
            _refuse("customMetadata", options, "object of strings")
        found[replaced(key)] = replaced(text)
    return found


def check_custom_metadata(method: str, metadata: Mapping[str, str]) -> None:
    """The platform's measure: a byte a character, two in a text with a character above U+00FF."""
    size = 0
    for text in (text for item in metadata.items() for text in item):
        units = len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
        size += units if not text or max(text) < "\u0100" else 2 * units
    if size > MAX_CUSTOM_METADATA:
        raise failure(method, 10012)


def check_digests(given: Mapping[str, Any]) -> None:
    """The types of the options that are checksums."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str | bytes | bytearray | memoryview):
            _refuse(name, "PutOptions", "JsBufferSource or string")


def checksum(given: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """The one checksum of those given, by its option's name, as bytes."""
    found: tuple[str, bytes] | None = None
    for name, value in given.items():
        if value is None:
            continue
        if found is not None:
            raise R2TypeError("You cannot specify multiple hashing algorithms.")
        label, size = CHECKSUMS[name]
        if isinstance(value, str):
            text = utf8(value)
            if len(text) != 2 * size:
                raise R2TypeError(f"{label} is {2 * size} hex characters, not {len(text)}")
            if not _HEX(value):
                raise R2TypeError(f"Provided {label} wasn't a valid hex string")
            value = bytes.fromhex(value)
        elif len(value := bytes(value)) != size:
            raise R2TypeError(f"{label} is {size} bytes, not {len(value)}")
        found = name, value
    return found


def storage_class(method: str, value: Any) -> str:
    """`storage_class`: Standard, which it is without, or InfrequentAccess."""
    if value is None:
        return STORAGE_CLASSES[0]
    if value not in STORAGE_CLASSES:
        raise R2Error(
            f"{method}: storageClass is {' or '.join(STORAGE_CLASSES)}, not {value!r:.50}"
        )
    return str(value)


def refuse_ssec_key(method: str, value: Any) -> None:
    """`ssec_key`: checked as the platform does, and then refused, rather than not to encrypt."""
    if value is None:
        return
    if isinstance(value, bytes | bytearray | memoryview):
        size = memoryview(value).nbytes
    else:
        text = string(value)
        if not text or not _HEX(text):
            raise R2Error("SSE-C Key has invalid format")
        size = len(text) // 2
    if size != 32:
        raise R2Error("SSE-C Key must be 32 bytes in length")
    raise UnsupportedError(
        f"R2 {method}: ssecKey: edgekit does not encrypt objects; keep them on an encrypted disk,"
        " or encrypt what you put"
    )


_FAILURES = {
    10001: "We encountered an internal error. Please try again.",
    100100: "Your proposed upload exceeds the maximum allowed object size.",
    10011: "Your proposed upload is smaller than the minimum allowed object size.",
    10012: "Your metadata headers exceed the maximum allowed metadata size.",
    10020: "The specified object name is not valid.",
    10022: "MaxKeys params must be positive integer <= 1000.",
    10024: "The specified multipart upload does not exist.",
    10025: "One or more of the specified parts could not be found.",
    10039: "The requested range is not satisfiable",
    10048: "There was a problem with the multipart upload.",
}


def failure(method: str, code: int, text: str = "") -> R2Error:
    """The error of a method, by its number."""
    return R2Error(f"{method}: {text or _FAILURES[code]} ({code})", code=code)


def bad_digest(name: str, given: bytes, actual: bytes) -> R2Error:
    """The error for bytes that are not those of the checksum."""
    label = CHECKSUMS[name][0]
    return failure(
        "put",
        10037,
        f"The {label} checksum you specified did not match what we received.\n"
        f"You provided a {label} checksum with value: {given.hex()}\n"
        f"Actual {label} was: {actual.hex()}",
    )


def text_option(value: Any, name: str, options: str) -> str | None:
    """An option that is a string and nothing that could become one."""
    if value is None or isinstance(value, str):
        return value
    _refuse(name, options, "string")


def _not_of_type(method: str, owner: str, parameter: int, kinds: str) -> str:
    return f"Failed to execute '{method}' on '{owner}': parameter {parameter} is not of type '{kinds}'."


def _refuse(field: str, struct: str, kinds: str) -> NoReturn:
    raise R2TypeError(
        f"Incorrect type for the '{field}' field on '{struct}':"
        f" the provided value is not of type '{kinds}'."
    )


def _fields(value: Any, field: str, struct: str, kinds: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(field, struct, kinds)
    return {snake(str(name)): item for name, item in value.items()}


def _text(fields: Mapping[str, Any], field: str, struct: str) -> str | None:
    return text_option(fields.get(snake(field)), field, struct)


def _tags(tags: Sequence[Tag] | None) -> Sequence[Tag] | None:
    if tags is None:
        return None
    text = tags[0].value or ""
    if text.startswith('"') and text.endswith('"'):
        raise R2TypeError(f"Conditional ETag should not be wrapped in quotes ({text}).")
    return (Tag(None),) if text == "*" else tags


def _moment(fields: Mapping[str, Any], field: str, struct: str) -> int | None:
    value = fields.get(snake(field))
    if value is None:
        return None
    if isinstance(value, datetime):
        return (value.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(field, struct, "date")
    if not math.isfinite(value):
        raise R2TypeError("The value cannot be converted because it is not a valid Date.")
    if value > _MAX_MOMENT:
        raise R2TypeError("This API doesn't support dates after 2189.")
    if value < -_MAX_MOMENT:
        raise R2TypeError("This API doesn't support dates before 1687.")
    return int(value)


def _header_moment(headers: Headers, name: str) -> int | None:
    text = headers.get(name)
    # What is no date is the first of all dates to the platform.
    return None if text is None else int((parse_http_date(text) or 0) * 1000)


def _header_tags(headers: Headers, name: str) -> Sequence[Tag] | None:
    header = headers.get(name)
    if header is None:
        return None
    tags: list[Tag] = []
    at, separated = 0, True
    while (found := _BEGINS_TAG(header, at)) is not None:  # what else there is ends the list
        character, at = found[1], found.end()
        if character == ",":
            separated = True
            continue
        if not separated:
            what = {
                "*": "wildcard character '*' instead.",
                '"': "double quote character '\"' instead."
                " This would otherwise indicate the start of a new strong etag.",
                "W": "weak quotation character 'W' instead."
                " This would otherwise indicate the start of a new weak etag.",
            }[character]
            raise R2Error(f"Comma was expected to separate etags. Encountered a {what}")
        if character == "*":
            return (Tag(None),)
        weak = character == "W"
        if weak:
            if header[at : at + 2] != '/"':
                raise R2Error("Weak etags must start with W/ and their value must be quoted")
            at += 2
        end = header.find('"', at)
        if end < 0:
            raise R2Error("Unclosed double quote for Etag")
        tags.append(Tag(header[at:end], weak))
        at, separated = end + 1, False
    if not tags:
        raise R2Error(f"Invalid ETag in {name} header")
    return tags


def _number(value: Any) -> float:
    """JavaScript's Number(value)."""
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return math.nan
    text = value.strip()
    try:
        return int(text, 16) if text[:2].lower() == "0x" else float(text or 0)
    except ValueError:
        return math.nan


def _check_number(number: float | None, what: str, whole: str) -> None:
    if number is None:
        return
    if math.isfinite(number) and number >= 0 and number != int(number):
        raise R2RangeError(
            f"Invalid {whole} ({_shown(number)}) must be an integer, not floating point."
        )
    if not number >= 0:
        raise R2RangeError(f"Invalid {what} ({_shown(number)}) must be greater than or equal to 0.")


def _shown(number: float) -> str:
    text = f"{float(number):.15g}"
    if number == number and float(text) != number:
        text = f"{float(number):.17g}"
    return text.replace("e+", "e")
