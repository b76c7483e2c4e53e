"""JavaScript's own values that are neither text nor numbers: Object, Array, iterators; see `maps.py` too.

What is put into one comes out of it the same: a Python list in a property is that list. Numbers are
Python's, and a whole one is an int. Spec: ECMAScript, as far as code in Python meets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from decimal import Decimal
from functools import cmp_to_key
from math import copysign
from typing import Any

from edgekit.bindings.webidl import string as plain_string
from edgekit.compat.javascript import late
from edgekit.compat.javascript.proxy import (
    JsNull,
    JsProxy,
    JsType,
    jsnull,
    missing,
    nulls,
    unmangled,
)
from edgekit.compat.javascript.sequences import Sequence, same
from edgekit.web.spelling import Plain


def string(value: Any) -> str:
    """JavaScript's `String(value)`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "undefined"
    if isinstance(value, JsNull):
        return "null"
    if isinstance(value, JsProxy):
        return str(value)
    if isinstance(value, float) and 1e-6 <= abs(value) < 1e-4:  # the exponent comes later there
        return format(Decimal(repr(value)), "f")
    text = plain_string(value)
    return str(value) if text is None else text


def number(value: float) -> int | float:
    """A number as Pyodide shows it: a whole one, within 53 bits, is an int."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return value


class _ObjectFunctions(JsType):
    """The functions of `js.Object`; in the class itself, each object would have them."""

    def fromEntries(cls, pairs: Any) -> Object:
        """The object of these pairs."""
        made: dict[str, Any] = {}
        for pair in iterate(pairs):
            made[string(pair[0])] = pair[1]
        return Object.over(made)

    def keys(cls, value: Any) -> Array:
        """The names of an object's own properties, or of a dict's keys."""
        return Array.over([string(name) for name, _ in entries_of(value)])

    def values(cls, value: Any) -> Array:
        """The values of an object's own properties, or of a dict's keys."""
        return Array.over([item for _, item in entries_of(value)])

    def entries(cls, value: Any) -> Array:
        """Both, in pairs."""
        return Array.over([Array.over([string(n), item]) for n, item in entries_of(value)])

    def assign(cls, target: Any, *sources: Any) -> Any:
        """Copy the properties of each source to the target."""
        for source in sources:
            for name, value in () if not source else entries_of(source):
                setattr(target, string(name), value)
        return target

    def create(cls, prototype: Any = None, *rest: Any) -> Object:
        return Object.over({})

    def freeze(cls, value: Any) -> Any:
        """The value itself: nothing here can be frozen."""
        return value

    seal = preventExtensions = freeze

    def hasOwn(cls, value: Any, name: Any) -> bool:
        return any(string(name) == own for own, _ in entries_of(value))

    def getOwnPropertyNames(cls, value: Any) -> Array:
        return cls.keys(value)

    def defineProperty(cls, value: Any, name: Any, descriptor: Any) -> Any:
        """Set a property to the descriptor's `value`, or to what its `get` gives now."""
        given = dict(entries_of(descriptor))
        setattr(value, string(name), given["get"]() if "get" in given else given.get("value"))
        return value

    def is_(cls, one: Any, other: Any) -> bool:
        """Whether they are the very same: NaN is NaN, and 0 is not -0."""
        if one != one:
            return bool(other != other)
        return same(one, other) and (one != 0 or copysign(1, one) == copysign(1, other))


class Object(JsProxy, metaclass=_ObjectFunctions):
    """A plain object: its properties are attributes. `in`, `[]` and `len` go by `as_object_map()`."""

    __slots__ = ("_properties",)
    _properties: dict[str, Any]

    @classmethod
    def _new(cls, *args: Any) -> Any:
        if args and isinstance(args[0], JsProxy):
            return args[0]
        return cls.over(dict(args[0]) if args and isinstance(args[0], Mapping) else {})

    @classmethod
    def over(cls, properties: dict[str, Any]) -> Object:
        """The object of these properties, which are not copied."""
        self = cls.__new__(cls)
        object.__setattr__(self, "_properties", properties)
        return self

    def __getattribute__(self, name: str) -> Any:
        # A property goes before the names that every proxy has, but for `to_py` and its like.
        if name[:1] != "_" and not name.startswith(_OWN_NAMES):
            properties = object.__getattribute__(self, "_properties")
            if (key := unmangled(name)) in properties:
                return shown(properties[key])
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        properties = object.__getattribute__(self, "_properties")
        if name in properties:
            return shown(properties[name])
        if name in getattr(properties, "undefined", ()):
            return None
        return missing(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._properties[unmangled(name)] = value

    def __delattr__(self, name: str) -> None:
        if self._properties.pop(unmangled(name), self) is self:
            missing(self, name)

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self._properties]

    def toString(self) -> str:
        return "[object Object]"

    def _entries(self) -> Any:
        properties = self._properties
        indexes = [key for key in properties if key[:1] in _DIGITS and _INDEX(key)]
        if not indexes:
            return properties.items()
        # Names that look like an array's indexes go before the others, by their size.
        order = dict.fromkeys(sorted(indexes, key=int)) | properties
        return ((key, properties[key]) for key in order)

    def _to_edgekit(self) -> Any:
        return Plain({key: native_of(value) for key, value in self._properties.items()})


_DIGITS = frozenset("0123456789")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}").fullmatch
_OWN_NAMES = ("to_py", "object_", "as_", "js_id", "typeof")


def entries_of(value: Any) -> Iterable[tuple[Any, Any]]:
    """What JavaScript sees as an object's own properties; a TypeError for null and undefined."""
    if value is None or isinstance(value, JsNull):
        raise late.errors.TypeError_("Cannot convert undefined or null to object")
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list | tuple | str):
        return enumerate(value)
    entries: Any = getattr(type(value), "_entries", None)
    return () if entries is None else entries(value)


def iterate(value: Any) -> Iterable[Any]:
    """What JavaScript goes through: of whatever has entries those, where Python goes through keys."""
    if isinstance(value, Mapping):
        return value.items()
    entries: Any = getattr(type(value), "entries", None)
    if entries is None or not hasattr(type(value), "get"):
        entries = iter
    found: Iterable[Any] = entries(value)
    return found


class ObjectMap(MutableMapping[str, Any]):
    """`as_object_map()`: an object's properties as a mapping."""

    def __init__(self, subject: Any, hereditary: bool) -> None:
        self._subject = subject
        self._hereditary = hereditary

    def _out(self, value: Any) -> Any:
        inside = self._hereditary and type(value) is Object
        return ObjectMap(value, True) if inside else shown(value)

    def __getitem__(self, name: str) -> Any:
        for own, value in self._subject._entries():
            if own == name:
                return self._out(value)
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self._subject, name, value)

    def __delitem__(self, name: str) -> None:
        if not self._subject.hasOwnProperty(name):
            raise KeyError(name)
        delattr(self._subject, name)

    def __iter__(self) -> Iterator[str]:
        return iter([string(name) for name, _ in self._subject._entries()])

    def __len__(self) -> int:
        return len(list(self._subject._entries()))

    def to_py(self, **options: Any) -> Any:
        return self._subject.to_py(**options)


class Iterated(JsProxy):
    """An iterator of JavaScript's: for Python's loops, and `next()` gives `{done, value}`."""

    _js_name = "Iterator"

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._items)

    def next(self, value: Any = None) -> Object:
        """The next value, or `done`."""
        for item in self._items:
            return Object.over({"done": False, "value": item})
        return Object.over({"done": True, "value": None})

    def toArray(self) -> Array:
        """All that is left."""
        return Array.over(list(self._items))

    def _to_edgekit(self) -> Any:
        return [native_of(item) for item in self._items]


class Array(Sequence):
    """An array: a Python sequence with JavaScript's methods beside Python's.

    Where both have a name, it is Python's: `pop(index)`, `index`, `reverse()` in place, as in Pyodide.
    """

    __slots__ = ("_list",)
    _list: list[Any]

    @classmethod
    def _new(cls, *args: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], int | float) and not isinstance(args[0], bool):
            length = args[0]
            if not 0 <= length < 2**32 or length != int(length):
                raise late.errors.RangeError("Invalid array length")
            return cls.over([None] * int(length))
        return cls.over(list(args))

    @classmethod
    def over(cls, items: list[Any]) -> Array:
        """The array over this list, which is not copied."""
        self = cls.__new__(cls)
        self._list = items
        return self

    # The functions of `js.Array` -------------------------------------------------------------------

    @staticmethod
    def of(*items: Any) -> Array:
        return Array.over(list(items))

    @staticmethod
    def from_(items: Any, function: Any = None) -> Array:
        """An array of what an iterable, or an object with a length, has."""
        if isinstance(items, Mapping) or type(items) is Object:
            length = native_of(items).get("length", 0)
            found = [native_of(items).get(str(i)) for i in range(int(length))]
        else:
            found = list(iterate(items))
        if function is not None:
            found = [function(item, i) for i, item in enumerate(found)]
        return Array.over(found)

    @staticmethod
    def isArray(value: Any) -> bool:
        return isinstance(value, Array | list)

    # As a sequence -----------------------------------------------------------------------------------

    @property
    def length(self) -> int:
        return len(self._list)

    def __len__(self) -> int:
        return len(self._list)

    def __bool__(self) -> bool:
        return bool(self._list)

    def __iter__(self) -> Iterator[Any]:
        return map(shown, self._list) if nulls.get() is None else iter(self._list)

    def __contains__(self, item: Any) -> bool:
        return item in self._list

    def __getitem__(self, index: Any) -> Any:
        found = self._list[index]
        return Array.over(found) if isinstance(index, slice) else shown(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._list[index] = list(value) if isinstance(index, slice) else value

    def __delitem__(self, index: Any) -> None:
        del self._list[index]

    def __add__(self, other: Iterable[Any]) -> Array:
        return Array.over([*self._list, *other])

    def append(self, item: Any) -> None:
        self._list.append(item)

    def extend(self, items: Iterable[Any]) -> None:
        self._list.extend(items)

    def insert(self, index: int, item: Any) -> None:
        self._list.insert(index, item)

    def pop(self, index: int = -1) -> Any:
        return shown(self._list.pop(index))

    def remove(self, item: Any) -> None:
        self._list.remove(item)

    def index(self, item: Any, *span: int) -> int:
        return self._list.index(item, *span)

    def count(self, item: Any) -> int:
        return self._list.count(item)

    def reverse(self) -> None:
        self._list.reverse()

    # JavaScript's methods --------------------------------------------------------------------------------

    def push(self, *items: Any) -> int:
        """Add at the end; the new length."""
        self._list.extend(items)
        return len(self._list)

    def unshift(self, *items: Any) -> int:
        """Add at the start; the new length."""
        self._list[:0] = items
        return len(self._list)

    def shift(self) -> Any:
        """Take the first one away; undefined where there is none."""
        return shown(self._list.pop(0)) if self._list else None

    def splice(self, start: int, count: int | None = None, *items: Any) -> Array:
        """Replace `count` of them from `start` on; those that went."""
        start = slice(start, None).indices(len(self._list))[0]
        end = len(self._list) if count is None else start + max(count, 0)
        gone = self._list[start:end]
        self._list[start:end] = items
        return Array.over(gone)

    def slice(self, start: int | None = None, end: int | None = None) -> Array:
        return Array.over(self._list[start:end])

    def concat(self, *others: Any) -> Array:
        """All of this and of the others; what is no array is added as it is."""
        joined = list(self._list)
        for other in others:
            joined.extend(other) if Array.isArray(other) else joined.append(other)
        return Array.over(joined)

    def map(self, function: Any) -> Array:
        return Array.over([function(item, i, self) for i, item in enumerate(self)])

    def filter(self, function: Any) -> Array:
        return Array.over([x for i, x in enumerate(self) if function(x, i, self)])

    def sort(self, compare: Any = None) -> Array:
        """Sort in place, by `compare` or as texts."""
        if compare is None:
            self._list.sort(key=lambda item: string(item).encode("utf-16-be", "surrogatepass"))
        else:
            self._list.sort(key=cmp_to_key(compare))
        return self

    def flat(self, depth: int = 1) -> Array:
        found: list[Any] = []
        for item in self._list:
            if Array.isArray(item) and depth > 0:
                found.extend(Array.over(list(item)).flat(depth - 1))
            else:
                found.append(item)
        return Array.over(found)

    def flatMap(self, function: Any) -> Array:
        return self.map(function).flat()

    def fill(self, value: Any, start: int = 0, end: int | None = None) -> Array:
        for i in range(*slice(start, end).indices(len(self._list))):
            self._list[i] = value
        return self

    # No `keys`: Pyodide hides it, so that `dict(array_of_pairs)` works.

    def toReversed(self) -> Array:
        return Array.over(self._list[::-1])

    def toSorted(self, compare: Any = None) -> Array:
        return self.slice().sort(compare)

    def toSpliced(self, *args: Any) -> Array:
        copied = self.slice()
        copied.splice(*args)
        return copied

    def with_(self, index: int, value: Any) -> Array:
        """A copy with another item there; a RangeError where there is none."""
        if not -len(self._list) <= index < len(self._list):
            raise late.errors.RangeError(f"Invalid index : {index}")
        copied = self.slice()
        copied[index] = value
        return copied

    def copyWithin(self, target: int, start: int = 0, end: int | None = None) -> Array:
        """Copy a part over another, in place."""
        self._list[:] = moved(self._list, target, start, end)
        return self

    def hasOwnProperty(self, name: str) -> bool:
        return name == "length" or super().hasOwnProperty(name)

    def _to_edgekit(self) -> Any:
        return [native_of(item) for item in self._list]


def moved(items: list[Any], target: int, start: int, end: int | None) -> list[Any]:
    """What `copyWithin` makes of a list: the part is cut off at the list's end."""
    part = items[start:end]
    at = slice(target, None).indices(len(items))[0]
    return (items[:at] + part + items[at + len(part) :])[: len(items)]


def native_of(value: Any) -> Any:
    return late.convert.native(value)


def null() -> Any:
    """Null, as the running code has it: `jsnull`, or None where it has an old date."""
    return nulls.get()


def shown(value: Any) -> Any:
    """What code reads out of an object or array, which keeps null as what it is: JSON needs it again."""
    return nulls.get() if value is jsnull else value
