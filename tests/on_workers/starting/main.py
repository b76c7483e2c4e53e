"""A program whose start takes a while, and fails at first."""

from __future__ import annotations

from edgekit import App, Env, KVNamespace, Request


class StartingEnv(Env):
    KV: KVNamespace


app = App(StartingEnv)
starts: list[int] = []


@app.on_start
async def start(env: StartingEnv) -> None:
    starts.append(1)
    for _ in range(20):  # other requests come meanwhile
        await env.KV.put("started", str(len(starts)))
    if len(starts) == 1:
        raise RuntimeError("the first start fails")


@app.post("/{rest:path}")
async def answer(request: Request, env: StartingEnv) -> str:
    return f"{await env.KV.get('started')} {await request.text()}"
