"""Bindings, `env` and `ctx` as JavaScript's side shows them: by the names that edgekit's classes have.

The tables of `web.py` would have to follow every binding; here any public attribute is a property or
a method, converted like those. Spec: the classes' names are the platform's.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

from edgekit.compat.convert import TOLD, Cf
from edgekit.compat.javascript.convert import VIEWS, data, native, view
from edgekit.compat.javascript.errors import rethrow
from edgekit.compat.javascript.proxies import JsDoubleProxy
from edgekit.compat.javascript.proxy import JsProxy, JsType, missing, unmangled
from edgekit.compat.javascript.values import Object
from edgekit.compat.javascript.views import View, call
from edgekit.context import ExecutionContext
from edgekit.env import Env
from edgekit.web.spelling import Plain

_NAMES = {
    "KVNamespace": "KvNamespace",
    "Queue": "WorkerQueue",
    "RateLimit": "Ratelimit",
    "R2ObjectBody": "GetResult",
    "R2Object": "HeadResult",
    "Vectorize": "VectorizeIndexImpl",
}
# Methods whose None is null; that of all others is undefined.
_NULLABLE = frozenset(
    {"get", "head", "first", "raw", "getBookmark", "getWithMetadata", "put", "all", "run", "list"}
)
_UNDEFINED = frozenset({("KVNamespace", "put"), ("Cache", "put")})
_classes: dict[str, JsType] = {}


class Bound(View):
    """A binding, or an object that one has returned."""

    __slots__ = ()
    typeof = "object"

    @property
    def constructor(self) -> Any:
        name = type(self._it).__name__
        return class_named(_NAMES.get(name, name))

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "_":
            missing(self, name)
        it = self._it
        try:
            attribute = getattr(it, name)
        except AttributeError:
            attribute = getattr(it, unmangled(name))
        show = self._shown(unmangled(name))
        if not callable(attribute):
            return show(attribute)
        return Method(attribute, name, show)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_it":
            object.__setattr__(self, name, value)
            return
        try:
            setattr(self._it, name, native(value))
        except Exception as error:
            rethrow(error)

    def _shown(self, name: str) -> Any:
        if name == "body":  # of a queue's message: any value; of an R2 object: a stream
            return data
        if name in _NULLABLE and (type(self._it).__name__, name) not in _UNDEFINED:
            return data
        return result

    def toString(self) -> str:
        return f"[object {self.constructor.name}]"

    def __iter__(self) -> Any:
        return (result(item) for item in self._it)


def result(value: Any) -> Any:
    """What a binding gives: null within objects, undefined where there is nothing at all."""
    return value if value is None else data(value)


class Method(JsProxy):
    """A method of a binding."""

    __slots__ = ("_function", "_show", "name")
    typeof = "function"

    def __init__(self, function: Any, name: str, show: Any) -> None:
        self._function = function
        self._show = show
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call(self._function, args, kwargs, self._show)

    def toString(self) -> str:
        return f"function {self.name}() {{ [native code] }}"


class _Named(JsProxy):
    """The base of classes that there are only for their names."""

    __slots__ = ()


def class_named(name: str) -> JsType:
    """The class of that name."""
    made = _classes.get(name)
    if made is None:
        made = _classes[name] = JsType(name, (_Named,), {"__slots__": (), "__doc__": None})
    return made


class EnvView(View, of=Env):
    """`env`: bindings as JavaScript's side shows them, and variables; text and numbers are themselves."""

    _js_name = "Object"
    __slots__ = ("_seen",)

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "_" and name not in vars(self._it):
            missing(self, name)
        try:
            seen: dict[str, Any] = object.__getattribute__(self, "_seen")
        except AttributeError:
            seen = {}
            object.__setattr__(self, "_seen", seen)
        if name in seen:
            return seen[name]
        value = seen[name] = binding(getattr(self._it, name))
        return value

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _entries(self) -> Any:
        return [(name, getattr(self, name)) for name in vars(self._it) if name[:1] != "_"]

    def toString(self) -> str:
        return "[object Object]"


def binding(value: Any) -> Any:
    """A binding or a variable as JavaScript's side shows it, whoever has wrapped it before."""
    opened = native(value) if not isinstance(value, dict | list) else value
    if isinstance(opened, dict | list):
        return data(opened)
    shown = view(opened)
    if shown is opened and hasattr(type(opened), "binding_kind"):
        return Bound.over(opened)
    return shown


class Context(View, of=ExecutionContext):
    """`ctx`: `waitUntil`, `passThroughOnException`, `props`, `exports`."""

    _js_name = "ExecutionContext"
    __slots__ = ()

    def waitUntil(self, awaitable: Any) -> None:
        """Let it go on after the response was sent; nothing waits for what is no promise."""
        if isinstance(awaitable, JsDoubleProxy):
            awaitable = awaitable.unwrap()
        if isawaitable(awaitable):
            self._it.wait_until(awaitable)

    def passThroughOnException(self) -> None:
        self._it.pass_through_on_exception()

    @property
    def props(self) -> Any:
        return data(self._it.props)

    @property
    def exports(self) -> Any:
        return Bound.over(self._it.exports)


class _Cf(dict[str, Any]):
    """The properties of `request.cf`, in which what nobody knows here is undefined."""

    __slots__ = ()
    undefined = TOLD


def _cf(value: Any) -> Any:
    return Object.over(_Cf({name: data(item) for name, item in value.items()}))


def _plain(value: Any) -> Any:
    """A dict of edgekit's with attributes: what stands on Workers for a plain object."""
    return data(dict(value))


VIEWS[Plain] = _plain
VIEWS[Cf] = _cf
VIEWS[object] = Bound.over
