"""The bindings of a Workers project's env: edgekit's own, each behind one thin wrapper.

The wrapper is made once, when the Worker starts. It converts what is given and what comes back (see
`convert.py`), and lets a class instance that a binding returns (an R2 object, a D1 statement, a batch
of messages) be used in the same way. All else, names in both spellings, options in all forms, texts of
errors, is the bindings' own.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from edgekit.bindings.fetcher import Fetcher
from edgekit.compat.convert import (
    Constructor,
    Convert,
    JsDict,
    JsList,
    ToPy,
    also_javascripts,
    from_user,
    left,
    to_user,
)
from edgekit.env import Env
from edgekit.errors import EdgekitError
from edgekit.web.spelling import Plain

# Classes in these modules are made to be wrapped; what is not made by a binding is left alone.
_OURS = "edgekit.bindings."
# The names that the platform has for the classes of its bindings, where they are not edgekit's.
_NAMES = {
    "KVNamespace": "KvNamespace",
    "Queue": "WorkerQueue",
    "RateLimit": "Ratelimit",
    "R2ObjectBody": "GetResult",
    "R2Object": "HeadResult",
    "Vectorize": "VectorizeIndexImpl",
}


class Binding:
    """A binding, or what one has returned, as a Workers project sees it."""

    def __init__(self, binding: Any) -> None:
        self._binding = binding

    def _to_edgekit(self) -> Any:
        return self._binding

    def _out(self, value: Any) -> Any:
        value = to_user(value, self._own)
        return JsList(value) if value.__class__ is list else value

    def _own(self, value: Any) -> Any:
        """Wraps what is of the bindings' own classes."""
        if type(value).__module__.startswith(_OURS):
            if isinstance(value, dict):
                return _converted(value, self._out)
            return _class_for(value)(value)
        return value

    def __getattr__(self, name: str) -> Any:
        if name == "_binding":  # somebody copies or unpickles it
            raise AttributeError(name, name=name, obj=self)
        if name == "constructor":
            return Constructor(_name_of(self._binding))
        if name == "to_py" and not isinstance(self, Service):
            return lambda **options: self
        attribute = getattr(self._binding, name)
        if not callable(attribute):
            return self._out(attribute)

        def call(*args: Any, **kwargs: Any) -> Any:
            args = tuple([from_user(value) for value in args])
            if kwargs:
                kwargs = {key: from_user(value) for key, value in kwargs.items()}
            try:
                result = attribute(*args, **kwargs)
            except EdgekitError as error:
                also_javascripts(error)
                raise
            return self._later(result) if inspect.isawaitable(result) else self._out(result)

        if not isinstance(self._binding, dict):
            self.__dict__[name] = call  # the next time there is nothing to look up
        return call

    async def _later(self, result: Any) -> Any:
        try:
            return self._out(await result)
        except EdgekitError as error:
            also_javascripts(error)
            raise

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return getattr(self, key)
        return self._out(self._binding[key])

    def __iter__(self) -> Iterator[Any]:
        return map(self._out, self._binding)

    def __len__(self) -> int:
        return len(self._binding)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return repr(self._binding)


class Service(Binding):
    """Another Worker, whose values are Python's own, as the SDK has always given them."""

    def _out(self, value: Any) -> Any:
        return to_user(value, self._own)


class Function(Service):
    """A function of another Worker's. Nothing else can be called: templates call whatever can be."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kwargs = {key: from_user(value) for key, value in kwargs.items()}
        result = self._binding(*map(from_user, args), **kwargs)
        return self._later(result) if inspect.isawaitable(result) else self._out(result)


def _class_for(value: Any) -> type[Binding]:
    if isinstance(value, Fetcher):
        return Service
    return Function if callable(value) else Binding


def wrap(value: Any) -> Any:
    """A binding, wrapped; a variable that is JSON, with the methods of JavaScript's objects."""
    if isinstance(value, dict | list):
        return left(value)
    # A service of `runtime/deployment.py` is one too, whatever module its class is in.
    ours = type(value).__module__.startswith(_OURS) or hasattr(type(value), "binding_kind")
    return _class_for(value)(value) if ours else value


def wrap_env(env: Env) -> Env:
    """The env itself, with every binding wrapped."""
    for name, value in vars(env).items():
        vars(env)[name] = wrap(value)
    return env


def _converted(value: dict[str, Any], convert: Convert) -> Any:
    """A result that is a dict, of its own class but for `to_py`, with what needs it converted."""
    _see_as(value, _with_to_py(value.__class__))
    for key, item in value.items():
        kind = item.__class__
        if kind is list and item and item[0].__class__ is Plain:
            # Rows of D1, which may be many, have nothing to convert.
            for row in item:
                _see_as(row, JsDict)
            value[key] = JsList(item)
        elif kind is dict or kind is bytes or kind is list or isinstance(item, Plain):
            value[key] = convert(item)
    return value


def _see_as(value: Any, kind: type) -> None:
    object.__setattr__(value, "__class__", kind)  # an attribute of a Plain is a key


@cache
def _with_to_py(kind: type) -> type:
    if issubclass(kind, ToPy):
        return kind
    return type(kind.__name__, (ToPy, kind), {"__slots__": (), "__module__": kind.__module__})


def _name_of(binding: Any) -> str:
    name = type(binding).__name__
    return _NAMES.get(name, name)
