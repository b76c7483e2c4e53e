"""What Python hands to JavaScript: `create_proxy`, `create_once_callable`, `destroy_proxies`.

With no JavaScript there is nothing to keep alive, so a proxy is the Python object behind one more
name. That it cannot be used once it was destroyed is kept, for code that would break there.
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import isawaitable
from typing import Any

from edgekit.compat.javascript import late
from edgekit.compat.javascript.errors import JsException
from edgekit.compat.javascript.proxy import Function, JsProxy, missing

_DESTROYED = "Object has already been destroyed"


class ConversionError(Exception):
    """`to_js` was told not to make proxies and met what has no other form."""


class InternalError(Exception):
    """An error within Pyodide; never raised here."""


class JsDoubleProxy(JsProxy):
    """A Python object as JavaScript holds it: its attributes, and calls, are the object's."""

    __slots__ = ("_held",)

    def __init__(self, value: Any, captures_this: bool = False, roundtrip: bool = True) -> None:
        self._held: list[Any] = [value]

    def unwrap(self) -> Any:
        """The object itself."""
        if not self._held:
            raise JsException("Error", _DESTROYED)
        return self._held[0]

    def destroy(self) -> None:
        """Let go of the object; using the proxy from now on is an error."""
        self._held.clear()

    def copy(self) -> JsDoubleProxy:
        """Another proxy of the object, with a life of its own."""
        return JsDoubleProxy(self.unwrap())

    def getBuffer(self, kind: str | None = None) -> Any:
        """The object's memory as `{data, release()}`, for objects that have some."""
        array = late.convert.to_js(memoryview(self.unwrap()))
        return late.values.Object.over(
            {
                "data": array,
                "byteLength": array.byteLength,
                "release": Function(lambda: None, "release"),
            }
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.unwrap()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_held":
            missing(self, name)
        return getattr(self.unwrap(), name)

    def __iter__(self) -> Any:
        return iter(self.unwrap())

    def __getitem__(self, key: Any) -> Any:
        return self.unwrap()[key]

    def __len__(self) -> int:
        return len(self.unwrap())

    def __bool__(self) -> bool:
        return True

    def toString(self) -> str:
        return str(self.unwrap())

    def _to_edgekit(self) -> Any:
        return late.convert.native(self.unwrap())


class _Awaitable(JsDoubleProxy):
    """A proxy of a coroutine or another awaitable, which JavaScript takes for a promise."""

    __slots__ = ()

    def __await__(self) -> Any:
        return self.unwrap().__await__()


class JsOnceCallable(JsDoubleProxy):
    """A function that can be called once."""

    __slots__ = ("_called",)

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._called = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._called or not self._held:
            raise JsException("Error", "OnceProxy can only be called once")
        self._called = True
        function = self.unwrap()
        self.destroy()
        return function(*args, **kwargs)

    def _to_edgekit(self) -> Any:
        return self


def create_proxy(
    value: Any, /, *, capture_this: bool = False, roundtrip: bool = True
) -> JsDoubleProxy:
    """A proxy of a Python object that lives until `destroy()`."""
    return _Awaitable(value) if isawaitable(value) else JsDoubleProxy(value)


def create_once_callable(function: Any, /, *, _may_syncify: bool = False) -> JsOnceCallable:
    """A proxy of a function that is destroyed by its first call."""
    return JsOnceCallable(function)


def destroy_proxies(proxies: Iterable[Any], /) -> None:
    """Destroy each of them."""
    for proxy in proxies:
        if isinstance(proxy, JsDoubleProxy):
            proxy.destroy()
