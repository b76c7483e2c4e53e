"""`js.caches`: the Cache API as JavaScript's side shows it."""

from __future__ import annotations

from typing import Any

from edgekit.bindings import cache
from edgekit.compat.javascript.convert import view
from edgekit.compat.javascript.errors import rethrow
from edgekit.compat.javascript.promises import promise
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import string
from edgekit.compat.javascript.views import View


class Cache(View, of=cache.Cache, methods="match put delete"):
    """A cache: `match`, `put`, `delete`."""

    __slots__ = ()


class CacheStorage(JsProxy):
    """`caches.default`, `caches.open(name)`."""

    @property
    def default(self) -> Any:
        return view(cache.caches.default)

    def open(self, name: Any) -> Any:
        """A promise of the cache of that name."""

        async def wait() -> Any:
            try:
                return view(await cache.caches.open(string(name)))
            except Exception as error:
                rethrow(error)

        return promise(wait())


caches = CacheStorage()
