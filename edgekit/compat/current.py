"""What `workers` offers without `self`: `env`, `wait_until`, `patch_env`, JavaScript modules by name.

All of it belongs to the Worker whose event is being answered. While a project is imported there is no
such event: then `env` has its variables, and bindings that may be kept and used later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from edgekit import context
from edgekit.compat.bindings import wrap
from edgekit.compat.greenlets import is_running, loop_of_thread
from edgekit.context import ExecutionContext

_patches: ContextVar[Mapping[str, Any] | None] = ContextVar("edgekit.patches", default=None)
# While a project is imported: its variables, and the names of its bindings.
importing: ContextVar[tuple[Mapping[str, Any], frozenset[str]] | None] = ContextVar(
    "edgekit.importing", default=None
)
_MISSING: Any = object()


class CurrentEnv:
    """`workers.env`: the env of the Worker that runs."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        patched = (_patches.get() or {}).get(name, _MISSING)
        if patched is not _MISSING:
            return patched
        if (project := importing.get()) is not None:
            variables, bindings = project
            if name in variables:
                return wrap(variables[name])
            if name in bindings:
                return LateBinding(name)
            raise AttributeError(f"env has no {name!r}", name=name, obj=self)
        return getattr(context.current_scope("workers.env").env, name)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and hasattr(self, name)

    def __iter__(self) -> Iterator[str]:
        if (project := importing.get()) is not None:
            return iter([*project[0], *sorted(project[1])])
        return iter(context.current_scope("workers.env").env)

    def __repr__(self) -> str:
        return "<workers.env>"


class LateBinding:
    """A binding that was taken from `env` while the project was imported."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(env, self._name), name)

    def _to_edgekit(self) -> Any:
        return getattr(env, self._name)._to_edgekit()


env = CurrentEnv()


def wait_until(awaitable: Awaitable[Any]) -> None:
    """Let `awaitable` go on after the response, as `ctx.wait_until` does; from a thread of wsgi.py too."""
    ctx = ExecutionContext(context.current_scope("wait_until").spawn)
    loop = loop_of_thread.get(None)
    if loop is None or is_running(loop):
        ctx.wait_until(awaitable)
    else:
        loop.call_soon_threadsafe(ctx.wait_until, awaitable)


@contextmanager
def patch_env(values: Any = None, **named: Any) -> Iterator[None]:
    """Let `workers.env` have these values, a mapping or pairs or keywords, inside the block."""
    token = _patches.set({**(_patches.get() or {}), **dict(values or {}), **named})
    try:
        yield
    finally:
        _patches.reset(token)


def import_from_javascript(name: str) -> Any:
    """A module of the platform's: `cloudflare:workers` and `cloudflare:email`; ImportError for others."""
    if name == "cloudflare:workers":
        from edgekit.bindings.services import RpcTarget
        from edgekit.compat import entrypoints

        return SimpleNamespace(
            env=env,
            waitUntil=wait_until,
            RpcTarget=RpcTarget,
            WorkerEntrypoint=entrypoints.WorkerEntrypoint,
            DurableObject=entrypoints.DurableObject,
            WorkflowEntrypoint=entrypoints.WorkflowEntrypoint,
        )
    if name == "cloudflare:email":
        from edgekit.bindings.email import EmailMessage

        return SimpleNamespace(EmailMessage=_New(EmailMessage))
    raise ImportError(
        f"Failed to import {name!r}: edgekit runs no JavaScript; it has 'cloudflare:workers' and "
        "'cloudflare:email'"
    )


# What `import_from_javascript` knows.
JAVASCRIPT_MODULES = frozenset({"cloudflare:workers", "cloudflare:email"})


class _New:
    """A class as JavaScript's code makes objects of it: `X.new(...)`."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def new(self, *args: Any, **kwargs: Any) -> Any:
        return self._cls(*args, **kwargs)

    __call__ = new
