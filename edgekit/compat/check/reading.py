"""Reading all of a module's code: each node with the scope it stands in, without what Workers never run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edgekit.compat.check.branches import caught_imports, truth
from edgekit.compat.check.findings import Findings
from edgekit.compat.check.importing import Importing
from edgekit.compat.check.program import Function, Program, Scope, Source
from edgekit.compat.check.rules import Severity


@dataclass(frozen=True)
class At:
    """A node, and where it stands: its scope, and the function around it; None outside of functions.

    `lenient`: somebody provides for a failing import there.
    """

    node: ast.AST
    scope: Scope
    function: Function | None
    lenient: bool


@dataclass(frozen=True)
class Reader:
    """What a rule is given to look at a module and to report."""

    program: Program
    importing: Importing
    python: str
    flags: frozenset[str]
    findings: Findings
    source: Source
    is_main: bool
    quiet: bool = False  # of an installed package: notes only

    def nodes(self) -> Iterator[At]:
        """All nodes of the module, in the order of the text."""
        yield from self._walk(self.source.tree, self.source.scope, None, False)

    def dotted(self, node: ast.expr, scope: Scope) -> str | None:
        """What an expression stands for; None also for what the program itself makes."""
        name = scope.resolve(node)
        followed = name and self.program.follow(name)
        if not followed:
            return None
        if self.program.is_own(followed):
            return self._by_base(followed)
        return followed

    def report(
        self,
        rule: str,
        node: ast.AST,
        what: str,
        severity: Severity | None = None,
        remedy: str = "",
    ) -> None:
        line: int = getattr(node, "lineno", 0)
        last = getattr(node, "end_lineno", None) or line
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            last = line  # a comment in its body is about something else
        self.findings.add(
            rule,
            self.source.file,
            line,
            what,
            severity="note" if self.quiet else severity,
            end=last,
            column=getattr(node, "col_offset", -1) + 1,
            package=self.source.package,
            remedy=remedy,
        )

    def _by_base(self, dotted: str) -> str | None:
        """`fastapi.FastAPI().get` for a method that the program's own subclass has from there."""
        head, dot, rest = dotted.partition("().")
        owner = self.program.definition(head.removesuffix("()"))
        if owner is None or not isinstance(owner.node, ast.ClassDef):
            return None
        own = self.program.method(owner, rest.partition(".")[0].removesuffix("()")) if dot else None
        if own is not None and not own.scope.source.package:
            return None
        for base in self.program.bases(owner):
            if not self.program.is_own(base):
                return f"{base}().{rest}" if dot else base + "()" * head.endswith("()")
        return None

    def _walk(
        self, node: ast.AST, scope: Scope, function: Function | None, lenient: bool
    ) -> Iterator[At]:
        yield At(node, scope, function, lenient)
        for child, inside, around, provided in self._children(node, scope, function, lenient):
            yield from self._walk(child, inside, around, provided)

    def _children(
        self, node: ast.AST, scope: Scope, function: Function | None, lenient: bool
    ) -> Iterator[tuple[ast.AST, Scope, Function | None, bool]]:
        """What stands in a node, with the scope, the function and the leniency there."""
        parts: Iterable[ast.AST]
        inner: Iterable[ast.AST] = ()
        inside, around, provided = scope, function, lenient
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                defaults = (each for each in node.args.kw_defaults if each is not None)
                arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                parts = (*node.decorator_list, *node.args.defaults, *defaults, *arguments)
                inner, inside, around = node.body, scope.below(node), node
            case ast.ClassDef():
                parts = (*node.decorator_list, *node.bases, *node.keywords)
                inner, inside = node.body, scope.below(node)
            case ast.Lambda():
                parts, inner, inside = (), (node.body,), scope.below(node)
            case ast.If():
                taken = truth(node.test, scope, self.python)
                parts = (
                    node.test,
                    *(node.body if taken is not False else ()),
                    *(node.orelse if taken is not True else ()),
                )
            case ast.Try() | ast.TryStar():
                inner, provided = node.body, lenient or caught_imports(node.handlers)
                parts = (*node.handlers, *node.orelse, *node.finalbody)
            case ast.AnnAssign(target=target, value=value):
                parts = (target,) if value is None else (target, value)  # types are not evaluated
            case ast.arg():
                parts = ()
            case _:
                parts = ast.iter_child_nodes(node)
        outer = (parts, scope, function, lenient)
        for group, where, whose, safe in (
            ((inner, inside, around, provided), outer)
            if isinstance(node, ast.Try | ast.TryStar)
            else (outer, (inner, inside, around, provided))
        ):
            for child in group:
                yield child, where, whose, safe
