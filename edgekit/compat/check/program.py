"""A program as the rules see it: its modules, and what the names in them stand for. Nothing is run.

What an expression stands for is written as a dotted name, `threading.Thread`, in which `()` says "the
result of calling this": `asyncio.get_running_loop().run_in_executor` is a method of what that function
returns, whatever the program calls the variable in between. None is what cannot be told: rules then say
nothing, rather than something false.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path

from edgekit.compat.modulegraph import Module
from edgekit.errors import ConfigError

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scoped = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_BUILTINS = frozenset(dir(builtins))
_DEEP = (
    12  # names that stand for names that stand for names: deeper is a circle, or nobody's intent
)


class Scope:
    """The names of a module, class or function, each with what it stands for."""

    def __init__(self, source: Source, node: Scoped, above: Scope | None, dotted: str) -> None:
        self.source = source
        self.node = node
        self.above = above
        self.dotted = dotted
        self.inner: dict[str, Scope] = {}  # by the name of the class or function
        self._bound: dict[str, list[ast.AST | str]] = {}
        self._resolving: set[str] = set()
        if not isinstance(node, ast.Module | ast.ClassDef):
            self._bind_parameters(node)
        if not isinstance(node, ast.Lambda):
            self._bind(node.body)

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)

    def bound(self, name: str) -> list[ast.AST | str]:
        """What binds a name here: statements, expressions, or dotted names of imports."""
        return self._bound.get(name, [])

    def names(self) -> Iterator[str]:
        return iter(self._bound)

    def below(self, node: ast.ClassDef | Function | ast.Lambda) -> Scope:
        """The scope of a class or function that stands in this one."""
        name = f"{getattr(node, 'name', '<lambda>')}:{node.lineno}"
        if name not in self.inner:
            where = (
                self.dotted if self.is_class or self.above is None else f"{self.dotted}.<locals>"
            )
            dotted = f"{where}.{getattr(node, 'name', '<lambda>')}"
            self.inner[name] = Scope(self.source, node, self, dotted)
        return self.inner[name]

    def lookup(self, name: str) -> str | None:
        """What a name stands for where it is read in this scope."""
        scope: Scope | None = self
        while scope is not None:
            if scope._bound.get(name) and (scope is self or not scope.is_class):
                return scope._stands_for(name)
            scope = scope.above
        return f"builtins.{name}" if name in _BUILTINS else None

    def resolve(self, node: ast.AST | None) -> str | None:
        """The dotted name that an expression stands for."""
        match node:
            case ast.Name(id=name):
                return self.lookup(name)
            case ast.Attribute(value=value, attr=attr):
                base = self.resolve(value)
                return base and f"{base}.{attr}"
            case ast.Call(func=func):
                base = self.resolve(func)
                return base and f"{base}()"
            case ast.Await(value=value):
                return self.resolve(value)
            case ast.NamedExpr(value=value):
                return self.resolve(value)
        return None

    def resolve_annotation(self, node: ast.expr | None) -> str | None:
        """The type that an annotation names, as a dotted name."""
        match node:
            case ast.Constant(value=str() as text):
                try:
                    return self.resolve_annotation(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    return None
            case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
                return self.resolve_annotation(left)
            case ast.Subscript(value=value, slice=ast.expr() as inner):
                outer = self.resolve(value)
                if outer in ("typing.Annotated", "typing_extensions.Annotated"):
                    first = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
                    return self.resolve_annotation(first)
                return outer
        return self.resolve(node)

    # How names come to be -------------------------------------------------------------------------

    def _stands_for(self, name: str) -> str | None:
        found = self._bound[name]
        if self.above is None:
            # Of a module's own names `Program.follow` knows more.
            return found[-1] if isinstance(found[-1], str) else f"{self.dotted}.{name}"
        if len(found) != 1 or name in self._resolving:
            return None
        return self.meaning(name)

    def meaning(self, name: str) -> str | None:
        """What the last binding of a name makes it stand for."""
        binding = self._bound[name][-1]
        if isinstance(binding, str):
            return binding
        if isinstance(binding, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return self.below(binding).dotted
        if not isinstance(binding, ast.expr) or name in self._resolving:
            return None
        self._resolving.add(name)
        try:
            return self.resolve(binding)
        finally:
            self._resolving.discard(name)

    def _add(self, name: str, binding: ast.AST | str) -> None:
        self._bound.setdefault(name, []).append(binding)

    def _bind_parameters(self, node: Function | ast.Lambda) -> None:
        arguments = node.args
        each = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        owner = self.above
        for at, argument in enumerate(each):
            kind = None
            if at == 0 and owner is not None and owner.is_class:
                decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", ())]
                if "classmethod" in decorators:
                    kind = owner.dotted
                elif "staticmethod" not in decorators:
                    kind = f"{owner.dotted}()"
            elif argument.annotation is not None and owner is not None:
                named = owner.resolve_annotation(argument.annotation)
                kind = named and f"{named}()"
            self._add(argument.arg, kind or argument)
        for argument in filter(None, (arguments.vararg, arguments.kwarg)):
            self._add(argument.arg, argument)

    def _bind(self, body: list[ast.stmt]) -> None:
        todo: list[ast.AST] = list(reversed(body))
        elsewhere: set[str] = set()
        while todo:
            node = todo.pop()
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    self._add(node.name, node)
                    continue
                case ast.Import(names=names):
                    for alias in names:
                        top = alias.name.partition(".")[0]
                        self._add(alias.asname or top, alias.name if alias.asname else top)
                    continue
                case ast.ImportFrom():
                    module = self.source.absolute(node)
                    for alias in node.names:
                        if alias.name != "*":
                            self._add(alias.asname or alias.name, f"{module}.{alias.name}")
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._add(name, value)
                    if isinstance(value, ast.Call | ast.Attribute | ast.Name | ast.Constant):
                        continue  # nothing else is bound in there
                case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value):
                    if value is not None or self.above is None:
                        self._add(name, value if value is not None else kind)
                    elif not self.is_class:
                        self._add(name, node)
                    continue
                case ast.NamedExpr(target=ast.Name(id=name), value=value):
                    self._add(name, value)
                    todo.append(value)
                    continue
                case ast.Global(names=global_names) | ast.Nonlocal(names=global_names):
                    elsewhere.update(global_names)
                    continue
                case ast.withitem(context_expr=made, optional_vars=ast.Name(id=name)):
                    self._add(name, made)
                    todo.append(made)
                    continue
                case ast.ExceptHandler(name=str() as name):
                    self._add(name, node)
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    if not self._just_bound(name, node):
                        self._add(name, node)
                    continue
                case ast.Lambda():
                    continue
            todo.extend(reversed(list(ast.iter_child_nodes(node))))
        for name in elsewhere:
            self._bound.pop(name, None)

    def _just_bound(self, name: str, node: ast.Name) -> bool:
        """Whether this target's assignment has been counted already."""
        return any(
            isinstance(each, ast.expr) and getattr(each, "lineno", 0) == node.lineno
            for each in self._bound.get(name, ())
        )


class Source:
    """A module that has been read: of the program (`package` is "") or of an installed package."""

    def __init__(self, module: Module, package: str) -> None:
        self.module = module
        self.name = module.name
        self.file = module.file
        self.package = package

    @property
    def tree(self) -> ast.Module:
        return self.module.tree

    @cached_property
    def scope(self) -> Scope:
        return Scope(self, self.tree, None, self.name)

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that `from ... import` names, where it is relative too."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        if not self.module.is_package:
            parts = parts[:-1]
        above = parts[: len(parts) - node.level + 1]
        return ".".join([*above, *([node.module] if node.module else [])])


@dataclass(frozen=True)
class Definition:
    """A class or function, with the scope that it stands in."""

    node: ast.ClassDef | Function
    scope: Scope

    @property
    def inside(self) -> Scope:
        return self.scope.below(self.node)


@dataclass
class Program:
    """The modules by name. `root` is the folder of the program's own, `path` where packages lie.

    `given` are modules that have been read already. `only`, where `root` holds installed packages, is
    the one that counts as the program.
    """

    root: Path
    path: list[str]
    given: dict[str, Module] = field(default_factory=dict)
    only: str | None = None
    sources: dict[str, Source | None] = field(default_factory=dict)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)

    def is_own(self, name: str) -> bool:
        """Whether a dotted name is of the program's own code."""
        top = name.partition(".")[0].removesuffix("()")
        return self._place(top) is not None and not self.packaged(top)

    def packaged(self, top: str) -> str:
        """The package that a top-level name is of; "" for the program's own, and where there is none."""
        place = self._place(top)
        if self.only is not None:
            return "" if place is None or top == self.only else top
        return "" if place is None or place == self.root else top

    def source(self, name: str) -> Source | None:
        """A module, read; None where there is no such Python file: of the standard library, compiled, or
        nowhere.
        """
        if name not in self.sources:
            self.sources[name] = None
            self.sources[name] = self._read(name)
        return self.sources[name]

    def exists(self, name: str) -> bool:
        """Whether a package is installed, or the program has a module of the name."""
        top = name.partition(".")[0]
        return self._place(top) is not None

    def _read(self, name: str) -> Source | None:
        top = name.partition(".")[0]
        module = self.given.get(name)
        if module is None:
            place = self._place(top)
            file = place and _file(place, name)
            if file is None:
                return None
            module = Module(name, file)
        source = Source(module, self.packaged(top))
        try:
            source.tree  # noqa: B018 - is parsed now
        except (ConfigError, ValueError, OSError, RecursionError) as error:
            self.unreadable.append((module.file, str(error)))
            return None
        return source

    def _place(self, top: str) -> Path | None:
        """The folder in which a top-level module lies."""
        if top not in self._places:
            self._places[top] = self._find(top)
        return self._places[top]

    def _find(self, top: str) -> Path | None:
        if _file(self.root, top) is not None or _is_namespace(self.root, top):
            return self.root
        if top in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(top, self.path)
        if spec is None:
            return None
        folder = next(iter(spec.submodule_search_locations or ()), None)
        place = folder or spec.origin
        return Path(place).parent if place else None

    _places: dict[str, Path | None] = field(default_factory=dict)

    # What names stand for, across modules ------------------------------------------------------------

    def follow(self, dotted: str, *, packages: bool = False) -> str | None:
        """The name by which something is known where it is made: past the variables, imports and aliases
        of the program's modules, and with `packages` of installed ones.
        """
        for _ in range(_DEEP):
            split = self._split(dotted, packages=packages)
            if split is None:
                return dotted
            scope, name, rest = split
            bare = name.removesuffix("()")
            called = name != bare
            binding = scope.bound(bare)
            if not binding:
                return dotted
            if isinstance(binding[-1], ast.ClassDef):
                return dotted
            if isinstance(binding[-1], ast.FunctionDef | ast.AsyncFunctionDef):
                made = scope.resolve_annotation(binding[-1].returns) if called else None
                if made is None:
                    return dotted
                meaning: str | None = f"{made}()"
            else:
                meaning = scope.meaning(bare)
                if meaning is not None and called:
                    meaning += "()"
            if meaning is None:
                return None
            following = ".".join([meaning, *rest])
            if following == dotted:
                return dotted
            dotted = following
        return None

    def definition(self, dotted: str) -> Definition | None:
        """The class or function of a dotted name, methods by way of the classes above too."""
        followed = self.follow(dotted, packages=True)
        split = followed and self._split(followed, packages=True)
        if not split:
            return None
        scope, name, rest = split
        node = next(reversed(scope.bound(name.removesuffix("()"))), None)
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        found = Definition(node, scope)
        if not rest:
            return found if not name.endswith("()") else None
        if len(rest) == 1 and isinstance(node, ast.ClassDef):
            return self.method(found, rest[0])
        return None

    def method(self, owner: Definition, name: str, depth: int = 0) -> Definition | None:
        """A method of a class or of one above it."""
        if not isinstance(owner.node, ast.ClassDef):
            return None
        inside = owner.inside
        node = next(reversed(inside.bound(name)), None)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return Definition(node, inside)
        if node is not None or depth > _DEEP:
            return None
        for base in owner.node.bases:
            dotted = owner.scope.resolve(base)
            above = dotted and self.definition(dotted)
            if above and (found := self.method(above, name, depth + 1)):
                return found
        return None

    def bases(self, owner: Definition, depth: int = 0) -> Iterator[str]:
        """The dotted names of all classes above a class, as far as they are known."""
        if not isinstance(owner.node, ast.ClassDef) or depth > _DEEP:
            return
        for base in owner.node.bases:
            dotted = owner.scope.resolve(base)
            if dotted is None:
                continue
            followed = self.follow(dotted) or dotted
            yield followed
            above = self.definition(followed) if self.is_own(followed) else None
            if above is not None:
                yield from self.bases(above, depth + 1)

    def _split(self, dotted: str, *, packages: bool) -> tuple[Scope, str, list[str]] | None:
        """The scope of the module, the first name in it, and what follows it."""
        parts = dotted.split(".")
        if not packages and not self.is_own(parts[0]):
            return None
        if self._place(parts[0]) is None:
            return None
        for length in range(len(parts) - 1, 0, -1):
            name = ".".join(parts[:length])
            if "(" in name or "<" in name:
                continue
            source = self.source(name)
            if source is not None:
                scope, at = source.scope, length
                while at + 1 < len(parts) and parts[at + 1] == "<locals>":
                    node = next(reversed(scope.bound(parts[at])), None)
                    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                        return None
                    scope, at = scope.below(node), at + 2
                if at >= len(parts):
                    return None
                return scope, parts[at], parts[at + 1 :]
        return None


def _file(folder: Path, dotted: str) -> Path | None:
    place = folder.joinpath(*dotted.split("."))
    for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if file.is_file():
            return file
    return None


def _is_namespace(root: Path, top: str) -> bool:
    folder = root / top
    return top.isidentifier() and folder.is_dir() and any(folder.glob("*.py"))
