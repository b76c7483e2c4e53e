"""Dates, ranges and conditions, by the tables and sentences of RFC 9110."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.host import use_clock
from edgekit.testing.clock import ManualClock
from edgekit.web.conditional import (
    etag_matches,
    http_date,
    not_modified,
    parse_http_date,
    parse_range,
    precondition_failed,
    range_applies,
)
from edgekit.web.headers import Headers

EXAMPLE = 784111777.0  # RFC 9110, 5.6.7
NOW = 1_800_000_000.0  # in January 2027


# Dates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "SUN, 06 NOV 1994 08:49:37 gmt",
        "Mon, 06 Nov 1994 08:49:37 GMT",  # the day of the week is not compared
    ],
)
def test_a_date_is_read_in_all_three_forms_and_in_any_case(text: str) -> None:
    assert parse_http_date(text, now=NOW) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 09:49:37 CET",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Thu, 29 Feb 2100 00:00:00 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "\u017fun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 UTC",
        "Sun Nov 6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
    ],
)
def test_what_is_no_http_date_is_none(text: str) -> None:
    assert parse_http_date(text, now=NOW) is None


@pytest.mark.parametrize(
    ("year", "full"), [("26", 2026), ("76", 2076), ("77", 2077), ("78", 1978), ("99", 1999)]
)
def test_a_year_of_two_digits_is_at_most_50_years_ahead(year: str, full: int) -> None:
    text = f"Friday, 01-Jan-{year} 00:00:00 GMT"
    moment = parse_http_date(text, now=NOW)
    assert moment == parse_http_date(f"Fri, 01 Jan {full} 00:00:00 GMT")
    with use_clock(ManualClock(NOW)):
        assert parse_http_date(text) == moment


def test_a_leap_second_and_a_leap_day_are_dates() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == 1483228800
    assert parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT") == 1709164800


def test_fractions_of_a_second_are_cut_off() -> None:
    assert http_date(EXAMPLE + 0.999) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"


@given(st.integers(-62135596800, 253402300799))
def test_a_date_is_read_as_it_was_written(moment: int) -> None:
    text = http_date(moment)
    assert parse_http_date(text) == moment
    if moment >= 0:
        assert text == formatdate(moment, usegmt=True)
        assert parsedate_to_datetime(text).timestamp() == moment


# Ranges -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        # RFC 9110, 14.1.2, of 10,000 bytes
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10000)]),
        ("bytes=9500-", [(9500, 10000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10000)]),
        (" bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10000)]),
        ("bytes=500-600,601-999", [(500, 601), (601, 1000)]),
        ("bytes=500-700,601-999", [(500, 701), (601, 1000)]),
        # further
        ("BYTES=0-", [(0, 10000)]),
        ("bytes=0-99999", [(0, 10000)]),
        ("bytes=-99999", [(0, 10000)]),
        ("bytes=0000-0001", [(0, 2)]),
        ("bytes=" + "9" * 5000 + "-", []),
        ("bytes=0-" + "9" * 5000, [(0, 10000)]),
        ("bytes=,0-1,,", [(0, 2)]),
        ("bytes=\t0-1\t", [(0, 2)]),
        ("bytes=10000-", []),
        ("bytes=-0", []),
        ("bytes=10000-,0-1", [(0, 2)]),
        ("bytes=2-3,0-1", [(2, 4), (0, 2)]),
        # to be ignored
        ("", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("bytes=-", None),
        ("bytes=1-0", None),
        ("bytes=0-1,5-4", None),
        ("bytes=a-b", None),
        ("bytes=0-1;2-3", None),
        ("bytes=0 - 1", None),
        ("bytes=+0-1", None),
        ("bytes=0-1.5", None),
        ("bytes=\u0660-\u0661", None),
        ("bytes:0-1", None),
        ("seconds=0-1", None),
        ("bytes=0-,0-", None),  # more than the whole
        ("bytes=" + "0-0," * 101, None),
    ],
)
def test_ranges_of_ten_thousand_bytes(header: str, ranges: list[tuple[int, int]] | None) -> None:
    assert parse_range(header, 10000) == ranges


@pytest.mark.parametrize(
    ("header", "ranges"),
    [("bytes=0-", []), ("bytes=0-0", []), ("bytes=-0", []), ("bytes=-5", None)],
)
def test_ranges_of_nothing(header: str, ranges: list[tuple[int, int]] | None) -> None:
    assert parse_range(header, 0) == ranges


@given(st.text("bytes=0123456789-, "), st.integers(0, 100))
def test_a_range_lies_within_the_size(rest: str, size: int) -> None:
    for start, end in parse_range("bytes=" + rest, size) or ():
        assert 0 <= start < end <= size


# Entity tags --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "strong", "weak"),
    [  # RFC 9110, 8.8.3.2
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_entity_tags_compare_by_the_table(one: str, other: str, strong: bool, weak: bool) -> None:
    for header, etag in ((one, other), (other, one)):
        assert etag_matches(header, etag, weak=False) is strong
        assert etag_matches(header, etag, weak=True) is weak


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ('"a"', True),
        ('"b", "a", "c"', True),
        ('"b","a"', True),
        (', "b" ,, W/"a"', True),
        (" * ", True),
        ('"b"', False),
        ('"A"', False),
        ("a", False),
        ("", False),
        ('"x, a, y"', False),
        ('"*"', False),
        ('"a', False),
        ('w/"a"', True),  # the w/ is passed over as an unknown member
    ],
)
def test_a_list_of_entity_tags_is_searched(header: str, matches: bool) -> None:
    assert etag_matches(header, '"a"', weak=True) is matches


@pytest.mark.parametrize("etag", ['"a, b"', '"ü"', "unquoted", '""', '"W/"', '"a b"'])
def test_an_entity_tag_matches_itself_whatever_is_in_it(etag: str) -> None:
    assert etag_matches(f'"x", {etag}', etag, weak=False)


def test_without_an_entity_tag_only_the_star_matches() -> None:
    assert etag_matches("*", None, weak=False)
    assert not etag_matches('"a"', None, weak=True)


# Conditions ---------------------------------------------------------------------------------------

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"if-none-match": '"a"'}, True),
        ({"if-none-match": '"b"'}, False),
        ({"if-none-match": "*"}, True),
        ({"if-modified-since": DATE}, True),
        ({"if-modified-since": LATER}, True),
        ({"if-modified-since": EARLIER}, False),
        ({"if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT"}, True),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-none-match": '"b"', "if-modified-since": DATE}, False),  # the tag decides alone
        ({"if-none-match": '"a"', "if-modified-since": EARLIER}, True),
    ],
)
def test_not_modified(headers: dict[str, str], expected: bool) -> None:
    found = not_modified(Headers(headers), etag='W/"a"', last_modified=EXAMPLE + 0.5)
    assert found is expected


def test_what_has_no_date_has_been_modified_since() -> None:
    assert not not_modified({"if-modified-since": LATER}, etag='"a"', last_modified=None)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"if-match": '"a"'}, False),
        ({"if-match": '"b", "a"'}, False),
        ({"if-match": 'W/"a"'}, True),
        ({"if-match": '"b"'}, True),
        ({"if-match": "*"}, False),
        ({"if-unmodified-since": DATE}, False),
        ({"if-unmodified-since": LATER}, False),
        ({"if-unmodified-since": EARLIER}, True),
        ({"if-unmodified-since": "yesterday"}, False),
        ({"if-match": '"a"', "if-unmodified-since": EARLIER}, False),
        ({"if-match": '"b"', "if-unmodified-since": DATE}, True),
    ],
)
def test_precondition_failed(headers: dict[str, str], expected: bool) -> None:
    found = precondition_failed(Headers(headers), etag='"a"', last_modified=EXAMPLE + 0.5)
    assert found is expected


def test_a_weak_tag_fails_if_match_and_a_missing_date_fails_nothing() -> None:
    assert precondition_failed({"if-match": 'W/"a"'}, etag='W/"a"', last_modified=None)
    assert not precondition_failed({"if-unmodified-since": EARLIER}, etag=None, last_modified=None)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, True),
        ('"a"', True),
        (' "a" ', True),
        ('"b"', False),
        ('W/"a"', False),
        (DATE, True),
        (EARLIER, False),
        (LATER, False),
        ("yesterday", False),
        ("*", False),
    ],
)
def test_range_applies(header: str | None, expected: bool) -> None:
    headers = {} if header is None else {"if-range": header}
    assert range_applies(headers, etag='"a"', last_modified=EXAMPLE + 0.5) is expected


def test_a_range_of_a_weak_tag_or_of_nothing_known_does_not_apply() -> None:
    assert not range_applies({"if-range": 'W/"a"'}, etag='W/"a"', last_modified=None)
    assert not range_applies({"if-range": '"a"'}, etag=None, last_modified=None)
    assert not range_applies({"if-range": DATE}, etag='"a"', last_modified=None)
