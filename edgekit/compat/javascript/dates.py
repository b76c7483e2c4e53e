"""Date and RegExp. Spec: ECMAScript; a date's parts are in UTC, which is the local time of Workers."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from edgekit import host
from edgekit.compat.javascript.errors import RangeError, SyntaxError_
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import Array, Iterated, Object, null, number, string

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _milliseconds(*parts: float) -> float:
    """Of year, month from 0, day, hours, minutes, seconds, milliseconds; what is too much goes over."""
    year, month, day, *rest = [*parts, *(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)[len(parts) :]]
    if any(part != part for part in parts):
        return math.nan
    if 0 <= year <= 99:
        year += 1900
    carry, month = divmod(int(month), 12)
    try:
        start = datetime(int(year) + carry, month + 1, 1, tzinfo=UTC)
        hours, minutes, seconds, ms = rest
        moment = start + timedelta(
            days=int(day) - 1, hours=hours, minutes=minutes, seconds=seconds, milliseconds=ms
        )
    except (ValueError, OverflowError):
        return math.nan
    return (moment - _EPOCH) / timedelta(milliseconds=1)


def parse(text: str) -> float:
    """Milliseconds since 1970 of a date as text, ISO or that of mails; NaN for anything else."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


class Date(JsProxy):
    """A moment, in milliseconds since 1970: `Date.new()`, of a number, a text, or parts."""

    __slots__ = ("_time",)
    _time: float

    def __init__(self, *parts: Any) -> None:
        if not parts:
            value: float = int(host.now() * 1000)
        elif len(parts) > 1:
            value = _milliseconds(*parts)
        elif isinstance(parts[0], Date):
            value = parts[0]._time
        elif isinstance(parts[0], datetime):
            value = parts[0].timestamp() * 1000
        elif isinstance(parts[0], str):
            value = parse(parts[0])
        else:
            value = float(parts[0]) if parts[0] is not None else math.nan
        self._time = math.nan if value != value or abs(value) > 8.64e15 else float(int(value))

    @staticmethod
    def now() -> int:
        """Milliseconds since 1970."""
        return int(host.now() * 1000)

    @staticmethod
    def UTC(*parts: Any) -> int | float:
        return number(_milliseconds(*parts))

    @staticmethod
    def parse(text: str) -> int | float:
        return number(parse(text))

    def getTime(self) -> int | float:
        return number(self._time)

    valueOf = getTime

    def setTime(self, value: float) -> int | float:
        self._time = Date(value)._time
        return self.getTime()

    def toISOString(self) -> str:
        """As in `2026-01-31T12:00:00.000Z`; a RangeError for no valid time."""
        if self._time != self._time:
            raise RangeError("Invalid time value")
        text = self._moment().strftime("%m-%dT%H:%M:%S")
        return f"{self._moment().year:04}-{text}.{int(self._time) % 1000:03}Z"

    def toJSON(self) -> Any:
        return null() if self._time != self._time else self.toISOString()

    def toString(self) -> str:
        if self._time != self._time:
            return "Invalid Date"
        return f"{self.toDateString()} {self.toTimeString()}"

    def toDateString(self) -> str:
        m = self._moment()
        return f"{_DAYS[m.weekday()]} {_MONTHS[m.month - 1]} {m.day:02} {m.year:04}"

    def toTimeString(self) -> str:
        return f"{self._moment():%H:%M:%S} GMT+0000 (Coordinated Universal Time)"

    def toUTCString(self) -> str:
        m = self._moment()
        day, month = _DAYS[m.weekday()], _MONTHS[m.month - 1]
        return f"{day}, {m.day:02} {month} {m.year:04} {m:%H:%M:%S} GMT"

    toGMTString = toUTCString

    def toLocaleDateString(self, *locale: Any) -> str:
        m = self._moment()
        return f"{m.month}/{m.day}/{m.year}"

    def toLocaleTimeString(self, *locale: Any) -> str:
        m = self._moment()
        return f"{m.hour % 12 or 12}:{m:%M:%S} {'AM' if m.hour < 12 else 'PM'}"

    def toLocaleString(self, *locale: Any) -> str:
        return f"{self.toLocaleDateString()}, {self.toLocaleTimeString()}"

    def getTimezoneOffset(self) -> int:
        return 0

    def _moment(self) -> datetime:
        return _EPOCH + timedelta(milliseconds=self._time)

    def _to_edgekit(self) -> datetime:
        return self._moment()


_PARTS: dict[str, Any] = {
    "FullYear": lambda m: m.year,
    "Month": lambda m: m.month - 1,
    "Date": lambda m: m.day,
    "Day": lambda m: (m.weekday() + 1) % 7,
    "Hours": lambda m: m.hour,
    "Minutes": lambda m: m.minute,
    "Seconds": lambda m: m.second,
    "Milliseconds": lambda m: m.microsecond // 1000,
}
_ORDER = ("FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds")


def _add_parts() -> None:
    for name, part in _PARTS.items():

        def get(self: Date, part: Any = part) -> Any:
            return part(self._moment()) if self._time == self._time else math.nan

        def put(self: Date, *values: float, first: str = name) -> int | float:
            moment = self._moment()
            parts = [float(_PARTS[name](moment)) for name in _ORDER]
            at = _ORDER.index(first)
            parts[at : at + len(values)] = values
            self._time = Date(_milliseconds(*parts))._time
            return self.getTime()

        for prefix in ("get", "getUTC"):
            setattr(Date, prefix + name, get)
        if name in _ORDER:
            for prefix in ("set", "setUTC"):
                setattr(Date, prefix + name, put)


_add_parts()

_GROUP = re.compile(r"\(\?<([A-Za-z_$][\w$]*)>")
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


class RegExp(JsProxy):
    """A regular expression, by Python's `re`: named groups are translated, sticky is `lastIndex`."""

    source: str
    flags: str

    def __init__(self, source: Any, flags: str | None = None) -> None:
        if isinstance(source, RegExp):
            flags = source.flags if flags is None else flags
            source = source.source
        self.source = string(source)
        self.flags = "".join(sorted(flags or ""))
        self.lastIndex = 0
        if unknown := set(self.flags) - set("dgimsuvy"):
            raise SyntaxError_(f"Invalid flags supplied to RegExp constructor '{''.join(unknown)}'")
        mode = re.ASCII if "u" not in self.flags else re.NOFLAG
        for flag, value in _FLAGS.items():
            mode |= value if flag in self.flags else re.NOFLAG
        try:
            self._pattern = re.compile(_GROUP.sub(r"(?P<\1>", self.source), mode)
        except re.error as error:
            raise SyntaxError_(f"Invalid regular expression: /{self.source}/: {error}") from None

    global_ = property(lambda self: "g" in self.flags)
    ignoreCase = property(lambda self: "i" in self.flags)
    multiline = property(lambda self: "m" in self.flags)

    def exec(self, text: Any) -> Any:
        """The first match: an array of it and its groups, with `index`, `input`, `groups`; or null."""
        text = string(text)
        goes_on = "g" in self.flags or "y" in self.flags
        start = self.lastIndex if goes_on else 0
        find = self._pattern.match if "y" in self.flags else self._pattern.search
        found = find(text, start) if start <= len(text) else None
        if goes_on:
            self.lastIndex = found.end() if found else 0
        return _Match(found) if found else null()

    def test(self, text: Any) -> bool:
        return bool(self.exec(text))

    def toString(self) -> str:
        return f"/{self.source}/{self.flags}"

    def matchAll(self, text: str) -> Iterated:
        return Iterated(map(_Match, self._pattern.finditer(text)))


class _Match(Array):
    _js_name = "Array"

    def __init__(self, found: re.Match[str]) -> None:
        self._list = [found.group(), *found.groups()]
        self.input = found.string
        self.groups = Object.over(dict(found.groupdict())) if found.groupdict() else None
        # Not an array's own `index` method, which Python's name is; the place of the match.
        self.index = found.start()  # type: ignore[assignment,method-assign]
