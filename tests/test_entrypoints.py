"""What users subclass."""

from __future__ import annotations

from edgekit.context import ExecutionContext
from edgekit.entrypoints import WorkerEntrypoint


def test_an_entrypoint_has_ctx_and_env() -> None:
    ctx, env = ExecutionContext(), object()
    entrypoint = WorkerEntrypoint(ctx, env)
    assert entrypoint.ctx is ctx
    assert entrypoint.env is env
