"""Rules about what happens at import: randomness, clocks, I/O, threads, and modules that are not there.

These hold for installed packages too: their import is the program's. What a package's functions do when
they are called is not reported, since most programs never call them.
"""

from __future__ import annotations

import ast
import sys

from edgekit.compat import platform
from edgekit.compat.check import calls
from edgekit.compat.check.findings import Findings
from edgekit.compat.check.importing import Importing, Moment, Wanted
from edgekit.compat.check.machine_code import compiled_file
from edgekit.compat.check.program import Program
from edgekit.compat.check.rules import Severity

# Of what stands in CALLS, what is as wrong in a package's import as in the program.
_ALWAYS = frozenset({"P001", "P004", "P005", "P006", "P007", "P016", "P019"})
_AT_IMPORT = "at import"


class AtImport:
    """The import of a program, and what is wrong with it."""

    def __init__(self, program: Program, python: str, findings: Findings) -> None:
        self.program = program
        self.python = python
        self.findings = findings
        self.importing = Importing(program, python, self._visit)
        self.machine_code: dict[str, Wanted] = {}  # packages that the platform must have
        self.over = (
            False  # what is imported from now on, a function imports: randomness is allowed then
        )
        self._missing: set[tuple[str, str]] = set()

    def report_modules(self) -> None:
        """Report the modules that are not there; once all imports are known."""
        for wanted in self.importing.wanted:
            self._module(wanted)

    # Expressions --------------------------------------------------------------------------------------

    def _visit(self, node: ast.expr, moment: Moment) -> None:
        if self.over or not (moment.own or moment.certain):
            return
        if isinstance(node, ast.Call):
            written = moment.scope.resolve(node.func)
            # A package's function is known by its public name, and by where it really is.
            names = (
                [self.program.follow(written, packages=each) for each in (False, True)]
                if written
                else []
            )
            for name in dict.fromkeys(names):
                if name and not self.program.is_own(name) and self._called(node, name, moment):
                    return
        elif isinstance(node, ast.Attribute) and moment.own:
            dotted = moment.scope.resolve(node.value)
            dotted = dotted and self.program.follow(dotted)
            if dotted == "workers.env" and isinstance(node.ctx, ast.Load):
                # Allowed, but it is the value of the deployment that is kept.
                self._report("P010", node, moment, f"env.{node.attr} {_AT_IMPORT}", "warning")

    def _called(self, node: ast.Call, dotted: str, moment: Moment) -> bool:
        """Report a call by a name; whether it is one to report."""
        shown = f"{dotted}() {_AT_IMPORT}"
        entry = calls.find(calls.ENTROPY, dotted)
        if entry is not None or (dotted in calls.SEEDED and not node.args):
            severity: Severity | None = None
            remedy = ""
            if moment.source.package in calls.PATCHED:
                severity, remedy = "note", "Nothing: Workers' SDK puts this right."
            self._report("P008", node, moment, shown, severity, remedy)
            return True
        entry = calls.find(calls.CLOCKS, dotted)
        wanted = calls.CLOCKS_WITHOUT.get(dotted)
        if entry is not None or (wanted is not None and len(node.args) < wanted):
            # A package that notes when it was loaded does no harm.
            self._report("P009", node, moment, shown, None if moment.own else "note")
            return True
        entry = calls.find(calls.WORK, dotted)
        if entry is not None:
            if moment.own or entry[1] is None:
                self._report("P010", node, moment, shown, entry[1])
            return True
        if moment.own:
            return False  # `code.py` reads all of the program's own lines
        entry = calls.find(calls.CALLS, dotted)
        if entry is not None and entry[0] in _ALWAYS and entry[1] is None:
            # Executors start their threads when they get work.
            if not dotted.endswith("Executor"):
                self._report(entry[0], node, moment, shown, None)
            return True
        return False

    def _report(
        self,
        rule: str,
        node: ast.expr,
        moment: Moment,
        what: str,
        severity: Severity | None,
        remedy: str = "",
    ) -> None:
        package = moment.source.package
        if package and not remedy:
            # After the first event all this is allowed.
            remedy = f"Import {package} in the function that needs it, or do without."
        if not moment.certain and severity is None:
            severity = "warning"
            what = f"{what}, in some cases"
        self.findings.add(
            rule,
            moment.source.file,
            node.lineno,
            what,
            severity=severity,
            end=node.end_lineno or node.lineno,
            column=node.col_offset + 1,
            package=package,
            chain=moment.chain,
            remedy=remedy,
        )

    # Modules ------------------------------------------------------------------------------------------

    def _module(self, wanted: Wanted) -> None:
        moment = wanted.moment
        if moment.lenient or not (moment.own or moment.certain):
            return
        top = wanted.name.partition(".")[0]
        package = self.program.packaged(top)
        severity: Severity | None = None if moment.certain else "warning"
        there = platform.offered(self.python)
        if self.program.exists(top):
            if package not in there and package and compiled_file(self.program, wanted.name):
                self.machine_code.setdefault(package, wanted)
            return
        if (why := platform.missing(top, self.python)) is not None:
            if top == "distutils" and "_distutils_hack" in self.importing.imported:
                return  # setuptools brings one
            # One line of a package is enough: where one import fails, all do.
            if (top, moment.source.package) not in self._missing or moment.own:
                self._missing.add((top, moment.source.package))
                self._report_module("P012", wanted, why, severity)
        elif moment.own and top not in (*there, *platform.GIVEN, *sys.stdlib_module_names):
            what = f"{top} is not installed here, and Workers do not have it"
            if not isinstance(moment.scope.node, ast.Module | ast.ClassDef):
                severity = "warning"  # functions often ask first whether something is there
            self._report_module("P012", wanted, what, severity)

    def _report_module(
        self, rule: str, wanted: Wanted, what: str, severity: Severity | None
    ) -> None:
        moment = wanted.moment
        self.findings.add(
            rule,
            moment.source.file,
            wanted.line,
            what,
            severity=severity,
            package=moment.source.package,
            chain=moment.chain,
        )
