"""hello, a KV get and JSON, by an App."""

from __future__ import annotations

from typing import Any

from edgekit import App, Env, KVNamespace, Request, Response


class HelloEnv(Env):
    KV: KVNamespace


app = App(HelloEnv)


@app.get("/")
async def hello(request: Request) -> Response:
    return Response("Hello, world!")


@app.get("/kv")
async def kv(request: Request, env: HelloEnv) -> Response:
    return Response(await env.KV.get("key") or "nothing")


@app.get("/json")
async def json(request: Request) -> dict[str, Any]:
    return {"message": "Hello, world!", "numbers": [1, 2, 3]}


Default = app.entrypoint()
