"""Web sockets through the host: the server's messages on one side, a WebSocketPair on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket as StarletteSocket

from edgekit.app import App
from edgekit.context import ExecutionContext
from edgekit.errors import HTTPError
from edgekit.runtime.host import Host
from edgekit.testing import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.websocket import CloseEvent, WebSocket, WebSocketPair
from edgekit.worker import Worker

from .wire import hosted, scope_of, until

UPGRADE = {"upgrade": "websocket"}
app = App()


@app.get("/loop")
async def loop(request: Request, env: Any, ctx: ExecutionContext) -> Response:
    client, server = WebSocketPair()
    server.accept()

    async def answer() -> None:
        async for message in server:
            server.send(message.upper())

    ctx.wait_until(answer())
    return Response(None, status=101, web_socket=client)


@app.get("/listen")
async def listen(request: Request) -> Response:
    client, server = WebSocketPair()
    server.accept()

    def answer(event: Any) -> None:
        if event.data == "fail":
            raise ValueError("this listener fails")
        if event.data == "close":
            server.close(4001, "done")
        else:
            server.send(event.data)

    server.add_event_listener("message", answer)
    offered = request.headers.get("sec-websocket-protocol")
    headers = {"sec-websocket-protocol": offered.split(",")[0]} if offered else {}
    return Response(None, status=101, web_socket=client, headers={**headers, "x-mine": "1"})


@app.get("/page")
async def page(request: Request) -> str:
    return "a page"


@app.get("/no")
async def no(request: Request) -> Response:
    raise HTTPError(401, "not you")


async def opened(client: TestClient, path: str, **headers: str) -> WebSocket:
    response = await client.fetch(path, headers={**UPGRADE, **headers})
    assert response.status == 101
    socket = response.web_socket
    assert socket is not None
    socket.accept()
    return socket


@pytest.mark.parametrize(("path", "answer"), [("/loop", "HI"), ("/listen", "hi")])
async def test_messages_go_both_ways_and_other_requests_go_on(path: str, answer: str) -> None:
    async with TestClient(app) as client:
        socket = await opened(client, path)
        socket.send("hi")
        assert await socket.receive() == answer
        assert await (await client.get("/page")).text() == "a page"
        socket.send(b"\0\xff" if path == "/listen" else b"ab")
        assert await socket.receive() == (b"\0\xff" if path == "/listen" else b"AB")
        socket.close(1000, "bye")


async def test_close_of_the_handler_reaches_the_client() -> None:
    async with TestClient(app) as client:
        socket = await opened(client, "/listen")
        socket.send("close")
        event = await socket.receive()
        assert isinstance(event, CloseEvent)
        assert (event.code, event.reason) == (4001, "done")


async def test_subprotocol_and_headers_of_the_answer_are_sent() -> None:
    async with TestClient(app) as client:
        response = await client.fetch(
            "/listen", headers={**UPGRADE, "sec-websocket-protocol": "chat, other"}
        )
        assert response.headers["sec-websocket-protocol"] == "chat"
        assert response.headers["x-mine"] == "1"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/page", 200, "a page"), ("/no", 401, "not you"), ("/nowhere", 404, "Not Found")],
)
async def test_what_is_no_socket_refuses_the_handshake(path: str, status: int, text: str) -> None:
    async with TestClient(app) as client:
        response = await client.fetch(path, headers=UPGRADE)
        assert response.web_socket is None
        assert (response.status, await response.text()) == (status, text)


async def test_failing_listener_closes_with_1011_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with TestClient(app) as client:
        socket = await opened(client, "/listen")
        socket.send("fail")
        event = await socket.receive()
        assert isinstance(event, CloseEvent)
        assert event.code == 1011
    assert "this listener fails" in caplog.text


async def test_mounted_asgi_app_has_its_sockets() -> None:
    async def echo(socket: StarletteSocket) -> None:
        await socket.accept(subprotocol="x" if "x" in socket.scope["subprotocols"] else None)
        async for text in socket.iter_text():
            await socket.send_text(f"{socket.path_params['room']}: {text}")

    async def deny(socket: StarletteSocket) -> None:
        await socket.close()

    inner = Starlette(routes=[WebSocketRoute("/in/{room}", echo), WebSocketRoute("/no", deny)])
    outer = App()
    outer.mount("/ws", inner)
    async with TestClient(outer) as client:
        response = await client.fetch(
            "/ws/in/a", headers={**UPGRADE, "sec-websocket-protocol": "y, x"}
        )
        assert response.headers["sec-websocket-protocol"] == "x"
        socket = response.web_socket
        assert socket is not None
        socket.accept()
        socket.send("hi")
        assert await socket.receive() == "a: hi"
        socket.close(1000)
        assert (await client.fetch("/ws/no", headers=UPGRADE)).status == 403


# Against a server's messages ----------------------------------------------------------------------


class Server:
    """The messages of an ASGI server, by hand."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming.put_nowait({"type": "websocket.connect"})

    @asynccontextmanager
    async def serving(self, worker: Worker, path: str, **scope: Any) -> AsyncIterator[Host]:
        host = Host(worker)
        await host.start()
        full = {
            "type": "websocket",
            "scheme": "wss",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"example.com")],
            "subprotocols": [],
            **scope,
        }
        task = asyncio.ensure_future(host(full, self.incoming.get, self.sent.put))
        yield host
        await asyncio.wait_for(task, 5)
        await host.stop()


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")


pytestmark = pytest.mark.usefixtures("in_memory")


async def test_handler_sees_a_get_with_upgrade_over_https() -> None:
    seen: list[Request] = []

    async def look(request: Request, env: Any, ctx: ExecutionContext) -> Response:
        seen.append(request)
        return Response("no", status=400)

    server = Server()
    async with server.serving(Worker(look, look), "/a"):
        assert await server.sent.get() == {"type": "websocket.close", "code": 1008, "reason": ""}
    (request,) = seen
    assert (request.method, request.url) == ("GET", "https://example.com/a")
    assert request.headers["upgrade"] == "websocket"
    assert request.body is None


async def test_client_that_is_lost_ends_the_socket_without_an_answer() -> None:
    server = Server()
    async with server.serving(app, "/loop"):
        assert (await server.sent.get())["type"] == "websocket.accept"
        await server.incoming.put({"type": "websocket.disconnect", "code": 1006})
    assert server.sent.empty()


async def test_stop_closes_open_sockets_with_1001() -> None:
    server = Server()
    async with server.serving(app, "/loop") as host:
        assert (await server.sent.get())["type"] == "websocket.accept"
        await host.stop()
        close = await asyncio.wait_for(server.sent.get(), 5)
        assert (close["type"], close["code"]) == ("websocket.close", 1001)


async def test_message_over_the_limit_closes_with_1009(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edgekit.web.websocket.MAX_MESSAGE", 10)
    server = Server()
    with caplog.at_level(logging.ERROR):
        async with server.serving(app, "/loop"):
            await server.sent.get()
            await server.incoming.put({"type": "websocket.receive", "bytes": b"x" * 11})
            close = await asyncio.wait_for(server.sent.get(), 5)
            assert (close["type"], close["code"]) == ("websocket.close", 1009)
    assert not caplog.records


@pytest.mark.parametrize("how", ["lost", "faulty", "cancelled"])
async def test_a_socket_that_cannot_be_accepted_is_closed_for_its_handler(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    ended: list[str] = []
    inner = App()

    @inner.get("/")
    async def fetch(request: Request, env: Any, ctx: ExecutionContext) -> Response:
        client, server = WebSocketPair()
        server.accept()

        async def messages() -> None:
            async for _ in server:
                pass
            ended.append("closed")

        ctx.wait_until(messages())
        return Response(None, status=101, web_socket=client)

    async def send(message: Any) -> None:
        if how == "cancelled":
            task.cancel()
            await asyncio.sleep(0)
        raise OSError("gone") if how == "lost" else RuntimeError("a fault")

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    host = hosted(inner)
    scope = {**scope_of("/"), "type": "websocket", "scheme": "ws"}
    task = asyncio.ensure_future(host(scope, receive, send))
    await asyncio.wait([task])
    if how == "cancelled":
        assert task.cancelled()
    else:
        assert isinstance(task.exception(), RuntimeError) == (how == "faulty")
    await until(lambda: ended)
    await host.stop()


ACCEPT = {"type": "websocket.accept"}


async def fails(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPT)
    raise ValueError("the app fails")


async def returns(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPT)


async def closes_wrongly(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPT)
    await send({"type": "websocket.close", "code": 1006})


@pytest.mark.parametrize(
    ("app", "text"),
    [
        (fails, "the app fails"),
        (returns, "without completing"),
        (closes_wrongly, "Invalid WebSocket close code"),
    ],
)
async def test_a_mounted_app_that_fails_is_logged_and_its_socket_closed_with_1011(
    app: Any, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    outer = App()
    outer.mount("/ws", app)
    async with TestClient(outer) as client:
        event = await (await opened(client, "/ws")).receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1011
    assert text in caplog.text


async def test_a_mounted_app_need_not_wait_for_the_handshake() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send(ACCEPT)
            await send({"type": "websocket.send", "text": "hi"})
            await send({"type": "websocket.close"})

    outer = App()
    outer.mount("/ws", app)
    async with TestClient(outer) as client:
        socket = await opened(client, "/ws")
        assert await socket.receive() == "hi"
        assert isinstance(await socket.receive(), CloseEvent)
