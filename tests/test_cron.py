"""The platform's cron dialect: what each form means, what is refused and how, and all of it against
an oracle that asks of every day and minute, slowly, whether it fires.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgekit.cron import parse
from edgekit.errors import ConfigError


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def fires(cron: str, after: str, count: int) -> list[str]:
    """The next `count` moments, as `2026-11-25 21:00`, without the time where it is midnight."""
    found, moment = [], at(after)
    for _ in range(count):
        following = parse(cron).next(moment)
        assert following is not None
        moment = following
        found.append(datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M"))
    return [text.removesuffix(" 00:00") for text in found]


# next


def test_next_is_later_than_the_moment_and_on_a_whole_minute() -> None:
    cron = parse("* * * * *")
    assert cron.next(at("2026-11-25 21:00")) == at("2026-11-25 21:01")
    assert cron.next(at("2026-11-25 21:00") + 0.5) == at("2026-11-25 21:01")
    assert cron.next(at("2026-11-25 21:00") - 0.001) == at("2026-11-25 21:00")
    assert cron.next(at("2026-12-31 23:59")) == at("2027-01-01 00:00")
    assert isinstance(cron.next(0.5), int)


def test_next_of_what_never_comes_is_none() -> None:
    assert parse("0 0 30 2 *").next(0) is None
    assert parse("0 0 31 4,6,9,11 *").next(0) is None
    assert parse("0 0 L-30 2 *").next(0) is None
    assert parse("0 0 1 1 *").next(at("9999-01-02 00:00")) is None


def test_a_leap_day_is_found_across_a_century() -> None:
    assert fires("0 0 29 2 *", "2096-03-01", 1) == ["2104-02-29"]


# Fields


def test_steps_count_from_their_start() -> None:
    assert fires("*/20 * * * *", "2026-01-01", 3) == [
        "2026-01-01 00:20",
        "2026-01-01 00:40",
        "2026-01-01 01:00",
    ]
    assert fires("50/5 3 * * *", "2026-01-01", 3) == [
        "2026-01-01 03:50",
        "2026-01-01 03:55",
        "2026-01-02 03:50",
    ]
    assert fires("0 1-9/4 * * *", "2026-01-01", 3) == [
        "2026-01-01 01:00",
        "2026-01-01 05:00",
        "2026-01-01 09:00",
    ]


def test_ranges_wrap_around() -> None:
    assert fires("0 22-1 * * *", "2026-01-01 02:00", 4) == [
        "2026-01-01 22:00",
        "2026-01-01 23:00",
        "2026-01-02",
        "2026-01-02 01:00",
    ]
    assert fires("0 0 1 NOV-FEB *", "2026-01-15", 4) == [
        "2026-02-01",
        "2026-11-01",
        "2026-12-01",
        "2027-01-01",
    ]


def test_a_wrapped_range_has_not_the_value_before_its_first() -> None:
    # 2026-01-02 is a Friday.
    assert fires("0 0 * * FRI-MON", "2026-01-01", 5) == [
        "2026-01-02",
        "2026-01-03",
        "2026-01-04",
        "2026-01-05",
        "2026-01-09",
    ]
    assert fires("0 0 * * 7-1", "2026-01-01", 3) == ["2026-01-03", "2026-01-04", "2026-01-10"]


def test_steps_go_on_where_a_range_wraps_around() -> None:
    assert fires("0 20-4/3 * * *", "2026-01-01 19:00", 3) == [
        "2026-01-01 20:00",
        "2026-01-01 23:00",
        "2026-01-02 02:00",
    ]
    assert fires("0 0 * * FRI-MON/2", "2026-01-01", 3) == ["2026-01-02", "2026-01-04", "2026-01-09"]
    assert fires("0 0 30-3/2 1 *", "2025-12-31", 3) == ["2026-01-01", "2026-01-03", "2026-01-30"]


def test_a_star_later_in_a_list_is_the_smallest_value() -> None:
    assert parse("5,* * * * *")._times[:2] == (0, 5)
    assert parse("30,*/45 0 * * *")._times == (0, 30, 45)
    assert parse("30,*-2 0 * * *")._times == (0, 1, 2, 30)


def test_names_have_any_case() -> None:
    assert parse("0 0 * jAn-MAR sun")._months == {1, 2, 3}
    assert fires("0 0 * * sUn,wed", "2026-01-01", 2) == ["2026-01-04", "2026-01-07"]


def test_numbers_may_have_leading_zeros_and_fields_any_blanks_between() -> None:
    assert fires("05\t 007   * * *", "2026-01-01", 1) == ["2026-01-01 07:05"]


# Days


def test_days_of_the_week_are_1_to_7_from_sunday() -> None:
    # 2026-01-04 is a Sunday.
    assert fires("0 0 * * 1", "2026-01-01", 2) == ["2026-01-04", "2026-01-11"]
    assert fires("0 0 * * 2-6", "2026-01-03", 6) == [
        *(f"2026-01-0{day}" for day in range(5, 10)),
        "2026-01-12",
    ]
    assert fires("0 0 * * 7", "2026-01-01", 1) == ["2026-01-03"]


def test_l_is_the_last_day() -> None:
    assert fires("59 23 L * *", "2028-01-31 23:59", 2) == ["2028-02-29 23:59", "2028-03-31 23:59"]
    assert fires("0 0 L-1 2 *", "2027-01-01", 2) == ["2027-02-27", "2028-02-28"]
    assert fires("0 0 L-28 2 *", "2026-01-01", 2) == ["2028-02-01", "2032-02-01"]


def test_lw_is_the_last_weekday() -> None:
    # 2026-01-31 is a Saturday, 2026-05-31 a Sunday, 2026-03-31 a Tuesday.
    assert fires("0 0 LW 1,3,5 *", "2026-01-01", 3) == ["2026-01-30", "2026-03-31", "2026-05-29"]


def test_w_is_the_nearest_weekday_of_the_month() -> None:
    # 15 August 2026 is a Saturday, 15 November a Sunday, 15 July a Wednesday.
    assert fires("0 0 15W 7,8,11 *", "2026-01-01", 3) == ["2026-07-15", "2026-08-14", "2026-11-16"]
    assert fires("0 0 1W MAY *", "2019-12-31", 3) == ["2020-05-01", "2021-05-03", "2022-05-02"]
    assert fires("0 0 31W 5 *", "2026-01-01", 1) == ["2026-05-29"]
    assert parse("0 0 30W 2 *").next(0) is None


def test_l_and_w_together_are_the_weekday_nearest_to_a_day_before_the_last() -> None:
    assert fires("0 0 L-3W 1-3 *", "2026-01-01", 3) == ["2026-01-28", "2026-02-25", "2026-03-27"]
    assert fires("0 0 L-30W * *", "2021-04-01", 2) == ["2021-05-03", "2021-07-01"]
    assert fires("0 0 L-28W 2 *", "1991-01-01", 3) == ["1992-02-03", "1996-02-01", "2000-02-01"]


def test_the_last_and_the_nth_of_a_weekday() -> None:
    assert fires("0 0 * * 7L", "2019-12-31", 3) == ["2020-01-25", "2020-02-29", "2020-03-28"]
    assert fires("0 0 * * FRIL", "2026-01-01", 2) == ["2026-01-30", "2026-02-27"]
    assert fires("0 0 * * 2#1", "2026-01-01", 2) == ["2026-01-05", "2026-02-02"]
    assert fires("0 0 * * SAT#5", "2020-01-01", 4) == [
        "2020-02-29",
        "2020-05-30",
        "2020-08-29",
        "2020-10-31",
    ]
    assert fires("0 0 * * L", "2026-01-01", 2) == ["2026-01-03", "2026-01-10"]


def test_either_day_fires_where_neither_is_a_star() -> None:
    assert fires("0 0 13 * FRI", "2026-01-01", 4) == [
        "2026-01-02",
        "2026-01-09",
        "2026-01-13",
        "2026-01-16",
    ]
    assert fires("0 0 L * 1#1", "2026-01-01", 3) == ["2026-01-04", "2026-01-31", "2026-02-01"]
    # What is written otherwise is no star, also when it has every value.
    assert fires("0 0 */1 * MON", "2026-01-01", 2) == ["2026-01-02", "2026-01-03"]
    assert fires("0 0 1 * 1-7", "2026-01-01", 2) == ["2026-01-02", "2026-01-03"]


# What is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the cron '' has 0 fields instead of five (minute, hour, "),
        ("* * * *", "has 4 fields instead of five"),
        ("0 * * * * *", "has 6 fields instead of five .*; there are no seconds and no years"),
        ("@daily", "is a nickname, and the platform has none: write its five fields"),
        (" * * * * *", "begins or ends with a space"),
        ("* * * * *\t", "begins or ends with a space"),
        (
            "* * * * *\n",
            "day of the week: a '*' stands alone or before a step, as in '*/5', at character 10",
        ),
        ("60 * * * *", "the cron '60 * * * *', minute: expected 0 to 59, at character 1, '60'"),
        ("* 24 * * *", "hour: expected 0 to 23, at character 3, '24'"),
        ("* * 0 * *", "day of the month: expected 1 to 31, at character 5, '0'"),
        ("* * 32 * *", "day of the month: expected 1 to 31, at character 5, '32'"),
        ("* * * 13 *", "month: expected 1 to 12, or JAN to DEC, at character 7, '13'"),
        ("* * * * 0", "day of the week: expected 1 to 7, or SUN to SAT, at character 9, '0'"),
        ("* * * * 8", "day of the week: expected 1 to 7, or SUN to SAT, at character 9, '8'"),
        ("* * * * MONDAY", "day of the week: nothing more was expected, at character 12, 'DAY'"),
        ("* * * FOO *", "month: expected 1 to 12, or JAN to DEC, at character 7, 'FOO'"),
        ("* * ? * *", "day of the month: there is no '?', write '*', at character 5, '?'"),
        ("*-5 * * * *", "minute: a '*' stands alone or before a step, as in '*/5', at character 2"),
        ("*,5 * * * *", "minute: a '*' stands alone or before a step, as in '*/5', at character 2"),
        ("** * * * *", "minute: a '*' stands alone or before a step"),
        ("1/60 * * * *", "minute: expected a step of 1 to 59, at character 3, '60'"),
        ("*/0 * * * *", "minute: expected a step of 1 to 59, at character 3, '0'"),
        ("* * */31 * *", "expected a step of 1 to 30"),
        ("* * * * */7", "expected a step of 1 to 6"),
        ("1/ * * * *", "minute: expected a step of 1 to 59, where it ends"),
        ("1- * * * *", "minute: expected 0 to 59, where it ends"),
        ("1,, * * * *", "minute: expected 0 to 59, at character 3, ','"),
        ("1--2 * * * *", "minute: expected 0 to 59, at character 3, '-2'"),
        ("1-2-3 * * * *", "minute: nothing more was expected, at character 4, '-3'"),
        ("1/2/3 * * * *", "minute: nothing more was expected, at character 4, '/3'"),
        ("-1 * * * *", "minute: expected 0 to 59, at character 1, '-1'"),
        ("1.5 * * * *", "minute: nothing more was expected, at character 2, '.5'"),
        ("٣ * * * *", "minute: expected 0 to 59, at character 1, '٣'"),
        (f"{'9' * 5000} * * * *", "minute: expected 0 to 59, at character 1"),
        ("JAN * * * *", "minute: expected 0 to 59, at character 1, 'JAN'"),
        ("* * L,3 * *", "day of the month: nothing more was expected, at character 6, ',3'"),
        ("* * 3,L * *", "day of the month: expected 1 to 31, at character 7, 'L'"),
        ("* * 1W,3 * *", "day of the month: nothing more was expected, at character 7, ',3'"),
        ("* * 1-5W * *", "day of the month: nothing more was expected, at character 8, 'W'"),
        ("* * L-0 * *", "expected 1 to 30 days before the last, at character 7, '0'"),
        ("* * L-31W * *", "expected 1 to 30 days before the last, at character 7, '31W'"),
        ("* * WL * *", "day of the month: expected 1 to 31, at character 5, 'WL'"),
        ("* * l * *", "day of the month: expected 1 to 31, at character 5, 'l'"),
        ("* * * * 3#6", "day of the week: expected 1 to 5 after the '#', at character 11, '6'"),
        ("* * * * 3#1,2", "day of the week: nothing more was expected, at character 12, ',2'"),
        ("* * * * 6L,2", "day of the week: nothing more was expected, at character 11, ',2'"),
        ("* * * * L,2", "day of the week: nothing more was expected, at character 10, ',2'"),
        ("* L * * *", "hour: expected 0 to 23, at character 3, 'L'"),
    ],
)
def test_the_error_says_what_is_wrong_and_where(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text)
    if ".*" in message:
        assert re.search(message, str(raised.value))
    else:
        assert message in str(raised.value)


def test_a_cron_shows_its_text_and_is_known_by_it() -> None:
    assert repr(parse("*/5 * * * *")) == "Cron(text='*/5 * * * *')"
    assert len({parse("* * * * *"), parse("* * * * *"), parse("*/1 * * * *")}) == 2


# Against the oracle

BOUNDS = {"minute": (0, 59), "hour": (0, 23), "dom": (1, 31), "month": (1, 12), "dow": (1, 7)}
NAMES = {
    "month": "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(),  # noqa: SIM905
    "dow": "SUN MON TUE WED THU FRI SAT".split(),  # noqa: SIM905
}


def number(kind: str, text: str) -> int:
    return int(text) if text.isdigit() else NAMES[kind].index(text.upper()) + 1


def in_list(kind: str, text: str, value: int) -> bool:
    """Walks every item of a list upwards from its start, around the end where need be."""
    low, high = BOUNDS[kind]
    for item in text.split(","):
        body, _, step = item.partition("/")
        start, dash, end = body.partition("-")
        first = low if start == "*" else number(kind, start)
        if dash:
            last = number(kind, end)
        elif step or body == text == "*":
            last = high
        else:
            last = first
        at, walked = first, 0
        while True:
            if at == value and walked % int(step or 1) == 0:
                return True
            if at == last:
                break
            at, walked = (low if at == high else at + 1), walked + 1
    return False


def weekday_near(target: date) -> date:
    """Looks around `target`, the nearer and then the earlier first, for a weekday of its month."""
    around = sorted(range(-3, 4), key=lambda off: (abs(off), off))
    near = [target + timedelta(off) for off in around]
    return next(day for day in near if day.month == target.month and day.isoweekday() <= 5)


def on_dom(text: str, day: date) -> bool:
    last = date(day.year, day.month, monthrange(day.year, day.month)[1])
    if text == "*":
        return True
    if text[0] == "L":
        target = last - timedelta(int(text[2:].rstrip("W") or 0) if "-" in text else 0)
        if target.month != day.month:
            return False
        return day == (weekday_near(target) if text.endswith("W") else target)
    if text.endswith("W"):
        wanted = int(text[:-1])
        return wanted <= last.day and day == weekday_near(day.replace(day=wanted))
    return in_list("dom", text, day.day)


def on_dow(text: str, day: date) -> bool:
    weekday = day.isoweekday() % 7 + 1
    if text in ("*", "L"):
        return text == "*" or weekday == 7
    if text.endswith("L"):
        return weekday == number("dow", text[:-1]) and (day + timedelta(7)).month != day.month
    if "#" in text:
        wanted, nth = text.split("#")
        return weekday == number("dow", wanted) and (day.day + 6) // 7 == int(nth)
    return in_list("dow", text, weekday)


def fires_on(text: str, day: date) -> bool:
    _, _, dom, month, dow = text.split()
    if not in_list("month", month, day.month):
        return False
    if "*" in (dom, dow):
        return on_dom(dom, day) and on_dow(dow, day)
    return on_dom(dom, day) or on_dow(dow, day)


def slow_next(text: str, after: float, days: int) -> int | None:
    """The same as Cron.next, but not further than so many days."""
    minute, hour, *_ = text.split()
    minutes = [value for value in range(60) if in_list("minute", minute, value)]
    hours = [value for value in range(24) if in_list("hour", hour, value)]
    today = datetime.fromtimestamp(after, UTC).date()
    for offset in range(days):
        day = today + timedelta(offset)
        if not fires_on(text, day):
            continue
        for h in hours:
            for m in minutes:
                moment = datetime(day.year, day.month, day.day, h, m, tzinfo=UTC).timestamp()
                if moment > after:
                    return int(moment)
    return None


def values(kind: str) -> st.SearchStrategy[str]:
    low, high = BOUNDS[kind]
    numbers = st.integers(low, high).map(str)
    if kind not in NAMES:
        return numbers
    return numbers | st.sampled_from(NAMES[kind]) | st.sampled_from(NAMES[kind]).map(str.lower)


def lists(kind: str) -> st.SearchStrategy[str]:
    low, high = BOUNDS[kind]
    value, step = values(kind), st.integers(1, high - low).map(str)
    stepped = st.builds("{}/{}".format, st.just("*") | value, step)
    ranges = st.builds("{}-{}".format, value, value)
    item = value | stepped | ranges | st.builds("{}/{}".format, ranges, step)
    later = item | st.just("*") | value.map("*-{}".format)
    return st.builds(
        lambda first, more: ",".join([first, *more]), item, st.lists(later, max_size=2)
    )


days_of_month = (
    st.just("*")
    | lists("dom")
    | st.sampled_from(["L", "LW"])
    | st.builds("L-{}{}".format, st.integers(1, 30), st.sampled_from(["", "W"]))
    | st.integers(1, 31).map("{}W".format)
)
days_of_week = (
    st.just("*")
    | lists("dow")
    | st.just("L")
    | values("dow").map("{}L".format)
    | st.builds("{}#{}".format, values("dow"), st.integers(1, 5))
)
expressions = st.builds(
    "{} {} {} {} {}".format,
    st.just("*") | lists("minute"),
    st.just("*") | lists("hour"),
    days_of_month,
    st.just("*") | lists("month"),
    days_of_week,
)
moments = st.integers(0, int(at("2300-01-01 00:00")))


@given(expressions, moments)
@example("0 0 29 2 *", int(at("2096-02-29 00:00")))
@example("59 23 31 12 *", int(at("1999-12-31 23:58")))
def test_next_is_what_the_oracle_finds(text: str, after: int) -> None:
    cron, horizon = parse(text), 800  # days: two years and a bit, so that slow is not too slow
    for _ in range(3):
        expected, found = slow_next(text, after, horizon), cron.next(after)
        if expected is None:
            assert found is None or found >= after + (horizon - 2) * 86400
            return
        assert found == expected
        after = expected


@given(expressions, st.integers(1970, 2400))
def test_every_day_of_a_year_is_what_the_oracle_says(text: str, year: int) -> None:
    _, _, dom, month, dow = text.split()
    cron = parse(f"0 0 {dom} {month} {dow}")
    day, end, expected, found = date(year, 1, 1), date(year + 1, 1, 1), [], []
    while day < end:
        if fires_on(cron.text, day):
            expected.append(day)
        day += timedelta(1)
    moment = cron.next(at(f"{year}-01-01") - 1)
    while moment is not None and moment < at(f"{year + 1}-01-01"):
        found.append(datetime.fromtimestamp(moment, UTC).date())
        moment = cron.next(moment)
    assert found == expected


# The grammar once more, as one pattern a field; what it lets through is in bounds or not.
def pattern(kind: str) -> re.Pattern[str]:
    value = f"(?:{'|'.join(['[0-9]+', *NAMES.get(kind, [])])})"
    rest = rf"(?:-{value})?(?:/[0-9]+)?"
    first = rf"(?:\*/[0-9]+|{value}{rest})"
    return re.compile(rf"\*|{first}(?:,(?:\*|{value}){rest})*", re.IGNORECASE)


def is_well_formed(text: str) -> bool:
    fields = text.split()
    for kind, field in zip(BOUNDS, fields, strict=True):
        low, high = BOUNDS[kind]
        if kind == "dom" and (found := re.fullmatch(r"L(?:W|-([0-9]+)W?)?|([0-9]+)W", field)):
            back, day = found.groups()
            if not (1 <= int(back or 1) <= 30 and 1 <= int(day or 1) <= 31):
                return False
            continue
        if kind == "dow" and field == "L":
            continue
        if kind == "dow" and (found := re.fullmatch(r"(\w+?)(?:L|#([0-9]+))", field)):
            day, nth = found.groups()
            if not (day.upper() in NAMES["dow"] or (day.isdigit() and 1 <= int(day) <= 7)):
                return False
            if not 1 <= int(nth or 1) <= 5:
                return False
            continue
        if not pattern(kind).fullmatch(field):
            return False
        for item in field.split(","):
            body, _, step = item.partition("/")
            if step and not 1 <= int(step) <= high - low:
                return False
            if any(not low <= int(part) <= high for part in re.findall(r"[0-9]+", body)):
                return False
    return True


fragments = st.lists(
    st.sampled_from([*"0123456789*,-/L#W", "SUN", "feb", "10", "59", "*/", "L-", "5W", "6L"]),
    min_size=1,
    max_size=4,
).map("".join)


@given(st.lists(fragments, min_size=5, max_size=5).map(" ".join), st.integers(0, 4), expressions)
def test_nothing_else_is_a_cron(wild: str, place: int, tame: str) -> None:
    fields = tame.split()
    fields[place] = wild.split()[place]
    text = " ".join(fields)
    if is_well_formed(text):
        assert parse(text).text == text
    else:
        with pytest.raises(ConfigError):
            parse(text)
