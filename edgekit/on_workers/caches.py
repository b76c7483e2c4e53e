"""The Cache API on real Workers: the platform's own caches."""

from __future__ import annotations

from typing import Any

import js

from edgekit.errors import CacheTypeError
from edgekit.on_workers.calls import Errors
from edgekit.on_workers.convert import is_null
from edgekit.on_workers.http import JsResponse, request_into_js, response_into_js
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled, options

_ERRORS = Errors(CacheTypeError)


class Cache(Spelled):
    """One of the platform's caches; see `edgekit.bindings.cache.Cache`."""

    def __init__(self, cache: Any) -> None:
        self._js = cache

    @options
    async def match(self, request: Any, *, ignore_method: bool = False) -> Response | None:
        found = await _ERRORS.of(self._js.match(_key(request), ignoreMethod=bool(ignore_method)))
        return None if is_null(found) else JsResponse(found)

    async def put(self, request: Any, response: Response) -> None:
        await _ERRORS.of(self._js.put(_key(request), response_into_js(response)))

    @options
    async def delete(self, request: Any, *, ignore_method: bool = False) -> bool:
        removed = self._js.delete(_key(request), ignoreMethod=bool(ignore_method))
        return bool(await _ERRORS.of(removed))


class CacheStorage:
    """`caches`."""

    @property
    def default(self) -> Cache:
        return Cache(js.caches.default)

    async def open(self, name: str) -> Cache:
        return Cache(await _ERRORS.of(js.caches.open(name)))


caches = CacheStorage()


def _key(request: Any) -> Any:
    return request_into_js(request) if isinstance(request, Request) else str(request)
