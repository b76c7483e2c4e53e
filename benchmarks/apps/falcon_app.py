"""Falcon's ASGI app. msgspec as its media handler and for typed bodies, after its recipe for msgspec,
with the coders made once, as that recipe advises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import falcon
import falcon.asgi
import falcon.media
import msgspec
from falcon.asgi import Request, Response

from benchmarks.apps.models import decode, decode_order, encode
from benchmarks.cases import CHUNK, CHUNKS, ROUTES


class Hello:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, world!"


class SendJSON:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"message": "Hello, world!", "ok": True, "items": [1, 2, 3]}


class Param:
    async def on_get(self, req: Request, resp: Response, name: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = name


class Inputs:
    async def on_get(self, req: Request, resp: Response) -> None:
        q, page = req.get_param("q"), req.get_param_as_int("page")
        request_id, session = req.get_header("x-request-id"), req.cookies["session"]
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"{q}|{page}|{request_id}|{session}"


class Echo:
    async def on_post(self, req: Request, resp: Response) -> None:
        resp.media = await req.get_media()


class Typed:
    async def on_post(self, req: Request, resp: Response) -> None:
        try:
            order = decode_order(await req.stream.read())
        except msgspec.ValidationError as error:
            raise falcon.HTTPUnprocessableEntity(description=str(error)) from None
        resp.media = {"id": order.id, "customer": order.customer, "total": order.total}


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


class Download:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = "application/octet-stream"
        resp.stream = chunks()


class Upload:
    async def on_post(self, req: Request, resp: Response) -> None:
        size = 0
        async for chunk in req.stream:
            size += len(chunk)
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = str(size)


class AddHeader:
    def __init__(self, name: str) -> None:
        self.name = name

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        resp.set_header(self.name, "1")


def build(case: str) -> Any:
    middleware = [AddHeader(f"x-m{i}") for i in range(1, 6)] if case == "five" else None
    app = falcon.asgi.App(middleware=middleware)
    handlers = {"application/json": falcon.media.JSONHandler(dumps=encode, loads=decode)}
    app.req_options.media_handlers.update(handlers)
    app.resp_options.media_handlers.update(handlers)
    match case:
        case "hello" | "five":
            app.add_route("/hello", Hello())
        case "json":
            app.add_route("/json", SendJSON())
        case "param1":
            app.add_route("/resource0/{name}", Param())
        case "param1000":
            for i in range(ROUTES):
                app.add_route(f"/resource{i}/{{name}}", Param())
        case "inputs":
            app.add_route("/search", Inputs())
        case "echo":
            app.add_route("/echo", Echo())
        case "typed":
            app.add_route("/orders", Typed())
        case "download":
            app.add_route("/download", Download())
        case "upload":
            app.add_route("/upload", Upload())
    return app
