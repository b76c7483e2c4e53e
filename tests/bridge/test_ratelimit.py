"""edgekit's RateLimit beside the real one. Counts cannot be cleared there: each sequence has a key."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import host
from edgekit.bindings.ratelimit import RateLimit
from edgekit.engines.mapped_counters import MappedCounters
from edgekit.errors import RateLimitError
from edgekit.testing.clock import ManualClock
from tests.bridge.bridge import Bridge, Call, perform
from tests.bridge.comparing import alike, judge, random_calls
from tests.bridge.differences import KNOWN_DIFFERENCES

pytestmark = pytest.mark.bridge

CALLS = 40  # in one sequence
LIMIT, PERIOD = 5, 60  # as in bridge.mjs

_prefixes = (f"{os.getpid()}/{at}/" for at in itertools.count())


def answers(real: Bridge, calls: list[Call]) -> tuple[list[Any], list[Any]]:
    """Made again where the real platform's minute ended meanwhile."""
    while True:
        prefix = next(_prefixes)
        prefixed = [_prefixed(call, prefix) for call in calls]
        now = time.time()
        expected = real.call("RATELIMIT", prefixed, clear=False)
        if now // PERIOD == time.time() // PERIOD:
            break
    counters = MappedCounters(None)
    limiter = RateLimit(counters, "1", limit=LIMIT, period=PERIOD)
    with host.use_clock(ManualClock(now)):
        results = asyncio.run(perform(limiter, prefixed, {RateLimitError: "Error"}))
    asyncio.run(counters.close())
    return expected, results


def _prefixed(call: Call, prefix: str) -> Call:
    def changed(options: Any) -> Any:
        if isinstance(options, dict) and isinstance(options.get("key"), str):
            return {**options, "key": prefix + options["key"]}
        return options

    return Call(call.method, tuple(map(changed, call.args)), changed(call.options), call.spelling)


numbers = st.sampled_from([3, 5, 7, 1.5, 0, -1, float("nan"), float("inf"), "5", "x", None, True])
periods = st.sampled_from([60, 60.0, 60.5, 0, 20, -10, "10", None, True, [], {}])
keys = st.one_of(
    st.sampled_from(["a", "b", "a", "é", "", "\ud800", "x" * 2000]),
    st.sampled_from([5, 2.0, 1.5, None, True, [], ["a", 1, None], {}, {"a": 1}]),
)
# Without a key it is the same key for all sequences: those are for the parametrised test below.
options = st.fixed_dictionaries({"key": keys}, optional={"limit": numbers, "period": periods})
odd = st.fixed_dictionaries({"key": keys}, optional={"foo": numbers, "Key": keys, "limit": numbers})
usual = st.fixed_dictionaries({"key": st.sampled_from(["a", "b", "c"])})
given_options = st.one_of(usual, usual, usual, options, odd)
calls = st.one_of(
    given_options.map(lambda given: Call("limit", (given,))),
    given_options.map(lambda given: Call("limit", (), given)),
    st.sampled_from([None, 5, "k", ["k"], True]).map(lambda given: Call("limit", (given,))),
)


@random_calls(CALLS)
@given(sequence=st.lists(calls, min_size=CALLS, max_size=CALLS))
def test_random_calls_answer_as_on_the_platform(real: Bridge, sequence: list[Call]) -> None:
    expected, results = answers(real, sequence)
    judge("RATELIMIT", "memory", sequence, expected, results)


def test_no_options_are_taken_as_on_the_platform(real: Bridge) -> None:
    sequence = [Call("limit"), Call("limit", ({},)), Call("limit", ([],))]
    expected, results = answers(real, sequence)
    judge("RATELIMIT", "memory", sequence, expected, results)


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "RATELIMIT"],
    ids=lambda difference: difference.what,
)
def test_known_difference_still_is_one(real: Bridge, difference: Any) -> None:
    expected, results = answers(real, list(difference.example))
    assert not alike(expected[-1], results[-1])
    assert difference.allows(difference.example[-1], expected[-1], results[-1])
