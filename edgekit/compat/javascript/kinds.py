"""The kinds of proxies that `pyodide.ffi` has names for: for `isinstance`, and for annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit.compat.javascript.arrays import JsBuffer as JsBuffer
from edgekit.compat.javascript.arrays import TypedArray as JsTypedArray
from edgekit.compat.javascript.maps import Map as JsMap
from edgekit.compat.javascript.promises import _Then
from edgekit.compat.javascript.proxies import JsDoubleProxy
from edgekit.compat.javascript.proxy import JsType, is_js
from edgekit.compat.javascript.values import Array as JsArray
from edgekit.compat.javascript.values import Iterated as JsIterator


class _Kind(type):
    """A kind: whatever its test says is one."""

    _test: Callable[[Any], bool]

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls._test(instance)

    def __getitem__(cls, parameters: Any) -> Any:
        return cls


def _kind(name: str, test: Callable[[Any], bool]) -> Any:
    return _Kind(name, (), {"_test": staticmethod(test), "__doc__": f"`pyodide.ffi.{name}`."})


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda value: is_js(value) and all(hasattr(value, name) for name in names)


JsPromise = _kind("JsPromise", lambda value: isinstance(value, _Then))
JsCallable = _kind(
    "JsCallable", lambda value: (is_js(value) and callable(value)) or isinstance(value, JsType)
)
JsCallableDoubleProxy = _kind(
    "JsCallableDoubleProxy",
    lambda value: isinstance(value, JsDoubleProxy) and callable(value.unwrap()),
)
JsClass = _kind("JsClass", lambda value: isinstance(value, JsType))
JsIterable = _kind("JsIterable", _has("__iter__"))
JsGenerator = _kind("JsGenerator", lambda value: isinstance(value, JsIterator))
JsAsyncIterable = _kind("JsAsyncIterable", _has("__aiter__"))
JsAsyncIterator = _kind("JsAsyncIterator", _has("__anext__"))
JsAsyncGenerator = _kind("JsAsyncGenerator", _has("__anext__"))
JsMutableMap = _kind("JsMutableMap", _has("get", "has", "set", "delete"))
JsFetchResponse = _kind("JsFetchResponse", _has("status", "headers", "arrayBuffer"))
JsDomElement = _kind("JsDomElement", lambda value: False)
JsWeakRef = _kind("JsWeakRef", _has("deref"))

__all__ = ["JsArray", "JsBuffer", "JsIterator", "JsMap", "JsTypedArray"]
