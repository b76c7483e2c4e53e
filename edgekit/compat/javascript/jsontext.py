"""`js.JSON`: parse to objects of JavaScript's side, and write them as JavaScript does. Spec: ECMAScript."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgekit.compat.javascript.convert import data
from edgekit.compat.javascript.errors import SyntaxError_, TypeError_
from edgekit.compat.javascript.proxy import JsNull, jsnull
from edgekit.compat.javascript.values import Array, Object, entries_of, string

_text = json.JSONEncoder(ensure_ascii=False).encode


def parse(text: str) -> Any:
    """JSON as values of JavaScript's side; a SyntaxError for what is none."""
    try:
        return data(json.loads(text, parse_constant=_no_constant, parse_int=_number))
    except ValueError as error:
        raise SyntaxError_(_complaint(text, error)) from None
    except RecursionError:
        raise SyntaxError_("JSON is nested too deeply") from None


def _number(digits: str) -> int | float:
    whole = int(digits)
    return whole if abs(whole) <= 2**53 else float(digits)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _complaint(text: str, error: ValueError) -> str:
    at = getattr(error, "pos", 0)
    if at >= len(text):
        return "Unexpected end of JSON input"
    if error.args[0].startswith("Expecting property name"):
        return f"Expected property name or '}}' in JSON at position {at}"
    shown = f'"{text}"' if len(text) < 40 else f'..."{text[max(at - 10, 0) : at + 10]}"...'
    return f"Unexpected token {text[at]!r}, {shown} is not valid JSON"


class JSON:
    """`js.JSON`."""

    @staticmethod
    def parse(text: Any, reviver: Any = None) -> Any:
        """The value of a JSON text; a SyntaxError for what is none."""
        value = parse(string(text))
        return value if reviver is None else _revived("", value, reviver)

    @staticmethod
    def stringify(value: Any = None, replacer: Any = None, space: Any = None) -> str | None:
        """A value as JSON; undefined for what has none."""
        return stringify(value, replacer, space)


def _revived(key: str, value: Any, reviver: Any) -> Any:
    if isinstance(value, Array):
        for i, item in enumerate(value):
            value[i] = _revived(str(i), item, reviver)
    elif type(value) is Object:
        for name, item in list(value._entries()):
            setattr(value, name, _revived(name, item, reviver))
    return reviver(key, value)


def stringify(value: Any, replacer: Any = None, space: Any = None) -> str | None:
    """JSON of JavaScript's values and of Python's dicts and lists; None for undefined and functions."""
    indent = ""
    if isinstance(space, int):
        indent = " " * min(space, 10)
    elif isinstance(space, str):
        indent = space[:10]
    try:
        return _Writer(replacer, indent).write("", value, "")
    except RecursionError:
        raise TypeError_("Converting circular structure to JSON") from None


class _Writer:
    def __init__(self, replacer: Any, indent: str) -> None:
        self._replacer = replacer if callable(replacer) else None
        self._only = set(replacer) if isinstance(replacer, list | tuple | Array) else None
        self._indent = indent
        self._open: list[int] = []

    def write(self, key: str, value: Any, margin: str) -> str | None:
        convert = getattr(type(value), "toJSON", None)
        if convert is not None:
            value = convert(value)
        elif type(value) is Object and callable(own := value._properties.get("toJSON")):
            value = own(key)
        if self._replacer is not None:
            value = self._replacer(key, value)
        if value is None:
            return None
        if isinstance(value, JsNull):
            return "null"
        if isinstance(value, str):
            return _string(value)
        if isinstance(value, bool | int | float):
            if isinstance(value, int) and abs(value) > 2**53:
                raise TypeError_("Do not know how to serialize a BigInt")
            finite = value - value == 0
            return string(value) if finite else "null"
        if isinstance(value, list | tuple | Array):
            items = [self.write(str(i), v, margin + self._indent) for i, v in self._once(value)]
            return self._joined("[]", [item or "null" for item in items], margin)
        if callable(value) and not isinstance(value, Mapping):
            return None
        fields = []
        colon = ": " if self._indent else ":"
        for name, item in self._once(value):
            name = string(name)
            if self._only is not None and name not in self._only:
                continue
            if item is None and isinstance(value, Mapping):
                item = jsnull  # a dict of Python's has no undefined; bindings give such, with nulls
            text = self.write(name, item, margin + self._indent)
            if text is not None:
                fields.append(f"{_string(name)}{colon}{text}")
        return self._joined("{}", fields, margin)

    def _once(self, value: Any) -> Any:
        """The entries of a value that is not within itself."""
        if id(value) in self._open:
            raise TypeError_("Converting circular structure to JSON")
        self._open.append(id(value))
        yield from list(entries_of(value))
        self._open.pop()

    def _joined(self, brackets: str, items: list[str], margin: str) -> str:
        if not items or not self._indent:
            return brackets[0] + ",".join(items) + brackets[1]
        inner = "\n" + margin + self._indent
        return brackets[0] + inner + f",{inner}".join(items) + "\n" + margin + brackets[1]


def _string(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # a surrogate that is no half of a pair is escaped
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in _text(text))
    return _text(text)
