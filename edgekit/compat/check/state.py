"""The rule about state in globals: what one request leaves in a module for the next."""

from __future__ import annotations

import ast

from edgekit.compat.check.program import Function, Scope
from edgekit.compat.check.reading import At, Reader

_CONTAINERS = frozenset(
    """
    builtins.dict() builtins.list() builtins.set() builtins.bytearray() collections.defaultdict()
    collections.OrderedDict() collections.deque() collections.Counter()
    """.split()  # noqa: SIM905
)
_MUTATORS = frozenset(
    """
    add append appendleft clear discard extend insert pop popitem popleft remove setdefault update
    """.split()  # noqa: SIM905
)


def check(reader: Reader, rule: str = "P029") -> None:
    """Report each line of a function that changes a container, or a number, of a module.

    Functions that ran at import fill registries: those are the same everywhere. A global that a function
    sets once, where it finds it empty, is how things are made on first use.
    """
    for at in reader.nodes():
        function = at.function
        if function is None or id(function) in reader.importing.called:
            continue
        name = _changed(reader, at, function)
        if name is not None:
            reader.report(rule, at.node, f"{name} is changed by {function.name}()")


def _changed(reader: Reader, at: At, function: Function) -> str | None:
    match at.node:
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _MUTATORS:
            return _container(reader, value, at.scope)
        case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()):
            return _container(reader, value, at.scope)
        case ast.AugAssign(target=ast.Name(id=name)):
            return name if _is_global(function, name) else None
        case ast.Assign(targets=[ast.Name(id=name)]):
            if _is_global(function, name) and not _once(function, name):
                return name
    return None


def _container(reader: Reader, node: ast.expr, scope: Scope) -> str | None:
    """The name of the module's container that an expression stands for."""
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    dotted = scope.resolve(node)
    if dotted is None or not reader.program.is_own(dotted):
        return None
    module, _, name = dotted.rpartition(".")
    source = reader.program.source(module)
    if source is None:
        return None
    bound = source.scope.bound(name)
    if not bound:
        return None
    value = bound[-1]
    if isinstance(value, str):  # imported there from where it is made
        further = reader.program.source(value.rpartition(".")[0])
        there = further.scope.bound(value.rpartition(".")[2]) if further else []
        value = there[-1] if there else value
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return name
    made = isinstance(value, ast.Call) and source.scope.resolve(value)
    return name if made and (reader.program.follow(made) or made) in _CONTAINERS else None


def _is_global(function: Function, name: str) -> bool:
    return any(isinstance(each, ast.Global) and name in each.names for each in ast.walk(function))


def _once(function: Function, name: str) -> bool:
    """Whether the function asks first what the global is: `if client is None: client = ...`."""
    return any(
        isinstance(each, ast.If)
        and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(each.test))
        for each in ast.walk(function)
    )
