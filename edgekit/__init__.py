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
    from edgekit.bindings.ai import Ai as Ai
    from edgekit.bindings.analytics import AnalyticsEngineDataset as AnalyticsEngineDataset
    from edgekit.bindings.cache import Cache as Cache
    from edgekit.bindings.cache import caches as caches
    from edgekit.bindings.d1 import D1Database as D1Database
    from edgekit.bindings.email import EmailMessage as EmailMessage
    from edgekit.bindings.email import SendEmail as SendEmail
    from edgekit.bindings.email_incoming import ForwardableEmailMessage as ForwardableEmailMessage
    from edgekit.bindings.fetcher import Fetcher as Fetcher
    from edgekit.bindings.hyperdrive import Hyperdrive as Hyperdrive
    from edgekit.bindings.kv import KVNamespace as KVNamespace
    from edgekit.bindings.queues import Message as Message
    from edgekit.bindings.queues import MessageBatch as MessageBatch
    from edgekit.bindings.queues import Queue as Queue
    from edgekit.bindings.r2 import R2Bucket as R2Bucket
    from edgekit.bindings.r2_multipart import R2MultipartUpload as R2MultipartUpload
    from edgekit.bindings.r2_object import R2Object as R2Object
    from edgekit.bindings.r2_object import R2ObjectBody as R2ObjectBody
    from edgekit.bindings.ratelimit import RateLimit as RateLimit
    from edgekit.bindings.results import KVListResult as KVListResult
    from edgekit.bindings.scheduled import ScheduledController as ScheduledController
    from edgekit.bindings.secrets_store import SecretsStoreSecret as SecretsStoreSecret
    from edgekit.bindings.services import RpcTarget as RpcTarget
    from edgekit.bindings.vectorize import Vectorize as Vectorize
    from edgekit.bindings.version import WorkerVersionMetadata as WorkerVersionMetadata
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
    from edgekit.web.html_rewriter import HTMLRewriter as HTMLRewriter
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
    "Ai": "edgekit.bindings.ai",
    "AnalyticsEngineDataset": "edgekit.bindings.analytics",
    "App": "edgekit.app",
    "BindingError": "edgekit.errors",
    "Blob": "edgekit.web.blob",
    "BodyUsedError": "edgekit.errors",
    "Cache": "edgekit.bindings.cache",
    "caches": "edgekit.bindings.cache",
    "ConfigError": "edgekit.errors",
    "EdgeMiddleware": "edgekit.runtime.middleware",
    "EdgekitError": "edgekit.errors",
    "D1Database": "edgekit.bindings.d1",
    "EmailMessage": "edgekit.bindings.email",
    "Env": "edgekit.env",
    "ExecutionContext": "edgekit.context",
    "FetchError": "edgekit.errors",
    "Fetcher": "edgekit.bindings.fetcher",
    "File": "edgekit.web.blob",
    "FormData": "edgekit.web.formdata",
    "ForwardableEmailMessage": "edgekit.bindings.email_incoming",
    "HTMLRewriter": "edgekit.web.html_rewriter",
    "HTTPError": "edgekit.errors",
    "Headers": "edgekit.web.headers",
    "Hyperdrive": "edgekit.bindings.hyperdrive",
    "KVListResult": "edgekit.bindings.results",
    "KVNamespace": "edgekit.bindings.kv",
    "Message": "edgekit.bindings.queues",
    "MessageBatch": "edgekit.bindings.queues",
    "Next": "edgekit.app",
    "Queue": "edgekit.bindings.queues",
    "R2Bucket": "edgekit.bindings.r2",
    "R2MultipartUpload": "edgekit.bindings.r2_multipart",
    "R2Object": "edgekit.bindings.r2_object",
    "R2ObjectBody": "edgekit.bindings.r2_object",
    "RateLimit": "edgekit.bindings.ratelimit",
    "ReadableStream": "edgekit.web.streams",
    "Request": "edgekit.web.request",
    "Response": "edgekit.web.response",
    "RpcTarget": "edgekit.bindings.services",
    "ScheduledController": "edgekit.bindings.scheduled",
    "SecretsStoreSecret": "edgekit.bindings.secrets_store",
    "SendEmail": "edgekit.bindings.email",
    "URL": "edgekit.web.url",
    "URLSearchParams": "edgekit.web.url",
    "UnsupportedError": "edgekit.errors",
    "Vectorize": "edgekit.bindings.vectorize",
    "WebSocket": "edgekit.web.websocket",
    "WebSocketPair": "edgekit.web.websocket",
    "Worker": "edgekit.worker",
    "WorkerEntrypoint": "edgekit.entrypoints",
    "WorkerVersionMetadata": "edgekit.bindings.version",
    "fetch": "edgekit.client",
    "worker": "edgekit.worker",
}

# Where real Workers have another class, or function, of that name: over the platform's own objects.
_ON_WORKERS = {
    "Cache": "edgekit.on_workers.caches",
    "D1Database": "edgekit.on_workers.d1",
    "Fetcher": "edgekit.on_workers.services",
    "HTMLRewriter": "edgekit.on_workers.html_rewriter",
    "KVNamespace": "edgekit.on_workers.kv",
    "Message": "edgekit.on_workers.queues",
    "MessageBatch": "edgekit.on_workers.queues",
    "Queue": "edgekit.on_workers.queues",
    "R2Bucket": "edgekit.on_workers.r2",
    "R2MultipartUpload": "edgekit.on_workers.r2",
    "R2Object": "edgekit.on_workers.r2",
    "R2ObjectBody": "edgekit.on_workers.r2",
    "RateLimit": "edgekit.on_workers.smaller",
    "RpcTarget": "edgekit.on_workers.services",
    "WorkerEntrypoint": "edgekit.on_workers.entry",
    "caches": "edgekit.on_workers.caches",
    "fetch": "edgekit.on_workers.client",
}

__all__ = sorted(_HOME)


def home(name: str, *, on_workers: bool = sys.platform == "emscripten") -> str | None:
    """The module that has a public name; None for what is no public name."""
    return (_ON_WORKERS.get(name) if on_workers else None) or _HOME.get(name)


def __getattr__(name: str) -> Any:
    module = home(name)
    if module is None:
        raise AttributeError(f"module 'edgekit' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(module), name)
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
