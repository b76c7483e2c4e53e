"""Sync HTTP clients in async handlers: urllib3, requests, which is built on it, and `urlopen`.

On Workers a blocking call of theirs suspends its request. Here their connections do the blocking work
in a thread while the handler's greenlet waits, so that other requests go on. That is done once a
project uses one of them, through the places where they let others put their own connections. Outside
of a project's handlers they work as ever.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeVar

from edgekit.compat import greenlets
from edgekit.errors import ConfigError

logger = logging.getLogger(__name__)

T = TypeVar("T")


def in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call a function that blocks, without blocking the event loop where that can be."""
    if greenlets.waiting() is None:
        return function(*args, **kwargs)
    return greenlets.run_sync(asyncio.to_thread(function, *args, **kwargs))


class _File:
    """What a response is read from."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, name)
        if not name.startswith("read"):
            return found

        def read(*args: Any) -> Any:
            return in_thread(found, *args)

        return read


def _connection(base: Any) -> Any:
    class Connection(base):  # type: ignore[misc]
        def connect(self) -> None:
            in_thread(super().connect)

        def request(self, *args: Any, **kwargs: Any) -> None:
            in_thread(super().request, *args, **kwargs)

        def getresponse(self) -> Any:
            response = in_thread(super().getresponse)
            original = getattr(response, "_original_response", response)
            if original is not None and original.fp is not None:
                original.fp = _File(original.fp)
            return response

    Connection.__name__ = base.__name__
    return Connection


_MODULE = "urllib3.connectionpool"
_POOLS = ("HTTPConnectionPool", "HTTPSConnectionPool")


class Clients:
    """A finder for `sys.meta_path` that adapts urllib3 when it is imported."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def begin(self) -> None:
        """From now on, adapt what is imported, or has been."""
        if (pools := sys.modules.get(_MODULE)) is not None:
            self.adapt(pools)
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that others find, with `adapt` behind it."""
        if name != _MODULE:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Adapting(spec.loader, self.adapt)
        return spec

    def adapt(self, pools: ModuleType) -> None:
        """Put our connections into urllib3's pools."""
        if not _enabled("urllib3"):
            return
        for name in _POOLS:
            pool = getattr(pools, name)
            self._undo.append(partial(setattr, pool, "ConnectionCls", pool.ConnectionCls))
            pool.ConnectionCls = _connection(pool.ConnectionCls)

    def adapt_urlopen(self) -> None:
        """Let `urlopen` open our connections; it has an opener of its own for that."""
        import http.client
        import urllib.request

        plain, secure = map(_connection, (http.client.HTTPConnection, http.client.HTTPSConnection))

        class HTTPHandler(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(plain, request)

        class HTTPSHandler(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(secure, request)

        if not _enabled("urlopen"):
            return
        before = urllib.request._opener  # type: ignore[attr-defined]
        self._undo.append(partial(urllib.request.install_opener, before))
        opener = urllib.request.build_opener(HTTPHandler, HTTPSHandler)
        urllib.request.install_opener(opener)

    def remove(self) -> None:
        """Give everybody their own connections back."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        while self._undo:
            self._undo.pop()()


def _enabled(what: str) -> bool:
    try:
        greenlets.enable()
    except ConfigError as error:
        logger.warning("%s will stop other requests while it waits: %s", what, error)
        return False
    return True


class _Adapting(Loader):
    def __init__(self, loader: Loader, adapt: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._adapt = adapt

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._adapt(module)
