"""What Array and the typed arrays have in common: JavaScript's methods that only read. Spec: ECMAScript."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgekit.compat.javascript import late
from edgekit.compat.javascript.proxy import JsNull, JsProxy


def same(one: Any, other: Any) -> bool:
    """JavaScript's `===`: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


class Sequence(JsProxy):
    """Mixin, for a Python sequence. A function of the code's is given item, index and the array."""

    __slots__ = ()

    # For mypy; each class has its own.
    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError

    def at(self, index: int = 0) -> Any:
        """The item there, from the end if negative; undefined where there is none."""
        return self[index] if -len(self) <= index < len(self) else None

    def includes(self, item: Any, start: int = 0) -> bool:
        """Whether it is there, NaN too."""
        items = list(self)[start:]
        return any(same(other, item) or (item != item and other != other) for other in items)

    def indexOf(self, item: Any, start: int = 0) -> int:
        """Where it is first, from `start` on; -1 where it is not."""
        first = slice(start, None).indices(len(self))[0]
        items = enumerate(list(self)[first:], first)
        return next((i for i, other in items if same(other, item)), -1)

    def lastIndexOf(self, item: Any) -> int:
        """Where it is last; -1 where it is not."""
        return max((i for i, other in enumerate(self) if same(other, item)), default=-1)

    def forEach(self, function: Any) -> None:
        for i, item in enumerate(self):
            function(item, i, self)

    def find(self, function: Any) -> Any:
        """The first item that the function finds true; undefined where there is none."""
        return next((x for i, x in enumerate(self) if function(x, i, self)), None)

    def findIndex(self, function: Any) -> int:
        return next((i for i, x in enumerate(self) if function(x, i, self)), -1)

    def findLast(self, function: Any) -> Any:
        """The last item that the function finds true; undefined where there is none."""
        return next((x for i, x in _backwards(self) if function(x, i, self)), None)

    def findLastIndex(self, function: Any) -> int:
        return next((i for i, x in _backwards(self) if function(x, i, self)), -1)

    def some(self, function: Any) -> bool:
        return any(function(item, i, self) for i, item in enumerate(self))

    def every(self, function: Any) -> bool:
        return all(function(item, i, self) for i, item in enumerate(self))

    def reduce(self, function: Any, *initial: Any) -> Any:
        """Fold from the left; a TypeError where there is nothing to begin with."""
        return self._fold(list(enumerate(self)), function, initial)

    def reduceRight(self, function: Any, *initial: Any) -> Any:
        """Fold from the right."""
        return self._fold(_backwards(self), function, initial)

    def _fold(self, items: list[tuple[int, Any]], function: Any, initial: Any) -> Any:
        if not initial and not items:
            raise late.errors.TypeError_("Reduce of empty array with no initial value")
        value = initial[0] if initial else items.pop(0)[1]
        for i, item in items:
            value = function(value, item, i, self)
        return value

    def toString(self) -> str:
        return str(self.join())

    def join(self, separator: str = ",") -> str:
        """The items as text; undefined and null are nothing."""
        return separator.join(
            "" if item is None or isinstance(item, JsNull) else late.values.string(item)
            for item in self
        )

    def values(self) -> Any:
        return late.values.Iterated(self)

    def entries(self) -> Any:
        array = late.values.Array.over
        return late.values.Iterated(array([i, item]) for i, item in enumerate(self))

    def _entries(self) -> Any:
        return ((str(i), item) for i, item in enumerate(self))


def _backwards(items: Any) -> list[tuple[int, Any]]:
    return list(enumerate(items))[::-1]
