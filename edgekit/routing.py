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

ANY = "*"  # a route for every method


class Route(NamedTuple):
    """One (method, pattern) and what it leads to."""

    target: Any
    pattern: str
    names: tuple[str, ...]


class Match(NamedTuple):
    """What a path led to: a target with its parameters, or, without one, the methods there are."""

    target: Any
    params: dict[str, Any] | None
    allow: tuple[str, ...]


class _Node:
    __slots__ = ("integer", "literal", "rest", "routes", "text")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
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
            if text in (".", ".."):
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
            raise ConfigError(f"route {pattern!r}: {text!r} takes the whole rest, so it must be last")
        names.add(name)
        segments.append((kind, name))
    return segments


class Router:
    """Routes and mounts of one app. `add` while the app is declared, `match` while it serves."""

    def __init__(self) -> None:
        self._root = _Node()
        # (method, path) -> route, for patterns without parameters: one look-up, no split.
        self._static: dict[tuple[str, str], Match] = {}
        self._mounts: list[tuple[str, Any]] = []

    def add(self, methods: Iterable[str], pattern: str, target: Any) -> None:
        """ConfigError for an impossible pattern, and for a second one that takes the same paths."""
        segments = parse(pattern)
        names = tuple(name for kind, name in segments if kind != "literal")
        node = self._root
        for kind, text in segments:
            if kind == "literal":
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
            routes[method] = Route(target, pattern, names)
            if not names and all("%" not in text for _, text in segments):
                self._static[method, pattern] = Match(target, None, ())
        if not names and "GET" in routes and "HEAD" not in routes:
            self._static["HEAD", pattern] = Match(routes["GET"].target, None, ())
        elif not names and "HEAD" in routes:
            self._static["HEAD", pattern] = Match(routes["HEAD"].target, None, ())

    def mount(self, prefix: str, target: Any) -> None:
        """Every path below `prefix` that no route takes goes to `target`; the longest prefix wins."""
        segments = parse(prefix if prefix not in ("", "/") else "/")
        if any(kind != "literal" for kind, _ in segments):
            raise ConfigError(f"mount {prefix!r}: a prefix has no parameters")
        prefix = prefix.rstrip("/")
        if any(other == prefix for other, _ in self._mounts):
            raise ConfigError(f"mount {prefix or '/'!r}: there is one already")
        self._mounts.append((prefix, target))
        self._mounts.sort(key=lambda mount: -len(mount[0]))

    def match(self, method: str, path: str, raw: str | None = None) -> Match | None:
        """The route for `path`; None when no route has it.

        `raw` is the percent-encoded path when it is not the same as `path`.
        """
        if raw is None:
            found = self._static.get((method, path))
            if found is not None:
                return found
            segments = path[1:].split("/")
        else:
            segments = [unquote(segment) for segment in raw[1:].split("/")]
        values: list[Any] = []
        allow: set[str] = set()
        route = _find(self._root, segments, 0, method, values, allow)
        if route is not None:
            return Match(route.target, dict(zip(route.names, values, strict=True)), ())
        if not allow:
            return None
        if "GET" in allow:
            allow.add("HEAD")
        return Match(None, None, tuple(sorted(allow | {"OPTIONS"})))

    def mounted(self, path: str) -> tuple[str, Any] | None:
        """The mount whose prefix `path` lies under, as (prefix, target)."""
        for prefix, target in self._mounts:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("/", ""):
                return prefix, target
        return None

    @property
    def mounts(self) -> list[tuple[str, Any]]:
        """All mounts, the longest prefix first."""
        return self._mounts


def _find(
    node: _Node, segments: list[str], at: int, method: str, values: list[Any], allow: set[str]
) -> Route | None:
    """Depth first, in order of precedence; `allow` gathers the methods of paths that fit otherwise."""
    depth = len(values)
    if at == len(segments):
        return None if node.routes is None else _choose(node.routes, method, allow)
    segment = segments[at]
    child = node.literal.get(segment)
    if child is not None:
        route = _find(child, segments, at + 1, method, values, allow)
        if route is not None:
            return route
        del values[depth:]
    # 18 digits are below every limit of int() and of a database's 64-bit column.
    if node.integer is not None and segment.isascii() and segment.isdecimal() and len(segment) < 19:
        values.append(int(segment))
        route = _find(node.integer, segments, at + 1, method, values, allow)
        if route is not None:
            return route
        del values[depth:]
    if node.text is not None and segment:
        values.append(segment)
        route = _find(node.text, segments, at + 1, method, values, allow)
        if route is not None:
            return route
        del values[depth:]
    if node.rest is not None:
        route = _choose(node.rest, method, allow)
        if route is not None:
            values.append("/".join(segments[at:]))
        return route
    return None


def _choose(routes: dict[str, Route], method: str, allow: set[str]) -> Route | None:
    route = routes.get(method)
    if route is None and method == "HEAD":
        route = routes.get("GET")
    if route is None:
        route = routes.get(ANY)
    if route is None:
        allow.update(routes)
    return route
