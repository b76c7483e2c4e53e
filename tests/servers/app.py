"""What the servers of these tests serve. What a test must know of a handler's fate is asked from /fate."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from edgekit import App, Env, HTTPError, KVNamespace, Request, Response


class AppEnv(Env):
    KEPT: KVNamespace


app = App(AppEnv)
gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
fates: dict[str, str] = {}


@app.get("/")
async def root(request: Request) -> str:
    return "root"


@app.get("/url")
async def url(request: Request) -> str:
    return request.url


@app.get("/path/{rest:path}")
async def path(request: Request) -> str:
    return request.params["rest"]


@app.post("/echo")
async def echo(request: Request) -> bytes:
    return await request.bytes()


@app.post("/mirror")
async def mirror(request: Request) -> Response:
    return Response(request.body)


@app.post("/unread")
async def unread(request: Request) -> str:
    return "not read"


@app.post("/only")
async def only(request: Request) -> str:
    return "posted"


@app.get("/gate/{name}")
async def gate(request: Request) -> str:
    gates[request.params["name"]].set()
    return "open"


@app.get("/chunks/{name}")
async def chunks(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await gates[request.params["name"]].wait()
        yield b"two"

    return Response(body())


@app.get("/wait/{name}")
async def wait(request: Request) -> str:
    """Never answers."""
    name = request.params["name"]
    fates[name] = "waiting"
    try:
        await asyncio.Event().wait()
    finally:
        fates[name] = "ended, aborted" if request.signal.aborted else "ended"
    return ""


@app.get("/endless/{name}")
async def endless(request: Request) -> Response:
    """Sends a chunk, and then nothing any more; `?flood` sends as fast as it may."""
    name = request.params["name"]

    async def body() -> AsyncIterator[bytes]:
        fates[name] = "sending"
        try:
            yield b"x"
            if "flood" in request.query:
                while True:
                    yield bytes(65536)
            await asyncio.Event().wait()
        finally:
            fates[name] = "ended"

    return Response(body())


@app.post("/swallow/{name}")
async def swallow(request: Request) -> str:
    name = request.params["name"]
    fates[name] = "reading"
    try:
        await request.bytes()
    finally:
        fates[name] = "ended"
    return ""


@app.get("/fate/{name}")
async def fate(request: Request) -> str:
    return fates.get(request.params["name"], "unknown")


@app.get("/fail")
async def fail(request: Request) -> None:
    raise KeyError("s3cret")


@app.get("/cut")
async def cut(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"begun"
        raise KeyError("s3cret")

    return Response(body())


@app.put("/kept/{key}")
async def keep(request: Request, env: AppEnv) -> str:
    await env.KEPT.put(request.params["key"], await request.text())
    return "kept"


@app.get("/kept/{key}")
async def kept(request: Request, env: AppEnv) -> str:
    value = await env.KEPT.get(request.params["key"])
    if value is None:
        raise HTTPError(404)
    return value


@app.post("/later/{key}")
async def later(request: Request, env: AppEnv, ctx) -> str:  # type: ignore[no-untyped-def]
    """Keeps its key a while after the response."""

    async def work() -> None:
        await asyncio.sleep(0.5)
        await env.KEPT.put(request.params["key"], "done")

    ctx.wait_until(work())
    return "later"
