"""The global scope of JavaScript's side: every name that the module `js` has, and what none can have.

A name is looked up when it is asked for, so a project pays for what it uses. `HOMES` says where each
lives; `REFUSED` why it cannot be here.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from edgekit.compat.names import JS_NAMES, REFUSED
from edgekit.errors import UnsupportedError

_HERE = "edgekit.compat.javascript."

# Name in `js` -> module, and the name there where it is another.
_HOMES: dict[str, str] = {
    "arrays": "ArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array "
    "Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array",
    "caches": "caches CacheStorage Cache",
    "console": "console",
    "crypto": "crypto Crypto SubtleCrypto CryptoKey",
    "dates": "Date",
    "errors": "Error AggregateError DOMException EvalError RangeError TypeError:TypeError_ "
    "SyntaxError:SyntaxError_ ReferenceError:ReferenceError_ URIError",
    "events": "Event EventTarget CustomEvent AbortController AbortSignal",
    "jsontext": "JSON",
    "misc": "String Symbol Reflect WeakMap WeakSet WeakRef Intl fetch structuredClone performance "
    "scheduler navigator reportError HTMLRewriter addEventListener Function",
    "numbers": "Math Number Boolean BigInt isNaN isFinite",
    "promises": "Promise",
    "regexp": "RegExp",
    "sockets": "WebSocket WebSocketPair MessageEvent CloseEvent ErrorEvent",
    "maps": "Map Set",
    "streams": "ReadableStream WritableStream ReadableStreamDefaultReader:Reader "
    "WritableStreamDefaultWriter:Writer",
    "transforms": "TransformStream IdentityTransformStream FixedLengthStream TextEncoderStream "
    "TextDecoderStream CompressionStream DecompressionStream ByteLengthQueuingStrategy "
    "CountQueuingStrategy",
    "text": "TextEncoder TextDecoder atob btoa encodeURI encodeURIComponent decodeURI "
    "decodeURIComponent parseInt parseFloat",
    "timers": "setTimeout clearTimeout setInterval clearInterval queueMicrotask setImmediate "
    "clearImmediate",
    "urlpattern": "URLPattern",
    "values": "Object Array",
    "web": "Headers Request Response URL URLSearchParams FormData Blob File",
}
HOMES: dict[str, tuple[str, str]] = {}
for _module, _names in _HOMES.items():
    for _entry in _names.split():
        _name, _, _other = _entry.partition(":")
        HOMES[_name] = (_module, _other or _name)

_FUNCTIONS = frozenset({"errors", "text", "timers", "misc", "numbers"})


class Missing(UnsupportedError, AttributeError):
    """A name that `js` has elsewhere; an AttributeError for code that tries what there is."""


class Scope:
    """What `js.globalThis`, `js.self` and `js` itself have."""

    def lookup(self, name: str) -> Any:
        """The value of a name; AttributeError where JavaScript has none, with the reason where it has."""
        if name in ("globalThis", "self"):
            return self
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        home = HOMES.get(name)
        if home is None:
            if name in REFUSED:
                raise Missing(f"js.{name}: {REFUSED[name]}", name=name, obj=self)
            raise AttributeError(name, name=name, obj=self)
        value = getattr(import_module(_HERE + home[0]), home[1])
        if home[0] in _FUNCTIONS and callable(value) and not isinstance(value, type):
            from edgekit.compat.javascript.proxy import Function

            if not hasattr(value, "typeof"):
                value = Function(value, name)
        return value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        value = self.__dict__[name] = self.lookup(name)
        return value

    def __dir__(self) -> list[str]:
        return sorted(JS_NAMES)

    def __repr__(self) -> str:
        return "[object ServiceWorkerGlobalScope]"


_CONSTANTS: dict[str, Any] = {"undefined": None, "NaN": math.nan, "Infinity": math.inf}
