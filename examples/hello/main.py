"""The smallest edgekit program: one function, which is a Worker and so an ASGI app."""

from __future__ import annotations

from edgekit import Env, Request, Response, worker


@worker
async def fetch(request: Request, env: Env) -> Response:
    name = request.query.get("name", "world")
    return Response(f"Hello, {name}!\n")
