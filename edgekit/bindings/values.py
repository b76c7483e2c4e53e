"""The one structured clone: what may cross from one Worker, or one moment, to another, and as what.

`clone` copies a value within the process (services, RPC); `serialize` and `deserialize` take the way
through bytes (messages of content type v8, an object's storage). Spec: HTML's structured clone as
workerd narrows it. The bytes are in V8's serialization format, version 15.

| given | arrives as |
|---|---|
| None, bool, int of any size, float, str (lone surrogates too), and what inherits from them | the same, as the plain type |
| bytes, bytearray, memoryview | bytes |
| list, tuple | list |
| dict | `Plain`, a dict with attributes; keys are text, numbers are spelled out as JavaScript does |
| set, frozenset | set |
| datetime | cut to a millisecond; in UTC if it has a time zone, as it is if it has none |
| Exception | the same class where it is loaded, else the nearest base that is; same text, arguments, cause, and those attributes that can be copied; no traceback |
| Headers, Blob, Request and Response without body | the same |
| Request and Response with body, ReadableStream | only by RPC: the bytes go with the copy |
| all else (functions, File, FormData, URL, other classes) | DataCloneError; by RPC whoever calls may pass a stand-in |

What is there twice arrives as one object that is there twice, and a circle as a circle.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, cast

from edgekit.bindings.webidl import string
from edgekit.errors import DataCloneError, WebRangeError
from edgekit.web.blob import Blob, File
from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Plain
from edgekit.web.streams import ReadableStream

Reference = Callable[[Any], Any]

_ATOMS = frozenset((type(None), bool, int, float, str, bytes))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TOO_DEEP = "Maximum call stack size exceeded"
_DAMAGED = "Unable to deserialize cloned data."


def clone(value: Any, *, by_reference: Reference | None = None) -> Any:
    """A copy that shares nothing with `value` that could change; the table above says as what.

    With `by_reference` the copy is made for RPC: streams and bodies move (the original is then
    locked), and whatever is no data is handed to it, which returns its stand-in, or None where
    there is none. Raises DataCloneError, and WebRangeError for what is nested too deeply.
    """
    if value.__class__ in _ATOMS:
        return value
    try:
        return _Copier(by_reference).copy(value)
    except RecursionError:
        raise WebRangeError(_TOO_DEEP) from None


def serialize(value: Any) -> bytes:
    """A value as bytes; DataCloneError for what cannot be, which includes streams and references."""
    writer = _Writer()
    try:
        # The rules are the copy's, so that the bytes know of nothing but what comes out of it.
        writer.write(clone(value))
    except RecursionError:
        raise WebRangeError(_TOO_DEEP) from None
    return bytes(writer.data)


def deserialize(data: bytes) -> Any:
    """The value of these bytes, as `clone` would have copied it; DataCloneError if they are damaged."""
    reader = _Reader(data)
    try:
        return reader.read()
    except DataCloneError:
        raise
    except RecursionError:
        raise WebRangeError(_TOO_DEEP) from None
    except Exception as error:
        # Whatever arbitrary bytes lead to: they come from a store, not from a program.
        raise DataCloneError(_DAMAGED) from error


class _Copier:
    """One copy: what was copied before is known by its id, and stays alive with the original."""

    def __init__(self, by_reference: Reference | None) -> None:
        self._by_reference = by_reference
        self._copies: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        # The containers are copied here, not in methods of their own: a level of nesting is to
        # cost one frame.
        if value.__class__ in _ATOMS:
            return value
        known = self._copies.get(id(value))
        if known is not None:
            return known
        if isinstance(value, dict):
            fields = self._copies[id(value)] = Plain()
            for key, item in value.items():
                fields[_key(key)] = self.copy(item)
            return fields
        if isinstance(value, list | tuple):
            items: list[Any] = []
            self._copies[id(value)] = items
            for item in value:
                items.append(self.copy(item))
            return items
        if isinstance(value, set | frozenset):
            members: set[Any] = set()
            self._copies[id(value)] = members
            for item in value:
                if isinstance(item, tuple | frozenset):  # their copies have no hash
                    _refuse(item)
                members.add(self.copy(item))
            return members
        copied = self._object(value)
        self._copies[id(value)] = copied
        return copied

    def _object(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return _date(value)
        for kind in (str, int, float):
            if isinstance(value, kind):
                return _PLAIN[kind](value)
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(memoryview(value))
        if isinstance(value, Exception):
            return self._error(value)
        if isinstance(value, Headers):
            return Headers(value)
        if isinstance(value, Blob) and not isinstance(value, File):
            return value  # nobody can change it
        if isinstance(value, Request | Response):
            return self._message(value)
        if self._by_reference is None:
            if isinstance(value, ReadableStream):
                _refuse_stream()
            _refuse(value)
        if isinstance(value, ReadableStream):
            return ReadableStream(value.detach())
        stand_in = self._by_reference(value)
        if stand_in is None:
            _refuse(value)
        return stand_in

    def _error(self, error: Exception) -> Exception:
        args = tuple(self._or(argument, str) for argument in _arguments(error))
        copied = _rebuilt(_classes(error), args, _text(error))
        self._copies[id(error)] = copied
        for name, item in vars(error).items():
            item = self._or(item, lambda _: NotImplemented)
            if item is not NotImplemented:
                vars(copied)[name] = item
        if isinstance(error.__cause__, Exception):
            copied.__cause__ = self.copy(error.__cause__)
        return copied

    def _or(self, value: Any, otherwise: Callable[[Any], Any]) -> Any:
        known = len(self._copies)
        try:
            return self.copy(value)
        except DataCloneError:
            for half_made in list(self._copies)[known:]:
                del self._copies[half_made]
            return otherwise(value)

    def _message(self, message: Request | Response) -> Request | Response:
        if message._body is not None and self._by_reference is None:
            _refuse_stream()
        if isinstance(message, Response) and message.web_socket is not None:
            _refuse(message.web_socket)
        body = message._take()
        if isinstance(body, ReadableStream):
            body = ReadableStream(body.detach())
        copied = _message(_described(message), self.copy(message.cf))
        copied._body = body
        return copied


_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
}


def _refuse(value: Any) -> NoReturn:
    kind = type(value).__name__
    raise DataCloneError(
        f'Could not serialize object of type "{kind}". This type does not support serialization.'
    )


def _refuse_stream() -> NoReturn:
    raise DataCloneError("ReadableStream can only be serialized for RPC.")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    text = string(key)
    if text is None:
        _refuse(key)
    return text


def _date(value: datetime) -> datetime:
    # `replace` would keep what a class of somebody else's adds.
    moment = value.astimezone(UTC) if value.tzinfo is not None else value
    cut = moment.microsecond // 1000 * 1000
    return datetime(*moment.timetuple()[:6], cut, moment.tzinfo)


# Errors and messages as both ways make them anew -----------------------------------------------------


def _classes(error: Exception) -> Iterable[type[Exception]]:
    """The classes of an error from its own to Exception."""
    return (cls for cls in type(error).__mro__ if issubclass(cls, Exception))


def _arguments(error: Exception) -> tuple[Any, ...]:
    # A file's name is not among an OSError's `args`, but it is what OSError is made with.
    return OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args  # type: ignore[return-value]


def _text(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # what a class of the user's does in __str__ is no reason to lose the error
        return ""


def _rebuilt(classes: Iterable[type[Exception]], args: tuple[Any, ...], text: str) -> Exception:
    """An error of the first of these classes that can be made to say the same; none is initialised."""
    for cls in classes:
        for arguments in (args, (text,)):
            try:
                if cls.__module__ == "builtins":  # some keep what they say apart from `args`
                    error = cls(*arguments)
                else:
                    error = cls.__new__(cls, *arguments)
                    error.args = arguments
                if str(error) == text:
                    return error
            except Exception:  # noqa: S112 - a constructor that wants something else: the next one
                continue
    return Exception(text)


def _loaded(names: str) -> Iterator[type[Exception]]:
    """Those classes of errors that this process has imported; nothing is imported for a message."""
    for name in names.split("\n"):
        module, _, path = name.partition(":")
        found: Any = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, Exception):
            yield found


def _described(message: Request | Response) -> list[Any]:
    """All of a Request or Response but its body and `cf`, as plain values."""
    headers = [text.decode("latin-1") for pair in message.headers.raw for text in pair]
    if isinstance(message, Request):
        return [message.url, message.method, message.redirect, headers]
    return [
        message.url,
        message.status,
        message.status_text,
        message.redirected,
        message.encode_body,
        headers,
    ]


def _message(described: list[Any], cf: Any) -> Request | Response:
    url, *rest, pairs = described
    headers = Headers(zip(pairs[::2], pairs[1::2], strict=True))
    if len(rest) == 2:
        method, redirect = rest
        return Request(url, method=method, redirect=redirect, headers=headers, cf=cf)
    status, status_text, redirected, encode_body = rest
    response = Response(
        None,
        status=status,
        status_text=status_text,
        headers=headers,
        cf=cf,
        encode_body=encode_body,
    )
    response.url = url
    response.redirected = redirected
    return response


# V8's format ------------------------------------------------------------------------------------------

_HEADER = b"\xff\x0f"
_DOUBLE = struct.Struct("<d")
# What JavaScript has no form for is a "host object", which the format leaves to whoever embeds it.
_HOST = 0x5C
_NAIVE_DATE, _ERROR, _HEADERS, _BLOB, _MESSAGE = range(1, 6)


class _Writer:
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
            classes = _classes(value)
            self._string("\n".join(f"{cls.__module__}:{cls.__qualname__}" for cls in classes))
            self._string(_text(value))
            self._sequence(_arguments(value))
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
            described = _described(value)
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


class _Reader:
    """Reads what `_Writer` writes. Damage is whatever goes wrong: see `deserialize`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(_HEADER)
        self._objects: list[Any] = []
        if data[: self._at] != _HEADER:
            raise DataCloneError(_DAMAGED)

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
            self._at += 1
            self._objects += (None, content)
            return content
        if tag == 0x44:  # D
            return self._made(_EPOCH + self._double() * _MILLISECOND)
        raise DataCloneError(_DAMAGED)

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
            made = _message([*self._sequence(), self._sequence()], self.read())
        elif tag == _ERROR:
            names, text = self._string(self._tag()), self._string(self._tag())
            made = _rebuilt(_loaded(names), tuple(self._sequence()), text)
            self._objects[at] = made
            attributes = self._sequence()
            vars(made).update(zip(attributes[::2], attributes[1::2], strict=True))
            cause = self.read()
            if cause is not None:
                made.__cause__ = cause
        else:
            raise DataCloneError(_DAMAGED)
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
            raise DataCloneError(_DAMAGED)
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
        raise DataCloneError(_DAMAGED)
