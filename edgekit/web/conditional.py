"""Conditional requests, ranges and dates as HTTP has them. Spec: RFC 9110, 5.6.7, 13 and 14.

Pure functions over header texts: nothing here knows a request, a store or a file. Whoever answers
evaluates in the order of RFC 9110, 13.2.2: `precondition_failed` (412), then, for GET and HEAD,
`not_modified` (304), then `range_applies` and `parse_range` (206, or 416 when the latter gives []).
This is not caching, which is `caching.py`.

An entity tag is its header's text: `"abc"` or `W/"abc"`. A time is in seconds since 1970.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Mapping
from time import gmtime

from edgekit import host

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

# RFC 9110 spells dates in one case; RFC 9111, 4.2 lets who reads them be tolerant of that, and of
# nothing else: no other zone, no missing comma, no single digit.
_TOLERANT = re.IGNORECASE | re.ASCII
_IMF = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z]{3}) ([0-9]{4})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT",
    _TOLERANT,
).fullmatch
_RFC850 = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, ([0-9]{2})-([A-Z]{3})-([0-9]{2})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT",
    _TOLERANT,
).fullmatch
_ASCTIME = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z]{3}) ([0-9]{2}| [0-9])"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})",
    _TOLERANT,
).fullmatch

_RANGE = re.compile(r"([0-9]*)-([0-9]*)").fullmatch
_MAX_RANGES = 100  # in one header: more is no download manager but an attack
_MAX_DIGITS = 20  # of a position; beyond any size, and int() refuses 4,300

_TAG = re.compile(r'(?:W/)?"[^"]*"|[^\s,"]+').finditer


def http_date(seconds: float) -> str:
    """A moment as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`. Fractions are cut off."""
    t = gmtime(int(seconds // 1))
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04}"
        f" {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
    )


def parse_http_date(text: str, *, now: float | None = None) -> float | None:
    """The moment that a date in any of HTTP's three forms means, or None: it is none of them.

    A year of two digits is the one that is at most 50 years after `now` (by default, the time).
    The day of the week is not compared with the date.
    """
    if found := _IMF(text):
        day, month, year, hour, minute, second = found.groups()
        number = int(year)
    elif found := _ASCTIME(text):
        month, day, hour, minute, second, year = found.groups()
        number = int(year)
    elif found := _RFC850(text):
        day, month, year, hour, minute, second = found.groups()
        this = gmtime(host.now() if now is None else now).tm_year
        number = this - this % 100 + 100 + int(year)
        while number > this + 50:
            number -= 100
    else:
        return None
    at = (number, _MONTH.get(month.lower(), 0), int(day), int(hour), int(minute), int(second))
    if not (at[1] and number and 1 <= at[2] <= 31 and at[3] <= 23 and at[4] <= 59 and at[5] <= 60):
        return None
    moment = timegm((*at, 0, 0, 0))
    # What the calendar lacks, such as 30 February, would have become another month.
    return float(moment) if gmtime(moment - at[5]).tm_mon == at[1] else None


def parse_range(header: str, size: int) -> list[tuple[int, int]] | None:
    """The parts of `size` bytes that a Range header asks for: (start, end), end exclusive, in its order.

    None: the header is to be ignored (another unit, malformed, or parts that are more than the
    whole, which RFC 9110, 14.2 lets a server refuse to believe). []: none of it exists, which is 416.
    """
    unit, equals, parts = header.partition("=")
    if not equals or unit.strip().lower() != "bytes" or parts.count(",") >= _MAX_RANGES:
        return None
    ranges: list[tuple[int, int]] = []
    seen = False
    for part in parts.split(","):
        part = part.strip(" \t")
        if not part:
            continue  # lists may have empty members
        found = _RANGE(part)
        if found is None or part == "-":
            return None
        seen = True
        first, last = found.groups()
        if not first:
            start, end = max(size - _position(last), 0), size
            if size == 0 and _position(last):
                return None  # the whole of nothing: satisfiable, but no Content-Range can say it
        else:
            start, end = _position(first), size
            if last:
                if _position(last) < start:
                    return None
                end = min(_position(last) + 1, size)
        if start < end:
            ranges.append((start, end))
    if not seen or (len(ranges) > 1 and sum(end - start for start, end in ranges) > size):
        return None
    return ranges


def _position(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def etag_matches(header: str, etag: str | None, *, weak: bool) -> bool:
    """Whether an If-Match or If-None-Match header names this entity tag (None: there is none).

    `*` names any. `weak` compares without regard to `W/`; otherwise weak tags match nothing.
    """
    if header.strip() == "*":
        return True
    if etag is None:
        return False
    tags = (found[0] for found in _TAG(header))
    if weak:
        opaque = etag.removeprefix("W/")
        return any(tag.removeprefix("W/") == opaque for tag in tags)
    return not etag.startswith("W/") and any(tag == etag for tag in tags)


def not_modified(
    headers: Mapping[str, str], *, etag: str | None, last_modified: float | None
) -> bool:
    """Whether a GET or HEAD with these headers is answered by 304: what the client has is current.

    If-None-Match, where there is one, decides alone; else If-Modified-Since, if it is a date.
    """
    header = headers.get("if-none-match")
    if header is not None:
        return etag_matches(header, etag, weak=True)
    since = _date(headers, "if-modified-since", last_modified)
    return since is not None and last_modified is not None and last_modified // 1 <= since


def precondition_failed(
    headers: Mapping[str, str], *, etag: str | None, last_modified: float | None
) -> bool:
    """Whether a request with these headers is answered by 412: it is meant for another version.

    If-Match, where there is one, decides alone; else If-Unmodified-Since, if it is a date.
    """
    header = headers.get("if-match")
    if header is not None:
        return not etag_matches(header, etag, weak=False)
    since = _date(headers, "if-unmodified-since", last_modified)
    return since is not None and last_modified is not None and last_modified // 1 > since


def range_applies(
    headers: Mapping[str, str], *, etag: str | None, last_modified: float | None
) -> bool:
    """Whether the Range header counts: there is no If-Range, or what it names is what there is.

    A date must be exactly Last-Modified, a tag the same and strong; otherwise the whole is sent.
    """
    header = headers.get("if-range")
    if header is None:
        return True
    header = header.strip()
    if header.endswith('"'):
        return etag is not None and header == etag and not etag.startswith("W/")
    return last_modified is not None and parse_http_date(header) == last_modified // 1


def _date(headers: Mapping[str, str], name: str, against: float | None) -> float | None:
    text = headers.get(name) if against is not None else None
    return None if text is None else parse_http_date(text.strip())
