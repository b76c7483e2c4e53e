"""The Cache API: `caches.default`, `caches.open(name)`; match, put, delete. Spec: Workers Cache API.

Texts, keys and what is stored are the real platform's (`tests/bridge/test_cache.py`), reading
headers is RFC 9111's and 9110's. This is the store that a handler fills and asks by itself, not the
cache in front of a Worker. So, as there: `match` answers with what is fresh and nothing else, and
**Vary is no part of the key**: what differs by it belongs into the URL that is the key.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from edgekit import host
from edgekit.bindings.webidl import string, utf8
from edgekit.context import current_scope
from edgekit.errors import CacheTypeError, UnsupportedError
from edgekit.web.byteranges import ByteRanges
from edgekit.web.caching import (
    CacheControl,
    Policy,
    freshness_lifetime,
    initial_age,
    needs_validation,
    response_control,
    storable,
    stored_headers,
)
from edgekit.web.conditional import http_date, not_modified, parse_http_date, range_applies
from edgekit.web.headers import Headers, RawHeaders
from edgekit.web.request import Request
from edgekit.web.response import NULL_BODY, Response
from edgekit.web.spelling import Spelled, options
from edgekit.web.streams import ReadableStream, aclose

if TYPE_CHECKING:
    from edgekit.engines.caches import Cached, CacheStore
    from edgekit.host import URLRecord
    from edgekit.web.url import URL

MAX_BODY = 512 * 1024 * 1024  # bytes; what is larger is not kept, and that is no error
MAX_NAME = 1023  # bytes of UTF-8 in a cache's name

# What the platform stores. Without a word on how long, a tenth of the time since Last-Modified.
_POLICY = Policy(
    statuses=frozenset(
        {200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501},
    ),
    fraction=0.1,
    most=inf,
)

_HOST = re.compile(r"[a-z0-9._-]*|\[[0-9a-f:.]*\]").fullmatch
_RANGE_UNIT = re.compile(r" *bytes *=", re.IGNORECASE).match
_RANGE = re.compile(r" *([0-9]{1,20})? *- *([0-9]{1,20})? *").fullmatch
_MAX_RANGES = 100  # in one request
_REPLACED = frozenset({b"age", b"cf-cache-status", b"content-length", b"date"})

Opened: TypeAlias = "Callable[[], CacheStore]"


class CacheStorage:
    """`caches` of one Worker. `opened` opens the store at its first use; `limit` is its size in bytes."""

    def __init__(self, opened: Opened, *, limit: int) -> None:
        self._opened = opened
        self._limit = limit
        self.default = Cache("default", opened, limit)

    async def open(self, name: str) -> Cache:
        """The cache of that name (up to 1023 bytes of UTF-8), made where there is none.

        CacheTypeError for a name that is longer. None of them is `caches.default`.
        """
        text = string(name)
        data = utf8("[object Object]" if text is None else text)
        if len(data) > MAX_NAME:
            raise CacheTypeError("Cache name is too long.")
        return Cache(f"named:{data.decode('utf-8', 'replace')}", self._opened, self._limit)


class Cache(Spelled):
    """Responses by URL, for as long as they are fresh and there is room for them.

    A request is a Request, a URL or a str. Its key is its URL without the fragment, or its
    `cf["cacheKey"]`. What the platform refuses raises CacheTypeError with its text.
    """

    __slots__ = ("_limit", "_name", "_opened")

    def __init__(self, name: str, opened: Opened, limit: int) -> None:
        self._name = name
        self._opened = opened
        self._limit = limit

    @options
    async def match(
        self,
        request: Request | URL | str,
        *,
        ignore_method: bool = False,
        ignore_search: Any = None,
        ignore_vary: Any = None,
    ) -> Response | None:
        """The fresh response that was put under this request's key; None where there is none.

        It answers If-None-Match and If-Modified-Since by 304, Range by 206 or 416, and tells its
        `Age` in seconds. A method other than GET matches nothing, unless `ignore_method`.
        """
        _refuse(ignoreSearch=ignore_search, ignoreVary=ignore_vary)
        asked = _Asked.of(request)
        if asked.method != "GET" and not ignore_method:
            return None
        key = asked.key(loaded=True)
        now = host.now()
        store = self._opened()
        entry = await store.get(self._name, key, now=now)
        return None if entry is None else await _answer(store, entry, asked.headers, now)

    async def put(self, request: Request | URL | str, response: Response) -> None:
        """Keep a response under this request's key; its body is read to the end.

        It is kept as long as its Cache-Control or Expires say, for a shared cache. One that says
        nothing, forbids it, has Set-Cookie (unless `private=set-cookie`, which drops that), another
        status than those that caches understand, or more than 512 MB, is not kept, without an error.
        Refused (CacheTypeError): another method than GET, status 206, `Vary: *`.
        """
        asked = _Asked.of(request)
        if not isinstance(response, Response):
            raise CacheTypeError(
                "Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'."
            )
        if asked.method != "GET":
            raise CacheTypeError("Cannot cache response to non-GET request.")
        if response.status == 206:
            raise CacheTypeError("Cannot cache response to a range request (206 Partial Content).")
        if "*" in response.headers.get("vary", ""):
            raise CacheTypeError("Cannot cache response with 'Vary: *' header.")
        if response.web_socket is not None:
            raise CacheTypeError("Cannot cache WebSocket upgrade response.")
        if response.status == 304:
            return
        key = asked.key(loaded=False)
        body = response._take()
        now = host.now()
        control = response_control(response.headers)
        headers = stored_headers(response.headers.raw, control)
        kept = asked.loadable and _storable(asked, response, headers, control)
        age = initial_age(response.headers, requested=now, received=now)
        left = -age + freshness_lifetime(
            response.status, response.headers, control, received=now, policy=_POLICY
        )
        if not kept or left <= 0 or needs_validation(control):
            await aclose(body)
            if kept:  # it is the newest answer, if not for long
                await self._opened().delete(self._name, key, now=now)
            return
        meta = _meta(response, headers, age, now)
        stream = body if isinstance(body, ReadableStream) else ReadableStream((body or b"",))
        limited = _limited(stream, min(MAX_BODY, self._limit))
        try:
            await self._opened().put(
                self._name, key, meta, limited, expires=now + left, now=now, limit=self._limit
            )
        except _TooLarge:
            return

    @options
    async def delete(
        self,
        request: Request | URL | str,
        *,
        ignore_method: bool = False,
        ignore_search: Any = None,
        ignore_vary: Any = None,
    ) -> bool:
        """Remove what was put under this request's key; whether there was something fresh."""
        _refuse(ignoreSearch=ignore_search, ignoreVary=ignore_vary)
        asked = _Asked.of(request)
        if asked.method != "GET" and not ignore_method:
            return False
        return await self._opened().delete(self._name, asked.key(loaded=True), now=host.now())


class _Caches:
    """The caches of the Worker whose event is being answered."""

    @property
    def default(self) -> Cache:
        """The cache that everybody has."""
        return cast("Cache", current_scope("caches").caches.default)

    async def open(self, name: str) -> Cache:
        """The cache of that name; see CacheStorage.open."""
        return cast("Cache", await current_scope("caches").caches.open(name))


caches = _Caches()


def _refuse(**unsupported: Any) -> None:
    for name, value in unsupported.items():
        if value is not None:
            raise UnsupportedError(f"The '{name}' field on 'CacheQueryOptions' is not implemented.")


class _Asked(NamedTuple):
    """What matters of a request."""

    method: str
    url: URLRecord
    headers: Mapping[str, str]
    cache_key: Any = None

    @classmethod
    def of(cls, request: Any) -> _Asked:
        if isinstance(request, Request):
            text: str | None = request.url
        else:
            text = getattr(request, "href", None) or string(request)
        url = host.parse_url("[object Object]" if text is None else text)
        if url is None:
            raise CacheTypeError(f"Invalid URL: {'[object Object]' if text is None else text}")
        if not isinstance(request, Request):
            return cls("GET", url, {})
        cache_key = None if request.cf is None else request.cf.get("cacheKey")
        return cls(request.method, url, request.headers, cache_key)

    @property
    def loadable(self) -> bool:
        return self.url.protocol in ("http:", "https:")

    def key(self, *, loaded: bool) -> bytes:
        """What a response is stored under. `loaded`: it is to be looked for, not only to be kept."""
        url = self.url
        scheme = f"{url.protocol}//"
        if (
            not url.href.startswith(scheme)
            or url.username
            or url.password
            or _HOST(url.hostname) is None
        ):
            raise CacheTypeError("Invalid URL. Cache API keys must be fully-qualified, valid URLs.")
        if loaded and not self.loadable:
            raise CacheTypeError(f"Fetch API cannot load: {url.href}")
        return utf8(str(self.cache_key) if self.cache_key else url.href.partition("#")[0])


def _storable(
    asked: _Asked, response: Response, headers: RawHeaders, control: CacheControl
) -> bool:
    return storable(
        "GET", response.status, asked.headers, response.headers, control, policy=_POLICY
    ) and not any(name == b"set-cookie" for name, _ in headers)


# What is stored beside a body ---------------------------------------------------------------------


def _meta(response: Response, headers: RawHeaders, age: float, now: float) -> bytes:
    # As the platform has it, Date becomes the time at which it was put; Age counts from there.
    pairs = [(name, value) for name, value in headers if name not in _REPLACED]
    pairs.append((b"date", http_date(now).encode()))
    text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
    return host.json_encode([response.status, age, now, response.encode_body, text])


class _TooLarge(Exception):  # no error to anybody
    """The body has more bytes than may be kept."""


async def _limited(stream: ReadableStream, limit: int) -> AsyncIterator[bytes]:
    size = 0
    async with aclosing(cast("AsyncGenerator[bytes]", aiter(stream))) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise _TooLarge
            yield chunk


# Answers ------------------------------------------------------------------------------------------


async def _answer(
    store: CacheStore, entry: Cached, asked: Mapping[str, str], now: float
) -> Response | None:
    status, age, put_at, encode_body, text = host.json_decode(entry.meta)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in text]
    raw.append((b"age", b"%d" % (age + max(now - put_at, 0))))
    raw.append((b"cf-cache-status", b"HIT"))
    headers = Headers.from_raw(raw)
    size = entry.size
    # What will be compressed on its way has no length and no numbered bytes yet.
    coded = encode_body != "manual" and "content-encoding" in headers
    ranges: list[tuple[int, int]] = []
    if asked:
        etag = headers.get("etag")
        modified = parse_http_date(headers.get("last-modified", ""), now=now)
        if not_modified(asked, etag=etag, last_modified=modified):
            raw.append((b"content-length", b"%d" % size))
            return _made(None, 304, headers)
        if (
            "range" in asked
            and status == 200
            and not coded
            and range_applies(asked, etag=etag, last_modified=modified)
        ):
            found = _ranges(asked["range"], size)
            if found is None:
                raw[:] = [(b"cf-cache-status", b"HIT"), (b"content-range", b"bytes */%d" % size)]
                return _made(None, 416, headers)
            ranges = found
    if status in NULL_BODY:
        return _made(None, status, headers)

    async def read(start: int, stop: int) -> bytes | AsyncIterator[bytes] | None:
        if entry.body is not None:
            return entry.body[start:stop]
        return await store.open(entry, start, stop)

    if len(ranges) > 1:
        several = ByteRanges(ranges, size, headers.get("content-type"))
        headers.set("content-type", several.content_type)
        body: Any = several.body(read)
        status, length = 206, several.length
    else:
        start, stop = ranges[0] if ranges else (0, size)
        if ranges:
            raw.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, size)))
            status = 206
        body = await read(start, stop)
        if body is None:  # it was removed while it was looked for
            return None
        length = stop - start
    if not coded:
        raw.append((b"content-length", b"%d" % length))
        if not isinstance(body, bytes):
            body = ReadableStream(body, length=length)
    response = _made(body, status, headers)
    response.encode_body = encode_body
    return response


def _made(body: Any, status: int, headers: Headers) -> Response:
    response = Response(body, status=status)
    headers.immutable = True
    response._headers = headers
    return response


def _ranges(header: str, size: int) -> list[tuple[int, int]] | None:
    """The parts that a Range header asks for, as the platform reads it: none is the whole, None 416.

    It refuses what RFC 9110 lets a server ignore, and a list of which one part does not exist.
    """
    unit = _RANGE_UNIT(header)
    if unit is None:
        return None
    rest = header[unit.end() :]
    ranges: list[tuple[int, int]] = []
    for part in rest.split(",") if rest.strip() else ():
        found = _RANGE(part)
        if found is None or found.groups() == (None, None):
            return None
        first, last = found.groups()
        if first is None:
            if int(last) >= size:
                return []
            if int(last):
                ranges.append((size - int(last), size))
            continue
        if int(first) >= size or (last is not None and int(last) < int(first)):
            return None
        ranges.append((int(first), size if last is None else min(int(last) + 1, size)))
    # Many parts, or parts of the same bytes, would make a small request a very large answer.
    if len(ranges) > _MAX_RANGES or sum(stop - start for start, stop in ranges) > size:
        return []
    return ranges
