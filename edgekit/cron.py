"""Cron expressions in the platform's dialect: text -> the minutes at which it fires, in UTC.

Five fields: minute, hour, day of the month, month, day of the week, parted by spaces or tabs.
- Any field: `*`, `5`, `1-5`, `*/15`, `10/15` (from 10 on), `1-30/5`, and lists of these. A range may
  wrap around (`22-4`, `FRI-MON`), with a step as well. Months and days have names (`JAN`, `sun`).
- **Days of the week are 1 to 7, Sunday to Saturday**; there is no 0. `6L` is the last Friday of the
  month, `6#2` the second one, `L` alone Saturday.
- Days of the month: `L` the last one, `L-3` three days before it, `15W` the weekday nearest to the
  15th within the month, `LW` the last weekday, `L-3W` the one nearest to `L-3`. What a month does
  not have does not fire there.
- Where neither field of days is `*`, a day fires that matches either.
- A `*` later in a list is the smallest value, not all: `5,*/20` is 0, 5, 20, 40, and `5,*` 0 and 5.

These are the rules of the parser that the platform publishes (saffron), and, where its arithmetic does
not do what its own comments say, of the comments: there `FRI-MON` has Thursday too, and a step skips
values where it wraps around. Pure: no clock, and nothing of who fires.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange, timegm
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

from edgekit.errors import ConfigError

# Days of a month, from the weekday of its first day (0 is Sunday) and its length; those that the
# month does not have may be among them.
_Days = Callable[[int, int], Iterable[int]]

_REPEATS = 400 * 12  # months, after which the calendar repeats
_DIGITS = re.compile(r"[0-9]+")


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: Sequence[str] = ()


_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()  # noqa: SIM905
_WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()  # noqa: SIM905
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 1, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression, made by `parse`; `text` is as it was written."""

    text: str
    _times: tuple[int, ...] = field(repr=False, compare=False)  # minutes of the day, ascending
    _months: frozenset[int] = field(repr=False, compare=False)
    _days: tuple[_Days, ...] = field(
        repr=False, compare=False
    )  # a day fires that is in any; none: every day

    def next(self, after: float) -> int | None:
        """The first minute later than `after` at which it fires, both in seconds since 1970.

        None where it never does (30 February), or not before the year 10000.
        """
        start = datetime.fromtimestamp((after // 60 + 1) * 60, UTC)
        for months in range(_REPEATS + 1):
            years, month = divmod(start.month + months - 1, 12)
            year, month = start.year + years, month + 1
            if year > 9999:
                break
            if month not in self._months:
                continue
            for day in self._days_in(year, month):
                time = 0
                if months == 0 and day <= start.day:
                    time = start.hour * 60 + start.minute if day == start.day else 24 * 60
                at = bisect_left(self._times, time)
                if at < len(self._times):
                    return timegm((year, month, day, 0, self._times[at], 0))
        return None

    def _days_in(self, year: int, month: int) -> list[int]:
        monday_based, length = monthrange(year, month)
        every = range(1, length + 1)
        if not self._days:
            return list(every)
        first = (monday_based + 1) % 7
        return sorted({day for days in self._days for day in days(first, length) if day in every})


def parse(text: str) -> Cron:
    """The expression; ConfigError says what is wrong with it, and at which character."""
    fields = list(re.finditer(r"[^ \t]+", text))
    if len(fields) != 5:
        raise ConfigError(f"the cron {text!r} {_not_five(text, len(fields))}")
    if fields[0].start() or fields[4].end() < len(text):
        raise ConfigError(f"the cron {text!r} begins or ends with a space")
    minute, hour, day, month, weekday = (
        _Reader(text, found.start(), found.end(), field)
        for found, field in zip(fields, _FIELDS, strict=True)
    )
    minutes, hours = minute.values(), hour.values()
    return Cron(
        text,
        tuple(sorted(60 * h + m for h in hours for m in minutes)),
        frozenset(month.values()),
        tuple(days for days in (day.days_of_month(), weekday.days_of_week()) if days is not None),
    )


def _not_five(text: str, count: int) -> str:
    if text.startswith("@"):
        return "is a nickname, and the platform has none: write its five fields"
    five = "minute, hour, day of the month, month, day of the week"
    more = "; there are no seconds and no years" if count > 5 else ""
    return f"has {count} field{'' if count == 1 else 's'} instead of five ({five}{more})"


class _Reader:
    """Reads one field, which is text[at:end]. What is left over at its end is an error."""

    def __init__(self, text: str, at: int, end: int, field: _Field) -> None:
        self._text = text
        self._at = at
        self._end = end
        self._field = field

    def values(self) -> set[int]:
        """A field of minutes, hours or months."""
        if self._is_star():
            return set(range(self._field.low, self._field.high + 1))
        return self._list()

    def days_of_month(self) -> _Days | None:
        """None for `*`."""
        if self._is_star():
            return None
        if self._take("L"):
            back = (
                self._number("expected 1 to 30 days before the last", 1, 30)
                if self._take("-")
                else 0
            )
            near = self._take("W")
            self._check_end()
            if near:
                return lambda first, length: _weekday_near(length - back, first, length)
            return lambda first, length: (length - back,)
        start = self._at
        if not self._follows("*"):
            day = self._value()
            if self._take("W"):
                self._check_end()
                return lambda first, length: _weekday_near(day, first, length)
            self._at = start
        days = self._list()
        return lambda first, length: days

    def days_of_week(self) -> _Days | None:
        """None for `*`."""
        if self._is_star():
            return None
        if self._take("L"):
            self._check_end()
            return lambda first, length: _on((7,), first, length)
        start = self._at
        if not self._follows("*"):
            weekday = self._value()
            if self._take("L"):
                self._check_end()
                return lambda first, length: _on((weekday,), first, length)[-1:]
            if self._take("#"):
                nth = self._number("expected 1 to 5 after the '#'", 1, 5)
                self._check_end()
                return lambda first, length: _on((weekday,), first, length)[nth - 1 : nth]
            self._at = start
        weekdays = self._list()
        return lambda first, length: _on(weekdays, first, length)

    def _is_star(self) -> bool:
        """Whether all of the field is `*`, which is then read."""
        star = self._text[self._at : self._end] == "*"
        self._at += star
        return star

    def _list(self) -> set[int]:
        values = self._item(first=True)
        while self._take(","):
            values |= self._item()
        self._check_end()
        return values

    def _item(self, *, first: bool = False) -> set[int]:
        """One value, a range, or either with a step."""
        low, high = self._field.low, self._field.high
        star = self._take("*")
        start = low if star else self._value()
        end = start
        if star and first and not self._follows("/"):
            self._fail("a '*' stands alone or before a step, as in '*/5'")
        if self._take("-"):
            end = self._value()
        elif self._follows("/"):
            end = high
        step = 1
        if self._take("/"):
            step = self._number(f"expected a step of 1 to {high - low}", 1, high - low)
        if start > end:
            end += high - low + 1
        return {(value - low) % (high - low + 1) + low for value in range(start, end + 1, step)}

    def _value(self) -> int:
        _, low, high, names = self._field
        name = self._text[self._at : min(self._at + 3, self._end)].upper()
        if name in names:
            self._at += 3
            return names.index(name) + 1
        if self._follows("?"):
            self._fail("there is no '?', write '*'")
        words = f", or {names[0]} to {names[-1]}" if names else ""
        return self._number(f"expected {low} to {high}{words}", low, high)

    def _number(self, expected: str, low: int, high: int) -> int:
        found = _DIGITS.match(self._text, self._at, self._end)
        digits = found[0].lstrip("0") if found else ""
        if found is None or len(digits) > 2 or not low <= int(digits or "0") <= high:
            self._fail(expected)
        self._at = found.end()
        return int(digits or "0")

    def _follows(self, char: str) -> bool:
        return self._text.startswith(char, self._at, self._end)

    def _take(self, char: str) -> bool:
        found = self._follows(char)
        self._at += found
        return found

    def _check_end(self) -> None:
        if self._at < self._end:
            self._fail("nothing more was expected")

    def _fail(self, why: str) -> NoReturn:
        rest = self._text[self._at : self._end]
        where = f"at character {self._at + 1}, {rest!r}" if rest else "where it ends"
        raise ConfigError(f"the cron {self._text!r}, {self._field.name}: {why}, {where}")


def _on(weekdays: Iterable[int], first: int, length: int) -> list[int]:
    """The days of a month that fall on `weekdays`, of which 1 is Sunday."""
    return [day for day in range(1, length + 1) if (first + day - 1) % 7 + 1 in weekdays]


def _weekday_near(day: int, first: int, length: int) -> tuple[int, ...]:
    """The day from Monday to Friday nearest to `day` and in the same month, if that has the day."""
    if not 1 <= day <= length:
        return ()
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return (day - 1 if day > 1 else 3,)
    if weekday == 0:
        return (day + 1 if day < length else day - 2,)
    return (day,)
