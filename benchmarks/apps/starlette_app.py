"""Starlette. JSON by a JSONResponse whose `render` is msgspec's, as its documentation shows for
other libraries; middlewares in pure ASGI, which are far cheaper than BaseHTTPMiddleware."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from benchmarks.apps.models import decode, decode_order, encode
from benchmarks.cases import CHUNK, CHUNKS, ROUTES


class FastJSON(JSONResponse):
    def render(self, content: Any) -> bytes:
        return encode(content)


class AddHeader:
    """Pure ASGI middleware, for FastAPI too."""

    def __init__(self, app: Any, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_header(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[self.name] = "1"
            await send(message)

        await self.app(scope, receive, send_with_header)


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")


async def json(request: Request) -> FastJSON:
    return FastJSON({"message": "Hello, world!", "ok": True, "items": [1, 2, 3]})


async def param(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.path_params["name"])


async def inputs(request: Request) -> PlainTextResponse:
    query = request.query_params
    request_id, session = request.headers["x-request-id"], request.cookies["session"]
    return PlainTextResponse(f"{query['q']}|{int(query['page'])}|{request_id}|{session}")


async def echo(request: Request) -> FastJSON:
    return FastJSON(decode(await request.body()))


async def typed(request: Request) -> FastJSON:
    try:
        order = decode_order(await request.body())
    except msgspec.ValidationError as error:
        raise HTTPException(422, str(error)) from None
    return FastJSON({"id": order.id, "customer": order.customer, "total": order.total})


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


async def download(request: Request) -> StreamingResponse:
    return StreamingResponse(chunks(), media_type="application/octet-stream")


async def upload(request: Request) -> PlainTextResponse:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


ROUTE_LISTS = {
    "hello": [Route("/hello", hello)],
    "five": [Route("/hello", hello)],
    "json": [Route("/json", json)],
    "param1": [Route("/resource0/{name}", param)],
    "param1000": [Route(f"/resource{i}/{{name}}", param) for i in range(ROUTES)],
    "inputs": [Route("/search", inputs)],
    "echo": [Route("/echo", echo, methods=["POST"])],
    "typed": [Route("/orders", typed, methods=["POST"])],
    "download": [Route("/download", download)],
    "upload": [Route("/upload", upload, methods=["POST"])],
}


def build(case: str) -> Starlette:
    five = [Middleware(AddHeader, name=f"x-m{i}") for i in range(1, 6)]
    return Starlette(routes=ROUTE_LISTS[case], middleware=five if case == "five" else [])
