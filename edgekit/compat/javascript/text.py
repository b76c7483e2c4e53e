"""Text: TextEncoder, TextDecoder, base64, URI escapes, numbers as text. Spec: WHATWG Encoding, ECMAScript."""

from __future__ import annotations

import codecs
import math
import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from edgekit.bindings.webidl import number as text_number
from edgekit.compat.javascript.arrays import Uint8Array, bytes_of
from edgekit.compat.javascript.convert import native
from edgekit.compat.javascript.errors import DOMException, RangeError, TypeError_, URIError
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import Object, number, string
from edgekit.web.body import encode_text
from edgekit.web.data_urls import decode_base64
from edgekit.web.encodings import REFUSE, REPLACE, encoding_of


class TextEncoder(JsProxy):
    """Text to UTF-8."""

    encoding = "utf-8"

    def encode(self, text: Any = "") -> Uint8Array:
        """The text as an Uint8Array."""
        return Uint8Array(encode_text("" if text is None else string(text)))

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
        found = encoding_of("utf-8" if label is None else string(label))
        if found is None:
            raise RangeError(f'The "{string(label)}" encoding is not supported')
        self.encoding, self._codec = found
        self.fatal = bool(chosen.get("fatal"))
        self.ignoreBOM = bool(chosen.get("ignoreBOM"))
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = False

    def decode(self, data: Any = None, options: Any = None) -> str:
        """The text of the bytes; with `stream`, a character that is not complete waits for the rest."""
        more = bool((native(options) or {}).get("stream"))
        if self._decoder is None:
            made = codecs.getincrementaldecoder(self._codec)
            errors = "strict" if self.fatal else "replace"
            if not self.encoding.startswith("utf-"):
                errors = REFUSE if self.fatal else REPLACE
            self._decoder, self._begun = made(errors), False
        try:
            text = self._decoder.decode(b"" if data is None else bytes_of(native(data)), not more)
        except UnicodeDecodeError:
            self._decoder = None
            raise TypeError_(
                f"The encoded data was not valid for encoding {self.encoding}"
            ) from None
        if text and not self._begun:
            self._begun = True
            if not self.ignoreBOM and self.encoding.startswith("utf-"):
                text = text.removeprefix("\ufeff")
        if not more:
            self._decoder = None
        return text


def btoa(text: Any) -> str:
    """Characters up to U+00FF as base64."""
    try:
        return b64encode(string(text).encode("latin-1")).decode()
    except UnicodeEncodeError:
        raise DOMException("Invalid character", "InvalidCharacterError") from None


def atob(text: Any) -> str:
    """What base64 says, a character a byte."""
    try:
        return decode_base64(string(text)).decode("latin-1")
    except ValueError:
        raise DOMException("Invalid character", "InvalidCharacterError") from None


_COMPONENT = "-_.!~*'()"
_URI = _COMPONENT + ";/?:@&=+$,#"


def encodeURIComponent(value: Any) -> str:
    return _encode(value, _COMPONENT)


def encodeURI(value: Any) -> str:
    return _encode(value, _URI)


def _encode(value: Any, safe: str) -> str:
    text = string(value)
    try:
        if not text.isascii():  # two halves of a pair are one character
            text = text.encode("utf-16", "surrogatepass").decode("utf-16")
        return quote(text, safe)
    except UnicodeError:
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


_KEPT = re.compile("(%(?:2[346BCF]|3[ABDF]|40))", re.IGNORECASE)


def decodeURI(value: Any) -> str:
    """As decodeURIComponent, but for escapes of what means something in a URI."""
    parts = _KEPT.split(string(value))
    parts[::2] = map(decodeURIComponent, parts[::2])
    return "".join(parts)


_INT = re.compile(r"\s*([+-]?)(0[xX])?([0-9a-zA-Z]*)")
_FLOAT = re.compile(r"\s*([+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))")


def parseInt(value: Any, radix: int = 0) -> int | float:
    """The whole number that a text begins with; NaN where there is none."""
    found = _INT.match(string(value))
    if found is None:
        return math.nan
    sign, prefix, digits = found.groups()
    if radix and not 2 <= radix <= 36:
        return math.nan
    if prefix and radix not in (0, 16):
        digits = "0"
    base = radix or (16 if prefix else 10)
    taken = ""
    for digit in digits:
        if not digit.isascii() or int(digit, 36) >= base:
            break
        taken += digit
    if not taken:
        return math.nan
    taken = taken.lstrip("0") or "0"
    try:
        # Beyond 1024 digits it is infinite in every base; Python refuses to read very many.
        whole = float(int(taken, base)) if len(taken) <= 1024 else math.inf
    except OverflowError:
        whole = math.inf
    return number(-whole if sign == "-" else whole)


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
    return number(text_number(string(value)))


def whole(value: Any) -> int:
    """A whole number, within 53 bits: fractions are cut off, and what is no number is 0."""
    converted = 0 if value is None else to_number(value)
    return int(max(min(converted, 2**53), -(2**53))) if converted == converted else 0
