"""Very long and very large input: an answer as in JavaScript, at once, and no error of Python's own."""

from __future__ import annotations

import math

import pytest

from edgekit.compat.javascript.dates import Date
from edgekit.compat.javascript.errors import SyntaxError_
from edgekit.compat.javascript.numbers import Math
from edgekit.compat.javascript.regexp import RegExp
from edgekit.compat.javascript.text import parseInt
from edgekit.compat.javascript.urlpattern import URLPattern
from edgekit.compat.javascript.values import Array


def test_whole_numbers_beyond_all_floats_are_infinite() -> None:
    assert parseInt("1" * 400) == parseInt("f" * 400, 16) == parseInt("1" * 5000) == math.inf
    assert parseInt("-" + "1" * 400) == -math.inf
    assert parseInt("0" * 5000 + "7") == 7
    assert parseInt("9007199254740993") == 9007199254740992


def test_dates_beyond_all_time_are_invalid() -> None:
    for text in ("1" * 5000, "Jan 1 " + "9" * 400, "1/" + "2" * 5000 + "/2024"):
        assert math.isnan(Date.parse(text))
    assert math.isnan(Date.UTC(1e300, 0))
    assert math.isnan(Date.new(1e300, 0).getTime())


def test_functions_of_math_take_what_they_need() -> None:
    assert Math.imul(1, math.inf) == Math.imul(3, math.nan) == Math.imul(1) == 0
    assert math.isnan(Math.pow(2))
    assert Array.of(1.5, 2.5).map(Math.floor)._to_edgekit() == [1, 2]


# Where the end of what each opens was sought from each one, this took many seconds.
@pytest.mark.parametrize("opening", ["[", r"\k<", r"\p{", "(?<a", r"\u{"])
def test_patterns_full_of_what_is_never_closed_are_refused_at_once(opening: str) -> None:
    with pytest.raises(SyntaxError_, match="Invalid regular expression"):
        RegExp.new(opening * 30_000 + "(")


def test_half_a_character_in_a_pattern_for_urls() -> None:
    assert URLPattern.new({"pathname": "/\ud800"}).test({"pathname": "/%EF%BF%BD"})
