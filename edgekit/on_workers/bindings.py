"""The platform's bindings in the words that edgekit's own have: the same calls, results and errors.

Each class here has one in `edgekit.bindings`, whose docstrings are the contract; what is kept there in
an engine, the platform's object does here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pyodide.ffi import JsException, to_js

from edgekit.bindings.kv import KVListKey, KVListResult, KVValue
from edgekit.errors import BindingError, KVError, KVTypeError, WebSyntaxError
from edgekit.on_workers.client import fetch_from
from edgekit.on_workers.convert import call, from_js, into_js, is_null, kind_of, text_of
from edgekit.on_workers.http import stream_into_js
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled, camel, options
from edgekit.web.streams import ReadableStream
from edgekit.web.url import URL

_STATUS = re.compile(r"failed: (\d{3})\b")


async def _made(
    promise: Any, error: type[BindingError], type_error: type[BindingError] | None = None
) -> Any:
    """What a call comes to; its errors as the binding's."""
    try:
        return await promise
    except JsException as failed:
        raise _error(failed, error, type_error) from failed


def _error(
    failed: JsException, error: type[BindingError], type_error: type[BindingError] | None = None
) -> Exception:
    name, message = text_of(failed)
    if name == "SyntaxError":
        return WebSyntaxError(message)
    status = _STATUS.search(message)
    kind = type_error if name == "TypeError" and type_error is not None else error
    return kind(message, code=int(status[1]) if status else None)


def _options(**given: Any) -> Any:
    """The options that are not None, as JavaScript's object; undefined where there are none."""
    found = {camel(name): value for name, value in given.items() if value is not None}
    return into_js(found) if found else None


def _data(value: Any) -> Any:
    """A value to be stored: text, bytes or a stream."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return to_js(bytes(value))
    if hasattr(value, "__aiter__") or hasattr(value, "__next__"):
        value = value if isinstance(value, ReadableStream) else ReadableStream(value)
    return stream_into_js(value) if isinstance(value, ReadableStream) else into_js(value)


class KVNamespace(Spelled):
    """See edgekit.bindings.kv.KVNamespace."""

    binding_kind = "kv_namespaces"

    def __init__(self, namespace: Any) -> None:
        self._js = namespace

    @options
    async def get(self, key: Any, type: Any = "text", *, cache_ttl: Any = None) -> Any:
        if isinstance(key, list | tuple):
            found = await self._read("get", to_js(list(key)), type, cache_ttl)
            return {name: from_js(value) for name, value in found.items()}
        if cache_ttl is None and type == "text":
            found = await _made(self._js.get(key), KVError, KVTypeError)
            return None if is_null(found) else found
        return _value(await self._read("get", key, type, cache_ttl))

    @options
    async def get_with_metadata(
        self, key: Any, type: Any = "text", *, cache_ttl: Any = None
    ) -> Any:
        if isinstance(key, list | tuple):
            found = await self._read("getWithMetadata", to_js(list(key)), type, cache_ttl)
            return {
                name: None if is_null(each) else _with_metadata(each, bulk=True)
                for name, each in found.items()
            }
        return _with_metadata(await self._read("getWithMetadata", key, type, cache_ttl))

    async def _read(self, method: str, key: Any, type: Any, cache_ttl: Any) -> Any:
        type = {"bytes": "arrayBuffer"}.get(type, type)
        promise = getattr(self._js, method)(key, _options(type=type, cache_ttl=cache_ttl))
        return await _made(promise, KVError, KVTypeError)

    @options
    async def put(
        self,
        key: str,
        value: Any,
        *,
        expiration: Any = None,
        expiration_ttl: Any = None,
        metadata: Any = None,
    ) -> None:
        given = _options(expiration=expiration, expiration_ttl=expiration_ttl, metadata=metadata)
        await _made(self._js.put(key, _data(value), given), KVError, KVTypeError)

    async def delete(self, key: str) -> None:
        await _made(self._js.delete(key), KVError, KVTypeError)

    @options
    async def list(self, *, prefix: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        given = _options(prefix=prefix, limit=limit, cursor=cursor)
        page = from_js(await _made(self._js.list(given), KVError, KVTypeError))
        return KVListResult({**page, "keys": [KVListKey(key) for key in page["keys"]]})


def _value(found: Any) -> Any:
    return from_js(found)


def _with_metadata(found: Any, *, bulk: bool = False) -> KVValue[Any]:
    made: KVValue[Any] = KVValue(value=_value(found.value), metadata=from_js(found.metadata))
    if not bulk:
        made["cacheStatus"] = from_js(found.cacheStatus)
    return made


class Fetcher(Spelled):
    """See edgekit.bindings.fetcher.Fetcher."""

    binding_kind = "services"

    def __init__(self, fetcher: Any) -> None:
        self._js = fetcher

    async def fetch(
        self, input: Request | str | URL, init: Mapping[str, Any] | None = None, **options: Any
    ) -> Response:
        return await fetch_from(self._js.fetch, input, init, options)


class Other:
    """A binding without a class of its own: methods by either spelling, options last."""

    def __init__(self, target: Any) -> None:
        self._js = target

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._js, camel(name), None)
        if found is None:
            raise AttributeError(f"{kind_of(self._js)} has no {name!r}", name=name, obj=self)
        if not callable(found):
            return from_js(found)

        def method(*args: Any, **given: Any) -> Any:
            if given:
                args = (*args, {camel(key): value for key, value in given.items()})
            result = call(self._js, camel(name), *args)
            return _later(result) if hasattr(result, "then") else from_js(result)

        return method


async def _later(promise: Awaitable[Any]) -> Any:
    return from_js(await _made(promise, BindingError))


_WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "kv_namespaces": KVNamespace,
    "services": Fetcher,
    "assets": Fetcher,
}
# The platform's classes, for bindings that no Env class declares.
_KINDS = {
    "KvNamespace": "kv_namespaces",
    "Fetcher": "services",
}


def wrap(value: Any, kind: str | None) -> Any:
    """What stands in env under a name: a binding (of a declared kind, if one is) or a variable."""
    name = kind_of(value) if hasattr(value, "constructor") else ""
    make = _WRAPPERS.get(kind or _KINDS.get(name, ""))
    if make is not None and name not in ("", "Object", "Array"):
        return make(value)
    return from_js(value) if name in ("", "Object", "Array") else Other(value)


def event_subject(kind: str, subject: Any) -> Any:
    """What a handler of such an event is given."""
    return Other(subject)
