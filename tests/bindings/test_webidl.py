"""JavaScript's conversions of plain arguments."""

from __future__ import annotations

import enum
from typing import Any

import pytest

from edgekit.bindings.webidl import (
    OUT_OF_RANGE,
    from_base64,
    integer,
    json_value,
    number,
    string,
    utf8,
)


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (5.9, 5),
        (-5.9, -5),
        (" 7 ", 7),
        ("1e2", 100),
        (True, 1),
        (2**31 - 1, 2**31 - 1),
        (-(2**31), -(2**31)),
        (None, 0),
        ("", 0),
        ("five", 0),
        (float("nan"), 0),
        (float("-inf"), 0),
        ("Infinity", 0),
        ("0x10", 16),
        ("1_0", 0),
        (b"7", 0),
        ([], 0),
    ],
)
def test_integer(value: Any, number: int) -> None:
    assert integer(value, TypeError) == number


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1e300, "2147483648"])
def test_integer_of_more_than_32_bits_is_refused(value: Any) -> None:
    with pytest.raises(KeyError, match="Value out of range") as caught:
        integer(value, KeyError)
    assert caught.value.args == (OUT_OF_RANGE,)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, "null"),
        (False, "false"),
        (10**25, str(10**25)),
        (Level.HIGH, "3"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e22, "1e+22"),
        (1e-5, "0.00001"),
        (1e-7, "1e-7"),
        (float("inf"), "Infinity"),
    ],
)
def test_string(value: Any, text: str) -> None:
    assert string(value) == text


@pytest.mark.parametrize("value", [b"", [], {}, object()])
def test_object_has_no_string(value: Any) -> None:
    assert string(value) is None


def test_utf8_joins_pairs_of_surrogates_and_keeps_lone_ones() -> None:
    assert utf8("é\ud83d\ude00") == "é😀".encode()
    assert utf8("\ude00\ud83d") == b"\xed\xb8\x80\xed\xa0\xbd"


def test_json_value_makes_whole_floats_integers() -> None:
    value = json_value({"a": [1.0, 1.5, (2.0, -0.0)], "b": 1e21, "c": float("nan"), "d": True})
    assert str(value) == "{'a': [1, 1.5, [2, 0]], 'b': 1e+21, 'c': nan, 'd': True}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        (" \ufeff\n", 0),
        ("\xa0-1.5e1\u2028", -15),
        (".5", 0.5),
        ("5.", 5),
        ("0X1f", 31),
        ("0b101", 5),
        ("0o17", 15),
        ("+Infinity", float("inf")),
        ("0x" + "f" * 300, float("inf")),
        ("1e999", float("inf")),
    ],
)
def test_number(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "text", ["infinity", "inf", "nan", "1_000", "٣", "-0x10", "0x", "1n", ".", "e1", "1 2", "\x1c1"]
)
def test_what_is_no_number(text: str) -> None:
    assert number(text) != number(text)


@pytest.mark.parametrize("text", ["YWI=", "YWI", "YW\nI=", " Y\tW\r\nI\f", "YWI\n"])
def test_base64_may_lack_padding_and_have_space(text: str) -> None:
    assert from_base64(text) == b"ab"


@pytest.mark.parametrize("text", ["Y", "YWJjY", "?", "YW-_", "é", "Y\vWI="])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_base64(text)
