"""Rules about a project as a whole: its compatibility date, its requirements, time zones, its size."""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edgekit.compat import platform
from edgekit.compat.bundle import FREE, PAID, Bundle
from edgekit.compat.check.at_import import AtImport
from edgekit.compat.check.findings import Findings, Place
from edgekit.compat.check.machine_code import check_requirements, distributions
from edgekit.compat.check.reading import Reader
from edgekit.compat.modulegraph import Graph


def line_of(file: Path | None, text: str, after: str = "") -> int:
    """The line of a file in which a text first stands, after another; 0 where it does not."""
    if file is None or not file.is_file():
        return 0
    content = file.read_text("utf-8", "replace")
    begin = max(content.find(after), 0) if after else 0
    at = content.find(text, begin)
    return content.count("\n", 0, at) + 1 if at >= 0 else 0


def check_date(findings: Findings, config: Path | None, python: str, date: str | None) -> None:
    """A date whose Python is too old."""
    if python == "3.12" and config is not None:
        findings.add(
            "P026",
            config,
            line_of(config, "compatibility_date"),
            f"compatibility_date {date} has Python 3.12",
        )


def check_packages(
    findings: Findings, at_import: AtImport, root: Path, config: Path | None, python: str
) -> None:
    """Machine code that the platform has not, or has in another version than is asked for."""
    for package, wanted in at_import.machine_code.items():
        moment = wanted.moment
        findings.add(
            "P018",
            moment.source.file,
            wanted.line,
            f"{package} has machine code, and Workers have no build of it",
            package=moment.source.package,
            chain=moment.chain,
        )
    check_requirements(findings, python, project_requirements(root, config))
    program = at_import.program
    installed = distributions(tuple(program.path))
    used = {source.package for source in at_import.importing.imported.values() if source.package}
    used |= {
        package
        for wanted in at_import.importing.wanted
        if (package := program.packaged(wanted.name.partition(".")[0]))
    }
    for package in sorted(used - {"edgekit"}):
        distribution = installed.get(platform.normalized(package))
        if distribution is None:
            continue
        there = platform.offered(python).get(package)
        if there is not None and there.compiled:
            if there.version != distribution.version and not _same(there.version, distribution):
                place = _first_import(at_import, package)
                findings.add(
                    "P018",
                    place[0],
                    place[1],
                    f"{package} {distribution.version} is installed here, Workers have {there.version}",
                    severity="note",
                    package=place[2],
                    remedy="Use nothing of it that is newer, or try it with that version here.",
                )
            continue
        file, line, owner = _first_import(at_import, package)
        requirements = ((text, (file, line)) for text in distribution.requires or ())
        check_requirements(findings, python, requirements, of=distribution, package=owner)


def check_parts(findings: Findings, graph: Graph, python: str, file: Path) -> None:
    """Packages of which a part is machine code that nobody imports without providing for its failing."""
    reported = {each.what.partition(" ")[0] for each in findings.found.values()}
    for name in sorted(graph.compiled.keys() - platform.offered(python).keys() - reported):
        findings.add(
            "P018",
            file,
            0,
            f"{name} has a part in machine code, and Workers have no build of it",
            severity="note",
            remedy="Nothing, if there is a wheel of it without: pywrangler takes that one.",
        )


def check_zones(
    findings: Findings, readers: Iterable[Reader], root: Path, config: Path | None
) -> None:
    """Time zones by name, where no package brings their files."""
    if any(_name(text) == "tzdata" for text, _ in project_requirements(root, config)):
        return
    if any((place / "python_modules" / "tzdata").is_dir() for place in (root, root.parent)):
        return
    for reader in readers:
        for at in reader.nodes():
            called = getattr(at.node, "func", None)
            if called is not None and reader.dotted(called, at.scope) == "zoneinfo.ZoneInfo":
                reader.report("P015", at.node, "zoneinfo.ZoneInfo()")


def check_size(findings: Findings, built: Bundle, file: Path) -> int:
    """What is uploaded, against the plans' limits. Returns how many bytes that is, about.

    The packages' sizes are measured only above a limit: that takes as long again as all of a check.
    """
    total = len(zlib.compress(b"".join(built.files.values()), 6))
    if total <= FREE:
        return total
    sizes = built.sizes()
    total = sizes[-1].compressed
    if total > FREE:
        largest = ", ".join(f"{size.name} {_mib(size.compressed)}" for size in sizes[:5])
        above = "10 MiB of the paid plan" if total > PAID else "3 MiB of the free plan"
        findings.add(
            "P027",
            file,
            0,
            f"{_mib(total)} compressed, above the {above}: {largest}",
            severity="error" if total > PAID else "warning",
        )
    return total


def project_requirements(root: Path, config: Path | None) -> Iterator[tuple[str, Place]]:
    """The project's requirements, with where each stands: of pyproject.toml and requirements.txt."""
    folders = dict.fromkeys((config.parent if config else root, root))
    for folder in folders:
        file = folder / "pyproject.toml"
        if file.is_file():
            for text in _dependencies(file):
                yield text, (file, line_of(file, text))
        file = folder / "requirements.txt"
        if file.is_file():
            for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
                text = line.partition("#")[0].strip()
                if text and not text.startswith("-"):
                    yield text, (file, number)


def python_wanted(root: Path, config: Path | None) -> tuple[str, Place] | None:
    """`requires-python` of pyproject.toml."""
    for folder in dict.fromkeys((config.parent if config else root, root)):
        file = folder / "pyproject.toml"
        wanted = _project(file).get("requires-python") if file.is_file() else None
        if isinstance(wanted, str):
            return wanted, (file, line_of(file, "requires-python"))
    return None


def _dependencies(file: Path) -> list[str]:
    found = _project(file).get("dependencies")
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _project(file: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}
    project = document.get("project")
    return project if isinstance(project, dict) else {}


def _name(requirement: str) -> str:
    match = re.match(r"\s*([A-Za-z0-9][\w.-]*)", requirement)
    return platform.normalized(match[1]) if match else ""


def _same(version: str, distribution: Any) -> bool:
    return str(distribution.version).split(".")[:2] == version.split(".")[:2]


def _first_import(at_import: AtImport, package: str) -> tuple[Path, int, str]:
    """Where a package is first imported: the program's own line, if one led there."""
    for wanted in at_import.importing.wanted:
        if wanted.name.partition(".")[0] == package:
            chain = wanted.moment.chain
            if chain:
                return (*chain[0], "")
            return wanted.moment.source.file, wanted.line, wanted.moment.source.package
    raise LookupError(package)


def _mib(number: int) -> str:
    return f"{number / 1024 / 1024:.2f} MiB" if number >= 100_000 else f"{number / 1024:.0f} KiB"
