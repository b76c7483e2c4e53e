"""What a check finds: where, which rule, and what about it; and which findings a comment ignores."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from edgekit.compat.check.rules import RULES, SEVERITIES, Rule, Severity

_COMMENT = re.compile(r"(?:#|//)\s*edgekit:\s*ignore(?P<rules>\[[^\]]*\])?", re.IGNORECASE)


_Ignores = dict[int, frozenset[str] | None]
Place = tuple[Path, int]  # a file and a line of it


@dataclass(frozen=True)
class Finding:
    """`package` is the installed package that the file belongs to, "" for the program's own.

    `chain` are the places that led there, outermost first, such as the import of a package. `line` and
    `end` count from 1 and are those of the statement; `column` counts from 1 too. A line of 0 is the whole
    file.
    """

    rule: str
    file: Path
    line: int
    what: str
    severity: Severity
    end: int = 0
    column: int = 0
    package: str = ""
    chain: tuple[Place, ...] = ()
    remedy: str = ""

    @property
    def about(self) -> Rule:
        return RULES[self.rule]

    @property
    def advice(self) -> str:
        return self.remedy or self.about.remedy


@dataclass
class Findings:
    """All findings of a check, each once."""

    found: dict[tuple[str, Path, int, str], Finding] = field(default_factory=dict)

    def add(
        self,
        rule: str,
        file: Path,
        line: int,
        what: str,
        *,
        severity: Severity | None = None,
        end: int = 0,
        column: int = 0,
        package: str = "",
        chain: tuple[Place, ...] = (),
        remedy: str = "",
    ) -> None:
        """A finding; the first of a rule at a place stays."""
        grade = severity or RULES[rule].severity
        finding = Finding(
            rule, file, line, what, grade, end or line, column, package, chain, remedy
        )
        self.found.setdefault((rule, file, line, what), finding)

    def reported(self, ignored: Collection[str] = ()) -> list[Finding]:
        """Those that neither a comment nor `ignored` (ids of rules) leaves out: in the order of severity,
        own code before packages, then of files and lines.
        """
        ignores = cache(_ignores)
        kept = [
            each
            for each in self.found.values()
            if each.rule not in ignored and not _ignored_by_comment(each, ignores)
        ]
        kept.sort(
            key=lambda f: (SEVERITIES.index(f.severity), f.package, str(f.file), f.line, f.rule)
        )
        return kept


def unknown_ignores(files: Iterable[Path]) -> list[tuple[Path, int, str]]:
    """The comments that name a rule which there is not: a spelling mistake would ignore nothing."""
    return [
        (file, line, name)
        for file in files
        for line, names in _ignores(file).items()
        for name in names or ()
        if name not in RULES
    ]


def _ignored_by_comment(finding: Finding, ignores: Callable[[Path], _Ignores]) -> bool:
    """Whether a comment at one of its lines, or where it was led to from, names it."""
    places = [
        (finding.file, line) for line in range(finding.line, max(finding.line, finding.end) + 1)
    ]
    for file, line in (*places, *finding.chain):
        names = ignores(file).get(line, frozenset())
        if names is None or finding.rule in names:
            return True
    return False


def _ignores(file: Path) -> _Ignores:
    """The rules that each line's comment ignores; None for all."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    if "edgekit:" not in text:
        return {}
    found: _Ignores = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _COMMENT.search(line):
            names = match["rules"]
            ids = names and frozenset(re.split(r"[\s,]+", names[1:-1].strip()))
            # A comment on a line of its own is about the line below.
            alone = line.strip().startswith(("#", "//"))
            found[number + 1 if alone else number] = ids or None
    return found
