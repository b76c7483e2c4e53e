"""Text: TextEncoder, TextDecoder, base64, URI escapes, numbers as text. Spec: WHATWG Encoding, ECMAScript."""

from __future__ import annotations

import codecs
import math
import re
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from edgekit.compat.javascript.arrays import Uint8Array, bytes_of
from edgekit.compat.javascript.convert import native
from edgekit.compat.javascript.errors import DOMException, RangeError, TypeError_, URIError
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import Object, number, string
from edgekit.web.body import encode_text

# The standard's labels that Python knows by another codec.
_CODECS = {
    "latin1": "cp1252",
    "iso-8859-1": "cp1252",
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "utf-16": "utf-16-le",
    "unicode-1-1-utf-8": "utf-8",
    "utf8": "utf-8",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "euc-kr": "cp949",
    "gb2312": "gbk",
}
_NAMES = {
    "cp1252": "windows-1252",
    "utf-16-le": "utf-16le",
    "cp932": "shift_jis",
    "cp949": "euc-kr",
}


class TextEncoder(JsProxy):
    """Text to UTF-8."""

    encoding = "utf-8"

    def encode(self, text: Any = "") -> Uint8Array:
        """The text as an Uint8Array."""
        return Uint8Array(encode_text(string(text)))

    def encodeInto(self, text: Any, target: Any) -> Object:
        """Write as many whole characters as there is room for; how many `{read, written}`."""
        read = written = 0
        view = target._view()
        for character in string(text):
            data = encode_text(character)
            if written + len(data) > len(view):
                break
            view[written : written + len(data)] = data
            written += len(data)
            read += 2 if character > "\uffff" else 1
        return Object.over({"read": read, "written": written})


class TextDecoder(JsProxy):
    """Bytes to text: `TextDecoder.new(label, {"fatal": ..., "ignoreBOM": ...})`."""

    def __init__(self, label: Any = "utf-8", options: Any = None) -> None:
        chosen = native(options) or {}
        name = string(label).strip().lower()
        codec = _CODECS.get(name, name)
        try:
            codec = codecs.lookup(codec).name
        except LookupError:
            raise RangeError(f'The "{name}" encoding is not supported') from None
        self.encoding = _NAMES.get(codec, codec)
        self.fatal = bool(chosen.get("fatal"))
        self.ignoreBOM = bool(chosen.get("ignoreBOM"))
        self._codec = codec
        self._decoder: codecs.IncrementalDecoder | None = None

    def decode(self, data: Any = None, options: Any = None) -> str:
        """The text of the bytes; with `stream`, a character that is not complete waits for the rest."""
        more = bool((native(options) or {}).get("stream"))
        decoder = self._decoder
        begun = decoder is not None
        if decoder is None:
            made = codecs.getincrementaldecoder(self._codec)
            decoder = made("strict" if self.fatal else "replace")
        try:
            text = decoder.decode(b"" if data is None else bytes_of(native(data)), not more)
        except UnicodeDecodeError:
            self._decoder = None
            raise TypeError_(
                f"The encoded data was not valid for encoding {self.encoding}"
            ) from None
        self._decoder = decoder if more else None
        if not begun and not self.ignoreBOM:
            text = text.removeprefix("\ufeff")
        return text


def btoa(text: Any) -> str:
    """Characters up to U+00FF as base64."""
    try:
        return b64encode(string(text).encode("latin-1")).decode()
    except UnicodeEncodeError:
        raise DOMException("Invalid character", "InvalidCharacterError") from None


_SPACE = str.maketrans("", "", "\t\n\f\r ")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*").fullmatch


def atob(text: Any) -> str:
    """What base64 says, a character a byte."""
    data = string(text).translate(_SPACE)
    if len(data) % 4 == 0:
        data = data.removesuffix("=").removesuffix("=")
    if len(data) % 4 == 1 or not _BASE64(data):
        raise DOMException("Invalid character", "InvalidCharacterError")
    return b64decode(data + "=" * (-len(data) % 4)).decode("latin-1")


_COMPONENT = "-_.!~*'()"
_URI = _COMPONENT + ";/?:@&=+$,#"


def encodeURIComponent(value: Any) -> str:
    return _encode(value, _COMPONENT)


def encodeURI(value: Any) -> str:
    return _encode(value, _URI)


def _encode(value: Any, safe: str) -> str:
    try:
        return quote(string(value), safe)
    except UnicodeEncodeError:
        raise URIError("URI malformed") from None


_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})").search


def decodeURIComponent(value: Any) -> str:
    text = string(value)
    try:
        if _BAD_ESCAPE(text):
            raise ValueError(text)
        return unquote_to_bytes(text).decode()
    except ValueError:
        raise URIError("URI malformed") from None


_ESCAPE = re.compile("(?:%[0-9A-Fa-f]{2})+")


def decodeURI(value: Any) -> str:
    """As decodeURIComponent, but for escapes of what means something in a URI."""

    def plain(found: re.Match[str]) -> str:
        text = decodeURIComponent(found[0])
        return "".join(quote(c, "") if c in ";/?:@&=+$,#" else c for c in text)

    text = string(value)
    if _BAD_ESCAPE(text):
        raise URIError("URI malformed")
    return _ESCAPE.sub(plain, text)


_INT = re.compile(r"\s*([+-]?)(0[xX])?([0-9a-zA-Z]*)")
_FLOAT = re.compile(r"\s*([+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))")


def parseInt(value: Any, radix: int = 0) -> int | float:
    """The whole number that a text begins with; NaN where there is none."""
    found = _INT.match(string(value))
    if found is None:
        return math.nan
    sign, prefix, digits = found.groups()
    if prefix and radix not in (0, 16):
        digits = "0"
    base = radix or (16 if prefix else 10)
    taken = ""
    for digit in digits:
        if not digit.isascii() or int(digit, 36) >= base:
            break
        taken += digit
    return int(f"{sign}{taken}", base) if taken else math.nan


def parseFloat(value: Any) -> int | float:
    """The number that a text begins with; NaN where there is none."""
    found = _FLOAT.match(string(value))
    return number(float(found[1].replace("Infinity", "inf"))) if found else math.nan


def to_number(value: Any = 0) -> int | float:
    """JavaScript's `Number(value)`."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return number(value)
    if value is None:
        return math.nan
    if hasattr(value, "getTime"):
        return number(value.getTime())
    if not value:  # null, ""
        return 0
    text = string(value).strip()
    if not text:
        return 0
    if re.fullmatch(r"0[xXoObB][0-9a-fA-F]+", text):
        return int(text, 0)
    found = _FLOAT.fullmatch(text)
    return number(float(found[1].replace("Infinity", "inf"))) if found else math.nan
