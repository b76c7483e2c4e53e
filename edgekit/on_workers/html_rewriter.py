"""HTMLRewriter on real Workers: the platform's own, with our spelling in front of it.

What its handlers are given is looked into when they ask; documents never come to Python. For who looks
after on_workers: `edgekit.HTMLRewriter` is this class here (`edgekit/__init__.py`), checked by
tests/on_workers/project/checks_html_rewriter.py. Pyodide on Node has no HTMLRewriter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import isawaitable
from typing import Any, Self

import js
from pyodide.ffi import JsException, JsProxy, create_proxy, to_js

from edgekit.errors import UnsupportedError, WebTypeError
from edgekit.on_workers.convert import from_js, into_js, text_of
from edgekit.on_workers.http import JsResponse, response_into_js
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled, camel, options, snake


class HTMLRewriter(Spelled):
    """See `edgekit.web.html_rewriter.HTMLRewriter`."""

    def __init__(self) -> None:
        if not hasattr(js, "HTMLRewriter"):
            raise UnsupportedError("this JavaScript host has no HTMLRewriter; workerd has")
        self._js = js.HTMLRewriter.new()

    def on(self, selector: str, handlers: Any = None, **functions: Any) -> Self:
        given = _handlers(handlers, functions, ("element", "comments", "text"))
        _call(self._js.on, str(selector), given)
        return self

    def on_document(self, handlers: Any = None, **functions: Any) -> Self:
        given = _handlers(handlers, functions, ("doctype", "comments", "text", "end"))
        _call(self._js.onDocument, given)
        return self

    def transform(self, response: Response) -> Response:
        return JsResponse(_call(self._js.transform, response_into_js(response)))


class Unit:
    """An element, a text, a comment, ...: the platform's object, in both spellings."""

    __slots__ = ("_js",)

    def __init__(self, unit: Any) -> None:
        object.__setattr__(self, "_js", unit)

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(self._js, _theirs(name))
        except JsException as error:
            raise _ours(error) from error
        if name == "attributes":
            return _pairs(value)
        return _Method(self, value) if callable(value) else from_js(value)

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            setattr(self._js, _theirs(name), value)
        except JsException as error:
            raise _ours(error) from error


class _Method:
    """One of its methods: those that change it give the unit itself."""

    __slots__ = ("_method", "_unit")

    def __init__(self, unit: Unit, method: Any) -> None:
        self._unit = unit
        self._method = method

    @options
    def __call__(self, *args: Any, html: bool = False) -> Any:
        given = [_argument(each) for each in args]
        if html:
            given.append(into_js({"html": True}))
        result = _call(self._method, *given)
        return self._unit if isinstance(result, JsProxy) else from_js(result)


def _argument(value: Any) -> Any:
    if isinstance(value, Response):
        return response_into_js(value)
    if callable(value):
        return create_proxy(_seeing(value))
    return value if isinstance(value, str) else into_js(value)


def _handlers(handlers: Any, functions: Mapping[str, Any], kinds: tuple[str, ...]) -> Any:
    """An object of functions for JavaScript. They live as long as the rewriter, so as the isolate."""
    if unknown := set(functions) - set(kinds):
        raise TypeError(f"unknown handlers: {', '.join(sorted(unknown))}")
    found = {}
    for kind in kinds:
        function = functions.get(kind)
        if function is None and handlers is not None:
            function = (
                handlers.get(kind)
                if isinstance(handlers, Mapping)
                else getattr(handlers, kind, None)
            )
        if function is not None:
            if not callable(function):
                raise WebTypeError(f"the handler {kind!r} is not a function")
            found[kind] = create_proxy(_seeing(function))
    return to_js(found, dict_converter=js.Object.fromEntries)


def _seeing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def wait(result: Any) -> None:
        await result

    def handler(unit: Any) -> Any:
        result = function(Unit(unit))
        return wait(result) if isawaitable(result) else None

    return handler


def _pairs(iterator: Any) -> Iterator[tuple[str, str]]:
    return iter([(str(name), str(value)) for name, value in js.Array.from_(iterator)])


def _theirs(name: str) -> str:
    return "namespaceURI" if snake(name) == "namespace_uri" else camel(name)


def _call(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except JsException as error:
        raise _ours(error) from error


def _ours(error: JsException) -> WebTypeError:
    return WebTypeError(text_of(error)[1])
