"""The platform's env in the words that edgekit's bindings have: the same calls, results and errors.

Each class that is named here has one in `edgekit.bindings`, whose docstrings are the contract; what
is kept there in an engine, the platform's object does here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from edgekit.on_workers.convert import from_js, kind_of

# Where the wrapper of a kind is: loaded when env has one, or every import would pay for all.
# `edgekit build` takes along those that the configuration needs (compat/bundle.py has the same table).
_WRAPPERS = {
    "assets": ("services", "Fetcher"),
    "d1_databases": ("d1", "D1Database"),
    "kv_namespaces": ("kv", "KVNamespace"),
    "queues": ("queues", "Queue"),
    "r2_buckets": ("r2", "R2Bucket"),
    "ratelimits": ("smaller", "RateLimit"),
    "send_email": ("smaller", "SendEmail"),
    "services": ("services", "Fetcher"),
}
# The platform's classes, for bindings that no Env class declares.
_KINDS = {
    "D1Database": "d1_databases",
    "Fetcher": "services",
    "KvNamespace": "kv_namespaces",
    "R2Bucket": "r2_buckets",
    "Ratelimit": "ratelimits",
    "SendEmail": "send_email",
    "WorkerQueue": "queues",
}


def wrap(value: Any, kind: str | None) -> Any:
    """What stands in env under a name: a binding (of a declared kind, if one is) or a variable."""
    name = kind_of(value) if hasattr(value, "constructor") else ""
    if kind == "version_metadata":
        from edgekit.bindings.version import WorkerVersionMetadata

        return WorkerVersionMetadata(from_js(value))
    home = _WRAPPERS.get(kind or _KINDS.get(name, ""))
    if home is None and name in ("", "Object", "Array") and kind is None:
        return from_js(value)
    if name == "":  # a variable, whatever was declared: env.py says so
        return value
    module, attribute = home or ("smaller", "Other")
    return getattr(import_module(f"edgekit.on_workers.{module}"), attribute)(value)


def event_subject(kind: str, subject: Any) -> Any:
    """What a handler of such an event is given."""
    if kind == "queue":
        from edgekit.on_workers.queues import MessageBatch

        return MessageBatch(subject)
    from edgekit.on_workers import smaller

    makers: dict[str, Any] = {"scheduled": smaller.Scheduled, "tail": smaller.trace_items}
    return makers.get(kind, smaller.Other)(subject)
