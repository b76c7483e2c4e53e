"""URL and URLSearchParams. WHATWG URL; parsing is the host's (ada-url, or js.URL on Workers).

`request.url` is a str and stays one; build a URL to take it apart, to change a part, or to resolve
a reference. A URL is a value that can be changed: it compares by `href` and has no hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, overload
from urllib.parse import quote_plus, unquote_to_bytes

from edgekit import host
from edgekit.errors import WebTypeError
from edgekit.web.pairs import Pairs, pairs_of, scalar
from edgekit.web.spelling import Spelled

FORM_TYPE = "application/x-www-form-urlencoded"


def parse_urlencoded(text: str) -> list[tuple[str, str]]:
    """The pairs of an application/x-www-form-urlencoded text. Never fails: a bad escape is text."""
    pairs = []
    if "+" in text:
        text = text.replace("+", " ")
    coded = "%" in text
    for piece in text.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            if coded:
                name, value = _decode(name), _decode(value)
            pairs.append((name, value))
    return pairs


def _decode(text: str) -> str:
    # unquote() does the same run by run, with a regular expression, which takes four times as long.
    return unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text


def serialise_urlencoded(pairs: Iterable[tuple[str, str]]) -> str:
    """The text of the pairs: spaces as "+", all but ASCII letters, digits and `*-._` as %XX."""
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in pairs)


def _quote(text: str) -> str:
    # quote_plus follows RFC 3986, where "~" needs no escape; here it does.
    return quote_plus(text, safe="*").replace("~", "%7E")


class URLSearchParams(Pairs[str]):
    """The pairs of a query or of a urlencoded form.

    Made of a query string (a leading "?" is dropped), a mapping, or pairs. `params["a"]` is the first
    value or KeyError; `get`, `get_all`; `str()` serialises. Those of a `URL` write into it.
    """

    __slots__ = ("_url",)

    def __init__(
        self, init: str | Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None
    ) -> None:
        self._url: URL | None = None
        if init.__class__ is str or isinstance(init, str):
            text = init if init.isascii() else scalar(init)
            self._pairs = parse_urlencoded(text[1:] if text[:1] == "?" else text)
        elif init is None:
            self._pairs = []
        else:
            self._pairs = [(scalar(name), scalar(value)) for name, value in pairs_of(init)]

    def append(self, name: str, value: str | int) -> None:
        """Add a pair at the end."""
        self._pairs.append((scalar(name), scalar(value)))
        self._changed()

    def set(self, name: str, value: str | int) -> None:
        """Give `name` this one value, where its first stood."""
        self._set(scalar(name), scalar(value))

    def sort(self) -> None:
        """Sort by name in the order of UTF-16 code units; the values of a name keep their order."""
        self._pairs.sort(key=lambda pair: pair[0].encode("utf-16-be"))
        self._changed()

    def __setitem__(self, name: str, value: str | int) -> None:
        self.set(name, value)

    def __str__(self) -> str:
        return serialise_urlencoded(self._pairs)

    def _changed(self) -> None:
        if self._url is not None:
            self._url._record = host.set_url_part(self._url.href, "search", str(self))

    def _as_body(self) -> tuple[bytes, str]:
        return str(self).encode(), f"{FORM_TYPE};charset=UTF-8"


class _Part:
    """A part of a URL that can be read and set; setting what cannot be changes nothing."""

    def __set_name__(self, owner: type[URL], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, url: None, owner: type[URL]) -> _Part: ...
    @overload
    def __get__(self, url: URL, owner: type[URL]) -> str: ...
    def __get__(self, url: URL | None, owner: type[URL]) -> _Part | str:
        return self if url is None else getattr(url._record, self.name)

    def __set__(self, url: URL, value: str | int) -> None:
        url._record = host.set_url_part(url._record.href, self.name, scalar(value))
        if self.name == "search":
            url._refill()


class URL(Spelled):
    """A URL in its parts, as strings: `URL("https://example.com:8080/a?b=1#c")`.

    `base` resolves a relative reference. WebTypeError when the result is no URL; `URL.parse` gives
    None then, and `URL.can_parse` tells. `port` is "" when it is the scheme's own.
    """

    __slots__ = ("_params", "_record")

    protocol = _Part()
    username = _Part()
    password = _Part()
    host = _Part()
    hostname = _Part()
    port = _Part()
    pathname = _Part()
    search = _Part()
    hash = _Part()

    def __init__(self, url: str | URL, base: str | URL | None = None) -> None:
        record = _parse(url, base)
        if record is None:
            raise WebTypeError(f"Invalid URL: {str(url)!r:.200}")
        self._record = record
        self._params: URLSearchParams | None = None

    @classmethod
    def parse(cls, url: str | URL, base: str | URL | None = None) -> URL | None:
        """The URL, or None when it is none."""
        return cls(url, base) if _parse(url, base) is not None else None

    @staticmethod
    def can_parse(url: str | URL, base: str | URL | None = None) -> bool:
        """Whether `URL(url, base)` would succeed."""
        return _parse(url, base) is not None

    canParse = can_parse  # static, so Spelled cannot answer it

    @property
    def href(self) -> str:
        """The whole URL; setting it to what is no URL is a WebTypeError."""
        return self._record.href

    @href.setter
    def href(self, value: str) -> None:
        self._record = URL(value)._record
        self._refill()

    @property
    def origin(self) -> str:
        """Scheme, host and port, or "null" for schemes that have none."""
        return self._record.origin

    @property
    def search_params(self) -> URLSearchParams:
        """The query's pairs; a change of either shows in the other."""
        if self._params is None:
            self._params = URLSearchParams(self._record.search)
            self._params._url = self
        return self._params

    def to_json(self) -> str:
        """`href`."""
        return self._record.href

    toJSON = to_json

    def __str__(self) -> str:
        return self._record.href

    def __eq__(self, other: object) -> bool:
        return self._record.href == other._record.href if isinstance(other, URL) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"URL({self._record.href!r})"

    def _refill(self) -> None:
        if self._params is not None:
            self._params._pairs[:] = URLSearchParams(self._record.search)._pairs


def _parse(url: Any, base: Any) -> host.URLRecord | None:
    return host.parse_url(scalar(str(url)), None if base is None else scalar(str(base)))
