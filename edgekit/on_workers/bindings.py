"""The platform's env in the words that edgekit's bindings have: the same calls, results and errors.

Each class that is named here has one in `edgekit.bindings`, whose docstrings are the contract; what
is kept there in an engine, the platform's object does here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from importlib import import_module
from typing import Any

from edgekit.errors import BindingError, RateLimitError
from edgekit.on_workers.calls import Errors, given
from edgekit.on_workers.client import fetch_from
from edgekit.on_workers.convert import call, from_js, kind_of
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled, camel, options
from edgekit.web.url import URL

_ERRORS = Errors(BindingError)
_RATE_ERRORS = Errors(RateLimitError)


class Fetcher(Spelled):
    """See edgekit.bindings.fetcher.Fetcher."""

    binding_kind = "services"

    def __init__(self, fetcher: Any) -> None:
        self._js = fetcher

    async def fetch(
        self, input: Request | str | URL, init: Mapping[str, Any] | None = None, **options: Any
    ) -> Response:
        return await fetch_from(self._js.fetch, input, init, options)


class RateLimit(Spelled):
    """See edgekit.bindings.ratelimit.RateLimit."""

    binding_kind = "ratelimits"

    def __init__(self, limiter: Any) -> None:
        self._js = limiter

    @options
    async def limit(self, *, key: Any = None) -> Any:
        return from_js(await _RATE_ERRORS.of(self._js.limit(given(key=key))))


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
    return from_js(await _ERRORS.of(promise))


# Where the wrapper of a kind is: loaded when env has one, or every import would pay for all.
_WRAPPERS = {
    "assets": ("bindings", "Fetcher"),
    "d1_databases": ("d1", "D1Database"),
    "kv_namespaces": ("kv", "KVNamespace"),
    "queues": ("queues", "Queue"),
    "r2_buckets": ("r2", "R2Bucket"),
    "ratelimits": ("bindings", "RateLimit"),
    "services": ("bindings", "Fetcher"),
}
# The platform's classes, for bindings that no Env class declares.
_KINDS = {
    "D1Database": "d1_databases",
    "Fetcher": "services",
    "KvNamespace": "kv_namespaces",
    "R2Bucket": "r2_buckets",
    "Ratelimit": "ratelimits",
    "WorkerQueue": "queues",
}


def wrap(value: Any, kind: str | None) -> Any:
    """What stands in env under a name: a binding (of a declared kind, if one is) or a variable."""
    name = kind_of(value) if hasattr(value, "constructor") else ""
    if name in ("", "Object", "Array"):
        return from_js(value)
    home = _WRAPPERS.get(kind or _KINDS.get(name, ""))
    if home is None:
        return Other(value)
    return getattr(import_module(f"edgekit.on_workers.{home[0]}"), home[1])(value)


def event_subject(kind: str, subject: Any) -> Any:
    """What a handler of such an event is given."""
    if kind == "queue":
        from edgekit.on_workers.queues import MessageBatch

        return MessageBatch(subject)
    return Other(subject)
