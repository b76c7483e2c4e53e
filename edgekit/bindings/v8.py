"""V8's serialization format, version 15: the bytes of what `values.clone` makes, and nothing else.

JavaScript reads it but for what it has no form for, which is written as a "host object": the format
leaves those to whoever embeds it. Numbers without a fraction are int beyond 32 bits too (BigInt), or
they would come back as float.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from edgekit.bindings.rebuilding import (
    arguments_of,
    classes_of,
    described_message,
    loaded,
    made_message,
    rebuilt,
    text_of,
)
from edgekit.errors import DataCloneError
from edgekit.web.blob import Blob
from edgekit.web.headers import Headers
from edgekit.web.spelling import Plain

DAMAGED = "Unable to deserialize cloned data."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_HEADER = b"\xff\x0f"
_DOUBLE = struct.Struct("<d")
_HOST = 0x5C
_NAIVE_DATE, _ERROR, _HEADERS, _BLOB, _MESSAGE = range(1, 6)


class Writer:
    """Writes what a copy is made of, and nothing else."""

    def __init__(self) -> None:
        self.data = bytearray(_HEADER)
        self._ids: dict[int, int] = {}
        self._count = 0

    def write(self, value: Any) -> None:
        data = self.data
        kind = value.__class__
        if kind is str:
            self._string(value)
        elif value is None:
            data += b"0"
        elif kind is bool:
            data += b"T" if value else b"F"
        elif kind is int:
            self._integer(value)
        elif kind is float:
            data += b"N" + _DOUBLE.pack(value)
        elif (known := self._ids.get(id(value))) is not None:
            data += b"^"
            self._varint(known)
        elif kind is bytes:
            self._count += 1  # a view, and the buffer that it shows, which counts too
            self._new(value)
            data += b"B"
            self._varint(len(value))
            data += value
            data += b"VB\0"
            self._varint(len(value))
            data += b"\0"
        elif kind is Plain:
            self._new(value)
            data += b"o"
            for key, item in value.items():
                self._string(key)
                self.write(item)
            data += b"{"
            self._varint(len(value))
        elif kind is list:
            self._new(value)
            data += b"A"
            self._varint(len(value))
            for item in value:
                self.write(item)
            data += b"$\0"
            self._varint(len(value))
        elif kind is set:
            self._new(value)
            data += b"'"
            for item in value:
                self.write(item)
            data += b","
            self._varint(len(value))
        else:
            self._new(value)
            self._object(value)

    def _object(self, value: Any) -> None:
        if isinstance(value, datetime):
            naive = value.tzinfo is None
            moment = value.replace(tzinfo=UTC) if naive else value
            self.data += bytes((_HOST, _NAIVE_DATE)) if naive else b"D"
            self.data += _DOUBLE.pack((moment - _EPOCH) // _MILLISECOND)
        elif isinstance(value, Exception):
            self.data += bytes((_HOST, _ERROR))
            classes = classes_of(value)
            self._string("\n".join(f"{cls.__module__}:{cls.__qualname__}" for cls in classes))
            self._string(text_of(value))
            self._sequence(arguments_of(value))
            self._sequence([part for pair in vars(value).items() for part in pair])
            self.write(value.__cause__)
        elif isinstance(value, Headers):
            self.data += bytes((_HOST, _HEADERS))
            self._sequence([text.decode("latin-1") for pair in value.raw for text in pair])
        elif isinstance(value, Blob):
            self.data += bytes((_HOST, _BLOB))
            self._string(value.type)
            content = value._read()
            self._varint(len(content))
            self.data += content
        else:
            self.data += bytes((_HOST, _MESSAGE))
            described = described_message(value)
            self._sequence(described[:-1])
            self._sequence(described[-1])
            self.write(value.cf)

    def _new(self, value: Any) -> None:
        self._ids[id(value)] = self._count
        self._count += 1

    def _sequence(self, values: Iterable[Any]) -> None:
        values = list(values)  # has no id of its own: it is gone when its number is used again
        self._varint(len(values))
        for value in values:
            self.write(value)

    def _varint(self, number: int) -> None:
        while number > 127:
            self.data.append(number & 127 | 128)
            number >>= 7
        self.data.append(number)

    def _integer(self, number: int) -> None:
        if -(2**31) <= number < 2**31:
            self.data += b"I"
            self._varint(number << 1 if number >= 0 else ~number << 1 | 1)
            return
        # JavaScript's numbers go further, but as doubles: they would come back as float.
        digits = abs(number)
        length = (digits.bit_length() + 63) // 64 * 8
        self.data += b"Z"
        self._varint(length << 1 | (number < 0))
        self.data += digits.to_bytes(length, "little")

    def _string(self, text: str) -> None:
        data = self.data
        try:
            encoded = text.encode("latin-1")
        except UnicodeEncodeError:
            encoded = text.encode("utf-16-le", "surrogatepass")
            length = len(encoded)
            size_of_length = (length.bit_length() + 6) // 7
            if (len(data) + 1 + size_of_length) & 1:  # its characters lie at even places
                data += b"\0"
            data += b"c"
        else:
            length = len(encoded)
            data += b'"'
        self._varint(length)
        data += encoded


class Reader:
    """Reads what `Writer` writes. Damage is whatever goes wrong: see `values.deserialize`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(_HEADER)
        self._objects: list[Any] = []
        if data[: self._at] != _HEADER:
            raise DataCloneError(DAMAGED)

    def read(self) -> Any:
        tag = self._tag()
        if tag in b'"c':
            return self._string(tag)
        if tag in b"0TF":
            return {0x30: None, 0x54: True, 0x46: False}[tag]
        if tag == 0x49:  # I
            number = self._varint()
            return number >> 1 if not number & 1 else ~(number >> 1)
        if tag == 0x4E:  # N
            return self._double()
        if tag == 0x5A:  # Z
            length = self._varint()
            digits = int.from_bytes(self._bytes(length >> 1), "little")
            return -digits if length & 1 else digits
        if tag == 0x5E:  # ^
            return self._objects[self._varint()]
        if tag == 0x6F:  # o
            fields = Plain()
            self._objects.append(fields)
            while (tag := self._tag()) != 0x7B:
                key = self._string(tag)
                fields[key] = self.read()
            self._varint()
            return fields
        if tag == 0x41:  # A
            items: list[Any] = []
            self._objects.append(items)
            for _ in range(self._varint()):
                items.append(self.read())
            self._bytes(2)
            self._varint()
            return items
        if tag == 0x27:  # '
            members: set[Any] = set()
            self._objects.append(members)
            while self._data[self._at] != 0x2C:
                members.add(self.read())
            self._at += 1
            self._varint()
            return members
        if tag == _HOST:
            return self._host_object()
        if tag == 0x42:  # B
            content = self._bytes(self._varint())
            self._bytes(3)
            self._varint()
            self._bytes(1)
            self._objects += (None, content)
            return content
        if tag == 0x44:  # D
            return self._made(_EPOCH + self._double() * _MILLISECOND)
        raise DataCloneError(DAMAGED)

    def _host_object(self) -> Any:
        tag = self._tag()
        if tag == _NAIVE_DATE:
            return self._made((_EPOCH + self._double() * _MILLISECOND).replace(tzinfo=None))
        if tag == _BLOB:
            kind = self._string(self._tag())
            return self._made(Blob([self._bytes(self._varint())], type=kind))
        at = len(self._objects)
        self._objects.append(None)
        if tag == _HEADERS:
            pairs = self._sequence()
            made: Any = Headers(zip(pairs[::2], pairs[1::2], strict=True))
        elif tag == _MESSAGE:
            made = made_message([*self._sequence(), self._sequence()], self.read())
        elif tag == _ERROR:
            names, text = self._string(self._tag()), self._string(self._tag())
            made = rebuilt(loaded(names), tuple(self._sequence()), text)
            self._objects[at] = made
            attributes = self._sequence()
            vars(made).update(zip(attributes[::2], attributes[1::2], strict=True))
            cause = self.read()
            if cause is not None:
                made.__cause__ = cause
        else:
            raise DataCloneError(DAMAGED)
        self._objects[at] = made
        return made

    def _made(self, value: Any) -> Any:
        self._objects.append(value)
        return value

    def _tag(self) -> int:
        tag = self._data[self._at]
        self._at += 1
        return tag if tag else self._tag()  # padding

    def _bytes(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise DataCloneError(DAMAGED)
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _sequence(self) -> list[Any]:
        return [self.read() for _ in range(self._varint())]

    def _double(self) -> float:
        return cast(float, _DOUBLE.unpack(self._bytes(8))[0])

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7

    def _string(self, tag: int) -> str:
        content = self._bytes(self._varint())
        if tag == 0x22:
            return content.decode("latin-1")
        if tag == 0x63:
            return content.decode("utf-16-le", "surrogatepass")
        raise DataCloneError(DAMAGED)
