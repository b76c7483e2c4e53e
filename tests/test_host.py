"""The host: one clock, JSON, URLs; and the fallback where msgspec is missing writes the same bytes."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import importlib.util
import sys
import time
import uuid
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest

from edgekit import host
from edgekit.errors import UnsupportedError
from edgekit.host import cpython, workers
from edgekit.testing import ManualClock


@pytest.fixture(scope="module")
def fallback() -> ModuleType:
    """host/workers.py as it is where msgspec cannot be imported."""
    spec = importlib.util.spec_from_file_location("workers_without_msgspec", workers.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    real = sys.modules["edgekit.host.cpython"]
    sys.modules["edgekit.host.cpython"] = None  # type: ignore[assignment]
    try:
        spec.loader.exec_module(module)
    finally:
        sys.modules["edgekit.host.cpython"] = real
    assert module.json_encode is not cpython.json_encode
    return module


# JSON -----------------------------------------------------------------------------------------------


class Color(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Text(enum.StrEnum):
    A = "a"


@dataclasses.dataclass
class Point:
    x: int
    label: str | None = None
    when: datetime.date | None = None


@dataclasses.dataclass(slots=True, frozen=True)
class Line:
    points: list[Point]


UTC = datetime.UTC
PLUS_2 = datetime.timezone(datetime.timedelta(hours=2))
INDIA = datetime.timezone(datetime.timedelta(hours=5, minutes=30))

ENCODED: list[tuple[Any, bytes]] = [
    (None, b"null"),
    (True, b"true"),
    (0, b"0"),
    (-1, b"-1"),
    (2**63, b"9223372036854775808"),
    (0.1, b"0.1"),
    (1.0, b"1.0"),
    (-0.0, b"-0.0"),
    (123456789.25, b"123456789.25"),
    (0.0001, b"0.0001"),
    (float("nan"), b"null"),
    (float("inf"), b"null"),
    ([float("-inf"), {"a": float("nan")}], b'[null,{"a":null}]'),
    ("", b'""'),
    ('é"\\/\n\t\r\b\f', '"é\\"\\\\/\\n\\t\\r\\b\\f"'.encode()),
    ("\0\x1f\x7f\u2028\U0001f600", '"\\u0000\\u001f\x7f\u2028\U0001f600"'.encode()),
    ([], b"[]"),
    ([1, [2, ()]], b"[1,[2,[]]]"),
    ((1, 2), b"[1,2]"),
    ({}, b"{}"),
    ({"a": 1, "b": {"é": []}}, '{"a":1,"b":{"é":[]}}'.encode()),
    ({1: 2}, b'{"1":2}'),
    ({Text.A: 1}, b'{"a":1}'),
    ({1}, b"[1]"),
    (frozenset({"a"}), b'["a"]'),
    (b"\0\xff", b'"AP8="'),
    (bytearray(b"a"), b'"YQ=="'),
    (memoryview(b"a"), b'"YQ=="'),
    (Color.RED, b'"red"'),
    (Number.ONE, b"1"),
    (Text.A, b'"a"'),
    (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
    (decimal.Decimal("1.10"), b'"1.10"'),
    (datetime.datetime(2026, 1, 2, 3, 4, 5), b'"2026-01-02T03:04:05"'),
    (datetime.datetime(2026, 1, 2, 3, 4, 5, 6), b'"2026-01-02T03:04:05.000006"'),
    (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), b'"2026-01-02T03:04:05Z"'),
    (
        datetime.datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=PLUS_2),
        b'"2026-01-02T03:04:05.000060+02:00"',
    ),
    (datetime.datetime(2026, 1, 2, tzinfo=INDIA), b'"2026-01-02T00:00:00+05:30"'),
    (datetime.date(2026, 1, 2), b'"2026-01-02"'),
    (datetime.time(1, 2, 3), b'"01:02:03"'),
    (datetime.time(1, 2, 3, tzinfo=UTC), b'"01:02:03Z"'),
    (Point(1), b'{"x":1,"label":null,"when":null}'),
    (
        [Line([Point(1, "é", datetime.date(2026, 1, 2))])],
        '[{"points":[{"x":1,"label":"é","when":"2026-01-02"}]}]'.encode(),
    ),
]


@pytest.mark.parametrize(("value", "data"), ENCODED, ids=range(len(ENCODED)))
def test_json_is_the_same_bytes_with_and_without_msgspec(
    fallback: ModuleType, value: Any, data: bytes
) -> None:
    assert host.json_encode(value) == data
    assert fallback.json_encode(value) == data


@pytest.mark.parametrize("value", [1e16, 1.5e300, 1e-7, 123456789012345680.0, 5e-324, 0.00001])
def test_floats_with_an_exponent_are_the_same_number_if_not_the_same_bytes(
    fallback: ModuleType, value: float
) -> None:
    assert host.json_decode(fallback.json_encode(value)) == value
    assert fallback.json_decode(host.json_encode(value)) == value


@pytest.mark.parametrize("value", [object(), print, Point, [object()], 1j])
def test_what_json_has_no_form_for_is_a_type_error(fallback: ModuleType, value: Any) -> None:
    for module in (host, fallback):
        with pytest.raises(TypeError):
            module.json_encode(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":[1,2.5,null,true,"\\u00e9\\ud83d\\ude00"]}',
        " [] ",
        "1e3",
        '"\\/"',
        "-0",
        "12345678901234567890",
    ],
)
def test_json_decodes_the_same(fallback: ModuleType, text: str) -> None:
    for data in (text, text.encode(), bytearray(text.encode()), memoryview(text.encode())):
        assert host.json_decode(data) == fallback.json_decode(data)


BAD = [
    "",
    "{",
    "[1,]",
    "{'a':1}",
    "NaN",
    "Infinity",
    "-Infinity",
    "01",
    "+1",
    "1 2",
    "nul",
    '"\n"',
    "[" * 200_000,
]
BAD += [b"\xff", b'"\xff"', b"\xff\xfe1\0"]


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_what_is_not_json_is_a_syntax_error(fallback: ModuleType, data: Any) -> None:
    for module in (host, fallback):
        with pytest.raises(module.JSONSyntaxError):
            module.json_decode(data)
        with pytest.raises(ValueError):  # noqa: PT011 - any text of the parser's
            module.json_decode(data)


def test_a_shape_error_says_where() -> None:
    with pytest.raises(host.JSONShapeError) as caught:
        host.json_decode(b'[{"x":"1"}]', list[Point])
    assert caught.value.path == "$[0].x"
    with pytest.raises(host.JSONShapeError) as caught:
        host.json_decode(b"1", str)
    assert caught.value.path == "$"


def test_a_type_needs_msgspec(fallback: ModuleType) -> None:
    with pytest.raises(UnsupportedError, match="msgspec"):
        fallback.json_decode(b"1", int)


def test_types_that_cannot_be_hashed_or_decoded_are_type_errors() -> None:
    with pytest.raises(TypeError):
        host.json_decode(b"1", print)


# Configured values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "type_", "result"),
    [
        ("x", str, "x"),
        (5, int, 5),
        (5, float, 5.0),
        ("8080", int, 8080),
        ("1.5", float, 1.5),
        ("true", bool, True),
        ("False", bool, False),
        ("0", bool, False),
        ("123", str, "123"),
        ('["a"]', list, ["a"]),
        ('{"a":1}', dict, {"a": 1}),
        (["a"], list, ["a"]),
        (None, str | None, None),
        ("a", Literal["a", "b"], "a"),
        ("x", Annotated[str, "note"], "x"),
        ({"a": 1}, Any, {"a": 1}),
    ],
)
def test_convert_does_the_same_with_and_without_msgspec(
    fallback: ModuleType, value: Any, type_: Any, result: Any
) -> None:
    for module in (host, fallback):
        converted = module.convert(value, type_)
        assert (converted, type(converted)) == (result, type(result))


@pytest.mark.parametrize(
    ("value", "type_"),
    [("x", int), ("1.5", int), (5, str), ("yes", bool), ("c", Literal["a"]), ("[", list)],
)
def test_convert_refuses_without_showing_the_value(
    fallback: ModuleType, value: Any, type_: Any
) -> None:
    for module in (host, fallback):
        with pytest.raises(module.JSONShapeError) as caught:
            module.convert("s3cret" if value == "x" else value, type_)
        assert "s3cret" not in str(caught.value)


# Time, URLs, randomness -----------------------------------------------------------------------------


def test_now_is_the_time() -> None:
    assert abs(host.now() - time.time()) < 60


async def test_clocks_can_be_replaced_and_nested() -> None:
    outer, inner = ManualClock(now=1), ManualClock(now=2)
    with host.use_clock(outer):
        with host.use_clock(inner):
            assert host.now() == 2
        assert host.now() == 1
        with pytest.raises(ZeroDivisionError), host.use_clock(inner):
            raise ZeroDivisionError
        assert host.now() == 1


async def test_call_later_by_the_system_clock_and_by_hand() -> None:
    called = asyncio.Event()
    host.call_later(0, called.set)
    await asyncio.wait_for(called.wait(), 5)
    clock, calls = ManualClock(), []
    with host.use_clock(clock):
        host.call_later(10, lambda: calls.append(1))
        host.call_later(10, lambda: calls.append(2)).cancel()
        clock.advance(10)
    assert calls == [1]


def test_random_bytes() -> None:
    assert len(host.random_bytes(8)) == 8
    assert host.random_bytes(8) != host.random_bytes(8)


def test_parse_url_gives_every_part() -> None:
    record = host.parse_url("https://u:p@EXAMPLE.com:8443/a/../b?c#d")
    assert record is not None
    assert record._asdict() == {
        "href": "https://u:p@example.com:8443/b?c#d",
        "protocol": "https:",
        "username": "u",
        "password": "p",
        "host": "example.com:8443",
        "hostname": "example.com",
        "port": "8443",
        "pathname": "/b",
        "search": "?c",
        "hash": "#d",
        "origin": "https://example.com:8443",
    }


def test_parse_url_with_a_base_and_without_a_url() -> None:
    record = host.parse_url("../x", "http://h/a/b/c")
    assert record is not None
    assert record.href == "http://h/a/x"
    assert host.parse_url("nothing") is None
    assert host.parse_url("x", "nothing") is None


def test_lone_surrogates_in_urls_do_not_crash() -> None:
    record = host.parse_url("http://h/\ud800")
    assert record is None or record.href == "http://h/%EF%BF%BD"


def test_the_host_is_chosen_by_platform() -> None:
    assert host.json_encode is cpython.json_encode
    assert host.parse_url is cpython.parse_url
