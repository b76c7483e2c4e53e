"""Pairs: names and values in order, a name as often as it came. Under URLSearchParams and FormData.

A mapping in which names repeat: `[]` and `get` give the first value, `get_all` every one. Whatever
iterates or counts goes pair by pair: `for name in pairs`, `keys`, `values`, `items`, `len`. Headers
are another thing: they know no case, and join their values.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Any, Generic, TypeVar, overload

from edgekit.errors import WebTypeError
from edgekit.web.spelling import Spelled

V = TypeVar("V")
D = TypeVar("D")


def scalar(value: str | int) -> str:
    """Text in the standards' sense: a lone surrogate becomes U+FFFD. An int counts as its digits."""
    if value.__class__ is not str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int):
            raise WebTypeError(f"expected a str, not {type(value).__name__}")
        value = str(value)
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        # By way of UTF-16, where two surrogates that belong together become one character.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def pairs_of(init: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The pairs of a mapping or of an iterable of pairs; WebTypeError for anything else."""
    if isinstance(init, Mapping):
        yield from init.items()
        return
    try:
        for pair in init:
            if isinstance(pair, str | bytes):
                raise ValueError
            name, value = pair
            yield name, value
    except (TypeError, ValueError):
        raise WebTypeError("expected a mapping, or pairs of a name and a value") from None


class Pairs(Spelled, Mapping[str, V], Generic[V]):
    """What the two lists of pairs have in common. Names are compared exactly."""

    __slots__ = ("_pairs",)

    _pairs: list[tuple[str, V]]

    @property
    def size(self) -> int:
        """The number of pairs; also `len()`."""
        return len(self._pairs)

    @overload
    def get(self, name: str, /) -> V | None: ...
    @overload
    def get(self, name: str, /, default: V | D) -> V | D: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """The first value of that name; `default` where there is none."""
        for other, value in self._pairs:
            if other == name:
                return value
        return default

    def get_all(self, name: str) -> list[V]:
        """Every value of that name, in order; an empty list where there is none."""
        return [value for other, value in self._pairs if other == name]

    def has(self, name: str, value: V | None = None) -> bool:
        """Whether there is such a name; with `value`, whether there is that very pair."""
        return any(n == name and (value is None or v == value) for n, v in self._pairs)

    def delete(self, name: str, value: V | None = None) -> None:
        """Remove every pair of that name, or only those with that value."""
        self._pairs[:] = [
            (n, v) for n, v in self._pairs if n != name or (value is not None and v != value)
        ]
        self._changed()

    def _set(self, name: str, value: V) -> None:
        """Replace the first pair of that name, remove the others; add one where there is none."""
        pairs = self._pairs
        for i, (other, _) in enumerate(pairs):
            if other == name:
                pairs[i] = (name, value)
                pairs[i + 1 :] = [pair for pair in pairs[i + 1 :] if pair[0] != name]
                break
        else:
            pairs.append((name, value))
        self._changed()

    def _changed(self) -> None:
        """Called after each change."""

    def __getitem__(self, name: str) -> V:
        for other, value in self._pairs:
            if other == name:
                return value
        raise KeyError(name)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.delete(name)

    def __contains__(self, name: object) -> bool:
        return any(other == name for other, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def values(self) -> ValuesView[V]:
        """The values, pair by pair."""
        return _Values(self)

    def items(self) -> ItemsView[str, V]:
        """The pairs, in order."""
        return _Items(self)

    def entries(self) -> Iterator[tuple[str, V]]:
        """JavaScript's name for `items()`."""
        return iter(self._pairs)

    def for_each(self, callback: Callable[[V, str, Pairs[V]], Any]) -> None:
        """Call `callback(value, name, self)` for each pair."""
        for name, value in self._pairs:
            callback(value, name, self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Pairs):
            return type(self) is type(other) and self._pairs == other._pairs
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"


class _Items(ItemsView[str, V]):
    _mapping: Pairs[V]

    def __iter__(self) -> Iterator[tuple[str, V]]:
        return iter(self._mapping._pairs)

    def __contains__(self, item: object) -> bool:
        return item in self._mapping._pairs


class _Values(ValuesView[V]):
    _mapping: Pairs[V]

    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._mapping._pairs)

    def __contains__(self, value: object) -> bool:
        return any(value == other for _, other in self._mapping._pairs)
