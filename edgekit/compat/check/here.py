"""The other direction: what a Workers project uses that edgekit lacks.

What edgekit has is read from where it is: config.py for the bindings, `compat/names.py` for the names of
`js`, and the sources of `compat/modules/` for those of `workers` and `pyodide`, none of which is imported.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from edgekit.compat import platform
from edgekit.compat.check import state
from edgekit.compat.check.findings import Findings
from edgekit.compat.check.importing import Importing
from edgekit.compat.check.project import line_of, python_wanted
from edgekit.compat.check.reading import At, Reader
from edgekit.compat.current import JAVASCRIPT_MODULES
from edgekit.compat.finder import MODULES
from edgekit.compat.names import JS_NAMES, REFUSED
from edgekit.wrangler import NOT_YET

# Events of the platform that a Worker here never gets.
_HANDLERS = frozenset({"connect", "tailStream", "tail_stream", "trace"})
_GLOBAL = frozenset({"on_alarm", "on_trace", "on_pubsub"})
_LAZY = {"pyodide.ffi": {"run_sync", "can_run_sync"}}
_INSTALLERS = frozenset({"micropip", "pyodide_js"})


def check_configuration(findings: Findings, config: Path, document: dict[str, Any]) -> None:
    """Bindings that edgekit has not, and a main that is no Python."""
    sections = {"": document}
    environments = document.get("env")
    if isinstance(environments, dict):
        sections |= {name: each for name, each in environments.items() if isinstance(each, dict)}
    for name, section in sections.items():
        for key, kind in NOT_YET.items():
            if not section.get(key):
                continue
            where = f" in env.{name}" if name else ""
            rule = "H002" if key == "wasm_modules" else "H001"
            line = _line_of_key(config, key, name)
            findings.add(rule, config, line, f"{key} ({kind}){where}")
    main = document.get("main")
    if isinstance(main, str) and not main.endswith(".py"):
        findings.add("H002", config, line_of(config, main), f"main is {main}, which is no Python")


def check_python(findings: Findings, root: Path, config: Path | None) -> None:
    """A project for another Python."""
    wanted = python_wanted(root, config)
    if wanted is None:
        return
    text, (file, line) = wanted
    least = re.match(r"\s*>=?\s*3\.(\d+)", text)
    if least and int(least[1]) > sys.version_info.minor:
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        findings.add("H008", file, line, f"requires-python is {text}, this is Python {here}")


def check_imports(findings: Findings, importing: Importing) -> None:
    """Packages that are not installed here."""
    program = importing.program
    for wanted in importing.wanted:
        top = wanted.name.partition(".")[0]
        moment = wanted.moment
        if not moment.own or moment.lenient or program.exists(top):
            continue
        if top in sys.stdlib_module_names or top in platform.GIVEN or top == "edgekit":
            continue
        if top not in _INSTALLERS:
            findings.add("H006", moment.source.file, wanted.line, f"{top} is not installed")


def check_code(reader: Reader) -> None:
    """All rules about a file of the program's."""
    for at in reader.nodes():
        match at.node:
            case ast.ImportFrom(level=0, module=str(module)):
                for alias in at.node.names:
                    _name(reader, at, module, alias.name)
            case ast.Import(names=names):
                for alias in names:
                    _module(reader, at, alias.name)
            case ast.Attribute(ctx=ast.Load(), value=value, attr=attr):
                dotted = at.scope.resolve(value)
                if dotted is not None:
                    _name(reader, at, dotted, attr)
            case ast.Call():
                _call(reader, at, at.node)
            case ast.ClassDef(name="Default", body=body):
                for each in body:
                    name = getattr(each, "name", None)
                    if name in _HANDLERS:
                        reader.report("H005", each, f"the handler {name}")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if reader.is_main and at.scope.above is None and name in _GLOBAL:
                    reader.report("H005", at.node, f"the handler {name}")
    state.check(reader, "H007")


def _name(reader: Reader, at: At, module: str, name: str) -> None:
    if at.lenient or name == "*" or name.startswith("__"):
        return
    if module == "js":
        if name not in JS_NAMES:
            why = f": {REFUSED[name]}" if name in REFUSED else ""
            rule = "H002" if name in ("WebAssembly", "eval") else "H003"
            reader.report(rule, at.node, f"js.{name}{why}")
    elif module == "micropip":
        _module(reader, at, module)
    elif (known := _offered(module)) is not None and name not in known:
        reader.report("H004", at.node, f"{module}.{name}")


def _module(reader: Reader, at: At, name: str) -> None:
    top = name.partition(".")[0]
    if at.lenient:
        return
    if top == "micropip":
        reader.report("H004", at.node, top, remedy="pip install what it would install.")
    elif top in ("pyodide", "workers") and _offered(name) is None:
        reader.report("H004", at.node, name)


def _call(reader: Reader, at: At, node: ast.Call) -> None:
    dotted = at.scope.resolve(node.func)
    first = node.args[0] if node.args else None
    text = first.value if isinstance(first, ast.Constant) else None
    if not isinstance(text, str):
        return
    if dotted == "workers.import_from_javascript" and text not in JAVASCRIPT_MODULES:
        reader.report("H002", node, f"import_from_javascript({text!r})")
    elif text.endswith(".wasm"):
        reader.report("H002", node, f"{text}: WebAssembly")


@cache
def _offered(module: str) -> frozenset[str] | None:
    """The names of one of the platform's modules as edgekit has it; None where it has no such module."""
    if module.partition(".")[0] not in ("pyodide", "workers"):
        return None
    place = MODULES.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not file.is_file():
        return None
    found = set(_LAZY.get(module, ()))
    for node in ast.parse(file.read_text("utf-8")).body:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {alias.asname or alias.name.partition(".")[0] for alias in names}
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {each.id for each in targets if isinstance(each, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    if place.is_dir():
        found |= {each.stem for each in place.iterdir() if not each.name.startswith("_")}
    return frozenset(found)


def _line_of_key(config: Path, key: str, environment: str) -> int:
    text = key if config.suffix == ".toml" else f'"{key}"'
    return line_of(config, text, environment)
