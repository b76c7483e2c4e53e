"""Map and Set. Keys are what they are in JavaScript: true is not 1, and lists are themselves, not equal ones."""

from __future__ import annotations

import math
from collections.abc import ItemsView, Iterator, MutableMapping
from typing import Any

from edgekit.compat.javascript.proxy import JsNull, JsProxy
from edgekit.compat.javascript.values import Array, Iterated, iterate, native_of


class MutableMap(JsProxy):
    """Mixin: what Pyodide adds to whatever has a size, `get`, `set`, `has` and `delete`."""

    __slots__ = ()
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    setdefault = MutableMapping.setdefault
    update = MutableMapping.update
    clear = MutableMapping.clear

    def items(self) -> ItemsView[Any, Any]:
        """Pairs, as of a dict."""
        return ItemsView(self)  # type: ignore[arg-type]


class Map(MutableMap):
    """`js.Map`: any value under any key, in the order they came."""

    def __init__(self, pairs: Any = None) -> None:
        self._pairs: dict[Any, Any] = {}
        if pairs is not None and not isinstance(pairs, JsNull):
            for pair in iterate(pairs):
                self._pairs[_key(pair[0])] = pair[1]

    @property
    def size(self) -> int:
        return len(self._pairs)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._pairs.get(_key(key), default)

    def has(self, key: Any) -> bool:
        return _key(key) in self._pairs

    def set(self, key: Any, value: Any) -> Map:
        self._pairs[_key(key)] = value
        return self

    def delete(self, key: Any) -> bool:
        return self._pairs.pop(_key(key), self) is not self

    def clear(self) -> None:
        self._pairs.clear()

    def keys(self) -> Iterated:
        return Iterated(map(_unkey, self._pairs))

    def values(self) -> Iterated:
        return Iterated(self._pairs.values())

    def entries(self) -> Iterated:
        return Iterated(Array.over([_unkey(key), value]) for key, value in self._pairs.items())

    def forEach(self, function: Any) -> None:
        for key, value in list(self._pairs.items()):
            function(value, _unkey(key), self)

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._pairs[_key(key)]
        except KeyError:
            raise KeyError(key) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: Any) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        return self.has(key)

    def __iter__(self) -> Iterator[Any]:
        return map(_unkey, self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def _to_edgekit(self) -> Any:
        return {native_of(_unkey(k)): native_of(v) for k, v in self._pairs.items()}


class Set(JsProxy):
    """`js.Set`: values, each once."""

    def __init__(self, items: Any = None) -> None:
        given = () if items is None or isinstance(items, JsNull) else items
        self._items: dict[Any, None] = dict.fromkeys(map(_key, given))

    @property
    def size(self) -> int:
        return len(self._items)

    def has(self, item: Any) -> bool:
        return _key(item) in self._items

    def add(self, item: Any) -> Set:
        self._items[_key(item)] = None
        return self

    def delete(self, item: Any) -> bool:
        return self._items.pop(_key(item), self) is not self

    def clear(self) -> None:
        self._items.clear()

    def values(self) -> Iterated:
        return Iterated(map(_unkey, self._items))

    keys = values

    def entries(self) -> Iterated:
        return Iterated(Array.over([_unkey(item)] * 2) for item in self._items)

    def forEach(self, function: Any) -> None:
        for item in list(self):
            function(item, item, self)

    def __contains__(self, item: Any) -> bool:
        return self.has(item)

    def __iter__(self) -> Iterator[Any]:
        return map(_unkey, self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return bool(self._items)

    def _to_edgekit(self) -> Any:
        return {native_of(item) for item in self}


class _ByIdentity:
    """What has no hash in Python, as a key."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _key(key: Any) -> Any:
    if isinstance(key, bool):
        return _Boolean(key)  # True is not 1 here
    if isinstance(key, list | dict | set | bytearray):
        return _ByIdentity(key)
    return math.nan if key != key else key


class _Boolean:
    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Boolean) and other.value is self.value

    def __hash__(self) -> int:
        return hash(self.value)


def _unkey(key: Any) -> Any:
    return key.value if isinstance(key, _ByIdentity | _Boolean) else key
