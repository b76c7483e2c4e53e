"""RateLimit: what it counts, and the texts with which it refuses.

That these are the platform's is what tests/bridge/test_ratelimit.py is for; here they are written down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgekit.bindings.ratelimit import RateLimit
from edgekit.engines.mapped_counters import MappedCounters
from edgekit.errors import RateLimitError
from edgekit.testing.clock import ManualClock


@pytest.fixture
async def counters() -> AsyncIterator[MappedCounters]:
    table = MappedCounters(None)
    yield table
    await table.close()


@pytest.fixture
def limiter(counters: MappedCounters, clock: ManualClock) -> RateLimit:
    return RateLimit(counters, "1", limit=2, period=10)


async def succeeded(limiter: RateLimit, times: int, **options: Any) -> list[bool]:
    return [(await limiter.limit(**options)).success for _ in range(times)]


async def test_each_key_has_its_limit(limiter: RateLimit) -> None:
    assert await limiter.limit(key="a") == {"success": True}
    assert await succeeded(limiter, 3, key="a") == [True, False, False]
    assert await succeeded(limiter, 3, key="b") == [True, True, False]
    assert await succeeded(limiter, 1, key="\ud800") == [True]


async def test_options_come_as_a_dict_too(limiter: RateLimit) -> None:
    assert (await limiter.limit({"key": "a"}))["success"]
    assert await succeeded(limiter, 2, key="a") == [True, False]


async def test_without_a_key_it_is_the_empty_one(limiter: RateLimit) -> None:
    assert (await limiter.limit({})).success
    assert (await limiter.limit([])).success  # type: ignore[arg-type]
    assert await succeeded(limiter, 1, key="") == [False]


async def test_windows_are_those_of_the_clock(limiter: RateLimit, clock: ManualClock) -> None:
    assert await succeeded(limiter, 3, key="a") == [True, True, False]  # at ...0.5
    clock.advance(9.4)
    assert await succeeded(limiter, 1, key="a") == [False]
    clock.advance(0.1)
    assert await succeeded(limiter, 3, key="a") == [True, True, False]


async def test_a_minute_is_a_minute(counters: MappedCounters, clock: ManualClock) -> None:
    limiter = RateLimit(counters, "1", limit=1, period=60)
    clock.advance(-1_800_000_000.5 % 60)
    assert await succeeded(limiter, 2, key="a") == [True, False]
    clock.advance(59.5)
    assert await succeeded(limiter, 1, key="a") == [False]
    clock.advance(0.5)
    assert await succeeded(limiter, 1, key="a") == [True]


async def test_limiters_of_one_namespace_count_together(
    limiter: RateLimit, counters: MappedCounters
) -> None:
    same = RateLimit(counters, "1", limit=3, period=10)
    other = RateLimit(counters, "2", limit=2, period=10)
    assert await succeeded(limiter, 3, key="a") == [True, True, False]
    assert await succeeded(same, 2, key="a") == [True, False]
    assert await succeeded(other, 3, key="a") == [True, True, False]


async def test_limit_and_period_may_be_given_with_the_call(limiter: RateLimit) -> None:
    assert await succeeded(limiter, 2, key="a", limit=1) == [True, False]
    assert await succeeded(limiter, 2, key="a", limit=1, period=60) == [True, False]
    assert await succeeded(limiter, 3, key="b", limit=1.5) == [True, True, False]


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
async def test_a_limit_that_is_no_count_lets_nothing_through(
    limiter: RateLimit, limit: float
) -> None:
    assert await succeeded(limiter, 1, key="a", limit=limit) == [False]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (None, "invalid rate limit options"),
        ("k", "invalid rate limit options"),
        (5, "invalid rate limit options"),
        (["k"], "bad rate limit options: [0]"),
        ({"key": "a", "foo": 1, "Key": 2}, "bad rate limit options: [foo,Key]"),
        ({"key": None}, "invalid key: null"),
        ({"key": 5}, "invalid key: 5"),
        ({"key": True, "limit": "x"}, "invalid key: true"),
        ({"key": ["a", None, ["b"]]}, "invalid key: a,,b"),
        ({"key": {}}, "invalid key: [object Object]"),
        ({"limit": "1", "period": 7}, "limit must be a number: 1"),
        ({"limit": None}, "limit must be a number: null"),
        ({"limit": True}, "limit must be a number: true"),
        ({"period": "10"}, "period must be a number: 10"),
        ({"period": 20}, "unsupported period: 20"),
        ({"period": 10.5}, "unsupported period: 10.5"),
    ],
)
async def test_wrong_options_are_refused(limiter: RateLimit, options: Any, text: str) -> None:
    with pytest.raises(RateLimitError) as caught:
        await limiter.limit(options)
    assert str(caught.value) == text
    if isinstance(options, dict):
        with pytest.raises(RateLimitError) as caught:
            await limiter.limit(**options)
        assert str(caught.value) == text


async def test_no_options_at_all_are_refused(limiter: RateLimit) -> None:
    with pytest.raises(RateLimitError, match="invalid rate limit options"):
        await limiter.limit()
