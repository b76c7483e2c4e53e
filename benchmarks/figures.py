"""Medians with their spread, tables in Markdown, and goals: what every part of the benchmark prints."""

from __future__ import annotations

import cProfile
import io
import pstats
import statistics
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """The median of several rounds, and half of what lies between their quartiles."""

    median: float
    half: float

    def __str__(self) -> str:
        digits = 0 if self.median >= 100 else 1 if self.median >= 10 else 2
        exact = f"{self.median:.{digits}f}"
        return f"{exact} ± {self.half:.{digits}f}" if self.half else exact


def spread(values: Iterable[float]) -> Spread:
    """The median and half the interquartile range of at least one value."""
    found = list(values)
    if len(found) == 1:
        return Spread(found[0], 0.0)
    low, median, high = statistics.quantiles(found, n=4, method="inclusive")
    return Spread(median, (high - low) / 2)


def ratios(values: Sequence[float], to: Sequence[float]) -> Spread:
    """The ratio of two series, round by round, so that what slows a whole round cancels out."""
    return spread(a / b for a, b in zip(values, to, strict=True))


async def profiled(work: Callable[[], Awaitable[Any]], operations: int) -> str:
    """cProfile of this thread while `work()` runs: the functions with most time of their own.

    The profiler itself costs time, most where many small functions are called: read the figures as
    shares, not as what the tables say.
    """
    profiler = cProfile.Profile()
    profiler.enable()
    await work()
    profiler.disable()
    functions: Any = pstats.Stats(profiler, stream=io.StringIO()).strip_dirs().stats  # type: ignore[attr-defined]
    lines = ["calls  own µs  total µs  (each an operation)"]
    for where, (_, calls, own, total, _) in sorted(functions.items(), key=lambda f: -f[1][2])[:18]:
        file, line, name = where
        place = name if file == "~" else f"{file}:{line} {name}"
        own_us, total_us = own * 1e6 / operations, total * 1e6 / operations
        lines.append(f"{calls / operations:5.1f} {own_us:7.2f} {total_us:9.2f}  {place}")
    return "\n".join(lines)


class Goal(NamedTuple):
    """A limit that edgekit is to keep, what was measured, and the profile to show when it does not.

    `least` turns the limit around. `doubt` says why the figure cannot be relied on, if so.
    """

    text: str
    figure: Spread
    limit: float
    least: bool = False
    about: str = ""
    profile: str = ""
    doubt: str = ""

    @property
    def verdict(self) -> str:
        """`reached`, `missed`, or `undecided` where the limit lies within the spread."""
        room = self.figure.median - self.limit if self.least else self.limit - self.figure.median
        if self.doubt or abs(room) < self.figure.half:
            return "undecided"
        return "reached" if room >= 0 else "missed"


class Report(NamedTuple):
    """One part's outcome; `broken` names the apps whose answers were wrong."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[str]]
    goals: list[Goal]
    broken: list[str]

    def markdown(self) -> str:
        """The whole part: a table, then the goals, then a profile for each goal that was missed."""
        lines = [f"## {self.title}", "", self.note, ""]
        lines += [_row(self.columns), _row(["---", *["---:"] * (len(self.columns) - 1)])]
        lines += [_row(row) for row in self.rows]
        lines += ["", *(_goal(goal) for goal in self.goals)]
        lines += self._broken()
        missed: dict[str, list[str]] = {}
        for goal in self.goals:
            if goal.verdict != "reached" and goal.profile:
                missed.setdefault(goal.profile, []).append(goal.text)
        for profile, texts in missed.items():
            lines += ["", f"Where the time goes ({'; '.join(texts)}):", "", "```", profile, "```"]
        return "\n".join([*lines, ""])

    def smoked(self) -> str:
        """Only whether the answers were right: a smoke run's figures would mislead."""
        outcome = "broken" if self.broken else "as it should be"
        return "\n".join([f"- {self.title}: {outcome}", *self._broken()])

    def _broken(self) -> list[str]:
        return [f"- **broken**: {problem}" for problem in self.broken]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _goal(goal: Goal) -> str:
    verdict = goal.verdict if goal.verdict == "reached" else f"**{goal.verdict}**"
    about = f" {goal.about}" * bool(goal.about) + f", but {goal.doubt}" * bool(goal.doubt)
    return f"- {verdict}: {goal.text}: {goal.figure}{about}"
