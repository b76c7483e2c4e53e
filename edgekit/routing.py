"""Which handler takes a path: literal segments before parameters, `{name:int}` before `{name}`.

A pattern is a path whose segments are literal or one parameter each: `{name}` (one segment, not
empty), `{name:int}` (decimal digits), `{rest:path}` (all that is left, slashes included; last). A
trailing slash is significant. Paths are matched in their percent-encoded form, segment by segment,
so `%2F` stays inside its segment; parameters are decoded once. The cost of a match does not depend
on the number of routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from edgekit.errors import ConfigError

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([^{}]*))?\}").fullmatch
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_CONVERTERS = ("int", "str", "path")

_SIMPLE = re.compile(r"(?:/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@-]*)+").fullmatch

ANY = "*"  # a route for every method


class Route(NamedTuple):
    """What one (method, pattern) leads to; `handler` is the user's function, `target` its adapted form."""

    target: Any
    handler: Any
    pattern: str = ""
    names: tuple[str, ...] = ()


class _Node:
    __slots__ = ("integer", "literal", "rest", "routes", "text")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] | None = None
        self.integer: _Node | None = None
        self.text: _Node | None = None
        self.rest: dict[str, Route] | None = None
        self.routes: dict[str, Route] | None = None


def parse(pattern: str) -> list[tuple[str, str]]:
    """The segments as (kind, text), kind one of literal, int, str, path; ConfigError when impossible."""
    if not isinstance(pattern, str) or not pattern.startswith("/"):
        raise ConfigError(f"route {pattern!r}: a pattern starts with '/'")
    if any(c in pattern for c in "?#") or re.search(r"[\s\x00-\x1f]", pattern):
        raise ConfigError(f"route {pattern!r}: a pattern has no query, fragment or white space")
    segments: list[tuple[str, str]] = []
    names: set[str] = set()
    texts = pattern[1:].split("/")
    for i, text in enumerate(texts):
        if "{" not in text and "}" not in text:
            if unquote(text) in (".", ".."):
                raise ConfigError(f"route {pattern!r}: {text!r} can never be requested")
            segments.append(("literal", unquote(text)))
            continue
        parameter = _PARAMETER(text)
        if parameter is None:
            raise ConfigError(
                f"route {pattern!r}: {text!r} is not {{name}}, {{name:int}} or {{name:path}}; "
                "a parameter is a whole segment"
            )
        name, kind = parameter[1], parameter[2] if parameter[2] is not None else "str"
        if kind not in _CONVERTERS:
            raise ConfigError(
                f"route {pattern!r}: unknown converter {kind!r}; there are int, str and path"
            )
        if name in names:
            raise ConfigError(f"route {pattern!r}: the parameter {name!r} occurs twice")
        if kind == "path" and i != len(texts) - 1:
            raise ConfigError(
                f"route {pattern!r}: {text!r} takes the whole rest, so it must be last"
            )
        names.add(name)
        segments.append((kind, name))
    return segments


class Router:
    """Routes and mounts of one app. `add` while the app is declared, `find` while it serves."""

    def __init__(self) -> None:
        self._root = _Node()
        # (method, path as bytes) -> route, for literal patterns: one look-up. No such path has a
        # byte that decoding or normalising would change.
        self.static: dict[tuple[str, bytes | None], Route] = {}
        self.routes: list[Route] = []
        self.mounts: list[tuple[str, Any]] = []  # (prefix, target), the longest prefix first

    def add(self, methods: Iterable[str], pattern: str, target: Any, handler: Any = None) -> None:
        """ConfigError for an impossible pattern, and for a second one that takes the same paths."""
        segments = parse(pattern)
        names = tuple(name for kind, name in segments if kind != "literal")
        node = self._root
        for kind, text in segments:
            if kind == "literal":
                if node.literal is None:
                    node.literal = {}
                node = node.literal.setdefault(text, _Node())
            elif kind == "int":
                node.integer = node = node.integer or _Node()
            elif kind == "str":
                node.text = node = node.text or _Node()
        if segments[-1][0] == "path":
            node.rest = routes = node.rest if node.rest is not None else {}
        else:
            node.routes = routes = node.routes if node.routes is not None else {}
        for method in methods:
            if not isinstance(method, str) or not _METHOD(method):
                raise ConfigError(f"route {pattern!r}: {method!r} is not an HTTP method")
            if method in routes:
                raise ConfigError(
                    f"route {method} {pattern!r} takes the same paths as {routes[method].pattern!r}"
                )
            routes[method] = Route(target, handler, pattern, names)
            self.routes.append(routes[method])
            if not names and _SIMPLE(pattern):
                self.static[method, pattern.encode()] = routes[method]

    def mount(self, prefix: str, target: Any) -> None:
        """Every path below `prefix` that no route takes goes to `target`; the longest prefix wins."""
        segments = parse(prefix if prefix not in ("", "/") else "/")
        if any(kind != "literal" for kind, _ in segments):
            raise ConfigError(f"mount {prefix!r}: a prefix has no parameters")
        prefix = prefix.rstrip("/")
        if any(other == prefix for other, _ in self.mounts):
            raise ConfigError(f"mount {prefix or '/'!r}: there is one already")
        self.mounts.append((prefix, target))
        self.mounts.sort(key=lambda mount: -len(mount[0]))

    def find(self, method: str, segments: list[str], values: list[Any]) -> Route | None:
        """The route for a path's decoded segments (the first, before the slash, is empty).

        The parameters are appended to `values`, in the order of the route's `names`.
        """
        return _find(self._root, segments, 1, method, values)

    def allowed(self, segments: list[str]) -> tuple[str, ...]:
        """The methods of the routes that a path has, sorted; none where no route has it."""
        methods: set[str] = set()
        _methods(self._root, segments, 1, methods)
        if "GET" in methods:
            methods.add("HEAD")
        return tuple(sorted(methods | {"OPTIONS"})) if methods else ()


def split(path: str, raw: str | None) -> list[str]:
    """A path's decoded segments; `raw` is its percent-encoded form where that is not the same."""
    text = path if raw is None else raw
    if text[:1] not in ("/", ""):
        return [text]  # such as "*": nothing a route could take
    return path.split("/") if raw is None else [unquote(segment) for segment in raw.split("/")]


def _integer(segment: str) -> bool:
    # 18 digits are below every limit of int() and of a database's 64-bit column.
    return segment.isdecimal() and segment.isascii() and len(segment) < 19


def _find(
    node: _Node, segments: list[str], at: int, method: str, values: list[Any]
) -> Route | None:
    """Depth first, in order of precedence; where there is one way only, without recursion."""
    count = len(segments)
    while at < count:
        segment = segments[at]
        at += 1
        children = node.literal
        literal = None if children is None else children.get(segment)
        integer, text, rest = node.integer, node.text, node.rest
        if integer is None and rest is None:
            if literal is None:
                if text is None or not segment:
                    return None
                values.append(segment)
                node = text
                continue
            if text is None:
                node = literal
                continue
        depth = len(values)
        if literal is not None:
            route = _find(literal, segments, at, method, values)
            if route is not None:
                return route
            del values[depth:]
        if integer is not None and _integer(segment):
            values.append(int(segment))
            route = _find(integer, segments, at, method, values)
            if route is not None:
                return route
            del values[depth:]
        if text is not None and segment:
            values.append(segment)
            route = _find(text, segments, at, method, values)
            if route is not None:
                return route
            del values[depth:]
        if rest is not None:
            values.append("/".join(segments[at - 1 :]))
            return _choose(rest, method)
        return None
    return None if node.routes is None else _choose(node.routes, method)


def _choose(routes: dict[str, Route], method: str) -> Route | None:
    route = routes.get(method)
    if route is None and method == "HEAD":
        route = routes.get("GET")
    return routes.get(ANY) if route is None else route


def _methods(node: _Node, segments: list[str], at: int, methods: set[str]) -> None:
    if at == len(segments):
        methods.update(node.routes or ())
        return
    segment = segments[at]
    if node.literal is not None and segment in node.literal:
        _methods(node.literal[segment], segments, at + 1, methods)
    if node.integer is not None and _integer(segment):
        _methods(node.integer, segments, at + 1, methods)
    if node.text is not None and segment:
        _methods(node.text, segments, at + 1, methods)
    methods.update(node.rest or ())
