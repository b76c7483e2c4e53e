"""What a shared HTTP cache decides: may this be stored, how long is it fresh, whom does it answer.
Spec: RFC 9111, with RFC 5861 (stale-while-revalidate, stale-if-error) and 8246 (immutable: nothing).

Pure functions over header values: they take values, return values and never await. They know no
store and no clock; times are given, in seconds since 1970, and durations come back in seconds.
This is no private cache (`private` forbids), and conditions and ranges are `conditional.py`'s.

Where the specification leaves a choice about what is malformed, it is read against reuse: a wrong
max-age is stale, a directive with a stray character still restricts. Of a directive that comes
twice the first counts (4.2.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from edgekit import host
from edgekit.web.conditional import parse_http_date
from edgekit.web.headers import RawHeaders

# RFC 9110, 15.1: what may be stored without being told how long.
CACHEABLE_BY_DEFAULT = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
# Those whose meaning for a cache is known here, for must-understand. 206 and 304 are not stored.
UNDERSTOOD = CACHEABLE_BY_DEFAULT | {302, 303, 307}

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

MAX_SECONDS = 2**31  # what any larger number counts as (1.2.2)

# Fields of one connection, not of the response (3.1).
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What describes the stored bytes, which a 304 does not bring anew (3.2).
_OF_THE_BODY = frozenset({b"content-encoding", b"content-length", b"content-range"})

_DIRECTIVE = re.compile(
    r"""[\s,]* ([^\s=,;"]+)                           # a name, up to what cannot be in one
        (?: = (?: "((?:[^"\\]|\\.)*)" (?=\s*(?:,|$))  # a quoted value
              | ([^,]*) )                             # or anything up to the comma
        )? [^,]*""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_FIELD_NAME = re.compile(r"[^\s,\"]+").findall
_FIELD_NAME_BYTES = re.compile(rb"[^\s,\"]+").findall
_MEMBER = re.compile(r'((?:[^,"]|"(?:[^"\\]|\\.)*"?)+)', re.DOTALL).findall

# Request headers whose members may come in any order and case without meaning anything else.
_UNORDERED = frozenset({"accept-charset", "accept-encoding", "accept-language"})


class CacheControl:
    """The directives of a Cache-Control header, of a request or a response."""

    __slots__ = ("_directives",)

    def __init__(self, header: str | None) -> None:
        # name -> its values in order, None for none
        self._directives: dict[str, list[str | None]] = {}
        for name, quoted, plain in _DIRECTIVE.findall(header) if header else ():
            value = _QUOTED_PAIR.sub(r"\1", quoted) or plain.rstrip()
            self._directives.setdefault(name.lower(), []).append(value or None)

    def __contains__(self, name: str) -> bool:
        return name in self._directives

    def seconds(self, name: str) -> int | None:
        """A directive's number; None where there is no such directive, 0 where it is no number."""
        values = self._directives.get(name)
        return None if values is None else _delta_seconds(values[0]) or 0

    def fields(self, name: str) -> frozenset[str] | None:
        """The field names (in lower case) that a `private` or `no-cache` is limited to.

        None where there is no such directive; empty where it is not limited.
        """
        values = self._directives.get(name)
        if values is None or None in values:
            return None if values is None else frozenset()
        return frozenset(field for value in values for field in _FIELD_NAME((value or "").lower()))

    def bare(self, name: str) -> bool:
        """Whether it is there without a value: `private` for the whole response, any `max-stale`."""
        return self.fields(name) == frozenset()


class Policy(NamedTuple):
    """What the specification leaves to a cache.

    `statuses`: these alone are stored; None: any but 206 and 304. `heuristic`: status -> seconds of
    freshness where the response says nothing. Otherwise it is `fraction` of the time since
    Last-Modified, `most` at most; 0 switches that off.
    """

    statuses: frozenset[int] | None = None
    heuristic: Mapping[int, float] = {}
    fraction: float = 0.1
    most: float = 86400.0


DEFAULT = Policy()


def response_control(response: Mapping[str, str]) -> CacheControl:
    """A response's directives. Without any, the old `Pragma: no-cache` means no-cache."""
    header = response.get("cache-control")
    if header is None and "no-cache" in (response.get("pragma") or "").lower():
        header = "no-cache"
    return CacheControl(header)


# Storing ------------------------------------------------------------------------------------------


def storable(
    method: str,
    status: int,
    request: Mapping[str, str],
    response: Mapping[str, str],
    control: CacheControl,
    *,
    asked: CacheControl | None = None,
    policy: Policy = DEFAULT,
) -> bool:
    """Whether a shared cache may store this response (3). Only GET's are, and no parts.

    `control` is the response's directives, `asked` the request's if they are to be obeyed.
    What `stored_headers` leaves out is not to be stored either way.
    """
    if method != "GET" or status < 200 or status in (206, 304):
        return False
    if policy.statuses is not None and status not in policy.statuses:
        return False
    if "must-understand" in control:
        if status not in UNDERSTOOD:
            return False
    elif "no-store" in control:
        return False
    if control.bare("private") or (asked is not None and "no-store" in asked):
        return False
    if vary_fields(response) is None:
        return False
    if "authorization" in request and not any(
        name in control for name in ("must-revalidate", "public", "s-maxage")
    ):
        return False
    return (
        any(name in control for name in ("public", "max-age", "s-maxage"))
        or "expires" in response
        or status in CACHEABLE_BY_DEFAULT
        or status in policy.heuristic
    )


def stored_headers(raw: RawHeaders, control: CacheControl) -> RawHeaders:
    """A response's fields without those that a shared cache must not store (3.1, 5.2.2.4, 5.2.2.7)."""
    left_out = set(_HOP_BY_HOP)
    for name, value in raw:
        if name == b"connection":
            left_out.update(_FIELD_NAME_BYTES(value.lower()))
    for directive in ("private", "no-cache"):
        left_out.update(field.encode("latin-1") for field in control.fields(directive) or ())
    return [pair for pair in raw if pair[0] not in left_out]


def updated_headers(stored: RawHeaders, update: RawHeaders) -> RawHeaders:
    """Stored fields after a 304, or a HEAD's 200, brought new ones (3.2): what it names is replaced.

    `update` has been through `stored_headers`. What describes the stored bytes stays.
    """
    new = [pair for pair in update if pair[0] not in _OF_THE_BODY]
    replaced = {name for name, _ in new}
    return [pair for pair in stored if pair[0] not in replaced] + new


# Freshness ----------------------------------------------------------------------------------------


def freshness_lifetime(
    status: int,
    response: Mapping[str, str],
    control: CacheControl,
    *,
    received: float,
    policy: Policy = DEFAULT,
) -> float:
    """For how many seconds of its age the response is fresh (4.2.1, 4.2.2).

    s-maxage, else max-age, else Expires minus Date, else what `policy` says.
    """
    for name in ("s-maxage", "max-age"):
        seconds = control.seconds(name)
        if seconds is not None:
            return float(seconds)
    date = _date(response, received)
    if "expires" in response:
        expires = parse_http_date(response["expires"].strip(), now=received)
        return 0.0 if expires is None else max(0.0, expires - date)
    if status in policy.heuristic:
        return float(policy.heuristic[status])
    if status in CACHEABLE_BY_DEFAULT or "public" in control:
        modified = parse_http_date(response.get("last-modified", "").strip(), now=received)
        if modified is not None:
            return min(max(0.0, date - modified) * policy.fraction, policy.most)
    return 0.0


def initial_age(response: Mapping[str, str], *, requested: float, received: float) -> float:
    """How old a response was when it came (4.2.3); its age at `now` is this + (now - received).

    By its Age and the time it took to come, or by its Date, whichever is more.
    """
    # Age should be one number; of several the first counts, and what is no number does not (5.1).
    age = _delta_seconds(response.get("age", "").partition(",")[0].strip()) or 0
    return max(received - _date(response, received), age + received - requested, 0.0)


def needs_validation(control: CacheControl) -> bool:
    """Whether the stored response must not be used, however fresh, without asking (no-cache)."""
    return control.bare("no-cache")


def request_accepts(
    asked: CacheControl, control: CacheControl, *, age: float, lifetime: float
) -> bool:
    """Whether a response of that age suits a request's directives without asking (5.2.1).

    With no directives: whether it is fresh. only-if-cached is the caller's to see.
    """
    if "no-cache" in asked or needs_validation(control):
        return False
    most = asked.seconds("max-age")
    if most is not None and age > most:
        return False
    if age + (asked.seconds("min-fresh") or 0) < lifetime:
        return True
    if "max-stale" not in asked or "min-fresh" in asked or _never_stale(control):
        return False
    return age - lifetime <= (inf if asked.bare("max-stale") else asked.seconds("max-stale") or 0)


def stale_while_revalidate(control: CacheControl) -> float:
    """For how long after its freshness it may answer while a new one is fetched (RFC 5861, 3)."""
    return 0.0 if _never_stale(control) else float(control.seconds("stale-while-revalidate") or 0)


def stale_if_error(control: CacheControl, *, default: float = 0.0) -> float:
    """For how long after its freshness it may answer when the origin fails (RFC 5861, 4).

    `default` where the response neither says nor forbids it.
    """
    if _never_stale(control):
        return 0.0
    seconds = control.seconds("stale-if-error")
    return default if seconds is None else float(seconds)


def _never_stale(control: CacheControl) -> bool:
    # 4.2.4; s-maxage has the meaning of proxy-revalidate in it (5.2.2.10).
    return needs_validation(control) or any(
        name in control for name in ("must-revalidate", "proxy-revalidate", "s-maxage")
    )


# Variants -----------------------------------------------------------------------------------------


def vary_fields(response: Mapping[str, str]) -> tuple[str, ...] | None:
    """The request fields that select the response, in lower case and sorted; None: `*`, no request does."""
    fields = {name.strip().lower() for name in response.get("vary", "").split(",")} - {""}
    return None if "*" in fields else tuple(sorted(fields))


def vary_key(fields: tuple[str, ...], request: Mapping[str, str]) -> str:
    """What those fields say in this request, normalised: equal for requests that match (4.1).

    Space around commas counts for nothing, and in the Accept-... fields order and case neither.
    """
    return "\n".join(
        name if value is None else f"{name}:{_normal(name, value)}"
        for name in fields
        for value in (request.get(name),)
    )


def _normal(name: str, value: str) -> str:
    members = [member.strip() for member in _MEMBER(value)]
    if name in _UNORDERED:
        members = sorted(re.sub(r"\s+", "", member.lower()) for member in members)
    return ",".join(members)


# Invalidation -------------------------------------------------------------------------------------


def invalidated(method: str, url: str, status: int, response: Mapping[str, str]) -> list[str]:
    """The URLs whose stored responses an answered request makes invalid (4.4).

    After an unsafe method that did not fail: its own, and what Location and Content-Location name
    of the same origin.
    """
    if method in SAFE_METHODS or not 200 <= status < 400:
        return []
    own = host.parse_url(url)
    if own is None:
        return []
    urls = [own.href.partition("#")[0]]
    for name in ("location", "content-location"):
        other = host.parse_url(response[name], own.href) if name in response else None
        if other is not None and (other.protocol, other.host) == (own.protocol, own.host):
            named = other.href.partition("#")[0]
            if named not in urls:
                urls.append(named)
    return urls


def _date(response: Mapping[str, str], received: float) -> float:
    date = parse_http_date(response.get("date", "").strip(), now=received)
    return received if date is None else date


def _delta_seconds(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0")
    return min(int(digits or "0"), MAX_SECONDS) if len(digits) <= 10 else MAX_SECONDS
