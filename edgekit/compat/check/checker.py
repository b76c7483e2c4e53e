"""A check from its target to its findings. `cli/check.py` shows them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from edgekit.compat import flags, platform
from edgekit.compat.bundle import Bundle, bundle
from edgekit.compat.check import code, frameworks, here, state
from edgekit.compat.check.at_import import AtImport
from edgekit.compat.check.findings import Findings
from edgekit.compat.check.importing import Moment, Wanted
from edgekit.compat.check.program import Program, Source
from edgekit.compat.check.project import (
    check_date,
    check_packages,
    check_parts,
    check_size,
    check_zones,
)
from edgekit.compat.check.reading import Reader
from edgekit.compat.modulegraph import no_collection
from edgekit.config import find
from edgekit.errors import ConfigError
from edgekit.formats import read_document

_NAMES = ("python_modules", "vendor")  # where the platform's tools put packages


@dataclass(frozen=True)
class Place:
    """What is checked: the main module's file (None: there is no Python), and its configuration.

    `package` says that it is an installed package, by its name.
    """

    file: Path | None
    module: str
    root: Path
    attribute: str | None = None
    config: Path | None = None
    document: dict[str, Any] = field(default_factory=dict)
    package: str | None = None


@dataclass
class Check:
    """The result: what was found, and what was read."""

    place: Place
    python: str
    findings: Findings = field(default_factory=Findings)
    own: list[Source] = field(default_factory=list)
    packages: list[Source] = field(default_factory=list)
    compressed: int = 0  # bytes of the upload, or a little more; 0 where it is not known


def locate(text: str | None, config: Path | None = None, environment: str | None = None) -> Place:
    """What a target means: a folder, a file, `file:app`, `module:app` or the name of a package.

    As for `dev`, but the configuration need not be one that edgekit can run. ConfigError where the
    target is nothing.
    """
    name, attribute = _split(text or ".")
    path = Path(name).absolute()
    if path.is_dir() or path.is_file():
        folder = path if path.is_dir() else path.parent
        found = config or find(folder)
        document = _document(found, environment)
        if path.is_dir():
            main = document.get("main")
            usual = folder / "main.py"
            if main is not None and found is not None and (found.parent == folder or config):
                path = found.parent / str(main)
            elif usual.is_file() or found is None or main is None:
                path = usual
            else:
                path = found.parent / str(main)
        if path.suffix != ".py":
            return Place(None, "", folder, attribute, found, document)
        if not path.is_file():
            if document.get("assets") and not document.get("main"):
                return Place(None, "", folder, attribute, found, document)
            raise ConfigError(f"{path}: there is no such file")
        path = path.resolve()
        return Place(path, path.stem, path.parent, attribute, found, document)
    if not all(part.isidentifier() for part in name.split(".")) or name.endswith(".py"):
        raise ConfigError(f"{name}: there is no such file, folder or module")
    return _locate_module(name, attribute, config, environment)


def run(place: Place, *, other_way: bool = False, notes: bool = False) -> Check:
    """Check a program for Workers, or, `other_way`, a Workers project for edgekit.

    With `notes` the functions of installed packages are read too; those findings are notes.
    """
    with no_collection():
        return _run(place, other_way=other_way, notes=notes)


def _run(place: Place, *, other_way: bool, notes: bool) -> Check:
    document = place.document
    on = flags.effective(
        document.get("compatibility_date"), tuple(document.get("compatibility_flags") or ())
    )
    python = platform.python_of(
        document.get("compatibility_date"), document.get("compatibility_flags") or ()
    )
    made = Check(place, python)
    findings = made.findings
    if other_way and place.config is not None:
        here.check_configuration(findings, place.config, document)
    if place.file is None:
        return made
    built, refused = (None, "") if other_way or place.package else _bundle(place)
    path = [*_vendored(place), *sys.path]
    program = Program(place.root, path, only=place.package)
    if built is not None:
        program.given = {**built.graph.own, **built.graph.foreign}
    at_import = AtImport(program, python, findings)
    at_import.importing.module(place.module)
    at_import.over = True
    readers = list(_readers(made, at_import, on, notes=notes))
    for file, message in program.unreadable:
        if not program.packaged(_top(file, program)):
            findings.add("P000", file, 0, message)
    if other_way:
        here.check_python(findings, place.root, place.config)
        here.check_imports(findings, at_import.importing)
        for reader in readers:
            here.check_code(reader)
        findings.found = {key: each for key, each in findings.found.items() if key[0][0] == "H"}
        return made
    at_import.report_modules()
    for reader in readers:
        code.check(reader)
        frameworks.check(reader)
        if not reader.quiet:
            state.check(reader)
    check_date(findings, place.config, python, document.get("compatibility_date"))
    check_packages(findings, at_import, place.root, place.config, python)
    check_zones(findings, (r for r in readers if not r.quiet), place.root, place.config)
    if refused and not any(each.severity == "error" for each in findings.found.values()):
        findings.add("P032", place.file, 0, refused)
    if built is not None:
        check_parts(findings, built.graph, python, place.file)
        made.compressed = check_size(findings, built, place.config or place.file)
    return made


def _readers(
    made: Check, at_import: AtImport, on: frozenset[str], *, notes: bool
) -> Iterator[Reader]:
    """A reader for each module to be read as a whole: the program's, also those that only functions
    import.
    """
    importing = at_import.importing
    program = importing.program
    done: set[str] = set()
    while todo := [name for name in importing.imported if name not in done]:
        for name in todo:
            done.add(name)
            source = importing.imported[name]
            if source.package:
                made.packages.append(source)
                if not notes:
                    continue
            else:
                made.own.append(source)
            is_main = name == made.place.module
            reader = Reader(
                program,
                importing,
                made.python,
                on,
                made.findings,
                source,
                is_main,
                quiet=bool(source.package),
            )
            if not source.package:
                _follow_later_imports(reader)
            yield reader


def _follow_later_imports(reader: Reader) -> None:
    """The imports in functions: what they import is the program too, though not at its import."""
    importing, source = reader.importing, reader.source
    for at in reader.nodes():
        if at.function is None or not isinstance(at.node, ast.Import | ast.ImportFrom):
            continue
        line = at.node.lineno
        moment = Moment(source, at.scope, (), lenient=at.lenient)
        if isinstance(at.node, ast.Import):
            modules = [alias.name for alias in at.node.names]
            names = modules
        else:
            modules = [source.absolute(at.node)]
            names = [*modules, *(f"{modules[0]}.{alias.name}" for alias in at.node.names)]
        importing.wanted += [Wanted(name, line, moment) for name in modules]
        for name in names:
            if reader.program.is_own(name):
                importing.module(name, ((source.file, line),), lenient=at.lenient)


def _bundle(place: Place) -> tuple[Bundle | None, str]:
    """What would be deployed, or why `build` refuses."""
    assert place.file is not None
    try:
        made = bundle(
            place.file,
            place.attribute,
            place.config,
            out=place.root / ".edgekit" / "build",
            path=[*_vendored(place), *sys.path],
        )
    except ConfigError as error:
        return None, str(error)
    return made, ""


def _vendored(place: Place) -> list[str]:
    roots = dict.fromkeys((place.root, place.config.parent if place.config else place.root))
    return [str(root / name) for root in roots for name in _NAMES if (root / name).is_dir()]


def _locate_module(
    name: str, attribute: str | None, config: Path | None, environment: str | None
) -> Place:
    cwd = Path.cwd()
    parts = name.split(".")
    spec = PathFinder.find_spec(parts[0], [str(cwd), *sys.path])
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        raise ConfigError(f"{name}: there is no such file or folder, and no such module in {cwd}")
    folder = next(iter(spec.submodule_search_locations or ()), None)
    top = Path(folder or spec.origin or "")
    root = top.parent
    place = top.joinpath(*parts[1:]) if folder else top
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not file.is_file():
        raise ConfigError(f"{name}: there is no such Python module")
    if root.resolve() != cwd.resolve():
        return Place(file, name, root, attribute, package=parts[0])
    found = config or find(cwd)
    return Place(file, name, cwd, attribute, found, _document(found, environment))


def _document(config: Path | None, environment: str | None) -> dict[str, Any]:
    if config is None:
        return {}
    document = read_document(config)
    environments = document.get("env")
    if environment and isinstance(environments, dict):
        section = environments.get(environment)
        if not isinstance(section, dict):
            raise ConfigError(f"{config}: no environment named {environment!r}")
        document = {**document, **section}
    return document


def _split(text: str) -> tuple[str, str | None]:
    place, colon, attribute = text.rpartition(":")
    if colon and place and all(part.isidentifier() for part in attribute.split(".")):
        return place, attribute
    return text, None


def _top(file: Path, program: Program) -> str:
    """The top-level name of the module in a file, as far as it is the program's."""
    try:
        return file.relative_to(program.root).parts[0].removesuffix(".py")
    except ValueError:
        return next((part for part in reversed(file.parts) if program.packaged(part)), "")
