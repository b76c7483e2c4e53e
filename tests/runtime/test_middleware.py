"""EdgeMiddleware: a Worker in front of an ASGI app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket as StarletteSocket

from edgekit.asgi_call import call_asgi
from edgekit.context import ExecutionContext
from edgekit.env import Env
from edgekit.runtime.middleware import EdgeMiddleware
from edgekit.web.request import Request
from edgekit.web.response import Response

happened: list[str] = []


class Needs(Env):
    TOKEN: str


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    happened.clear()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    happened.append("origin starts")
    yield {"from": "lifespan"}
    happened.append("origin stops")


async def page(request: StarletteRequest) -> PlainTextResponse:
    return PlainTextResponse(f"origin {request.url.path} {request.headers.get('x-added')}")


async def count(request: StarletteRequest) -> PlainTextResponse:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


async def ticks(request: StarletteRequest) -> StreamingResponse:
    async def chunks() -> AsyncIterator[str]:
        for i in range(100):
            happened.append(f"made {i}")
            yield f"{i} "

    return StreamingResponse(chunks())


async def echo(socket: StarletteSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


async def edge(request: Request, env: Any, ctx: ExecutionContext) -> Response:
    if request.path == "/blocked":
        return Response("blocked", status=403)
    if request.path.startswith("/fails"):
        if request.path == "/fails/open":
            ctx.pass_through_on_exception()
        if request.path == "/fails/late":
            ctx.pass_through_on_exception()
            await request.text()
        raise ValueError("the edge fails")
    if request.path == "/changed":
        request = Request(request, headers={"x-added": "yes"})
    response: Response = await env.ORIGIN.fetch(request)
    response.headers.set("x-edge", "1")
    return response


def wrapped(worker: Any = edge) -> Starlette:
    return Starlette(
        routes=[
            Route("/count", count, methods=["POST"]),
            Route("/ticks", ticks),
            WebSocketRoute("/ws", echo),
            Route("/{path:path}", page, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(EdgeMiddleware, worker=worker)],
        lifespan=lifespan,
    )


@asynccontextmanager
async def started(app: Any) -> AsyncIterator[Any]:
    """The app between its lifespan's two halves."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    answers: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "lifespan.startup"})
    scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, incoming.get, answers.put))
    assert (await answers.get())["type"] == "lifespan.startup.complete"

    async def fetch(path: str, **init: Any) -> Response:
        return await call_asgi(app, Request(f"http://h{path}", **init), ExecutionContext())

    try:
        yield fetch
    except BaseException:
        task.cancel()
        raise
    incoming.put_nowait({"type": "lifespan.shutdown"})
    assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    await task


async def test_requests_pass_on_to_the_origin_and_responses_back() -> None:
    async with started(wrapped()) as fetch:
        response = await fetch("/a?b")
        assert (await response.text(), response.headers["x-edge"]) == ("origin /a None", "1")
        assert await (await fetch("/changed")).text() == "origin /changed yes"
        blocked = await fetch("/blocked")
        assert (blocked.status, await blocked.text()) == (403, "blocked")


async def test_bodies_stream_through() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    async with started(wrapped()) as fetch:
        response = await fetch("/count", method="POST", body=body())
        assert await response.text() == str(40 * 65536)
        stream = (await fetch("/ticks")).body
        reader = stream.get_reader()
        assert (await reader.read()).value == b"0 "
        assert "made 10" not in happened  # nobody runs far ahead of the reader
        await reader.cancel()


async def test_web_sockets_pass_through() -> None:
    async with started(wrapped()) as fetch:
        response = await fetch("/ws", headers={"upgrade": "websocket"})
        socket = response.web_socket
        socket.accept()
        socket.send("hi")
        assert await socket.receive() == "hi"
        socket.close(1000)


async def test_error_passes_through_to_the_origin_only_when_asked_and_the_body_is_unread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with started(wrapped()) as fetch:
        assert await (await fetch("/fails/open")).text() == "origin /fails/open None"
        assert (await fetch("/fails/closed")).status == 500
        assert (await fetch("/fails/late", method="POST", body="x")).status == 500
    assert caplog.text.count("the edge fails") >= 3


async def test_both_lifespans_run_one_inside_the_other() -> None:
    from edgekit.app import App

    app = App()
    app.fallback(edge)

    @app.on_start
    async def start() -> None:
        happened.append("edge starts")

    @app.on_stop
    async def stop() -> None:
        happened.append("edge stops")

    async with started(wrapped(app)) as fetch:
        assert (await fetch("/")).status == 200
    assert happened == [
        "origin starts",
        "edge starts",
        "origin stops",
        "edge stops",
    ] or happened == [
        "origin starts",
        "edge starts",
        "edge stops",
        "origin stops",
    ]


async def test_wrapped_app_without_a_lifespan_is_served() -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"bare"})

    async with started(EdgeMiddleware(bare, worker=edge)) as fetch:
        assert await (await fetch("/")).text() == "bare"


async def returns(scope: Any, receive: Any, send: Any) -> None: ...


async def ends_early(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


async def ends_in_silence(scope: Any, receive: Any, send: Any) -> None:
    await ends_early(scope, receive, send)
    await receive()


async def fails_early(scope: Any, receive: Any, send: Any) -> None:
    await ends_early(scope, receive, send)
    raise ZeroDivisionError


async def fails_at_the_end(scope: Any, receive: Any, send: Any) -> None:
    await ends_in_silence(scope, receive, send)
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "inner", [returns, ends_early, ends_in_silence, fails_early, fails_at_the_end]
)
async def test_half_a_lifespan_of_the_wrapped_app_is_a_whole_one_for_the_worker(inner: Any) -> None:
    from edgekit.app import App

    app = App()

    @app.on_start
    async def start() -> None:
        happened.append("starts")

    @app.on_stop
    async def stop() -> None:
        happened.append("stops")

    incoming: asyncio.Queue[Any] = asyncio.Queue()
    answers: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "lifespan.startup"})
    middleware = EdgeMiddleware(inner, worker=app)
    task = asyncio.ensure_future(middleware({"type": "lifespan"}, incoming.get, answers.put))
    assert (await asyncio.wait_for(answers.get(), 5))["type"] == "lifespan.startup.complete"
    for _ in range(20):
        await asyncio.sleep(0)
    assert happened == ["starts"]
    incoming.put_nowait({"type": "lifespan.shutdown"})
    await asyncio.wait([task], timeout=5)
    assert happened == ["starts", "stops"]
    if inner in (fails_early, fails_at_the_end):
        with pytest.raises(ZeroDivisionError):
            await task
    else:
        assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    assert len(asyncio.all_tasks()) == 1


async def test_environment_is_checked_at_start() -> None:
    async def needy(request: Request, env: Needs) -> str:
        return env.TOKEN

    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message["type"])

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    app = wrapped(needy)
    await asyncio.wait_for(app({"type": "lifespan", "state": {}}, receive, send), 5)
    assert answers[:1] == ["lifespan.startup.failed"]
