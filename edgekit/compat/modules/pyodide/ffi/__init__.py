"""`pyodide.ffi`: between Python and JavaScript's side, see `edgekit/compat/javascript/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit.compat.javascript.convert import to_js as to_js
from edgekit.compat.javascript.errors import JsException as JsException
from edgekit.compat.javascript.kinds import JsArray as JsArray
from edgekit.compat.javascript.kinds import JsAsyncGenerator as JsAsyncGenerator
from edgekit.compat.javascript.kinds import JsAsyncIterable as JsAsyncIterable
from edgekit.compat.javascript.kinds import JsAsyncIterator as JsAsyncIterator
from edgekit.compat.javascript.kinds import JsBuffer as JsBuffer
from edgekit.compat.javascript.kinds import JsCallable as JsCallable
from edgekit.compat.javascript.kinds import JsCallableDoubleProxy as JsCallableDoubleProxy
from edgekit.compat.javascript.kinds import JsClass as JsClass
from edgekit.compat.javascript.kinds import JsDomElement as JsDomElement
from edgekit.compat.javascript.kinds import JsFetchResponse as JsFetchResponse
from edgekit.compat.javascript.kinds import JsGenerator as JsGenerator
from edgekit.compat.javascript.kinds import JsIterable as JsIterable
from edgekit.compat.javascript.kinds import JsIterator as JsIterator
from edgekit.compat.javascript.kinds import JsMap as JsMap
from edgekit.compat.javascript.kinds import JsMutableMap as JsMutableMap
from edgekit.compat.javascript.kinds import JsPromise as JsPromise
from edgekit.compat.javascript.kinds import JsTypedArray as JsTypedArray
from edgekit.compat.javascript.kinds import JsWeakRef as JsWeakRef
from edgekit.compat.javascript.proxies import ConversionError as ConversionError
from edgekit.compat.javascript.proxies import InternalError as InternalError
from edgekit.compat.javascript.proxies import JsDoubleProxy as JsDoubleProxy
from edgekit.compat.javascript.proxies import JsOnceCallable as JsOnceCallable
from edgekit.compat.javascript.proxies import create_once_callable as create_once_callable
from edgekit.compat.javascript.proxies import create_proxy as create_proxy
from edgekit.compat.javascript.proxies import destroy_proxies as destroy_proxies
from edgekit.compat.javascript.proxy import JsNull as JsNull
from edgekit.compat.javascript.proxy import JsProxy as JsProxy
from edgekit.compat.javascript.proxy import jsnull as jsnull
from edgekit.errors import UnsupportedError as _UnsupportedError

ToJsConverter = Callable[..., Any]


def register_js_module(name: str, module: Any) -> None:
    """Refused: there is no JavaScript engine whose modules Python could import."""
    raise _UnsupportedError(f"pyodide.ffi.register_js_module({name!r}): write the module in Python")


def unregister_js_module(name: str) -> None:
    """Refused, as `register_js_module`."""
    raise _UnsupportedError(f"pyodide.ffi.unregister_js_module({name!r}): there is none")


def __getattr__(name: str) -> Any:
    # Whoever has `run_sync` makes every request pay a little for it; so only who asks for it.
    if name in ("run_sync", "can_run_sync"):
        from edgekit.compat import greenlets

        if name == "run_sync":
            greenlets.enable()
        value = globals()[name] = getattr(greenlets, name)
        return value
    raise AttributeError(f"module 'pyodide.ffi' has no attribute {name!r}", name=name)
