"""Which modules a program needs on real Workers: read from its import statements, nothing is run.

Of the program's own modules and of edgekit those that an import reaches count, also one inside a
function; of an installed package all of it, because packages load parts of themselves by name. What
is only for type checkers, and the branches for other platforms than Workers', do not count. Imports
by a name that is made at run time cannot be seen: `import_module("literal")` can.
"""

from __future__ import annotations

import ast
import gc
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path

import edgekit  # not for its names: for where they are
from edgekit.errors import ConfigError

# What is importable on Workers without being taken along.
PLATFORM = frozenset(
    {"asgi", "js", "pyodide", "pyodide_js", "_pyodide", "workers", "_pyodide_core"}
)
# Rooms of edgekit that need a server, threads or files.
ROOMS_LEFT_OUT = frozenset({"cli", "compat", "runtime", "testing"})
# What edgekit itself needs there beside the standard library; the rest it does without.
_OF_EDGEKIT = frozenset({"multipart"})
_COMPILED = (".so", ".pyd", ".dylib")


@dataclass
class Module:
    """A module of the program's own or of edgekit. `name` is the dotted one."""

    name: str
    file: Path

    @cached_property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"

    @cached_property
    def text(self) -> bytes:
        return self.file.read_bytes()

    @cached_property
    def tree(self) -> ast.Module:
        try:
            return ast.parse(self.text, str(self.file))
        except SyntaxError as error:
            raise ConfigError(f"{self.file}:{error.lineno}: {error.msg}") from None

    @cached_property
    def imports(self) -> list[_Import]:
        return list(_imports(self))


@dataclass
class Package:
    """An installed module or package at the top of a search path; `path` is a file or a folder."""

    name: str
    path: Path

    @cached_property
    def files(self) -> dict[str, Path]:
        """All files of it by their path below the search path; without bytecode and stubs."""
        if self.path.is_file():
            return {self.path.name: self.path}
        return {
            f"{self.name}/{file.relative_to(self.path).as_posix()}": file
            for file in sorted(self.path.rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyi"
        }

    @property
    def compiled(self) -> bool:
        """Whether a part of it is machine code, which is not the platform's."""
        return any(name.endswith(_COMPILED) for name in self.files)


_LOADERS = frozenset({"import_module", "importlib.import_module", "__import__"})


@dataclass
class Graph:
    """What a program needs. `compiled` are packages that the platform must have itself."""

    own: dict[str, Module] = field(default_factory=dict)
    edgekit: dict[str, Module] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)
    compiled: dict[str, Package] = field(default_factory=dict)
    foreign: dict[str, Module] = field(default_factory=dict)  # of the packages' modules, those read
    problems: list[str] = field(default_factory=list)


def left_out(name: str) -> str | None:
    """The room of edgekit that one of its public names is in, where Workers have no such room."""
    room = (edgekit.home(name, on_workers=True) or "").split(".")[1:2]
    return f"edgekit.{room[0]}" if room and room[0] in ROOMS_LEFT_OUT else None


def trace(
    root: Path,
    names: list[str],
    *,
    path: list[str] | None = None,
    known: Graph | None = None,
    also: Iterable[str] = (),
) -> Graph:
    """The graph from these modules on; `root` is the folder of the program's own modules.

    `path` is where installed packages are looked for. A name is that of a module of the program, or
    of one of edgekit. What `known` has read is not read again. `also` are modules of the program that
    may be needed: what they import and is not there is no problem.
    """
    tracer = _Tracer(root, sys.path if path is None else path, known or Graph())
    for name in names:
        tracer.need(name, None, ())
    for name in also:
        tracer.offer(name)
    with no_collection():
        tracer.run()
    return tracer.graph


@contextmanager
def no_collection() -> Iterator[None]:
    """For reading many files: a million objects come to be, none is garbage, and Python would look for
    it again and again, which takes longer than the reading.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True)
class _Import:
    """`import module`, or `from module import names`; `lenient` where its failing is provided for."""

    module: str
    names: tuple[str, ...]
    line: int
    lenient: bool


class _Tracer:
    def __init__(self, root: Path, path: list[str], known: Graph) -> None:
        self.graph = Graph()
        self._known = {**known.foreign, **known.edgekit, **known.own}
        self._root = root
        self._path = [entry for entry in path if Path(entry or ".").resolve() != root.resolve()]
        self._edgekit = Path(edgekit.__file__).parent
        self._todo: list[tuple[Module, bool]] = []  # and whether it is part of a package
        self._seen: set[str] = set()
        self._places: dict[tuple[Path, str], Path | None] = {}
        self._packages: dict[str, Package | None] = {}

    def run(self) -> None:
        while self._todo:
            module, foreign = self._todo.pop()
            ours = module.name.partition(".")[0] == "edgekit"
            for found in module.imports:
                top = found.module.partition(".")[0]
                if ours and top != "edgekit" and top not in _OF_EDGEKIT:
                    continue
                lenient = found.lenient or foreign or ours
                where = None if lenient else f"{module.file}:{found.line}"
                self.need(found.module, where, found.names)

    def need(self, name: str, where: str | None, names: tuple[str, ...]) -> None:
        """Follow an import; `where` it stands, if its failing is a problem."""
        top = name.partition(".")[0]
        if top == "edgekit":
            self._need_edgekit(name, names, where)
        elif self._place(self._root, top) is not None:
            if not self._add(self.graph.own, self._root, name, names) and where:
                self.graph.problems.append(f"{where}: there is no module {name!r}")
        elif top not in PLATFORM and top not in sys.stdlib_module_names:
            self._need_package(top, name, names, where)

    def offer(self, name: str) -> None:
        """Take along a module of the program, whose imports may fail."""
        self._add(self.graph.own, self._root, name, (), foreign=True)

    def _need_edgekit(self, name: str, names: tuple[str, ...], where: str | None) -> None:
        if name == "edgekit":
            self._add(self.graph.edgekit, self._edgekit.parent, "edgekit", ())
            if "*" in names and where:
                self.graph.problems.append(
                    f"{where}: `from edgekit import *` asks for all that edgekit has, and Workers have"
                    " a part of it; name what is used"
                )
            for each in names:
                home = edgekit.home(each, on_workers=True)
                self._need_edgekit(home or f"edgekit.{each}", (), where)
            return
        room = name.split(".")[1]
        if room not in ROOMS_LEFT_OUT:
            self._add(self.graph.edgekit, self._edgekit.parent, name, names)
        elif where:
            reason = "it is for ASGI servers and for tests"
            self.graph.problems.append(f"{where}: edgekit.{room} is not on Workers: {reason}")

    def _need_package(self, top: str, name: str, names: tuple[str, ...], where: str | None) -> None:
        graph = self.graph
        if top not in self._packages:
            spec = PathFinder.find_spec(top, self._path)
            folder = next(iter(spec.submodule_search_locations or ()), None) if spec else None
            found = folder or (spec.origin if spec else None)
            self._packages[top] = Package(top, Path(found)) if found else None
            if (package := self._packages[top]) is not None:
                (graph.compiled if package.compiled else graph.packages)[top] = package
        package = self._packages[top]
        if package is None:
            if where:
                graph.problems.append(f"{where}: {top!r} is not installed here")
            return
        if top in graph.packages:
            self._add(self.graph.foreign, package.path.parent, name, names, foreign=True)

    def _add(
        self,
        into: dict[str, Module],
        root: Path,
        name: str,
        names: tuple[str, ...],
        *,
        foreign: bool = False,
    ) -> bool:
        """A module with the packages above it, and of `names` those that are modules below it; whether
        it is there.
        """
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            dotted = ".".join(parts[:depth])
            file = self._place(root, dotted)
            if file is None:
                return False
            if file.is_dir():  # a package without __init__.py
                continue
            module = into.get(dotted) or self._known.get(dotted) or Module(dotted, file)
            if dotted not in self._seen:
                self._seen.add(dotted)
                into[dotted] = module
                self._todo.append((module, foreign))
        for each in names:
            if self._place(root, f"{name}.{each}") is not None:
                self._add(into, root, f"{name}.{each}", (), foreign=foreign)
        return True

    def _place(self, root: Path, dotted: str) -> Path | None:
        key = (root, dotted)
        if key not in self._places:
            self._places[key] = _below(root, dotted)
        return self._places[key]


def _below(root: Path, dotted: str) -> Path | None:
    """The file of a module, or the folder of a package without __init__.py."""
    place = os.path.join(root, *dotted.split("."))  # asked for every name that is imported: no Path
    for file in (os.path.join(place, "__init__.py"), f"{place}.py"):
        if os.path.isfile(file):
            return Path(file)
    return Path(place) if os.path.isdir(place) and any(Path(place).rglob("*.py")) else None


def _imports(module: Module) -> Iterator[_Import]:
    # `import edgekit`, then `edgekit.App`: its names are in modules of their own.
    text = module.text
    for attribute in ast.walk(module.tree) if b"edgekit." in text else ():
        match attribute:
            case ast.Attribute(value=ast.Name(id="edgekit"), attr=name, lineno=line):
                yield _Import("edgekit", (name,), line, True)
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    # Expressions are most of a tree, and only one that names import_module can import.
    by_name = b"import_module" in text or b"__import__" in text
    for node, lenient in _statements(module.tree.body, lenient=False, expressions=by_name):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(alias.name, (), node.lineno, lenient)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                parts = package.split(".")
                above = ".".join(parts[: len(parts) - node.level + 1])
                name = f"{above}.{name}" if name and above else above or name
            if name:
                names = tuple(alias.name for alias in node.names)
                yield _Import(name, names, node.lineno, lenient)
        elif isinstance(node, ast.Call) and (literal := _by_name(node)):
            yield _Import(literal, (), node.lineno, True)


def _statements(
    body: Sequence[ast.AST], *, lenient: bool, expressions: bool
) -> Iterator[tuple[ast.AST, bool]]:
    """The imports in `body` and below it, without branches that Workers do not take; with `expressions`
    the calls too.
    """
    for node in body:
        inner, parts = lenient, None
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, lenient
            continue
        if isinstance(node, ast.If):
            taken = _taken(node.test)
            parts = [
                *(node.body if taken is not False else ()),
                *(node.orelse if taken is not True else ()),
                node.test,
            ]
        elif isinstance(node, ast.Try | ast.TryStar):
            caught = lenient or any(map(_catches_import, node.handlers))
            yield from _statements(node.body, lenient=caught, expressions=expressions)
            parts = [*node.handlers, *node.orelse, *node.finalbody]
        elif isinstance(node, ast.expr) and not expressions:
            continue
        elif isinstance(node, ast.Call):
            yield node, lenient
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = True
        if parts is None:
            parts = list(ast.iter_child_nodes(node))
        yield from _statements(parts, lenient=inner, expressions=expressions)


def _taken(test: ast.expr) -> bool | None:
    """Whether Workers take the branch of this test; None where it cannot be told."""
    text = ast.unparse(test)
    if text in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return False
    if text == "not TYPE_CHECKING":
        return True
    for comparison, answer in (("==", True), ("!=", False)):
        if text == f"sys.platform {comparison} 'emscripten'":
            return answer
    return None


def _catches_import(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type is not None else "Exception"
    return any(name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception"))


def _by_name(call: ast.Call) -> str | None:
    """The module that `import_module("literal")` loads."""
    if ast.unparse(call.func) not in _LOADERS or not call.args:
        return None
    first = call.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def computed(module: Module) -> int | None:
    """The line where a module loads another by a name that only running it tells."""
    text = module.text
    if not any(name in text for name in (b"import_module", b"__import__", b"spec_from_file")):
        return None
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            by_file = called.rpartition(".")[2] == "spec_from_file_location"
            if by_file or (called in _LOADERS and _by_name(node) is None):
                return node.lineno
    return None
