"""Rules about packages with machine code: which there are, in which version, and who wants another.

The platform's packages are the facts of platform.json. Requirements are those of pyproject.toml and of the
installed packages; markers other than extras are taken to hold, unless they name another system.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path

from edgekit.compat import platform
from edgekit.compat.check.findings import Findings, Place
from edgekit.compat.check.program import Program

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?(?P<versions>[^;)]*)\)?\s*(?:;(?P<marker>.*))?$"
)
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>)\s*([\w.+!*-]+)")
_ELSEWHERE = re.compile(
    r"extra\s*==|platform_system|sys_platform|os_name|implementation|platform_machine"
)
_COMPARED: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def compiled_file(program: Program, name: str) -> Path | None:
    """The file of machine code that a module is; None where it is Python, or where there is none."""
    if program.source(name) is not None:
        return None
    parts = name.split(".")
    spec = PathFinder.find_spec(parts[0], program.path)
    if spec is None:
        return None
    if len(parts) == 1:
        return Path(spec.origin) if spec.origin and _is_compiled(spec.origin) else None
    for folder in spec.submodule_search_locations or ():
        place = Path(folder).joinpath(*parts[1:])
        for suffix in EXTENSION_SUFFIXES:
            file = place.with_name(place.name + suffix)
            if file.is_file():
                return file
    return None


def check_requirements(
    findings: Findings,
    python: str,
    requirements: Iterator[tuple[str, Place]],
    *,
    of: metadata.Distribution | None = None,
    package: str = "",
) -> None:
    """Report each requirement that the platform's version of a compiled package does not meet: of the
    project, or of an installed distribution.
    """
    known = platform.distributions(python)
    for text, (file, line) in requirements:
        match = _REQUIREMENT.match(text)
        if match is None or (match["marker"] and _ELSEWHERE.search(match["marker"])):
            continue
        there = known.get(platform.normalized(match["name"]))
        if there is None or not there.compiled:
            continue
        wanted = (match["versions"] or "").strip()
        if satisfies(there.version, wanted):
            continue
        remedy, who = "", ""
        if of is not None:
            who = f"{of.name} {of.version} "
            own = known.get(platform.normalized(of.name))
            pinned = f"{of.name}=={own.version}" if own else f"the {of.name}"
            remedy = f"Use {pinned}, which goes with {match['name']} {there.version}."
            if own is None:
                remedy = f"Use {pinned} that goes with {match['name']} {there.version}."
        what = f"{who}requires {match['name']} {wanted}; Workers have {there.version}"
        findings.add("P018", file, line, what, package=package, remedy=remedy)


@cache
def distributions(path: tuple[str, ...]) -> dict[str, metadata.Distribution]:
    """The installed distributions by normalized name; of two, the one that is found first."""
    found: dict[str, metadata.Distribution] = {}
    for each in metadata.distributions(path=list(path)):
        # The folder's name is at hand; the metadata would have to be read for each.
        folder = getattr(each, "_path", None)
        name = folder.name.partition("-")[0] if isinstance(folder, Path) else each.name
        found.setdefault(platform.normalized(name), each)
    return found


def satisfies(version: str, clauses: str) -> bool:
    """Whether a version meets all of `>=1.2,<2`; what cannot be read counts as met."""
    have = _numbers(version)
    for comparison, wanted in _CLAUSE.findall(clauses):
        exact = wanted.removesuffix(".*")
        number = _numbers(exact)
        if comparison in ("==", "===", "!="):
            same = have[: len(number)] == number if wanted != exact else _same(have, number)
            if same != (comparison != "!="):
                return False
        elif comparison == "~=":
            if not (have >= number and have[: len(number) - 1] == number[:-1]):
                return False
        elif not _COMPARED[comparison](*_padded(have, number)):
            return False
    return True


def _same(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    first, second = _padded(one, other)
    return first == second


def _padded(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    length = max(len(one), len(other))
    return tuple(each + (0,) * (length - len(each)) for each in (one, other))


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def _is_compiled(origin: str) -> bool:
    return origin.endswith(tuple(EXTENSION_SUFFIXES))
