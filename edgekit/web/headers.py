"""Headers: the Fetch standard's multimap, over the list of byte pairs that ASGI carries.

Names are case-insensitive and kept in lower case. A value is a byte string, shown as latin-1 text.
`items()` and iteration give names sorted, several values joined by ", ", set-cookie apart.
"""

from __future__ import annotations

import re
from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from typing import Any, overload

from edgekit.errors import WebTypeError
from edgekit.web.spelling import Spelled

RawHeaders = list[tuple[bytes, bytes]]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_BAD_VALUE = re.compile(rb"[\0\r\n]").search

# Names seen before, as text -> lower-case bytes: the same dozen come with every response.
_names: dict[str, bytes] = {}
_NAMES_LIMIT = 1024


def encode_name(name: str) -> bytes:
    """A header's name in the form it is kept in; WebTypeError unless it is an RFC 9110 token."""
    known = _names.get(name)
    if known is not None:
        return known
    try:
        raw = name.encode("ascii").lower()  # in this order: "\u212a".lower() is an ASCII "k"
    except (UnicodeEncodeError, AttributeError):
        raw = b""
    if not _TOKEN(raw):
        raise WebTypeError(f"Invalid header name: {name!r:.100}")
    if len(_names) < _NAMES_LIMIT:
        _names[name] = raw
    return raw


def encode_value(value: str, name: str = "") -> bytes:
    """A header's value as bytes, stripped; WebTypeError for NUL, CR, LF or a character above U+00FF."""
    if value.__class__ is str and value.isprintable() and value.isascii():
        return value.strip(" ").encode()
    try:
        raw = value.encode("latin-1").strip(b" \t\r\n")
    except UnicodeEncodeError:
        raise WebTypeError(
            f"Invalid value of header {name!r}: a character above U+00FF ({value!r:.100})"
        ) from None
    except AttributeError:
        raise WebTypeError(
            f"Invalid value of header {name!r}: expected str, got {type(value).__name__}"
        ) from None
    if _BAD_VALUE(raw):
        raise WebTypeError(f"Invalid value of header {name!r}: it has a NUL, CR or LF")
    return raw


class Headers(Spelled, MutableMapping[str, str]):
    """A case-insensitive multimap of header names and values.

    Made from a mapping, pairs, or other Headers. `headers[name]` raises KeyError where there is
    none; `get(name)` gives None; both join several values by ", ". Headers of an incoming request
    cannot be changed (WebTypeError).
    """

    __slots__ = ("_raw", "immutable")

    def __init__(self, init: Mapping[str, str] | Iterable[tuple[str, str]] | None = None) -> None:
        self._raw: RawHeaders = []
        self.immutable = False
        if init is None:
            return
        if isinstance(init, Headers):
            self._raw = init._raw.copy()
            return
        if isinstance(init, str) or not isinstance(init, Iterable):
            kind = type(init).__name__
            raise WebTypeError(f"Headers are made of a mapping or of pairs, not of {kind}")
        pairs: Iterable[Any] = init.items() if isinstance(init, Mapping) else init
        for pair in pairs:
            try:
                # Two characters would do otherwise.
                name, value = pair if not isinstance(pair, str) else (pair,)  # type: ignore[misc]
            except (TypeError, ValueError):
                raise WebTypeError(
                    f"a header is a pair of name and value, not {pair!r:.100}"
                ) from None
            self._raw.append((encode_name(name), encode_value(value, name)))

    @classmethod
    def from_raw(cls, raw: RawHeaders, *, immutable: bool = False) -> Headers:
        """Headers over an ASGI list, which is not copied; names must be in lower case."""
        self = cls.__new__(cls)
        self._raw = raw
        self.immutable = immutable
        return self

    @property
    def raw(self) -> RawHeaders:
        """The ASGI list itself: (lower-case name, value), bytes, in the order they were added."""
        return self._raw

    # Reading ------------------------------------------------------------------------------------

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str) -> str: ...
    @overload
    def get(self, name: str, /, default: Any) -> Any: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """The value, several joined by ", "; `default` where there is none."""
        key = _names.get(name) or encode_name(name)
        values = [value for other, value in self._raw if other == key]
        return b", ".join(values).decode("latin-1") if values else default

    def get_all(self, name: str) -> list[str]:
        """Every value of that name, in order; an empty list where there is none."""
        key = encode_name(name)
        return [value.decode("latin-1") for other, value in self._raw if other == key]

    def get_set_cookie(self) -> list[str]:
        """Every Set-Cookie value: the one header that cannot be joined."""
        return self.get_all("set-cookie")

    def has(self, name: str) -> bool:
        """Whether there is a header of that name."""
        key = encode_name(name)
        return any(other == key for other, _ in self._raw)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.has(name)

    def __getitem__(self, name: str) -> str:
        key = _names.get(name) or encode_name(name)
        values = [value for other, value in self._raw if other == key]
        if len(values) == 1:
            return values[0].decode("latin-1")
        if not values:
            raise KeyError(name)
        return b", ".join(values).decode("latin-1")

    def _combined(self) -> list[tuple[str, str]]:
        """Sorted and combined as the Fetch standard says."""
        joined: dict[bytes, bytes] = {}
        cookies: list[tuple[str, str]] = []
        for name, value in self._raw:
            if name == b"set-cookie":
                cookies.append(("set-cookie", value.decode("latin-1")))
            else:
                joined[name] = joined[name] + b", " + value if name in joined else value
        pairs = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in joined.items()]
        return sorted(pairs + cookies, key=lambda pair: pair[0])

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({name.decode("latin-1") for name, _ in self._raw}))

    def __len__(self) -> int:
        return len({name for name, _ in self._raw})

    def keys(self) -> KeysView[str]:
        return KeysView(self)

    def items(self) -> ItemsView[str, str]:
        """Pairs of name and value, set-cookie repeated once a value."""
        return _Items(self)

    def values(self) -> ValuesView[str]:
        return _Values(self)

    def entries(self) -> Iterator[tuple[str, str]]:
        """JavaScript's name for `items()`."""
        return iter(self._combined())

    def for_each(self, callback: Any) -> None:
        """Call `callback(value, name, headers)` for each pair."""
        for name, value in self._combined():
            callback(value, name, self)

    # Writing ------------------------------------------------------------------------------------

    def append(self, name: str, value: str) -> None:
        """Add a value beside those that are there."""
        self._guard()
        self._raw.append((encode_name(name), encode_value(value, name)))

    def set(self, name: str, value: str) -> None:
        """Replace every value of that name by one."""
        if self.immutable:
            self._guard()
        key = _names.get(name) or encode_name(name)
        new = (key, encode_value(value, name))
        raw = self._raw
        for pair in raw:
            if pair[0] == key:
                break
        else:
            raw.append(new)
            return
        i = raw.index(pair)
        raw[i] = new
        raw[i + 1 :] = [pair for pair in raw[i + 1 :] if pair[0] != key]

    def delete(self, name: str) -> None:
        """Remove every value of that name; nothing happens where there is none."""
        self._guard()
        key = encode_name(name)
        self._raw[:] = [pair for pair in self._raw if pair[0] != key]

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        if not self.has(name):
            raise KeyError(name)
        self.delete(name)

    def copy(self) -> Headers:
        """Headers of their own, which can be changed."""
        return Headers(self)

    def _guard(self) -> None:
        if self.immutable:
            raise WebTypeError("Can't modify immutable headers.")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self._combined() == other._combined()
        return NotImplemented

    def __repr__(self) -> str:
        hidden = {"authorization", "cookie", "set-cookie", "proxy-authorization"}
        shown = [(n, "..." if n in hidden else v) for n, v in self._combined()]
        return f"Headers({shown!r})"


class _Items(ItemsView[str, str]):
    _mapping: Headers

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._mapping._combined())

    def __len__(self) -> int:
        return len(self._mapping._combined())


class _Values(ValuesView[str]):
    _mapping: Headers

    def __iter__(self) -> Iterator[str]:
        return (value for _, value in self._mapping._combined())

    def __len__(self) -> int:
        return len(self._mapping._combined())
