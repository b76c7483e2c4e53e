"""The one structured clone: what may cross from one Worker, or one moment, to another, and as what.

`clone` copies a value within the process (services, RPC); `serialize` and `deserialize` take the way
through bytes (messages of content type v8, an object's storage). Spec: HTML's structured clone as
workerd narrows it. The bytes' format is `v8.py`.

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

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from edgekit.bindings.rebuilding import (
    arguments_of,
    classes_of,
    described_message,
    made_message,
    rebuilt,
    text_of,
)
from edgekit.bindings.v8 import DAMAGED, Reader, Writer
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
_TOO_DEEP = "Maximum call stack size exceeded"


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
    writer = Writer()
    try:
        # The rules are the copy's, so that the bytes know of nothing but what comes out of it.
        writer.write(_Copier(None).copy(value))
    except RecursionError:
        raise WebRangeError(_TOO_DEEP) from None
    return bytes(writer.data)


def deserialize(data: bytes) -> Any:
    """The value of these bytes, as `clone` would have copied it; DataCloneError if they are damaged."""
    reader = Reader(data)
    try:
        return reader.read()
    except DataCloneError:
        raise
    except RecursionError:
        raise WebRangeError(_TOO_DEEP) from None
    except Exception as error:
        # Whatever arbitrary bytes lead to: they come from a store, not from a program.
        raise DataCloneError(DAMAGED) from error


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
            return ReadableStream(value.detach(), length=value.length)
        stand_in = self._by_reference(value)
        if stand_in is None:
            _refuse(value)
        return stand_in

    def _error(self, error: Exception) -> Exception:
        args = tuple(self._or(argument, str) for argument in arguments_of(error))
        copied = rebuilt(classes_of(error), args, text_of(error))
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
            body = ReadableStream(body.detach(), length=body.length)
        copied = made_message(described_message(message), self.copy(message.cf))
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
