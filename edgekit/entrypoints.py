"""What users subclass in the Workers form: `class Default(WorkerEntrypoint)`."""

from __future__ import annotations

from typing import Any

from edgekit.context import ExecutionContext


class WorkerEntrypoint:
    """A Worker as a class: one object an event, with `self.env` and `self.ctx`.

    `async def fetch(self, request)` answers requests; (request, env) and (request, env, ctx) do too.
    `scheduled(self, controller)`, `queue(self, batch)`, `email(self, message)` and `tail(self, events)`
    answer those events, also with env, or env and ctx, behind.
    Serve it with `edgekit dev main:Default`, or as ASGI by `app = worker(Default)`.
    """

    def __init__(self, ctx: ExecutionContext, env: Any) -> None:
        self.ctx = ctx
        self.env = env
