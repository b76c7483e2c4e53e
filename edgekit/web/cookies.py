"""Cookies: the Cookie header read, the Set-Cookie header written. RFC 6265 and its successor 6265bis.

Reading is as tolerant as browsers and servers are: what stands before the first "=" of a piece is
the name, quotes around a value are taken off, nothing is refused. Writing is strict: what could
smuggle in another attribute or header is a WebTypeError.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from edgekit.errors import WebTypeError

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# RFC 6265 allows less (no space, quote, comma, backslash), but browsers store these and JSON needs them.
_VALUE = re.compile(r"[^\x00-\x1f\x7f;]*").fullmatch
_ESCAPE = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}
MAX_BYTES = 4096  # name and value together, and each attribute 1024: browsers drop what is longer


def parse_cookies(header: str) -> dict[str, str]:
    """The pairs of a Cookie header. Of several with one name the last counts.

    A piece without "=" is a value without a name, as browsers have it. A value in double quotes
    loses them, and its backslash escapes (as `http.cookies` and Starlette write them) are undone.
    """
    cookies = {}
    for piece in header.split(";"):
        name, equals, value = piece.partition("=")
        if not equals:
            name, value = "", name
        name, value = name.strip(), value.strip()
        if not name and not value:
            continue
        if value[:1] == '"' == value[-1:] and len(value) > 1:
            value = value[1:-1]
            if "\\" in value:
                value = _ESCAPE.sub(lambda m: chr(int(m[1], 8)) if m[1] else m[2], value)
        cookies[name] = value
    return cookies


def format_set_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    expires: datetime | int | str | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    http_only: bool = False,
    same_site: str | None = None,
    partitioned: bool = False,
) -> str:
    """The value of a Set-Cookie header.

    `max_age` is in seconds; `expires` is a datetime (a naive one is UTC), seconds since 1970, or the
    finished text. `same_site` is "lax", "strict" or "none"; "none" and `partitioned` need `secure`,
    as browsers demand. A value may be any text without control characters and ";"; what is not ASCII
    cannot stand in a header and must be encoded first. All else is a WebTypeError.
    """
    if not _NAME(name):
        raise WebTypeError(f"Invalid cookie name: {name!r:.100}")
    if not _VALUE(value) or not value.isascii() or value != value.strip(" "):
        raise WebTypeError(
            f"Invalid value of cookie {name!r}: {value!r:.100} (encode it, with urllib.parse.quote say)"
        )
    if len(name) + len(value) > MAX_BYTES:
        raise WebTypeError(
            f"Cookie {name!r} is longer than the {MAX_BYTES} bytes that browsers keep"
        )
    parts = [f"{name}={value}"]
    if max_age is not None:
        parts.append(f"Max-Age={int(max_age)}")
    if expires is not None:
        parts.append(f"Expires={_attribute('expires', _date(expires))}")
    if domain is not None:
        parts.append(f"Domain={_attribute('domain', domain)}")
    if path is not None:
        parts.append(f"Path={_attribute('path', path)}")
    if secure:
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    if same_site is not None:
        if (site := _SAME_SITE.get(same_site.lower())) is None:
            raise WebTypeError(f'same_site is "lax", "strict" or "none", not {same_site!r:.100}')
        if site == "None" and not secure:
            raise WebTypeError('same_site="none" needs secure=True: browsers refuse it otherwise')
        parts.append(f"SameSite={site}")
    if partitioned:
        if not secure:
            raise WebTypeError("partitioned=True needs secure=True: browsers refuse it otherwise")
        parts.append("Partitioned")
    return "; ".join(parts)


def _date(expires: datetime | int | str) -> str:
    if isinstance(expires, str):
        return expires
    if isinstance(expires, datetime):
        when = expires.replace(tzinfo=UTC) if expires.tzinfo is None else expires.astimezone(UTC)
    else:
        when = datetime.fromtimestamp(expires, UTC)
    # By hand: strftime speaks the process' language, and email.utils loads sockets.
    day, month = _DAYS[when.weekday()], _MONTHS[when.month - 1]
    return f"{day}, {when.day:02} {month} {when.year:04} {when:%H:%M:%S} GMT"


def _attribute(which: str, value: str) -> str:
    if not _VALUE(value) or not value.isascii() or len(value) > 1024:
        raise WebTypeError(f"Invalid {which} of a cookie: {value!r:.100}")
    return value
