"""edgekit: Workers-style `fetch(request, env)` handlers on any ASGI server.

The public names, loaded when first asked for. What stands in `__all__` is the contract.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.app import App as App
    from edgekit.app import Next as Next
    from edgekit.bindings.fetcher import Fetcher as Fetcher
    from edgekit.bindings.kv import KVListResult as KVListResult
    from edgekit.bindings.kv import KVNamespace as KVNamespace
    from edgekit.bindings.scheduled import ScheduledController as ScheduledController
    from edgekit.client import fetch as fetch
    from edgekit.context import ExecutionContext as ExecutionContext
    from edgekit.entrypoints import WorkerEntrypoint as WorkerEntrypoint
    from edgekit.env import Env as Env
    from edgekit.errors import BindingError as BindingError
    from edgekit.errors import BodyUsedError as BodyUsedError
    from edgekit.errors import ConfigError as ConfigError
    from edgekit.errors import EdgekitError as EdgekitError
    from edgekit.errors import FetchError as FetchError
    from edgekit.errors import HTTPError as HTTPError
    from edgekit.errors import UnsupportedError as UnsupportedError
    from edgekit.runtime.middleware import EdgeMiddleware as EdgeMiddleware
    from edgekit.web.abort import AbortController as AbortController
    from edgekit.web.abort import AbortSignal as AbortSignal
    from edgekit.web.blob import Blob as Blob
    from edgekit.web.blob import File as File
    from edgekit.web.formdata import FormData as FormData
    from edgekit.web.headers import Headers as Headers
    from edgekit.web.request import Request as Request
    from edgekit.web.response import Response as Response
    from edgekit.web.streams import ReadableStream as ReadableStream
    from edgekit.web.url import URL as URL
    from edgekit.web.url import URLSearchParams as URLSearchParams
    from edgekit.web.websocket import WebSocket as WebSocket
    from edgekit.web.websocket import WebSocketPair as WebSocketPair
    from edgekit.worker import Worker as Worker
    from edgekit.worker import worker as worker

_HOME = {
    "AbortController": "edgekit.web.abort",
    "AbortSignal": "edgekit.web.abort",
    "App": "edgekit.app",
    "BindingError": "edgekit.errors",
    "Blob": "edgekit.web.blob",
    "BodyUsedError": "edgekit.errors",
    "ConfigError": "edgekit.errors",
    "EdgeMiddleware": "edgekit.runtime.middleware",
    "EdgekitError": "edgekit.errors",
    "Env": "edgekit.env",
    "ExecutionContext": "edgekit.context",
    "Fetcher": "edgekit.bindings.fetcher",
    "FetchError": "edgekit.errors",
    "File": "edgekit.web.blob",
    "FormData": "edgekit.web.formdata",
    "HTTPError": "edgekit.errors",
    "Headers": "edgekit.web.headers",
    "KVListResult": "edgekit.bindings.kv",
    "KVNamespace": "edgekit.bindings.kv",
    "Next": "edgekit.app",
    "ReadableStream": "edgekit.web.streams",
    "Request": "edgekit.web.request",
    "Response": "edgekit.web.response",
    "ScheduledController": "edgekit.bindings.scheduled",
    "URL": "edgekit.web.url",
    "URLSearchParams": "edgekit.web.url",
    "UnsupportedError": "edgekit.errors",
    "WebSocket": "edgekit.web.websocket",
    "WebSocketPair": "edgekit.web.websocket",
    "Worker": "edgekit.worker",
    "WorkerEntrypoint": "edgekit.entrypoints",
    "fetch": "edgekit.client",
    "worker": "edgekit.worker",
}

__all__ = sorted(_HOME)
if sys.platform == "emscripten":  # real Workers
    _HOME |= {
        "WorkerEntrypoint": "edgekit.on_workers.entry",
        "fetch": "edgekit.on_workers.client",
    }


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'edgekit' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


class _Edgekit(ModuleType):
    # `worker` is a public name and a module too. Whoever first imports the module, Python sets this
    # attribute to it, and `from edgekit import App, worker` would get the module.
    @property
    def worker(self) -> Any:
        return import_module("edgekit.worker").worker

    @worker.setter
    def worker(self, module: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Edgekit
