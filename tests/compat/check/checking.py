"""Checks of programs that a test writes: files in, findings out."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from edgekit.compat.check.checker import Check, locate, run
from edgekit.compat.check.findings import Finding

_MARK = re.compile(r"#: (?P<rules>[PH0-9 ]+)$")


def write(folder: Path, **files: str) -> None:
    """Files by name; `__` stands for a slash, and what has no suffix is a Python module."""
    for name, text in files.items():
        parts = name.replace("____init__", "__\0").split("__")
        path = folder / "/".join(parts).replace("\0", "__init__")
        if "." not in path.name:
            path = path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))


def checked(folder: Path, *, other_way: bool = False, notes: bool = False) -> Check:
    return run(locate(str(folder)), other_way=other_way, notes=notes)


def found(folder: Path, *, other_way: bool = False, notes: bool = False) -> list[Finding]:
    return checked(folder, other_way=other_way, notes=notes).findings.reported()


def places(findings: list[Finding]) -> set[tuple[str, str, int]]:
    return {(each.rule, each.file.name, each.line) for each in findings}


def marked(folder: Path) -> set[tuple[str, str, int]]:
    """What the comments `#: P001 P002` at the ends of lines expect."""
    expected = set()
    for file in folder.rglob("*.*"):
        if file.suffix not in (".py", ".toml", ".jsonc", ".txt"):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if match := _MARK.search(line):
                expected |= {(rule, file.name, number) for rule in match["rules"].split()}
    return expected
