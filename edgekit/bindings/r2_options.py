"""What R2's methods are given, in all its forms, checked with the platform's texts. Spec: Workers R2.

Objects are dicts in either spelling, or Headers where the platform takes those; a moment is a datetime
(a naive one is local time) or milliseconds since 1970. Conditions and ranges are in r2_conditions.py.
The order of the checks is the platform's. Pure: nothing here reads or writes an object.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeAlias

from edgekit.bindings.results import HTTP_FIELDS
from edgekit.bindings.webidl import string, utf8
from edgekit.errors import R2Error, R2TypeError, UnsupportedError
from edgekit.web.blob import Blob
from edgekit.web.conditional import parse_http_date
from edgekit.web.headers import Headers
from edgekit.web.spelling import snake
from edgekit.web.streams import ReadableStream

MAX_KEY = 1024  # bytes of UTF-8
MAX_CUSTOM_METADATA = 2048  # characters, which count twice in a text that has one above U+00FF

# The option's name, which is hashlib's -> the platform's name, and the bytes of such a digest.
CHECKSUMS = {
    "md5": ("MD5", 16),
    "sha1": ("SHA-1", 20),
    "sha256": ("SHA-256", 32),
    "sha384": ("SHA-384", 48),
    "sha512": ("SHA-512", 64),
}
STORAGE_CLASSES = ("Standard", "InfrequentAccess")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MOMENT = (2**63 - 1) // 10**6  # milliseconds: what has nanoseconds of 64 bits

_HEX = re.compile(r"[0-9a-fA-F]*").fullmatch

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


def http_metadata(value: Any, options: str) -> dict[str, Any]:
    """`http_metadata`, a dict or Headers, as it is stored: by the platform's names, a moment in ms."""
    if value is None:
        return {}
    if isinstance(value, Headers):
        found: dict[str, Any] = {}
        for field, header in HTTP_FIELDS.items():
            if (text := value.get(header)) is not None:
                found[field] = header_moment(value, header) if header == "expires" else text
        return found
    fields = fields_of(value, "httpMetadata", options, "HttpMetadata or Headers")
    found = {}
    for field in HTTP_FIELDS:
        if (given := fields.get(snake(field))) is not None:
            if field == "cacheExpiry":
                found[field] = moment(fields, field, "HttpMetadata")
            else:
                text = string(given)
                if text is None:
                    refuse(field, "HttpMetadata", "string")
                found[field] = replaced(text)
    return found


def custom_metadata(value: Any, options: str) -> dict[str, str]:
    """`custom_metadata`, a dict of strings."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        refuse("customMetadata", options, "object")
    found = {}
    for name, item in value.items():
        key, text = string(name), string(item)
        if key is None or text is None:
            refuse("customMetadata", options, "object of strings")
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
            refuse(name, "PutOptions", "JsBufferSource or string")


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
    if value is not None and not isinstance(value, str):
        refuse(name, options, "string")
    return value


def _not_of_type(method: str, owner: str, parameter: int, kinds: str) -> str:
    return f"Failed to execute '{method}' on '{owner}': parameter {parameter} is not of type '{kinds}'."


def refuse(field: str, struct: str, kinds: str) -> NoReturn:
    """The error for a field of an object that is of another type."""
    raise R2TypeError(
        f"Incorrect type for the '{field}' field on '{struct}':"
        f" the provided value is not of type '{kinds}'."
    )


def fields_of(value: Any, field: str, struct: str, kinds: str) -> dict[str, Any]:
    """An option that is an object, its fields in snake_case."""
    if not isinstance(value, Mapping):
        refuse(field, struct, kinds)
    return {snake(str(name)): item for name, item in value.items()}


def text_field(fields: Mapping[str, Any], field: str, struct: str) -> str | None:
    """A field that is a string."""
    return text_option(fields.get(snake(field)), field, struct)


def moment(fields: Mapping[str, Any], field: str, struct: str) -> int | None:
    """A field that is a date, in milliseconds since 1970."""
    value = fields.get(snake(field))
    if value is None:
        return None
    if isinstance(value, datetime):
        return (value.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(field, struct, "date")
    if not math.isfinite(value):
        raise R2TypeError("The value cannot be converted because it is not a valid Date.")
    if value > _MAX_MOMENT:
        raise R2TypeError("This API doesn't support dates after 2189.")
    if value < -_MAX_MOMENT:
        raise R2TypeError("This API doesn't support dates before 1687.")
    return int(value)


def header_moment(headers: Headers, name: str) -> int | None:
    """A header that is a date, in milliseconds since 1970."""
    text = headers.get(name)
    # What is no date is the first of all dates to the platform.
    return None if text is None else int((parse_http_date(text) or 0) * 1000)
