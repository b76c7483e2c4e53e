"""Services, assets and RPC on real Workers; see edgekit.bindings.fetcher and .services, the contract.

The platform carries a call: it copies what is data, and passes functions and RpcTargets by reference.
Here Python's values become JavaScript's before, and Python's again after. What a Worker in another
language raises is a JavaScript error: a TypeError, a ValueError for a RangeError, else a ServiceError.
"""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy

from edgekit.errors import DataCloneError, ServiceError, ServiceTypeError, WebSyntaxError
from edgekit.on_workers.client import fetch_from
from edgekit.on_workers.convert import CLASSES, INTO, arrived, call, from_js, into_js, text_of
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled, options
from edgekit.web.url import URL

# How Python's errors arrive that a Python Worker has raised.
_PYTHON = re.compile(r"^(?:[a-z_.]+\.)?(\w+): (.*)\Z", re.MULTILINE | re.DOTALL)
_MISSING = ("The RPC receiver does not implement", "Method ")


class RpcTarget:
    """See edgekit.bindings.services.RpcTarget."""


def remote(error: JsException) -> Exception:
    """What a call raises here that the other side has answered with this error."""
    name, message = text_of(error)
    made: Exception
    if name == "PythonError":
        found = _PYTHON.match(message.rstrip().rpartition("\n")[2])
        kind = getattr(builtins, found[1], None) if found else None
        if found and isinstance(kind, type) and issubclass(kind, Exception):
            name, message = found[1], found[2]
    if name == "DataCloneError":
        made = DataCloneError(message)
    elif name == "TypeError":
        ours = message.startswith(_MISSING) or "reserved method" in message
        made = ServiceTypeError(message) if ours else TypeError(message)
    elif name == "RangeError":
        made = ValueError(message)
    elif name == "SyntaxError":
        made = WebSyntaxError(message)
    elif isinstance(kind := getattr(builtins, name, None), type) and issubclass(kind, Exception):
        made = kind(message)
    else:
        made = ServiceError(message)
    made.remote = True  # type: ignore[attr-defined]
    return made


class Fetcher(Spelled):
    """See edgekit.bindings.fetcher.Fetcher."""

    binding_kind = "services"

    def __init__(self, fetcher: Any) -> None:
        self._js = fetcher

    async def fetch(
        self, input: Request | str | URL, init: Mapping[str, Any] | None = None, **options: Any
    ) -> Response:
        return await fetch_from(self._js.fetch, input, init, options, failed=remote)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        return partial(_remote_method, self._js, name)

    def _to_js(self) -> Any:
        return self._js


class Export(Fetcher):
    """`ctx.exports.Name`, and with props `ctx.exports.Name(props=...)`."""

    @options
    def __call__(self, *, props: Mapping[str, Any] | None = None) -> Fetcher:
        return Fetcher(self._js(into_js({"props": dict(props or {})})))


class Exports:
    """`ctx.exports`: this Worker's own entrypoints as services."""

    def __init__(self, exports: Any) -> None:
        self._js = exports

    def __getattr__(self, name: str) -> Export:
        if name not in self:
            there = ", ".join(self)
            raise AttributeError(
                f"ctx.exports has no {name!r}; it has: {there}", name=name, obj=self
            )
        return Export(getattr(self._js, name))

    def __getitem__(self, name: str) -> Export:
        if name not in self:
            raise KeyError(name)
        return Export(getattr(self._js, name))

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __iter__(self) -> Any:
        return iter(list(js.Object.keys(self._js)))

    def __dir__(self) -> list[str]:
        return list(self)


class RpcStub:
    """A function or RpcTarget of another Worker: call it, or its methods, and await the result."""

    def __init__(self, target: Any) -> None:
        self._js = target

    def dup(self) -> RpcStub:
        return RpcStub(self._js.dup())

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = into_js(list(_given(args, kwargs)))
        return await _called(lambda: js.Reflect.apply(self._js, None, given))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        return partial(_remote_method, self._js, name)

    def _to_js(self) -> Any:
        return self._js


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    return (*args, kwargs) if kwargs else args


async def _remote_method(target: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
    return await _called(lambda: call(target, name, *_given(args, kwargs)))


async def _called(start: Callable[[], Any]) -> Any:
    try:
        result = start()
        return from_js(await result if hasattr(result, "then") else result)
    except JsException as error:
        raise remote(error) from error


# What others may call here ----------------------------------------------------------------------------


def offered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function or method as JavaScript may call it."""

    async def called(*args: Any) -> Any:
        value = function(*map(arrived, args))
        return into_js(await value if inspect.isawaitable(value) else value)

    return called


def _target_into_js(target: RpcTarget) -> Any:
    """An object of the platform's RpcTarget whose methods are those of `target`.

    The platform lets others call what is on an object's prototype, not what is on the object.
    """
    base = _platform().RpcTarget
    prototype = js.Object.create(base.prototype)
    for name in dir(type(target)):
        if not name.startswith("_") and callable(method := getattr(target, name)):
            setattr(prototype, name, create_proxy(offered(method)))
    made = js.Reflect.construct(base, js.Array.new())
    js.Object.setPrototypeOf(made, prototype)
    return made


def _platform() -> Any:
    from workers import import_from_javascript

    return import_from_javascript("cloudflare:workers")


def _function_into_js(function: Any) -> Any:
    return create_proxy(offered(function))


INTO[RpcTarget] = _target_into_js
INTO[type(_given)] = INTO[type(RpcStub(None).dup)] = INTO[partial] = _function_into_js
for _name in ("Function", "AsyncFunction", "RpcStub", "RpcPromise", "RpcProperty"):
    CLASSES[_name] = RpcStub
CLASSES["Fetcher"] = Fetcher
