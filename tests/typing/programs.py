"""Programs as users write them: mypy and pyright, both strict, must find nothing in them.

Not run by pytest. `assert_type` states what an editor shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, assert_type

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from edgekit import (
    App,
    EdgeMiddleware,
    Env,
    ExecutionContext,
    Fetcher,
    HTTPError,
    KVListResult,
    KVNamespace,
    ReadableStream,
    Request,
    Response,
    ScheduledController,
    WebSocketPair,
    Worker,
    WorkerEntrypoint,
    worker,
)
from edgekit import fetch as fetch_outwards
from edgekit.testing import ManualClock, TestClient


class Limits(msgspec.Struct):
    per_day: int = 10


class AppEnv(Env):
    VISITS: KVNamespace
    GREETING: str = "Hello"
    LIMITS: Limits = Limits()


class Order(msgspec.Struct):
    item: str
    count: int = 1


app = App(AppEnv, middleware=[Middleware(GZipMiddleware, minimum_size=500)])


@app.get("/one/{name}")
async def one(request: Request) -> str:
    return request.path


@app.route("/two/{n:int}", methods=["GET", "PUT"])
async def two(request: Request, env: AppEnv) -> dict[str, Any]:
    assert_type(env.VISITS, KVNamespace)
    assert_type(env.GREETING, str)
    assert_type(env.LIMITS.per_day, int)
    return {"n": request.params["n"], "greeting": env["GREETING"]}


@app.fallback
async def three(request: Request, env: AppEnv, ctx: ExecutionContext) -> Response:
    ctx.wait_until(env.VISITS.delete("x"))
    raise HTTPError(404, {"error": "nothing here"}, {"cache-control": "no-store"})


@app.middleware
async def around(
    request: Request, env: AppEnv, next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await next(request)
    response.headers["x-greeting"] = env.GREETING
    return response


@app.on_error
async def failed(request: Request, env: AppEnv, error: Exception) -> Response | None:
    return None


@app.on_start
async def started(env: AppEnv) -> None: ...


app.mount("/old", Starlette())


class Service:
    @staticmethod
    async def method(request: Request, env: AppEnv) -> list[int]:
        return [1]


app.post("/method")(Service().method)


@worker
async def fetch(request: Request, env: AppEnv) -> Response:
    return Response("hello")


class Default(WorkerEntrypoint):
    env: AppEnv

    async def fetch(self, request: Request) -> Response:
        return Response(await self.env.VISITS.get("x"))


assert_type(fetch, Worker)
assert_type(worker(Default), Worker)


class FrontEnv(Env):
    ORIGIN: Fetcher


@worker
async def front(request: Request, env: FrontEnv) -> Response:
    return await env.ORIGIN.fetch(request)


Starlette(middleware=[Middleware(EdgeMiddleware, worker=front)])
EdgeMiddleware(Starlette(), worker=fetch, config="wrangler.jsonc")


async def requests(request: Request) -> None:
    assert_type(request.method, str)
    assert_type(request.url, str)
    assert_type(request.query.get("q"), str | None)
    assert_type(request.query.get("q", "all"), str)
    assert_type(request.query["q"], str)
    assert_type(request.query.get_all("q"), list[str])
    assert_type(request.headers.get("accept"), str | None)
    assert_type(request.headers["accept"], str)
    assert_type(request.cookies, dict[str, str])
    assert_type(request.client, tuple[str, int] | None)
    assert_type(request.body, ReadableStream | None)
    assert_type(await request.text(), str)
    assert_type(await request.bytes(), bytes)
    assert_type(await request.json(), Any)
    order: Order = await request.json(Order)
    assert_type(order.count, int)
    form = await request.form_data()
    name = form.get("name")
    assert name is None or isinstance(name, str) or name.name
    if request.body is not None:
        async for chunk in request.body:
            assert_type(chunk, bytes)


async def responses() -> None:
    made = Response.json({"a": 1}, status=201, headers={"x": "y"})
    assert_type(made, Response)
    assert_type(await made.json(), Any)
    order: Order = await made.json(Order)
    assert_type(order, Order)
    assert_type(Response.html("<p>"), Response)
    assert_type(Response.redirect("/x", 303), Response)
    made.headers["x"] = "y"
    made.set_cookie("a", "b", max_age=60, http_only=True, same_site="lax")
    Response(b"bytes", {"status": 202, "headers": [("a", "b")]})


async def outwards(request: Request) -> None:
    assert_type(await fetch_outwards("https://example.com"), Response)
    assert_type(await fetch_outwards(request, method="POST", body=b"x"), Response)


async def sockets(request: Request) -> Response:
    client, server = WebSocketPair()
    server.accept()
    async for message in server:
        assert_type(message, str | bytes)
        server.send(message)
    return Response(None, status=101, web_socket=client)


async def kv(visits: KVNamespace) -> None:
    assert_type(await visits.get("k"), str | None)
    assert_type(await visits.get("k", "text"), str | None)
    assert_type(await visits.get("k", type="json"), Any)
    assert_type(await visits.get("k", "bytes"), bytes | None)
    assert_type(await visits.get("k", "stream", cache_ttl=60), ReadableStream | None)
    assert_type(await visits.get(["a", "b"]), dict[str, str | None])
    assert_type(await visits.get(["a", "b"], "json"), dict[str, Any])
    found = await visits.get_with_metadata("k")
    assert_type(found.value, str | None)
    assert_type(found.metadata, Any)
    await visits.put("k", "v", expiration_ttl=60, metadata={"by": "me"})
    await visits.put("k", b"v")
    if stream := await visits.get("k", "stream"):
        await visits.put("copy", stream)
    page = await visits.list(prefix="a/", limit=10, cursor=None)
    assert_type(page, KVListResult)
    assert_type([key.name for key in page.keys], list[str])
    assert_type(page.list_complete, bool)


@app.scheduled("*/5 * * * *")
async def often(controller: ScheduledController, env: AppEnv, ctx: ExecutionContext) -> None:
    assert_type(controller.cron, str)
    assert_type(controller.scheduled_time, int)
    controller.no_retry()


@app.scheduled
async def whatever(controller: ScheduledController) -> None: ...


@app.queue("jobs")
async def jobs(batch: Any) -> None: ...


async def decorated(controller: ScheduledController, env: AppEnv) -> None:
    await whatever(controller)
    await often(controller, env, ExecutionContext())


async def tests() -> None:
    async with TestClient(app, env={"GREETING": "Hi"}, clock=ManualClock()) as client:
        response = await client.post("/two/1", json={"item": "tea"}, headers={"a": "b"})
        assert_type(response, Response)
        assert_type(response.status, int)
        client.clock.advance(60)
        await client.advance(60)
        assert_type((await client.scheduled("*/5 * * * *", time=0)).outcome, str)
        await client.queue("jobs", [{"body": 1}, "text"])
    assert_type(await app.fetch("http://localhost/", {"VISITS": None}), Response)
