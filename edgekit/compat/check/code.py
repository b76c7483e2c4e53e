"""Rules about the program's own lines, wherever they stand: what is called, opened, imported, converted."""

from __future__ import annotations

import ast

from edgekit.compat.check import calls
from edgekit.compat.check.program import Scope
from edgekit.compat.check.reading import At, Reader
from edgekit.compat.check.rules import Severity
from edgekit.compat.modulegraph import ROOMS_LEFT_OUT, left_out

OLDER_HANDLERS = {  # all that Workers ever had, and what the methods of today are given
    "on_fetch": "request",
    "on_scheduled": "controller, env, ctx",
    "on_queue": "batch, env, ctx",
    "on_alarm": "",
    "on_trace": "traces, env, ctx",
    "on_pubsub": "messages, env, ctx",
    "on_email": "message, env, ctx",
}
_LIMITED = frozenset({"ssl", "sqlite3", "lzma"})
_WRITING = frozenset("wax+")
_READ_WHOLE = frozenset({"arrayBuffer", "array_buffer", "blob", "bytes", "buffer", "read"})
_RAW = frozenset({"Request", "Response", "Headers", "fetch"})
_ASYNC_TASKS = ("asyncio.create_task", "asyncio.ensure_future")


def check(reader: Reader) -> None:
    """All rules of this file."""
    awaited = _awaited_names(reader)
    for at in reader.nodes():
        match at.node:
            case ast.Call():
                _call(reader, at.node, at.scope)
                _special(reader, at.node, at.scope)
            case ast.Attribute(ctx=ast.Load()):
                dotted = reader.dotted(at.node, at.scope)
                entry = dotted and calls.find(calls.VALUES, dotted)
                if entry and dotted:
                    reader.report(entry[0], at.node, dotted, entry[1])
            case ast.Import(names=names):
                for alias in names:
                    _imported(reader, at, alias.name.partition(".")[0], alias.name)
            case ast.ImportFrom(level=0, module=str(module)):
                _imported(reader, at, module.partition(".")[0], module)
                if module == "js":
                    _from_js(reader, at.node)
                elif module == "edgekit":
                    _from_edgekit(reader, at.node)
            case ast.Expr(value=ast.Call() as call):
                if _makes_task(reader, call, at.scope):
                    reader.report("P022", call, "a task that nobody waits for")
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                kept = at.function is None or name in awaited.get(at.function, ())
                if not kept and _makes_task(reader, call, at.scope):
                    reader.report("P022", call, f"the task {name!r}, which nobody waits for")
            case ast.ClassDef(bases=bases):
                for base in bases:
                    dotted = reader.dotted(base, at.scope)
                    if dotted in ("threading.Thread", "multiprocessing.Process"):
                        rule = "P001" if dotted == "threading.Thread" else "P004"
                        reader.report(rule, at.node, f"a class of {dotted}")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if reader.is_main and at.scope.above is None and name in OLDER_HANDLERS:
                    off = "python_no_global_handlers" in reader.flags
                    why = "is not called with this compatibility date" if off else "is the old form"
                    severity: Severity | None = "error" if off else None
                    reader.report("P021", at.node, f"{name} {why}", severity, _method(name))


def _method(name: str) -> str:
    given = ", ".join(filter(None, ("self", OLDER_HANDLERS[name])))
    return f"class Default(WorkerEntrypoint): async def {name[3:]}({given}): ..."


# Calls ------------------------------------------------------------------------------------------------


def _call(reader: Reader, node: ast.Call, scope: Scope) -> None:
    dotted = reader.dotted(node.func, scope)
    entry = dotted and calls.find(calls.CALLS, dotted)
    if not entry or not dotted:
        return
    if dotted == "sqlite3.connect" and _first_is(node, ":memory:"):
        return
    reader.report(entry[0], node, f"{dotted}()", entry[1])


def _special(reader: Reader, node: ast.Call, scope: Scope) -> None:
    dotted = reader.dotted(node.func, scope)
    if dotted is None:
        _method_of_unknown(reader, node)
        return
    match dotted:
        case "builtins.open" | "io.open" | "pathlib.Path().open":
            mode = _argument(node, 0 if dotted.startswith("pathlib") else 1, "mode")
            if isinstance(mode, ast.Constant) and _WRITING & set(str(mode.value)):
                reader.report("P017", node, f"open(..., {mode.value!r})")
        case "logging.basicConfig":
            if any(keyword.arg == "filename" for keyword in node.keywords):
                reader.report("P017", node, "logging into a file")
        case "hashlib.new":
            if _first_is(node, "ripemd160"):
                reader.report("P014", node, "hashlib.new('ripemd160')")
        case "pyodide.ffi.to_js":
            if node.args and _is_dict(node.args[0], scope) and not _has(node, "dict_converter"):
                reader.report("P020", node, "to_js() of a dict makes a Map of it")
        case _ if dotted.startswith("httpx."):
            if any(_sets_user_agent(keyword) for keyword in node.keywords):
                reader.report("P025", node, f"{dotted}() with a User-Agent")
        case _ if dotted.rpartition(".")[2] in ("Response", "StreamingResponse"):
            _response(reader, node, scope)


def _method_of_unknown(reader: Reader, node: ast.Call) -> None:
    """Methods whose names alone say what they do."""
    match node.func:
        case ast.Attribute(attr="write_text" | "write_bytes" as name):
            reader.report("P017", node, f"{name}()")
        case ast.Attribute(attr="bind") if reader.python == "3.12":
            if any(isinstance(arg, ast.Constant) and arg.value is None for arg in node.args):
                reader.report("P020", node, "bind(None): undefined, not NULL")


def _response(reader: Reader, node: ast.Call, scope: Scope) -> None:
    if not node.args:
        return
    body: ast.AST = node.args[0]
    if isinstance(body, ast.Name) and len(scope.bound(body.id)) == 1:
        bound = scope.bound(body.id)[0]
        body = bound if isinstance(bound, ast.AST) else body
    match body:
        case ast.Await(value=ast.Call(func=ast.Attribute(attr=name))) if name in _READ_WHOLE:
            reader.report("P023", node, f"a response of a whole body, read by {name}()")


def _argument(node: ast.Call, at: int, name: str) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    return node.args[at] if len(node.args) > at else None


def _first_is(node: ast.Call, text: str) -> bool:
    first = node.args[0] if node.args else None
    return isinstance(first, ast.Constant) and first.value == text


def _has(node: ast.Call, name: str) -> bool:
    return any(keyword.arg in (name, None) for keyword in node.keywords)


def _is_dict(node: ast.expr, scope: Scope) -> bool:
    if isinstance(node, ast.Dict | ast.DictComp):
        return True
    if isinstance(node, ast.Name):
        bound = scope.bound(node.id)
        return len(bound) == 1 and isinstance(bound[0], ast.Dict | ast.DictComp)
    return scope.resolve(node) == "builtins.dict()"


def _sets_user_agent(keyword: ast.keyword) -> bool:
    if keyword.arg != "headers" or not isinstance(keyword.value, ast.Dict):
        return False
    return any(
        isinstance(key, ast.Constant) and str(key.value).lower() == "user-agent"
        for key in keyword.value.keys
    )


# Imports ----------------------------------------------------------------------------------------------


def _imported(reader: Reader, at: At, top: str, name: str) -> None:
    if top in _LIMITED and not reader.program.is_own(top):
        reader.report("P013", at.node, top)
    if top == "edgekit" and name.split(".")[1:2] and name.split(".")[1] in ROOMS_LEFT_OUT:
        reader.report("P031", at.node, f"{name} is for ASGI servers and for tests")


def _from_edgekit(reader: Reader, node: ast.ImportFrom) -> None:
    for alias in node.names:
        if room := left_out(alias.name):
            reader.report("P031", node, f"{alias.name} is of {room}, which is not on Workers")


def _from_js(reader: Reader, node: ast.ImportFrom) -> None:
    raw = sorted(alias.name for alias in node.names if alias.name in _RAW)
    if raw:
        reader.report(
            "P021",
            node,
            f"JavaScript's own {', '.join(raw)}",
            "note",
            f"from workers import {', '.join(raw)}",
        )


# Tasks ------------------------------------------------------------------------------------------------


def _makes_task(reader: Reader, node: ast.Call, scope: Scope) -> bool:
    dotted = reader.dotted(node.func, scope)
    if dotted in _ASYNC_TASKS:
        return True
    return dotted is not None and dotted.endswith("_loop().create_task")


def _awaited_names(reader: Reader) -> dict[ast.AST, set[str]]:
    """For each function the names of tasks that it does something with: it awaits or passes them on,
    or cancels them.

    Adding a task to a set, and a callback to the task, is no waiting.
    """
    found: dict[ast.AST, set[str]] = {}
    for at in reader.nodes():
        if at.function is None:
            continue
        names = found.setdefault(at.function, set())
        match at.node:
            case ast.Await() | ast.Return() | ast.Yield():
                names |= _names_in(at.node)
            case ast.Call(func=func):
                last = func.attr if isinstance(func, ast.Attribute) else ""
                if last not in ("add", "add_done_callback", "discard"):
                    for each in (*at.node.args, *at.node.keywords):
                        names |= _names_in(each)
                if last in ("cancel", "result") and isinstance(func, ast.Attribute):
                    names |= _names_in(func.value)
            case ast.Assign(value=value) if not isinstance(value, ast.Call):
                names |= _names_in(value)
    return found


def _names_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
