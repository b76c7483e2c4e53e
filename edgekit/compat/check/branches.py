"""Which branches Workers take: what a condition is there, as far as that can be told from its text."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from edgekit.compat.check.program import Scope

_TEXTS = {
    "sys.platform": "emscripten",
    "os.name": "posix",
    "platform.system()": "Emscripten",
    "platform.machine()": "wasm32",
    "platform.python_implementation()": "CPython",
    "sys.implementation.name": "cpython",
    "sys.byteorder": "little",
}
_KNOWN = {"typing.TYPE_CHECKING": False, "typing_extensions.TYPE_CHECKING": False}


def truth(test: ast.expr, scope: Scope, python: str) -> bool | None:
    """Whether Workers with this Python find the condition true; None where that is not known."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = truth(operand, scope, python)
            return None if inner is None else not inner
        case ast.BoolOp(op=op, values=values):
            decisive = isinstance(op, ast.Or)
            each = [truth(value, scope, python) for value in values]
            if decisive in each:
                return decisive
            return None if None in each else not decisive
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(left, op, right, scope, python)
        case ast.Call(
            func=ast.Attribute(value=value, attr="startswith"), args=[ast.Constant(value=str(s))]
        ):
            text = _TEXTS.get(_name(value, scope))
            return None if text is None else text.startswith(s)
        case ast.Name() | ast.Attribute():
            return _KNOWN.get(_name(test, scope))
    return None


def caught_imports(handlers: Iterable[ast.ExceptHandler]) -> bool:
    """Whether one of these provides for a module that is not there."""
    for handler in handlers:
        text = "Exception" if handler.type is None else ast.unparse(handler.type)
        if any(name in text for name in ("ImportError", "ModuleNotFoundError", "Exception")):
            return True
    return False


def _compared(
    left: ast.expr, op: ast.cmpop, right: ast.expr, scope: Scope, python: str
) -> bool | None:
    name = _name(left, scope)
    if isinstance(left, ast.Name) and left.id == "__name__":
        if isinstance(right, ast.Constant) and right.value == "__main__":
            return isinstance(op, ast.NotEq)
        return None
    if name in _TEXTS:
        text = _TEXTS[name]
        if isinstance(right, ast.Constant):
            if isinstance(op, ast.Eq | ast.NotEq):
                return (text == right.value) == isinstance(op, ast.Eq)
        elif isinstance(op, ast.In | ast.NotIn) and isinstance(
            right, ast.Tuple | ast.List | ast.Set
        ):
            values = [each.value for each in right.elts if isinstance(each, ast.Constant)]
            return (text in values) == isinstance(op, ast.In)
        return None
    if name == "sys.version_info":
        return _version(op, right, python)
    return None


def _version(op: ast.cmpop, right: ast.expr, python: str) -> bool | None:
    if not isinstance(right, ast.Tuple):
        return None
    wanted = tuple(each.value for each in right.elts if isinstance(each, ast.Constant))
    have = (*map(int, python.split(".")), 2)
    if not wanted or not all(isinstance(each, int) for each in wanted):
        return None
    match op:
        case ast.GtE():
            return have >= wanted
        case ast.Gt():
            return have > wanted
        case ast.Lt():
            return have < wanted
        case ast.LtE():
            return have <= wanted
    return None


def _name(node: ast.expr, scope: Scope) -> str:
    return scope.resolve(node) or ""
