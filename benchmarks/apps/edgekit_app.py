"""edgekit, as its README shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from benchmarks.apps.models import Order
from benchmarks.cases import CHUNK, CHUNKS, ROUTES
from edgekit import App, Request, Response


async def hello(request: Request) -> str:
    return "Hello, world!"


async def json(request: Request) -> dict[str, Any]:
    return {"message": "Hello, world!", "ok": True, "items": [1, 2, 3]}


async def param(request: Request) -> str:
    return request.params["name"]


async def inputs(request: Request) -> str:
    query = request.query
    request_id, session = request.headers["x-request-id"], request.cookies["session"]
    return f"{query['q']}|{int(query['page'])}|{request_id}|{session}"


async def echo(request: Request) -> Any:
    return await request.json()


async def typed(request: Request) -> dict[str, Any]:
    order = await request.json(type=Order)
    return {"id": order.id, "customer": order.customer, "total": order.total}


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


async def download(request: Request) -> Response:
    return Response(chunks(), headers={"content-type": "application/octet-stream"})


async def upload(request: Request) -> str:
    size = 0
    async for chunk in request.body:
        size += len(chunk)
    return str(size)


def add_header(name: str) -> Any:
    async def middleware(request: Request, env: Any, next: Any) -> Response:
        response = await next(request)
        response.headers.set(name, "1")
        return response

    return middleware


def build(case: str) -> App:
    app = App()
    match case:
        case "hello" | "five":
            app.get("/hello")(hello)
        case "json":
            app.get("/json")(json)
        case "param1":
            app.get("/resource0/{name}")(param)
        case "param1000":
            for i in range(ROUTES):
                app.get(f"/resource{i}/{{name}}")(param)
        case "inputs":
            app.get("/search")(inputs)
        case "echo":
            app.post("/echo")(echo)
        case "typed":
            app.post("/orders")(typed)
        case "download":
            app.get("/download")(download)
        case "upload":
            app.post("/upload")(upload)
    if case == "five":
        for i in range(1, 6):
            app.middleware(add_header(f"x-m{i}"))
    return app
