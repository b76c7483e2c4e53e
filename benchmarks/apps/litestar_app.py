"""Litestar. It decodes Structs and writes JSON with msgspec by itself; middlewares derive from its
ASGIMiddleware, the form that its documentation recommends since 2.15."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, get, post
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.params import Parameter
from litestar.response import Stream

from benchmarks.apps.models import Order
from benchmarks.cases import CHUNK, CHUNKS, ROUTES


class AddHeader(ASGIMiddleware):
    scopes = (ScopeType.HTTP,)

    def __init__(self, name: str) -> None:
        self.name = name

    async def handle(self, scope: Any, receive: Any, send: Any, next_app: Any) -> None:
        async def send_with_header(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders(message)[self.name] = "1"
            await send(message)

        await next_app(scope, receive, send_with_header)


@get("/hello", media_type=MediaType.TEXT)
async def hello() -> str:
    return "Hello, world!"


@get("/json")
async def json() -> dict[str, Any]:
    return {"message": "Hello, world!", "ok": True, "items": [1, 2, 3]}


def param(i: int) -> Any:
    @get(f"/resource{i}/{{name:str}}", media_type=MediaType.TEXT)
    async def handler(name: str) -> str:
        return name

    return handler


@get("/search", media_type=MediaType.TEXT)
async def inputs(
    q: str,
    page: int,
    request_id: Annotated[str, Parameter(header="x-request-id")],
    session: Annotated[str, Parameter(cookie="session")],
) -> str:
    return f"{q}|{page}|{request_id}|{session}"


@post("/echo", status_code=200)
async def echo(data: dict[str, Any]) -> dict[str, Any]:
    return data


@post("/orders", status_code=200)
async def typed(data: Order) -> dict[str, Any]:
    return {"id": data.id, "customer": data.customer, "total": data.total}


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


@get("/download")
async def download() -> Stream:
    return Stream(chunks(), media_type="application/octet-stream")


@post("/upload", status_code=200, media_type=MediaType.TEXT)
async def upload(request: Request[Any, Any, Any]) -> str:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return str(size)


HANDLERS = {
    "hello": hello,
    "five": hello,
    "json": json,
    "inputs": inputs,
    "echo": echo,
    "typed": typed,
    "download": download,
    "upload": upload,
}


def build(case: str) -> Litestar:
    handlers = (
        [param(i) for i in range(1 if case == "param1" else ROUTES)]
        if case.startswith("param")
        else [HANDLERS[case]]
    )
    five = [AddHeader(f"x-m{i}") for i in range(1, 6)] if case == "five" else []
    return Litestar(
        handlers,
        middleware=five,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
    )
