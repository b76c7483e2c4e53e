"""FastAPI. Return types are declared, so that pydantic writes the JSON: the way its documentation
recommends for speed since 0.130. Query, header and cookie are read from the request, which costs
two thirds of declaring them; middlewares are pure ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel

from benchmarks.apps.starlette_app import AddHeader
from benchmarks.cases import CHUNK, CHUNKS, ROUTES


class Message(BaseModel):
    message: str
    ok: bool
    items: list[int]


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


class Receipt(BaseModel):
    id: int
    customer: str
    total: int


async def hello() -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")


async def json() -> Message:
    return Message(message="Hello, world!", ok=True, items=[1, 2, 3])


async def param(name: str) -> PlainTextResponse:
    return PlainTextResponse(name)


async def inputs(request: Request) -> PlainTextResponse:
    query = request.query_params
    request_id, session = request.headers["x-request-id"], request.cookies["session"]
    return PlainTextResponse(f"{query['q']}|{int(query['page'])}|{request_id}|{session}")


async def echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


async def typed(order: Order) -> Receipt:
    total = sum([line.quantity * line.price for line in order.lines])
    return Receipt(id=order.id, customer=order.customer, total=total)


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


async def download() -> StreamingResponse:
    return StreamingResponse(chunks(), media_type="application/octet-stream")


async def upload(request: Request) -> PlainTextResponse:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


def build(case: str) -> FastAPI:
    app = FastAPI(openapi_url=None)
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
        for i in range(5, 0, -1):
            app.add_middleware(AddHeader, name=f"x-m{i}")
    return app
