"""The names that the module `js` has here, and those that it cannot have, with the reason.

For whoever looks at a project's code before it runs. Nothing of JavaScript's side is imported.
"""

from __future__ import annotations

JS_NAMES: frozenset[str] = frozenset(
    """
    AbortController AbortSignal AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array
    Blob Boolean ByteLengthQueuingStrategy Cache CacheStorage CloseEvent CompressionStream
    CountQueuingStrategy Crypto CryptoKey CustomEvent DOMException DataView Date DecompressionStream
    Error ErrorEvent EvalError Event EventTarget File FixedLengthStream Float32Array Float64Array
    FormData Function HTMLRewriter Headers IdentityTransformStream Infinity Int16Array Int32Array
    Int8Array Intl JSON Map Math MessageEvent NaN Number Object Promise RangeError ReadableStream
    ReadableStreamDefaultReader ReferenceError Reflect RegExp Request Response Set String SubtleCrypto
    Symbol SyntaxError TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream
    TypeError URIError URL URLPattern URLSearchParams Uint16Array Uint32Array Uint8Array
    Uint8ClampedArray WeakMap WeakRef WeakSet WebSocket WebSocketPair WritableStream
    WritableStreamDefaultWriter addEventListener atob btoa caches clearImmediate clearInterval
    clearTimeout console crypto decodeURI decodeURIComponent encodeURI encodeURIComponent fetch
    globalThis isFinite isNaN navigator parseFloat parseInt performance queueMicrotask reportError
    scheduler self setImmediate setInterval setTimeout structuredClone undefined
    """.split()  # noqa: SIM905
)

_NO_ENGINE = "there is no JavaScript engine here; write it in Python"
_NO_PAGE = "it belongs to web pages; Workers do not have it either"

REFUSED: dict[str, str] = {
    "Atomics": _NO_ENGINE,
    "DurableObject": "Durable Objects come with a later edgekit",
    "EventSource": "not there yet; read the stream of a fetch()",
    "FinalizationRegistry": "there is no garbage collector to ask; use weakref.finalize",
    "MessageChannel": "not there yet; use asyncio.Queue",
    "MessagePort": "not there yet; use asyncio.Queue",
    "Proxy": _NO_ENGINE,
    "SharedArrayBuffer": "there is no memory to share with another thread; use ArrayBuffer",
    "WebAssembly": "WebAssembly does not run here; use a Python package for the same",
    "WebSocketRequestResponsePair": "Durable Objects come with a later edgekit",
    "Worker": "Workers do not have it either",
    "XMLHttpRequest": "Workers do not have it either; use fetch() or pyodide.http.pyfetch()",
    "document": _NO_PAGE,
    "eval": f"Workers forbid it, and {_NO_ENGINE}",
    "importScripts": _NO_ENGINE,
    "indexedDB": _NO_PAGE,
    "localStorage": _NO_PAGE,
    "location": _NO_PAGE,
    "process": "it is Node's; use self.env or os.environ",
    "require": "it is Node's; there is no JavaScript engine here",
    "sessionStorage": _NO_PAGE,
    "window": _NO_PAGE,
}
