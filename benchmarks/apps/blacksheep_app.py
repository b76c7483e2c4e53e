"""BlackSheep. msgspec through `json_settings`; inputs read from the request, which costs about half of
its bindings; the typed body bound to a pydantic model, as its converter's documentation recommends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from blacksheep import Application, Content, Request, Response, StreamedContent, json, text
from blacksheep.server.bindings import FromJSON
from blacksheep.server.routing import Router
from blacksheep.settings.json import json_settings
from pydantic import BaseModel

from benchmarks.apps.models import decode, encode
from benchmarks.cases import CHUNK, CHUNKS, ROUTES

json_settings.use(loads=decode, dumps=lambda value: encode(value).decode())


class Line(BaseModel):
    sku: str
    quantity: int
    price: int


class Order(BaseModel):
    id: int
    customer: str
    express: bool
    lines: list[Line]
    note: str | None = None


async def hello() -> Response:
    return text("Hello, world!")


async def send_json() -> Response:
    return json({"message": "Hello, world!", "ok": True, "items": [1, 2, 3]})


async def param(request: Request) -> Response:
    return text(request.route_values["name"])


async def inputs(request: Request) -> Response:
    query = request.query
    request_id = request.get_first_header(b"x-request-id").decode()
    session = request.cookies["session"]
    return text(f"{query['q'][0]}|{int(query['page'][0])}|{request_id}|{session}")


async def echo(request: Request) -> Response:
    return json(await request.json())


async def typed(data: FromJSON[Order]) -> Response:
    order = data.value
    total = sum([line.quantity * line.price for line in order.lines])
    return json({"id": order.id, "customer": order.customer, "total": total})


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


async def download() -> Response:
    return Response(200, content=StreamedContent(b"application/octet-stream", chunks))


async def upload(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return Response(200, content=Content(b"text/plain", str(size).encode()))


def add_header(name: bytes) -> Any:
    async def middleware(request: Request, handler: Any) -> Response:
        response = await handler(request)
        response.headers.set(name, b"1")
        return response

    return middleware


def build(case: str) -> Application:
    router = Router()
    match case:
        case "hello" | "five":
            router.add_get("/hello", hello)
        case "json":
            router.add_get("/json", send_json)
        case "param1":
            router.add_get("/resource0/{name}", param)
        case "param1000":
            for i in range(ROUTES):
                router.add_get(f"/resource{i}/{{name}}", param)
        case "inputs":
            router.add_get("/search", inputs)
        case "echo":
            router.add_post("/echo", echo)
        case "typed":
            router.add_post("/orders", typed)
        case "download":
            router.add_get("/download", download)
        case "upload":
            router.add_post("/upload", upload)
    app = Application(router=router)
    if case == "five":
        app.middlewares.extend(add_header(b"x-m%d" % i) for i in range(1, 6))
    return app
