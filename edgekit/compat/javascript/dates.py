"""Date. Spec: ECMAScript; a date's parts are in UTC, which is the local time of Workers.

Python's datetime ends where JavaScript's years do not (at 1 and 9999), so days are counted here.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from edgekit import host
from edgekit.compat.javascript import late
from edgekit.compat.javascript.errors import RangeError
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import null, number, string

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = 86_400_000
_MOST = 8.64e15


class _Parts(NamedTuple):
    year: int
    month: int  # from 0
    day: int
    hours: int
    minutes: int
    seconds: int
    milliseconds: int
    weekday: int  # from Sunday, 0


def _days(year: int, month: int) -> int:
    """Days from 1970 to the first of a month. Years begin in March here, so that a leap day ends one."""
    year, month = year + month // 12, month % 12
    year, month = (year, month - 2) if month >= 2 else (year - 1, month + 10)
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 - 719_468


def _parts(time: float) -> _Parts:
    days, rest = divmod(int(time), _DAY)
    era, day = divmod(days + 719_468, 146_097)  # of 400 years
    year = (day - day // 1460 + day // 36524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day += 1 - (153 * month + 2) // 5
    year, month = (year, month + 2) if month < 10 else (year + 1, month - 10)
    minutes, rest = divmod(rest, 60_000)
    clock = (*divmod(minutes, 60), *divmod(rest, 1000))
    return _Parts(era * 400 + year, month, day, *clock, (days + 4) % 7)


def _milliseconds(*parts: float) -> float:
    """Of year, month from 0, day, hours, minutes, seconds, milliseconds; what is too much goes over."""
    given = [late.text.to_number(part) for part in parts]
    if not all(math.isfinite(part) for part in given):
        return math.nan
    year, month, day, hours, minutes, seconds, ms = map(int, [*given, *_REST[len(given) :]])
    if 0 <= year <= 99:
        year += 1900
    return _time(year, month, day, hours, minutes, seconds, ms)


_REST = (0, 0, 1, 0, 0, 0, 0)


def _time(
    year: int, month: int, day: int, hours: int = 0, minutes: int = 0, seconds: int = 0, ms: int = 0
) -> int:
    clock = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
    return (_days(year, month) + day - 1) * _DAY + clock


# Text -> time -------------------------------------------------------------------------------------------

_ISO = re.compile(
    r"([+-]\d{6}|\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?\s*(?:(Z)|([+-]\d\d):?(\d\d))?"
).fullmatch
# What V8 reads beside that, as far as people write it: the parts of a date in English, in any order.
_WORDS = re.compile(
    r"(?P<note>\([^)]*\))|(?P<clock>\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)|(?P<zone>[+-]\d{4}|[+-]\d\d:\d\d)"
    r"|(?P<slashed>\d+[/-]\d+(?:[/-]\d+)?)|(?P<number>\d+)|(?P<word>[A-Za-z]+)|(?P<gap>[\s,.-]+)"
)
_ZONES = {"z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -300, "edt": -240, "cst": -360}
_ZONES |= {"cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420}


def parse(text: str) -> float:
    """Milliseconds since 1970 of a date as text, ISO or in English; NaN for anything else."""
    text = text.strip()
    found = _ISO(text)
    if found is None:
        return _worded(text)
    year, month, day, hours, minutes, seconds, fraction, _, zone, zone_minutes = found.groups("0")
    at = (int(year), int(month) or 1, int(day) or 1, int(hours), int(minutes), int(seconds))
    ms = int(f"{fraction:0<3}"[:3])
    if year == "-000000" or not (1 <= at[1] <= 12 and 1 <= at[2] <= 31):
        return math.nan
    if at[4] > 59 or at[5] > 59 or at[3] > (24 if at[4:] == (0, 0) and not ms else 23):
        return math.nan
    offset = int(zone) * 60 + (int(zone_minutes) if zone[0] != "-" else -int(zone_minutes))
    return _time(at[0], at[1] - 1, *at[2:], ms) - offset * 60_000


def _worded(text: str) -> float:
    numbers: list[int] = []
    month: int | None = None
    hours = minutes = 0
    seconds = 0.0
    offset = 0
    place = 0
    while place < len(text):
        found = _WORDS.match(text, place)
        if found is None:
            return math.nan
        place, kind, token = found.end(), found.lastgroup, found.group()
        if kind == "clock":
            hours, minutes, seconds = [*map(float, token.split(":")), 0.0][:3]  # type: ignore[assignment]
        elif kind == "zone":
            sign = -1 if token[0] == "-" else 1
            offset = sign * (int(token[1:3]) * 60 + int(token[-2:]))
        elif kind in ("slashed", "number"):
            if len(token) > 30:  # no date, and Python refuses to read very many digits
                return math.nan
            numbers += map(int, re.split("[/-]", token))
        elif kind == "word":
            word = token.lower()
            if word in ("am", "pm"):
                if not 1 <= hours <= 12:
                    return math.nan
                hours = hours % 12 + (12 if word == "pm" else 0)
            elif word in _ZONES:
                offset = _ZONES[word]
            elif (short := word[:3].title()) in _MONTHS:
                month = _MONTHS.index(short)
            elif short not in _WEEKDAYS and word != "t":
                return math.nan
    if month is not None:  # "2 Jan 2024", "Jan 2, 2024", "Jan 2024"
        numbers.insert(0, month + 1)
        if len(numbers) == 3 and numbers[1] > 31:
            numbers[1:] = [numbers[2], numbers[1]]
    elif len(numbers) == 3 and numbers[0] > 31:  # "2024/01/02"
        numbers.append(numbers.pop(0))
    if len(numbers) == 2:
        numbers = [numbers[0], 1, numbers[1]] if numbers[1] > 31 else [*numbers, 2001]
    if len(numbers) == 1:
        numbers = [numbers[0], 1, 2001]
    if len(numbers) != 3:
        return math.nan
    at_month, day, year = numbers
    if year < 100:
        year += 2000 if year < 50 else 1900
    if not (1 <= at_month <= 12 and 1 <= day <= 31) or hours > 24 or minutes > 59 or seconds >= 60:
        return math.nan
    ms = round(seconds * 1000)
    return _time(year, at_month - 1, day, int(hours), int(minutes), 0, ms) - offset * 60_000


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
            value = late.text.to_number(parts[0])
        self._time = math.nan if value != value or abs(value) > _MOST else float(int(value))

    @staticmethod
    def now() -> int:
        """Milliseconds since 1970."""
        return int(host.now() * 1000)

    @staticmethod
    def UTC(*parts: Any) -> int | float:
        return Date(_milliseconds(*parts)).getTime()

    @staticmethod
    def parse(text: str) -> int | float:
        return Date(parse(string(text))).getTime()

    def getTime(self) -> int | float:
        return number(self._time)

    valueOf = getTime

    def setTime(self, value: float) -> int | float:
        self._time = Date(value)._time
        return self.getTime()

    def toISOString(self) -> str:
        """As in `2026-01-31T12:00:00.000Z`; a RangeError for no valid time."""
        p = self._read()
        if p is None:
            raise RangeError("Invalid time value")
        year = f"{p.year:04}" if 0 <= p.year <= 9999 else f"{p.year:+07}"
        clock = f"{p.hours:02}:{p.minutes:02}:{p.seconds:02}.{p.milliseconds:03}"
        return f"{year}-{p.month + 1:02}-{p.day:02}T{clock}Z"

    def toJSON(self) -> Any:
        return null() if self._time != self._time else self.toISOString()

    def toString(self) -> str:
        return self._written("{weekday} {month} {day:02} {year} {clock} GMT+0000 " + _ZONE)

    def toDateString(self) -> str:
        return self._written("{weekday} {month} {day:02} {year}")

    def toTimeString(self) -> str:
        return self._written("{clock} GMT+0000 " + _ZONE)

    def toUTCString(self) -> str:
        return self._written("{weekday}, {day:02} {month} {year} {clock} GMT")

    toGMTString = toUTCString

    def toLocaleDateString(self, *locale: Any) -> str:
        """As in the United States, whatever the locale."""
        return self._written("{number}/{day}/{years}")

    def toLocaleTimeString(self, *locale: Any) -> str:
        """As in the United States, whatever the locale."""
        return self._written("{hour}:{rest} {half}")

    def toLocaleString(self, *locale: Any) -> str:
        """As in the United States, whatever the locale."""
        return self._written("{number}/{day}/{years}, {hour}:{rest} {half}")

    def _written(self, form: str) -> str:
        p = self._read()
        if p is None:
            return "Invalid Date"
        rest = f"{p.minutes:02}:{p.seconds:02}"
        return form.format(
            weekday=_WEEKDAYS[p.weekday],
            month=_MONTHS[p.month],
            number=p.month + 1,
            day=p.day,
            year=f"{p.year:04}" if p.year >= 0 else f"{p.year:05}",
            years=p.year,
            clock=f"{p.hours:02}:{rest}",
            rest=rest,
            hour=p.hours % 12 or 12,
            half="AM" if p.hours < 12 else "PM",
        )

    def getTimezoneOffset(self) -> int:
        return 0

    def getYear(self) -> int | float:
        """The year, less 1900."""
        p = self._read()
        return math.nan if p is None else p.year - 1900

    def _read(self) -> _Parts | None:
        """Its parts, or None for an invalid date."""
        return None if self._time != self._time else _parts(self._time)

    def _to_edgekit(self) -> datetime:
        try:
            return _EPOCH + timedelta(milliseconds=self._time)
        except (ValueError, OverflowError):
            raise RangeError("Invalid time value") from None


_ZONE = "(Coordinated Universal Time)"
_NAMED = ("FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds", "Day")


def _add_parts() -> None:
    for at, name in enumerate(_NAMED):

        def get(self: Date, at: int = at) -> int | float:
            parts = self._read()
            return math.nan if parts is None else parts[at]

        def put(self: Date, *values: Any, at: int = at) -> int | float:
            # An invalid date can be given a year, and is then that year's first day.
            now = _parts(0) if at == 0 and self._time != self._time else self._read()
            given = [late.text.to_number(value) for value in values]
            if now is None or not given or not all(map(math.isfinite, given)):
                self._time = math.nan
            else:
                whole = map(int, [*now[:at], *given, *now[at + len(given) : 7]])
                self._time = Date(_time(*whole))._time
            return self.getTime()

        for prefix in ("get", "getUTC"):
            setattr(Date, prefix + name, get)
        if name != "Day":
            for prefix in ("set", "setUTC"):
                setattr(Date, prefix + name, put)


_add_parts()
