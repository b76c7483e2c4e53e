"""What happens when a program is imported, read from its source: statement by statement, nothing is run.

Followed are imports, class bodies, decorators, default arguments and calls of functions and classes that
can be found, of the program's and of installed packages. Not followed are branches that Workers do not
take, and in functions whatever stands behind a condition that cannot be told here, since it may never
happen. `visit` is told of every expression that is evaluated; the modules met are in `imported`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from edgekit.compat import platform
from edgekit.compat.check.branches import caught_imports, truth
from edgekit.compat.check.findings import Place
from edgekit.compat.check.program import Definition, Function, Program, Scope, Source

_CALLS_DEEP = 25  # functions calling functions


@dataclass(frozen=True)
class Moment:
    """Where in the import we are: the module, the names there, and how we got there, outermost first.

    `own` says that the line is the program's; `certain` that it does happen.
    """

    source: Source
    scope: Scope
    chain: tuple[Place, ...]
    certain: bool = True
    depth: int = 0
    lenient: bool = False

    @property
    def own(self) -> bool:
        return not self.source.package


@dataclass(frozen=True)
class Wanted:
    """An import statement that is met: the module it names."""

    name: str
    line: int
    moment: Moment


@dataclass
class Importing:
    """The import of a program for one version of Python."""

    program: Program
    python: str
    visit: Callable[[ast.expr, Moment], None]
    wanted: list[Wanted] = field(default_factory=list)
    imported: dict[str, Source] = field(default_factory=dict)
    called: set[int] = field(default_factory=set)  # ids of the functions that ran

    def module(
        self, name: str, chain: tuple[Place, ...] = (), *, lenient: bool = False
    ) -> Source | None:
        """Import a module with the packages above it; each once."""
        parts = name.split(".")
        source = None
        for length in range(1, len(parts) + 1):
            source = self._one(".".join(parts[:length]), chain, lenient)
        return source

    def _one(self, name: str, chain: tuple[Place, ...], lenient: bool) -> Source | None:
        if name in self.imported:
            return self.imported[name]
        top = name.partition(".")[0]
        there = platform.offered(self.python).get(top) if self.program.packaged(top) else None
        if top == "edgekit" or (there is not None and there.compiled):
            # edgekit is held to this by its own tests, and the platform has its own build of the other.
            return None
        source = self.program.source(name)
        if source is not None:
            self.imported[name] = source
            # An import that fails further down fails up here too, where somebody provides for it.
            moment = Moment(source, source.scope, chain, lenient=lenient)
            self.body(source.tree.body, moment)
        return source

    # Statements ---------------------------------------------------------------------------------------

    def body(self, statements: Iterable[ast.stmt], moment: Moment) -> None:
        for statement in statements:
            self.statement(statement, moment)

    def statement(self, node: ast.stmt, moment: Moment) -> None:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    self._import(alias.name, node.lineno, moment)
            case ast.ImportFrom():
                self._import_from(node, moment)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(node, moment)
            case ast.ClassDef():
                self._class(node, moment)
            case ast.If(test=test, body=body, orelse=orelse):
                self._branch(test, body, orelse, moment)
            case ast.Try() | ast.TryStar():
                lenient = moment.lenient or caught_imports(node.handlers)
                self.body(node.body, _with(moment, lenient=lenient))
                self.body(node.orelse, moment)
                self.body(node.finalbody, moment)
            case ast.While(test=test, body=body):
                self.expression(test, moment)
                self._perhaps(body, moment)
            case ast.For(iter=iterated, body=body):
                self.expression(iterated, moment)
                # An empty sequence that is written out loops over nothing; others usually do something.
                self.body(body, moment)
            case ast.With(items=items, body=body):
                for item in items:
                    self.expression(item.context_expr, moment)
                suppressed = any(
                    moment.scope.resolve(item.context_expr) == "contextlib.suppress()"
                    for item in items
                )
                self.body(body, _with(moment, lenient=moment.lenient or suppressed))
            case ast.Match(subject=subject, cases=cases):
                self.expression(subject, moment)
                for case in cases:
                    self._perhaps(case.body, moment)
            case ast.AnnAssign(value=value):
                if value is not None:  # annotations are no code: most are not evaluated
                    self.expression(value, moment)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.expression(child, moment)

    def _branch(
        self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt], moment: Moment
    ) -> None:
        taken = truth(test, moment.scope, self.python)
        if taken is None:
            self.expression(test, moment)
            self._perhaps(body, moment)
            self._perhaps(orelse, moment)
        else:
            self.body(body if taken else orelse, moment)

    def _perhaps(self, body: list[ast.stmt], moment: Moment) -> None:
        self.body(body, _with(moment, certain=False))

    def _define(self, node: Function, moment: Moment) -> None:
        arguments = node.args
        for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.expression(default, moment)
        for decorator in node.decorator_list:
            self.expression(decorator, moment)
            if not isinstance(decorator, ast.Call):
                self._call(moment.scope.resolve(decorator), decorator, moment)

    def _class(self, node: ast.ClassDef, moment: Moment) -> None:
        for each in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.expression(each, moment)
        self.body(node.body, _with(moment, scope=moment.scope.below(node)))

    # Expressions --------------------------------------------------------------------------------------

    def expression(self, node: ast.expr, moment: Moment) -> None:
        """An expression with all that is evaluated in it: not the bodies of lambdas."""
        if isinstance(node, ast.Constant | ast.Name):
            return
        todo: list[ast.AST] = [node]
        while todo:
            each = todo.pop()
            if isinstance(each, ast.Lambda):
                todo += [*each.args.defaults, *filter(None, each.args.kw_defaults)]
                continue
            if isinstance(each, ast.IfExp):
                taken = truth(each.test, moment.scope, self.python)
                if taken is not None:
                    todo.append(each.body if taken else each.orelse)
                    continue
                for part in (each.body, each.orelse):
                    self.expression(part, _with(moment, certain=False))
                todo.append(each.test)
                continue
            if isinstance(each, ast.BoolOp):
                for part in each.values[1:]:
                    self.expression(part, _with(moment, certain=False))
                todo.append(each.values[0])
                continue
            if isinstance(each, ast.Call):
                self.visit(each, moment)
                self._call(moment.scope.resolve(each.func), each, moment)
            elif isinstance(each, ast.Attribute):
                self.visit(each, moment)
            todo.extend(ast.iter_child_nodes(each))

    def _call(self, dotted: str | None, node: ast.expr, moment: Moment) -> None:
        """Go into a function that is called, if it can be found."""
        if dotted is None or moment.depth > _CALLS_DEEP or not (moment.own or moment.certain):
            return
        if dotted.partition(".")[0] in ("builtins", "edgekit"):
            return
        found = self.program.definition(dotted)
        if found is None:
            return
        if isinstance(found.node, ast.ClassDef):
            for name in ("__new__", "__init__", "__post_init__"):
                if method := self.program.method(found, name):
                    self._enter(method, node, moment)
        else:
            self._enter(found, node, moment)

    def _enter(self, found: Definition, node: ast.expr, moment: Moment) -> None:
        if isinstance(found.node, ast.AsyncFunctionDef) or id(found.node) in self.called:
            return
        source = found.scope.source
        if source.package and source.name not in self.imported:
            return  # it comes from a branch that is not taken
        self.called.add(id(found.node))
        chain = (*moment.chain, (moment.source.file, node.lineno))
        inner = Moment(
            source, found.inside, chain, moment.certain, moment.depth + 1, moment.lenient
        )
        self.body(found.node.body, inner)

    # Imports ------------------------------------------------------------------------------------------

    def _import(self, name: str, line: int, moment: Moment) -> None:
        self.wanted.append(Wanted(name, line, moment))
        if moment.certain or moment.own:
            self.module(name, self._came(line, moment), lenient=moment.lenient)

    def _import_from(self, node: ast.ImportFrom, moment: Moment) -> None:
        name = moment.source.absolute(node)
        if not name:
            return
        self._import(name, node.lineno, moment)
        for alias in node.names:
            inner = f"{name}.{alias.name}"
            if (moment.certain or moment.own) and alias.name != "*":
                source = self.imported.get(name)
                if source is None or not source.scope.bound(alias.name):
                    self._one(inner, self._came(node.lineno, moment), moment.lenient)

    def _came(self, line: int, moment: Moment) -> tuple[Place, ...]:
        return (*moment.chain, (moment.source.file, line))


def _with(
    moment: Moment,
    *,
    certain: bool | None = None,
    scope: Scope | None = None,
    lenient: bool | None = None,
) -> Moment:
    return Moment(
        moment.source,
        scope or moment.scope,
        moment.chain,
        moment.certain if certain is None else moment.certain and certain,
        moment.depth,
        moment.lenient if lenient is None else lenient,
    )
