"""What must never reach the wire, whatever a handler does."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from edgekit.app import App
from edgekit.asgi_call import call_asgi
from edgekit.context import ExecutionContext
from edgekit.errors import HTTPError
from edgekit.runtime.middleware import EdgeMiddleware
from edgekit.testing import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.websocket import WebSocketPair


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")


@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_a_body_has_none(status: int) -> None:
    app = App()

    @app.get("/set")
    async def set_later(request: Request) -> Response:
        response = Response("HTTP/1.1 200 OK\r\n\r\n")
        response.status = status
        return response

    @app.get("/raised")
    async def raised(request: Request) -> Response:
        raise HTTPError(status)

    async with TestClient(app) as client:
        for path in ("/set", "/raised"):
            response = await client.get(path)
            assert (response.status, await response.bytes()) == (status, b"")
            assert "content-length" not in response.headers


async def test_web_socket_for_an_ordinary_request_is_426_and_ends_the_socket() -> None:
    app = App()
    ended: list[bool] = []

    @app.get("/")
    async def fetch(request: Request, env: Any, ctx: ExecutionContext) -> Response:
        client, server = WebSocketPair()
        server.accept()

        async def wait() -> None:
            async for _ in server:
                pass
            ended.append(True)

        ctx.wait_until(wait())
        return Response(None, status=101, web_socket=client)

    async with TestClient(app) as client:
        assert (await client.get("/")).status == 426
        assert ended == [True]


async def test_upgrade_header_alone_makes_no_web_socket_of_a_mounted_app() -> None:
    seen: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    outer = App()
    outer.mount("/", inner)
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"h"), (b"upgrade", b"websocket")],
    }
    await outer(scope, receive, send)
    assert "websocket" not in seen
    assert messages[0]["status"] == 200


def behind(worker: Any) -> Starlette:
    async def tell(request: StarletteRequest) -> JSONResponse:
        body = (await request.body()).decode()
        return JSONResponse([request.headers.get("content-length"), body])

    return Starlette(
        routes=[Route("/", tell, methods=["POST"])],
        middleware=[Middleware(EdgeMiddleware, worker=worker)],
    )


@pytest.mark.parametrize("old", ["", "old"])
async def test_origin_is_told_the_length_of_the_new_body(old: str) -> None:
    async def edge(request: Request, env: Any) -> Response:
        response: Response = await env.ORIGIN.fetch(Request(request, body="new body"))
        return response

    request = Request("http://h/", method="POST", body=old)
    response = await call_asgi(behind(edge), request, ExecutionContext())
    assert await response.json() == ["8", "new body"]


async def test_too_long_a_body_for_a_mounted_app_is_413() -> None:
    outer = App()
    outer.mount("/", behind(lambda: None).router)
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"h"), (b"content-length", b"999999999")],
    }
    await outer(scope, receive, send)
    assert messages[0]["status"] == 413


async def test_path_that_a_middleware_around_us_rewrote_is_the_one_that_counts() -> None:
    app = App()

    @app.get("/admin")
    async def admin(request: Request) -> str:
        return "admin"

    @app.get("/public")
    async def public(request: Request) -> str:
        return f"public {request.path}"

    async def rewritten(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "path": "/public"}, receive, send)

    response = await call_asgi(rewritten, Request("http://h/admin"), ExecutionContext())
    assert await response.text() == "public /public"


async def test_endless_answer_to_a_handshake_is_cut() -> None:
    app = App()

    @app.get("/")
    async def endless(request: Request) -> Response:
        async def body() -> Any:
            while True:
                yield bytes(65536)

        return Response(body())

    async with TestClient(app) as client:
        response = await client.fetch("/", headers={"upgrade": "websocket"})
        assert len(await response.bytes()) == 1024 * 1024
