"""KV on real Workers; see edgekit.bindings.kv, whose docstrings are the contract."""

from __future__ import annotations

import asyncio
from typing import Any

from pyodide.ffi import to_js

from edgekit.bindings.results import KVListKey, KVListResult, KVValue
from edgekit.errors import KVError, KVTypeError
from edgekit.on_workers.calls import Errors, data, given
from edgekit.on_workers.convert import from_js, is_null, jsnull
from edgekit.web.spelling import Spelled, options

_ERRORS = Errors(KVError, TypeError=KVTypeError)


class KVNamespace(Spelled):
    """See edgekit.bindings.kv.KVNamespace."""

    binding_kind = "kv_namespaces"

    def __init__(self, namespace: Any) -> None:
        self._js = namespace

    @options
    async def get(self, key: Any, type: Any = "text", *, cache_ttl: Any = None) -> Any:
        if isinstance(key, list | tuple):
            if jsnull is None:  # Workers of that time read one key at a time
                each = [self.get(name, type, cache_ttl=cache_ttl) for name in key]
                return dict(zip(key, await asyncio.gather(*each), strict=True))
            found = await self._read("get", to_js(list(key)), type, cache_ttl)
            return {name: from_js(value) for name, value in found.items()}
        if cache_ttl is None and type == "text":
            found = await _ERRORS.of(self._js.get(key))
            return None if is_null(found) else found
        return from_js(await self._read("get", key, type, cache_ttl))

    @options
    async def get_with_metadata(
        self, key: Any, type: Any = "text", *, cache_ttl: Any = None
    ) -> Any:
        if isinstance(key, list | tuple):
            if jsnull is None:
                each = [self.get_with_metadata(name, type, cache_ttl=cache_ttl) for name in key]
                return dict(zip(key, await asyncio.gather(*each), strict=True))
            found = await self._read("getWithMetadata", to_js(list(key)), type, cache_ttl)
            return {
                name: None if is_null(each) else _with_metadata(each, bulk=True)
                for name, each in found.items()
            }
        return _with_metadata(await self._read("getWithMetadata", key, type, cache_ttl))

    async def _read(self, method: str, key: Any, type: Any, cache_ttl: Any) -> Any:
        type = {"bytes": "arrayBuffer"}.get(type, type)
        promise = getattr(self._js, method)(key, given(type=type, cache_ttl=cache_ttl))
        return await _ERRORS.of(promise)

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
        stored = given(expiration=expiration, expiration_ttl=expiration_ttl, metadata=metadata)
        await _ERRORS.of(self._js.put(key, data(value), stored))

    async def delete(self, key: str) -> None:
        await _ERRORS.of(self._js.delete(key))

    @options
    async def list(self, *, prefix: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        asked = given(prefix=prefix, limit=limit, cursor=cursor)
        page = from_js(await _ERRORS.of(self._js.list(asked)))
        return KVListResult({**page, "keys": [KVListKey(key) for key in page["keys"]]})


def _with_metadata(found: Any, *, bulk: bool = False) -> KVValue[Any]:
    made: KVValue[Any] = KVValue(value=from_js(found.value), metadata=from_js(found.metadata))
    if not bulk:
        made["cacheStatus"] = from_js(found.cacheStatus)
    return made
