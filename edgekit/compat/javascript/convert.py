"""Between the two sides: edgekit's values seen as JavaScript's, and back; `to_js` and `to_py`.

`view` shows code that knows JavaScript's objects a value of edgekit's; `native` is for what such code
hands over. Neither copies bytes that stream, nor a Request or Response. `to_js` and `to_py` are
Pyodide's, with their options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from edgekit.compat.javascript import late
from edgekit.compat.javascript.arrays import ArrayBuffer, JsBuffer, typed_array
from edgekit.compat.javascript.dates import Date
from edgekit.compat.javascript.errors import thrown
from edgekit.compat.javascript.maps import Map, Set
from edgekit.compat.javascript.proxies import ConversionError, JsDoubleProxy
from edgekit.compat.javascript.proxy import JsNull, JsType, is_js, jsnull
from edgekit.compat.javascript.values import Array, Iterated, Object, null, number, shown, string
from edgekit.web.spelling import Plain

_ATOMS = frozenset({str, int, float, bool, type(None)})
# A class of edgekit's -> what makes the view of one; web.py and bindings.py here fill it.
# `object` stands for all others of the bindings.
VIEWS: dict[type, Callable[[Any], Any]] = {}
_loaded = False


def view(value: Any) -> Any:
    """A value as JavaScript's side shows it; one that has no counterpart there as it is."""
    kind = value.__class__
    if kind in _ATOMS:
        return value
    if isinstance(kind, JsType):
        return value
    make = _maker(kind)
    return value if make is None else make(value)


def view_or_null(value: Any) -> Any:
    """As `view`; None is null."""
    return null() if value is None else view(value)


def data(value: Any) -> Any:
    """Parsed JSON, or what else has null and no undefined: None is null all the way down."""
    return null() if value is None else _data(value)


def _data(value: Any) -> Any:
    if value is None:
        return jsnull
    if isinstance(value, Mapping):
        return Object.over({str(key): _data(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return Array.over([_data(item) for item in value])
    if isinstance(value, float):
        return number(value)
    return view(value)


def _maker(kind: type) -> Callable[[Any], Any] | None:
    global _loaded
    if not _loaded:
        _loaded = True
        late.views()
    for base in kind.__mro__[:-1]:
        if (make := VIEWS.get(base)) is not None:
            return make
    if kind.__module__.startswith("edgekit.bindings."):
        return VIEWS[object]
    return None


def native(value: Any) -> Any:
    """A value of JavaScript's side as edgekit takes it: views opened, objects as dicts, null as None."""
    kind = value.__class__
    if kind in _ATOMS or kind is bytes:
        return value
    if isinstance(value, JsNull):
        return None
    unwrap = getattr(kind, "_to_edgekit", None)
    if unwrap is not None:
        return unwrap(value)
    if kind is list or kind is tuple:
        return [native(item) for item in value]
    if kind is dict or kind is Plain:
        return Plain({key: native(item) for key, item in value.items()})
    return value


# Pyodide's two functions -------------------------------------------------------------------------------


def to_js(
    value: Any,
    /,
    *,
    depth: int = -1,
    pyproxies: Any = None,
    create_pyproxies: bool = True,
    dict_converter: Callable[[Any], Any] | None = None,
    default_converter: Callable[..., Any] | None = None,
    eager_converter: Callable[..., Any] | None = None,
) -> Any:
    """A Python value as JavaScript's: dicts as objects, lists and tuples as arrays, sets, buffers.

    `dict_converter` makes what it likes of an iterable of pairs; `default_converter(value, convert,
    cache)` makes something of what is unknown, which otherwise stays Python's, in a proxy; or, without
    `create_pyproxies`, is a ConversionError. `eager_converter`, of the same form, goes first. `depth`
    is how many levels are converted.
    """
    return _ToJs(
        pyproxies, create_pyproxies, dict_converter, default_converter, eager_converter
    ).convert(value, depth)


class _ToJs:
    def __init__(self, proxies: Any, create: bool, of_dict: Any, default: Any, eager: Any) -> None:
        self._proxies = proxies
        self._create = create
        self._of_dict = of_dict
        self._default = default
        self._eager = eager
        self._known: dict[int, tuple[Any, Any]] = {}

    def convert(self, value: Any, depth: int = -1, top: bool = True) -> Any:
        kind = value.__class__
        if kind in _ATOMS:
            return value
        if is_js(value) or isinstance(value, JsNull):
            return value
        if (known := self._known.get(id(value))) is not None:
            return known[1]
        if depth == 0:
            return self._proxy(value, top)
        if self._eager is not None:
            return self._eager(value, lambda v: self._plain(v, depth, top), self._cache)
        return self._plain(value, depth, top)

    def _plain(self, value: Any, depth: int, top: bool) -> Any:
        if isinstance(value, str | int | float):
            return value
        if isinstance(value, list | tuple):
            items: list[Any] = []
            made = self._cache(value, Array.over(items))
            items += [self.convert(item, depth - 1, False) for item in value]
            return made
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, set | frozenset):
            return self._cache(value, Set([self.convert(v, depth - 1, False) for v in value]))
        if isinstance(value, bytes | bytearray | memoryview) or _is_buffer(value):
            return self._cache(value, typed_array(value))
        if self._default is not None:
            return self._default(value, lambda v: self.convert(v, depth - 1, False), self._cache)
        return self._proxy(value, top)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        if self._of_dict is None:
            properties: dict[str, Any] = {}
            made = self._cache(value, Object.over(properties))
            for key, item in value.items():
                if not isinstance(key, str | int | float | bool) and key is not None:
                    raise ConversionError(f"Cannot use {key!r} as a key for a Javascript Map")
                properties[string(key)] = self.convert(item, depth - 1, False)
            return made
        pairs = [
            Array.over([key, self.convert(item, depth - 1, False)]) for key, item in value.items()
        ]
        return self._cache(value, self._of_dict(Array.over(pairs)))

    def _cache(self, value: Any, made: Any) -> Any:
        self._known[id(value)] = (value, made)  # with the value, whose id is then nobody else's
        return made

    def _proxy(self, value: Any, top: bool) -> Any:
        if not self._create:
            raise ConversionError("No conversion known for x.")
        proxy = JsDoubleProxy(value)
        if self._proxies is not None:
            self._proxies.append(proxy)
        return proxy if top else value


def _is_buffer(value: Any) -> bool:
    try:
        with memoryview(value):
            return True
    except TypeError:
        return False


def to_py(
    value: Any, *, depth: int = -1, default_converter: Callable[..., Any] | None = None
) -> Any:
    """A proxy's value as Python's: arrays as lists, objects and Maps as dicts, Sets, buffers.

    `default_converter(value, convert, cache)` makes something of all other proxies, which otherwise
    stay what they are.
    """
    known: dict[int, Any] = {}

    def cache(given: Any, made: Any) -> Any:
        known[id(given)] = made
        return made

    def convert(value: Any, depth: int = depth) -> Any:
        if not is_js(value):
            return shown(value)
        if id(value) in known:
            return known[id(value)]
        if depth == 0:
            return value
        kind = type(value)
        if isinstance(value, Array):
            items = cache(value, [])
            items += [convert(item, depth - 1) for item in value]
            return items
        if kind is Object or kind is Map:
            pairs = value._entries() if kind is Object else value.items()
            made = cache(value, {})
            for key, item in pairs:
                made[convert(key, depth - 1)] = convert(item, depth - 1)
            return made
        if kind is Set:
            return {convert(item, depth - 1) for item in value}
        if isinstance(value, JsBuffer):
            return value.to_memoryview()
        if default_converter is not None:
            return default_converter(value, lambda v: convert(v, depth - 1), cache)
        return value

    return convert(value)


def _iterator(items: Iterator[Any]) -> Iterated:
    def each() -> Iterator[Any]:
        for item in items:
            yield Array.over([view(part) for part in item]) if type(item) is tuple else view(item)

    return Iterated(each())


_OWN: dict[type, Callable[[Any], Any]] = {
    bytes: ArrayBuffer.over,
    bytearray: ArrayBuffer.over,
    memoryview: lambda value: ArrayBuffer.over(bytes(value)),
    dict: lambda value: Object.over({str(key): view(item) for key, item in value.items()}),
    list: lambda value: Array.over([view(item) for item in value]),
    tuple: lambda value: Array.over([view(item) for item in value]),
    set: lambda value: Set([view(item) for item in value]),
    datetime: Date,
    Exception: thrown,
}
VIEWS.update(_OWN)


def iterated(items: Any) -> Iterated:
    """An iterator of edgekit's, each item seen as JavaScript's."""
    return _iterator(iter(items))
