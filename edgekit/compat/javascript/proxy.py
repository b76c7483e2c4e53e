"""JsProxy: what stands here for an object of JavaScript, as Pyodide shows one to Python code.

There is no JavaScript: each proxy is a Python object with the attributes that code of Workers projects
uses. As in Pyodide, its Python face depends on what it has: `[]` where there is a `get`, `len()` where
there is a `size`, and so on. Spec: Pyodide's documentation of `pyodide.ffi.JsProxy`.
"""

from __future__ import annotations

import json
import keyword
from contextvars import ContextVar
from functools import wraps
from inspect import CO_VARKEYWORDS
from types import FunctionType
from typing import Any, NoReturn

from edgekit.compat.javascript import late


class JsNull:
    """JavaScript's null. There is one, `jsnull`, and it is false; undefined is None."""

    __slots__ = ()
    typeof = "object"

    def __new__(cls) -> JsNull:
        return jsnull

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "jsnull"

    def __reduce__(self) -> str:
        return "jsnull"


jsnull: JsNull = object.__new__(JsNull)


def _as_json(self: json.JSONEncoder, value: Any, otherwise: Any = json.JSONEncoder.default) -> Any:
    return None if value is jsnull else otherwise(self, value)


# The json of Pyodide's Python writes it as null, wherever in a value it is; there is no other place to
# say so. What json knew before it writes as before.
json.JSONEncoder.default = _as_json  # type: ignore[assignment, method-assign]

# What null is to the code that runs: None for Workers of a date when Pyodide did not tell the two apart.
nulls: ContextVar[JsNull | None] = ContextVar("edgekit.compat.nulls", default=jsnull)
# Whether a binary message of a WebSocket is a Blob, as since the flag `websocket_standard_binary_type`.
blobs: ContextVar[bool] = ContextVar("edgekit.compat.blobs", default=False)


class JsType(type):
    """The class of the classes: `js.Headers.new(...)`, `js.Headers.name`; instances have neither."""

    def new(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance; keywords become one trailing object, as in every call to JavaScript."""
        try:
            return cls._new(*fold(args, kwargs))  # type: ignore[attr-defined]
        except Exception as error:
            late.errors.rethrow(error)

    @property
    def name(cls) -> str:
        """What `constructor.name` gives."""
        return getattr(cls, "_js_name", _own_name(cls))

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        """What code that looks for proxies by their type's name finds: all but errors have this one."""
        return _own_name(cls) if issubclass(cls, BaseException) else "JsProxy"

    @property
    def typeof(cls) -> str:
        return "function"

    @property
    def prototype(cls) -> Any:
        return cls

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        # What the SDK leaves JavaScript's is no proxy here, but code tells it by this alone.
        return cls is JsProxy and hasattr(type(instance), "_js_proxy")

    def __repr__(cls) -> str:
        return f"<class 'pyodide.ffi.{cls.__name__}'>"


def _own_name(cls: type) -> str:
    name: str = type.__dict__["__name__"].__get__(cls)
    return name


class JsProxy(metaclass=JsType):
    """An object of JavaScript. Attributes are its properties; a keyword takes a trailing underscore."""

    __slots__ = ()
    typeof: str = "object"

    @classmethod
    def _new(cls, *args: Any) -> Any:
        return cls(*args)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, member in list(vars(cls).items()):
            if name[:1] != "_" and isinstance(member, FunctionType):
                code = member.__code__
                last = code.co_varnames[code.co_argcount - 1] if code.co_argcount else ""
                if last == "options" and not code.co_flags & CO_VARKEYWORDS:
                    setattr(cls, name, _folding(member, code.co_argcount - 1))
        # A property: in the class itself it would be an attribute of `js.Headers` too.
        if "constructor" not in vars(cls):
            cls.constructor = property(lambda self: cls)  # type: ignore[attr-defined]

    @property
    def js_id(self) -> int:
        """A number that only this object has."""
        return id(self)

    def to_py(self, *, depth: int = -1, default_converter: Any = None) -> Any:
        """Arrays, Maps, Sets and plain objects as Python's, all the way down; the rest as it is."""
        return late.convert.to_py(self, depth=depth, default_converter=default_converter)

    def object_keys(self) -> Any:
        """The object's own properties; of classes of the platform there are none."""
        return self._array(name for name, _ in self._entries())

    def object_values(self) -> Any:
        """Their values."""
        return self._array(value for _, value in self._entries())

    def object_entries(self) -> Any:
        """Pairs of both."""
        return self._array(self._array(pair) for pair in self._entries())

    def as_object_map(self, *, hereditary: bool = False) -> Any:
        """The properties as a mapping; with `hereditary`, those of plain objects inside too."""
        return late.values.ObjectMap(self, hereditary)

    def as_py_json(self) -> Any:
        """The object for code that expects parsed JSON: mappings and sequences."""
        return self.as_object_map(hereditary=True)

    def as_json_adaptor(self) -> Any:
        """The former name of `as_py_json`."""
        return self.as_py_json()

    def toString(self) -> str:
        return f"[object {self.constructor.name}]"  # type: ignore[attr-defined]

    def toLocaleString(self, *locale: Any) -> str:
        return self.toString()

    def valueOf(self) -> Any:
        return self

    def isPrototypeOf(self, other: Any) -> bool:
        return False

    def propertyIsEnumerable(self, name: str) -> bool:
        return self.hasOwnProperty(name)

    def hasOwnProperty(self, name: str) -> bool:
        return any(name == own for own, _ in self._entries())

    def _entries(self) -> Any:
        return ()

    @staticmethod
    def _array(items: Any) -> Any:
        return late.values.Array.over(list(items))

    def _to_edgekit(self) -> Any:
        return self

    def __str__(self) -> str:
        return self.toString()

    def __repr__(self) -> str:
        return self.toString()


JsProxy.constructor = property(lambda self: type(self))  # type: ignore[attr-defined]


def _folding(function: Any, place: int) -> Any:
    """A method whose keywords are its last argument, `options`, as in every call to JavaScript."""

    @wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = (*args, *(None,) * (place - len(args)), fold((), kwargs)[0])
        return function(*args)

    return method


class Function(JsProxy):
    """A function of JavaScript's side: keywords become one trailing object."""

    typeof = "function"

    def __init__(self, function: Any, name: str = "") -> None:
        self._function = function
        self.name = name or getattr(function, "__name__", "")

    @property
    def length(self) -> int:
        code = getattr(self._function, "__code__", None)
        return getattr(code, "co_argcount", 0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._function(*fold(args, kwargs))
        except Exception as error:
            late.errors.rethrow(error)

    def call(self, this: Any, *args: Any, **kwargs: Any) -> Any:
        return self(*args, **kwargs)

    def apply(self, this: Any, args: Any = ()) -> Any:
        return self(*args)

    def bind(self, this: Any, *before: Any) -> Function:
        return Function(lambda *args: self(*before, *args), f"bound {self.name}")

    def toString(self) -> str:
        return f"function {self.name}() {{ [native code] }}"


def is_js(value: Any) -> bool:
    """Whether a value is one of JavaScript's side, by its class alone."""
    return isinstance(type(value), JsType)


def fold(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Arguments as JavaScript gets them: keywords are one object, the last argument."""
    if not kwargs:
        return args
    return (*args, late.values.Object.over(kwargs))


def unmangled(name: str) -> str:
    """The property behind an attribute: `from_` is "from"."""
    if name.endswith("_") and (keyword.iskeyword(bare := name.rstrip("_")) or bare in _SOFT):
        return name[:-1]
    return name


_SOFT = frozenset({"match", "case", "type"})


def missing(subject: Any, name: str) -> NoReturn:
    raise AttributeError(name, name=name, obj=subject)
