"""edgekit's KVNamespace beside the real one: the same calls, the same results, the same texts."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import host
from edgekit.bindings.kv import MAX_VALUE, KVNamespace
from edgekit.engines.base import Records
from edgekit.engines.memory import MemoryRecords
from edgekit.engines.sqlite import SQLiteRecords
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.errors import KVError, WebSyntaxError
from edgekit.testing.clock import ManualClock
from tests.bridge.bridge import Bridge, Call, Repeat, Result, Stream, perform
from tests.bridge.comparing import alike, judge, random_calls
from tests.bridge.differences import KNOWN_DIFFERENCES

pytestmark = pytest.mark.bridge

CALLS = 40  # in one sequence

FAILURES: dict[type[Exception], str] = {
    TypeError: "TypeError",
    WebSyntaxError: "SyntaxError",
    KVError: "Error",
}


class Here:
    """edgekit's KV over every engine, with a loop to run it in."""

    def __init__(self, runner: asyncio.Runner, engines: dict[str, Records]) -> None:
        self.runner = runner
        self.engines = engines
        self._spaces = itertools.count()

    def call(self, calls: list[Call], now: float) -> dict[str, list[Any]]:
        space = f"kv/{next(self._spaces)}"
        with host.use_clock(ManualClock(now)):
            return {
                name: self.runner.run(perform(KVNamespace(records, space), calls, FAILURES))
                for name, records in self.engines.items()
            }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    path: Path = tmp_path_factory.mktemp("kv") / "records.sqlite3"
    with asyncio.Runner() as runner:

        async def opened() -> dict[str, Records]:
            return {
                "memory": MemoryRecords(),
                "sqlite": SQLiteRecords(SQLiteFile(path, durable=False)),
            }

        engines = runner.run(opened())
        yield Here(runner, engines)
        for records in engines.values():
            runner.run(records.close())


def compare(real: Bridge, here: Here, calls: list[Call]) -> None:
    """Make the calls everywhere; fail at the first answer that differs in an unknown way."""
    now = int(time.time())
    calls = [with_times(call, now) for call in calls]
    expected = real.call("KV", calls)
    for engine, results in here.call(calls, now).items():
        judge("KV", engine, calls, expected, results)


class FromNow(int):
    """A moment, in seconds from the one at which the calls are made."""


def with_times(call: Call, now: int) -> Call:
    options = {
        name: now + value if isinstance(value, FromNow) else value
        for name, value in call.options.items()
    }
    return Call(call.method, call.args, options, call.spelling)


# What calls are made of. The usual keys are few, so that calls meet; the odd ones are at the limits.

USUAL_KEYS = ["a", "ab", "b", "é", "𝄞"]
ODD_KEYS = [
    *(
        "abc",
        "a/b",
        "éa",
        "\uffff",
        "0",
        "7",
        "01",
        "b\0",
        "a b",
        "a+b",
        "a%2Fb",
        "a?b#c&d=e",
        "\n",
    ),
    *("./x", "../x", "...", "", ".", "..", "k" * 512, "k" * 513, "é" * 256, "é" * 257, "__proto__"),
    *("a\ud800", "\udc00b", "\ud83d\ude00", 7, -1, 1.5, 2.0, True, None),
]
ODD_VALUES = [
    *("", "5", "null", "true", '"é"', " 1 ", "{", "[1,]", "01", "-0", "1.0", "1e400", "NaN", "\0"),
    *('{"a": [1, 2.5, null]}', '{"a":1,"a":2}', '{"__proto__":1}', "12345678901234567890123"),
    *('"\\ud800"', '"\x01"', "\ufeff{}", "\ufeff\ufeffa", "a\ud800b", "\ud83d\ude00"),
    *(
        b"",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"\xf0\x9d\x84",
        b"\xe2\x82a",
    ),
    *(5, -1, 1.5, 2.0, 1e20, 1e21, 1e22, 1e-5, 1e-7, float("inf"), float("nan"), True, None),
    *([], [1], {}, {"a": 1}),
    *(Stream(()), Stream((b"", b"\xc3", b"\xa9")), Repeat("é", 65_535), Repeat(b"\0", 65_536)),
    Repeat("x", 200_001),
]
TYPES = ["text", "json", "arrayBuffer", "stream", "blob", "TEXT", "", 5]

usual_keys = st.sampled_from(USUAL_KEYS)
keys = st.one_of(usual_keys, usual_keys, st.sampled_from(ODD_KEYS), st.text(max_size=6))
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=10),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
metadata = st.one_of(
    json_values.filter(lambda value: value is not None),
    st.integers(1010, 1030).map(lambda length: "m" * (length - 2)),
    st.integers(500, 515).map(lambda count: "é" * count),
    st.integers(505, 515).map(lambda count: [1.0] * count),
    st.integers(500, 515).map(lambda count: ["\n"] + ["\x01\x7f\u2028"] * (count // 10)),
    st.just(float("nan")),
)
values = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(ODD_VALUES),
    json_values.map(json.dumps),
    st.lists(st.binary(max_size=40), max_size=4).map(tuple).map(Stream),
)
numbers = st.sampled_from(
    [0, -1, "x", "", float("nan"), float("-inf"), True, 2**31, -(2**31) - 1, 1e20]
)
ttls = st.one_of(st.sampled_from([60, 61, 3600, "120", "60.9", 60.9, 59, 59.9, 2**31 - 1]), numbers)
moments = st.one_of(st.sampled_from([100, 3600, -1, 0, 2, 25]).map(FromNow), numbers)
cache_ttls = st.one_of(st.sampled_from([30, 60, 29, "45", 29.9, 30.1]), numbers)
limits = st.one_of(st.sampled_from([1, 2, 3, 5, 999, 1000, 1001, "2", 2.9]), numbers)
cursors = st.one_of(
    st.builds(Result, st.integers(0, CALLS - 1), st.just("cursor")),
    st.sampled_from(["", "YQ==", "YQ", "YQ=YQ", "Y!Q==", "é", "/w==", "_w==", "zzz", "Y", 5]),
)
types = st.sampled_from(["json", *TYPES])
many = st.one_of(
    st.lists(keys, max_size=6),
    st.lists(usual_keys, min_size=1, max_size=6),
    st.sampled_from([["a"] * 100, ["a"] * 101, ("a", "b")]),
)


def of(**optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these options, each with one of its values."""
    return st.fixed_dictionaries({}, optional=optional)


def call(method: str, *args: Any, **optional: Any) -> st.SearchStrategy[Call]:
    spelling = st.sampled_from(["snake", "camel", "dict"])
    return st.builds(Call, st.just(method), st.tuples(*args), of(**optional), spelling)


puts = call("put", keys, values, expiration_ttl=ttls, expiration=moments, metadata=metadata)
plain_puts = call("put", usual_keys, values, metadata=metadata)
gets = st.sampled_from(["get", "get_with_metadata"]).flatmap(
    lambda method: call(method, st.one_of(keys, many), type=types, cache_ttl=cache_ttls)
)
lists = call("list", prefix=st.one_of(keys, st.just("a")), limit=limits, cursor=cursors)
calls = st.one_of(plain_puts, plain_puts, puts, gets, gets, lists, call("delete", keys))


@random_calls(CALLS)
@given(sequence=st.lists(calls, min_size=CALLS, max_size=CALLS))
def test_random_calls_answer_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    # A cursor is that of an earlier call only.
    compare(real, here, [without_later_results(each, at) for at, each in enumerate(sequence)])


def without_later_results(call: Call, at: int) -> Call:
    cursor = call.options.get("cursor")
    if isinstance(cursor, Result) and cursor.call >= at:
        options = {name: value for name, value in call.options.items() if name != "cursor"}
        return Call(call.method, call.args, options, call.spelling)
    return call


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: ascii(value)[:60])
@pytest.mark.parametrize("options", [{}, {"metadata": {"a": "é"}}], ids=["bare", "with metadata"])
def test_value_is_read_in_every_way_as_on_the_platform(
    real: Bridge, here: Here, value: Any, options: dict[str, Any]
) -> None:
    calls = [Call("put", ("k", value), options)]
    for method, key in itertools.product(["get", "get_with_metadata"], ["k", ["k", "none"]]):
        calls += [Call(method, (key,)), *(Call(method, (key,), {"type": each}) for each in TYPES)]
    compare(real, here, calls)


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key)[:60])
def test_key_is_taken_in_every_way_as_on_the_platform(real: Bridge, here: Here, key: Any) -> None:
    reads = [Call("get", (key,)), Call("get", ([key, "a"],)), Call("list")]
    lists = [Call("list", (), {"prefix": key}), Call("list", (), {"cursor": key})]
    compare(real, here, [Call("put", (key, "v")), *reads, *lists, Call("delete", (key,)), *reads])


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("prefix", ["", "a", "é"])
def test_pages_of_a_list_are_those_of_the_platform(
    real: Bridge, here: Here, limit: int, prefix: str
) -> None:
    names = ["a", "a\uffff", "a𝄞", "aé", "ab", "b", "é", "é1", "é2", "\U0010ffff"]
    filled = [Call("put", (name, "v"), {"metadata": name}) for name in names]
    first = Call("list", (), {"prefix": prefix, "limit": limit})
    pages = [
        Call("list", (), {**first.options, "cursor": Result(len(filled) + page, "cursor")})
        for page in range(len(names) // limit)
    ]
    compare(real, here, [*filled, first, *pages])


@pytest.mark.parametrize(
    "calls",
    [
        [Call("put", ("k", Repeat("x", MAX_VALUE))), Call("list")],
        [Call("put", ("k", Repeat("x", MAX_VALUE + 1))), Call("list")],
        [Call("put", ("k", Repeat("é", MAX_VALUE // 2 + 1))), Call("list")],
        [Call("put", ("k", Repeat(b"x", MAX_VALUE + 1))), Call("list")],
        [Call("put", ("k", Repeat("x", MAX_VALUE + 1)), {"metadata": "m" * 1023})],
        [Call("put", ("k", Stream((bytes(2**20),) * 25))), Call("list")],
        [Call("put", ("k", Repeat("é", 400_000))), Call("get", ("k",)), Call("get", (["k"],))],
    ],
    ids=lambda calls: repr(calls[0].args)[:60],
)
def test_large_values_meet_the_limit_of_the_platform(
    real: Bridge, here: Here, calls: list[Call]
) -> None:
    compare(real, here, calls)


@pytest.mark.parametrize(
    ("unit", "count", "keys"),
    [
        ("x", MAX_VALUE // 2, 2),
        ("x", MAX_VALUE // 2, 3),
        ("é", MAX_VALUE // 4, 4),
        ("𝄞", MAX_VALUE // 8, 5),
    ],
)
def test_values_read_together_meet_the_limit_of_the_platform(
    real: Bridge, here: Here, unit: str, count: int, keys: int
) -> None:
    # Counted in UTF-16 code units, which is seen in what is refused; nothing large comes back.
    names = [f"k{i}" for i in range(keys)]
    filled = [Call("put", (name, Repeat(unit, count))) for name in names]
    compare(real, here, [*filled, Call("get", (names,), {"type": "text"})])


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "KV"],
    ids=lambda difference: difference.what,
)
def test_known_difference_still_is_one(real: Bridge, here: Here, difference: Any) -> None:
    calls = list(difference.example)
    there = real.call("KV", calls)[-1]
    for results in here.call(calls, time.time()).values():
        assert not alike(there, results[-1])
        assert difference.allows(calls[-1], there, results[-1])
