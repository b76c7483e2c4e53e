"""Filters on the metadata of vectors: what a property's index holds, and what a filter asks of it.

Rules: Cloudflare's "Metadata filtering". A property is a path, `pandas.nice` meaning
`{"pandas": {"nice": ...}}`. Only values of the type that the property's index has are in it, texts
by their first 64 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from edgekit import host
from edgekit.engines.vectors import Condition, Operator, PropertyType, Scalar

MAX_FILTER = 2048  # bytes of JSON, exclusive
MAX_KEY = 512  # characters
MAX_TEXT = 64  # bytes of a text that its index holds

_UPPER = ("$lt", "$lte")
_RANGE = (*_UPPER, "$gt", "$gte")
_OPERATORS = ("$eq", "$ne", "$in", "$nin", *_RANGE)


def indexed(
    metadata: Mapping[str, Any], properties: Mapping[str, PropertyType]
) -> list[tuple[str, Scalar]]:
    """What the indexes of `properties` hold of a vector's metadata."""
    found = []
    for name, type in properties.items():
        value: Any = metadata
        for step in name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None and _type(value) == type:
            found.append((name, _held(value)))
    return found


def conditions(filter: Mapping[str, Any] | None) -> list[Condition]:
    """A filter as conditions, all of which must hold. ValueError says what is wrong with it."""
    if filter is None:
        return []
    if not isinstance(filter, Mapping) or not filter:
        raise ValueError("it must be an object that is not empty")
    try:
        size = len(host.json_encode(dict(filter)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if size >= MAX_FILTER:
        raise ValueError(f"its JSON must be less than {MAX_FILTER} bytes, not {size}")
    return [
        condition for key, wanted in filter.items() for condition in _of_property(_key(key), wanted)
    ]


def _key(key: Any) -> str:
    if not isinstance(key, str) or not key:
        raise ValueError("a property must have a name")
    if key.startswith("$") or '"' in key or "|" in key:
        raise ValueError(f"a property's name cannot begin with $ nor have \" or | in it: {key}")
    if len(key) > MAX_KEY:
        raise ValueError(f"a property's name has at most {MAX_KEY} characters, not {len(key)}")
    return key


def _of_property(name: str, wanted: Any) -> Iterable[Condition]:
    if not isinstance(wanted, Mapping):
        wanted = {"$eq": wanted}
    elif not wanted:
        raise ValueError(f"{name}: it must have an operator")
    for operator in wanted:
        if operator not in _OPERATORS:
            raise ValueError(
                f"{name}: unknown operator {operator!s}; there are: {' '.join(_OPERATORS)}"
            )
    if len(wanted) > 1 and not _is_range(tuple(wanted)):
        raise ValueError(
            f"{name}: only one of $lt and $lte can be combined with one of $gt and $gte"
        )
    for operator, operand in wanted.items():
        values = _operands(name, operator, operand)
        yield Condition(name, cast("Operator", operator), [_held(value) for value in values])


def _is_range(operators: Sequence[str]) -> bool:
    upper = [operator in _UPPER for operator in operators if operator in _RANGE]
    return len(operators) == 2 and sorted(upper) == [False, True]


def _operands(name: str, operator: str, operand: Any) -> list[Any]:
    if operator in ("$in", "$nin"):
        if not isinstance(operand, list | tuple):
            raise ValueError(f"{name}: {operator} takes an array")
        values = list(operand)
    else:
        values = [operand]
    for value in values:
        if operator in _RANGE and _type(value) not in ("string", "number"):
            raise ValueError(f"{name}: {operator} takes a string or a number")
        if value is not None and _type(value) is None:
            raise ValueError(f"{name}: {operator} takes strings, numbers, booleans or null")
    return values


def _type(value: Any) -> PropertyType | None:
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else None


def _held(value: Any) -> Any:
    """A value as an index holds it: numbers are doubles, texts their first 64 bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")[:MAX_TEXT].decode("utf-8", "ignore")
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # as in JavaScript
            return math.inf if value > 0 else -math.inf
    return value
