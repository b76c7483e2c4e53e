"""View: one of edgekit's objects as JavaScript's side shows it, by a table of its properties and methods.

A view holds the object and nothing else, so there may be several of one; they are equal. Methods take
and give JavaScript's values, coroutines become promises, and errors JsExceptions.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from edgekit.compat.javascript.convert import VIEWS, iterated, native, view, view_or_null
from edgekit.compat.javascript.errors import rethrow
from edgekit.compat.javascript.promises import promise
from edgekit.compat.javascript.proxy import JsProxy, fold, is_js
from edgekit.compat.javascript.values import null, string
from edgekit.web.spelling import snake


class View(JsProxy):
    """The base. `of` is what a class shows; in `reads`, `writes` and `methods` names are JavaScript's.

    Those in `nullable` give null for None, all others undefined.
    """

    __slots__ = ("_it",)
    _it: Any

    def __init_subclass__(
        cls,
        *,
        of: type | None = None,
        reads: str = "",
        writes: str = "",
        methods: str = "",
        nullable: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)

        def key(name: str) -> str:
            return name if hasattr(of, name) else snake(name)

        nulls = frozenset(nullable.split())
        settable = frozenset(writes.split())
        for name in reads.split() + writes.split():
            if name not in own:
                setattr(cls, name, _property(name, key(name), name in nulls, name in settable))
        for name in methods.split():
            if name not in own:
                setattr(cls, name, _method(name, key(name), name in nulls))
        if of is not None:
            VIEWS[of] = cls.over

    @classmethod
    def over(cls, it: Any) -> Any:
        """The view of `it`."""
        self = cls.__new__(cls)
        self._it = it
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other._it is self._it

    def __hash__(self) -> int:
        return id(self._it)

    def _to_edgekit(self) -> Any:
        return self._it


def _property(name: str, key: str, nullable: bool, settable: bool) -> property:
    show = view_or_null if nullable else view

    def read(self: View) -> Any:
        return show(getattr(self._it, key))

    def write(self: View, value: Any) -> None:
        try:
            setattr(self._it, key, native(value))
        except Exception as error:
            rethrow(error)

    return property(read, write if settable else None)


def _method(name: str, key: str, nullable: bool) -> Any:
    show = view_or_null if nullable else view

    def method(self: View, *args: Any, **kwargs: Any) -> Any:
        return call(getattr(self._it, key), args, kwargs, show)

    method.__name__ = method.__qualname__ = name
    return method


def call(function: Any, args: Any, kwargs: dict[str, Any], show: Any = view) -> Any:
    """Call a method of edgekit's with JavaScript's values; what it gives, seen as JavaScript's."""
    try:
        given = [native(arg) for arg in fold(args, kwargs)]
        result = function(*given)
    except Exception as error:
        rethrow(error)
    return later(result, show) if inspect.isawaitable(result) else show(result)


def later(result: Any, show: Any = view) -> Any:
    """A coroutine of edgekit's as a promise."""

    async def wait() -> Any:
        try:
            value = await result
        except Exception as error:
            rethrow(error)
        return show(value)

    try:
        return promise(wait())
    except Exception:
        if inspect.iscoroutine(result):
            result.close()
        raise


class Pairs(View):
    """What Headers, forms and queries have in common: pairs of a name and a value.

    As Pyodide shows such objects, `[]`, `in` and `del` go by `get`, `has` and `delete`.
    """

    __slots__ = ()

    def get(self, name: Any, default: Any = None) -> Any:
        """The first value; null where there is none, whatever the default."""
        try:
            return view_or_null(self._it.get(string(name)))
        except Exception as error:
            rethrow(error)

    def has(self, name: Any, *value: Any) -> bool:
        """Whether there is such a name; with a value, whether there is that very pair."""
        return bool(call(self._it.has, (string(name), *_given(value)), {}))

    def append(self, name: Any, *value: Any) -> None:
        self._put(self._it.append, name, value)

    def set(self, name: Any, *value: Any) -> None:
        self._put(self._it.set, name, value)

    def _put(self, function: Any, name: Any, value: Any) -> None:
        try:
            function(string(name), *map(_text, value))
        except Exception as error:
            rethrow(error)

    def delete(self, name: Any, *value: Any) -> None:
        """Remove every pair of that name; with a value, those with that value."""
        call(self._it.delete, (string(name), *_given(value)), {})

    def getAll(self, name: Any) -> Any:
        return call(self._it.get_all, (string(name),), {})

    def keys(self) -> Any:
        return iterated([name for name, _ in self._it.items()])

    def values(self) -> Any:
        return iterated([value for _, value in self._it.items()])

    def entries(self) -> Any:
        return iterated(list(self._it.items()))

    def forEach(self, function: Any) -> None:
        for name, value in list(self._it.items()):
            function(view(value), name, self)

    def __getitem__(self, name: Any) -> Any:
        return self.get(name)

    def __setitem__(self, name: Any, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: Any) -> None:
        if not self.has(name):
            raise KeyError(name)
        self.delete(name)

    def __contains__(self, name: Any) -> bool:
        return self.has(name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries())


def _given(value: Any) -> list[str]:
    return [string(each) for each in value if each is not None]


def _text(value: Any) -> Any:
    """A value of a pair: text, whatever it was; but a Blob stays one."""
    opened = native(value) if is_js(value) else value
    if hasattr(type(opened), "stream") or (opened is None and value is not None):
        return opened if opened is not None else string(null())
    return opened if isinstance(opened, str) else string(value)


class Events(View):
    """What has listeners: `addEventListener`, and `on...` properties that hold one each."""

    __slots__ = ()

    def addEventListener(
        self, type: Any, listener: Any, options: Any = None, **kwargs: Any
    ) -> None:
        """Call `listener(event)`, or its `handleEvent`; `once` as an option."""
        chosen = native(options) if options is not None else {}
        once = kwargs.get("once", chosen.get("once") if isinstance(chosen, dict) else False)
        try:
            self._it.add_event_listener(string(type), Listener(listener), once=bool(once))
        except Exception as error:
            rethrow(error)

    def removeEventListener(self, type: Any, listener: Any, options: Any = None) -> None:
        self._it.remove_event_listener(string(type), Listener(listener))


class Listener:
    """A listener of JavaScript's side, for edgekit: equal to another of the same function."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, event: Any) -> Any:
        function = getattr(self.function, "handleEvent", None) or self.function
        return function(view(event))

    def _same(self) -> Any:
        return native(self.function)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listener) and other._same() == self._same()

    def __hash__(self) -> int:
        return hash(self._same())


def on_property(type: str) -> property:
    """`onmessage` and its like: one listener that can be replaced."""
    slot = f"on{type}"

    def read(self: Any) -> Any:
        found = [
            listener
            for kind, listener, _ in self._it._listeners
            if kind == type and isinstance(listener, _On)
        ]
        return found[0].function if found else null()

    def write(self: Any, function: Any) -> None:
        target = self._it
        for kind, listener, _ in target._listeners:
            if kind == type and isinstance(listener, _On):
                target.remove_event_listener(type, listener)
        if callable(function):
            target.add_event_listener(type, _On(function))

    read.__name__ = slot
    return property(read, write)


class _On(Listener):
    """The listener that an `on...` property holds, beside an equal one that was added."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)
