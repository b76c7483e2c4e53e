"""The host on CPython: msgspec for JSON, ada-url (imported on first use) for URLs, asyncio's sleep."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from edgekit.host.url import URLRecord

if TYPE_CHECKING:
    import ada_url

_encode = msgspec.json.Encoder().encode
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_decode_any = msgspec.json.Decoder().decode


class JSONSyntaxError(ValueError):
    """The bytes are not JSON."""


class JSONShapeError(ValueError):
    """The JSON is not of the type asked for; `path` says where, as in `$.user.age`."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


class SystemClock:
    """The machine's clock and the event loop's sleep."""

    now = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)


def json_encode(value: Any) -> bytes:
    """Compact UTF-8 JSON. TypeError names the type that has no JSON form; NaN becomes null."""
    return _encode(value)


def json_decode(data: bytes | bytearray | memoryview | str, type: Any = None) -> Any:
    """The value of a JSON text, checked against `type` (anything msgspec knows) where given.

    Raises JSONSyntaxError (malformed, or nested too deeply) or JSONShapeError (well-formed, but
    not of that type).
    """
    try:
        if type is None:
            return _decode_any(data)
        decoder = _decoders.get(type)
        if decoder is None:
            decoder = _decoders[type] = msgspec.json.Decoder(type)
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        raise JSONShapeError(message, path.rstrip("`") or "$") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JSONSyntaxError(str(error)) from None
    except RecursionError:
        raise JSONSyntaxError("JSON is nested too deeply") from None


def convert(value: Any, type: Any) -> Any:
    """A configured value as `type` (anything msgspec knows), strictly; a str that is no `type` may
    also spell one: "8080", "true", "False", JSON for lists, objects and Structs.

    Raises JSONShapeError, whose message shows types and never the value (it may be a secret), and
    TypeError for a type that no value can have.
    """
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        first = error
    if isinstance(value, str):
        with suppress(msgspec.ValidationError):
            return msgspec.convert(value, type, strict=False)
        with suppress(JSONSyntaxError):
            try:
                return json_decode(value, type)
            except JSONShapeError as error:
                raise _without_value(str(error), error.path) from None
    message, _, path = str(first).partition(" - at `")
    raise _without_value(message, path.rstrip("`") or "$")


def _without_value(message: str, path: str) -> JSONShapeError:
    # What msgspec says of enums and tags, and a Struct's own checks, may quote the value.
    shows_types_only = message.startswith(("Expected `", "Object "))
    return JSONShapeError(
        message if shows_types_only else "Not one of the values it may have", path
    )


def random_bytes(count: int) -> bytes:
    """Bytes from the system's generator, fit for secrets."""
    return os.urandom(count)


def parse_url(url: str, base: str | None = None) -> URLRecord | None:
    """Parse and normalise by the WHATWG rules; None when it is no URL."""
    if base is None and len(url) <= _REMEMBERED:
        return _parsed(url)
    return _parse(url, base)


def _parse(url: str, base: str | None = None) -> URLRecord | None:
    import ada_url

    try:
        return _record(ada_url.URL(url, base))
    except ValueError:
        return None


# One request's URL is looked at by several: the request, a cache's key, a router.
_REMEMBERED = 512  # characters, of a URL that is worth its place
_parsed = lru_cache(maxsize=512)(_parse)


def set_url_part(href: str, part: str, value: str) -> URLRecord:
    """`href` with one part set, by the rules of the URL standard's setters (a bad value changes nothing)."""
    import ada_url

    url = ada_url.URL(href)
    try:
        setattr(url, part, value)
    except ValueError:
        if part == "href":
            raise
    return _record(url)


# A normalised http(s) URL: scheme, user info, host, port, path, query, fragment.
_HTTP = re.compile(
    r"(https?:)//(?:([^:@/?#]*)(?::([^@/?#]*))?@)?(\[[^\]]*\]|[^:/?#]*)(?::([0-9]+))?([^?#]*)(\?[^#]*)?(#.*)?",
    re.DOTALL,
).fullmatch


def _record(url: ada_url.URL) -> URLRecord:
    # Each attribute of ada's is a call through cffi, of which one costs as much as all of this.
    href = url.href
    found = _HTTP(href)
    if found is not None:
        protocol, username, password, hostname, port, pathname, search, fragment = found.groups("")
        host = f"{hostname}:{port}" if port else hostname
        return URLRecord(
            href,
            protocol,
            username,
            password,
            host,
            hostname,
            port,
            pathname,
            "" if search == "?" else search,
            "" if fragment == "#" else fragment,
            f"{protocol}//{host}",
        )
    return URLRecord(
        href,
        url.protocol,
        url.username,
        url.password,
        url.host,
        url.hostname,
        url.port,
        url.pathname,
        url.search,
        url.hash,
        url.origin,
    )
