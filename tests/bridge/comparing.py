"""What the comparisons of all bindings share: how many calls, when two answers are alike, the verdict.

EDGEKIT_BRIDGE_OPS says how many random calls of each binding are compared, at least; 2000 if it is
not set, and then they are the same ones every time: `random_calls` is the hypothesis decorator's
settings for that.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

from tests.bridge.bridge import Call
from tests.bridge.differences import explained

OPERATIONS = int(os.environ.get("EDGEKIT_BRIDGE_OPS", "2000"))
SLACK = 30  # seconds by which the real platform's clock may be ahead while it is being asked


def random_calls(calls_in_a_sequence: int) -> settings:
    """Settings for a `@given` whose every example makes so many calls."""
    return settings(
        max_examples=-(-OPERATIONS // calls_in_a_sequence),
        deadline=None,
        derandomize="EDGEKIT_BRIDGE_OPS" not in os.environ,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def judge(
    binding: str, where: str, calls: list[Call], expected: list[Any], results: list[Any]
) -> None:
    """Fail at the first answer that differs from the real one in an unknown way."""
    for at, (call, there, ours) in enumerate(zip(calls, expected, results, strict=True)):
        if not alike(there, ours) and not explained(binding, call, there, ours):
            raise AssertionError(
                f"{where}, call {at}: {call!r:.300}\n  real: {there!r:.1000}\n  here: {ours!r:.1000}"
            )


def alike(real: Any, here: Any) -> bool:
    """Equal; but moments may be apart by what the calls took, and large numbers are floats there."""
    if isinstance(real, dict) and isinstance(here, dict):
        return real.keys() == here.keys() and all(
            abs(real[key] - here[key]) <= SLACK
            if key == "expiration" and isinstance(real[key], int) and isinstance(here[key], int)
            else alike(real[key], here[key])
            for key in real
        )
    if isinstance(real, list) and isinstance(here, list):
        return len(real) == len(here) and all(map(alike, real, here))
    if isinstance(real, bool) or isinstance(here, bool):
        return real is here
    if isinstance(real, int | float) and isinstance(here, int | float):
        return float(real) == float(here)
    return bool(real == here)
