"""ASGI apps in a Workers project."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edgekit.compat import asgi, wsgi
from edgekit.testing.client import TestClient
from edgekit.worker import worker
from tests.compat.loading import Load

APP = """
import asyncio
from workers import WorkerEntrypoint
import asgi

events = []

async def app(scope, receive, send):
    events.append(scope["type"])
    if scope["type"] == "lifespan":
        scope["state"]["made"] = "at start"
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        events.append("stopped")
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "a"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"].upper()})
        await send({"type": "websocket.close", "code": 4000})
        return
    message = await receive()
    text = f"{scope['path']} {scope['env'].NAME} {scope['state']['made']} {scope['client'][0]}"
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": text.encode() + message["body"], "more_body": True})
    await send({"type": "http.response.body", "body": b"!"})
"""
FETCH = (
    APP
    + """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if (request.headers.get("upgrade") or "").lower() == "websocket":
            return await asgi.websocket(app, request, self.env)
        return await asgi.fetch(app, request, self.env{ctx})
"""
)
ENTRYPOINT = APP + "Default = asgi.entrypoint(app)\n"
FORMS = [FETCH.replace("{ctx}", ", self.ctx"), FETCH.replace("{ctx}", ""), ENTRYPOINT]


@pytest.mark.parametrize("main", FORMS)
async def test_a_request_and_one_lifespan(load: Load, main: str):
    made = load(main, vars={"NAME": "you"})
    events = made.module.events  # type: ignore[attr-defined]
    async with TestClient(made) as client:
        for _ in range(2):
            response = await client.post("/p", body="+body")
            assert (response.status, response.headers["x-a"]) == (201, "b")
            assert await response.text() == "/p you at start 127.0.0.1+body!"
    assert events == ["lifespan", "http", "http", "stopped"]


@pytest.mark.parametrize("main", FORMS)
async def test_a_web_socket(load: Load, main: str):
    async with TestClient(load(main, vars={"NAME": "you"})) as client:
        response = await client.get("/", headers={"upgrade": "websocket"})
        socket = response.web_socket
        assert socket is not None
        socket.accept()
        socket.send("hello")
        assert [message async for message in socket] == ["HELLO"]


async def test_requests_that_come_at_once_share_the_lifespan(load: Load):
    made = load(FORMS[0], vars={"NAME": "you"})
    async with TestClient(made) as client:
        await asyncio.gather(*(client.get("/") for _ in range(3)))
    assert made.module.events.count("lifespan") == 1  # type: ignore[attr-defined]


APP_OF_EACH_REQUEST = """
from dataclasses import dataclass
from workers import WorkerEntrypoint, asgi

events = []

@dataclass  # which has no hash
class App:
    name: str

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            events.append(self.name)
            return await send({"type": "lifespan.shutdown.complete"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.name == "/slow":
            await send({"type": "http.response.body", "body": b"s", "more_body": True})
            await self.go.wait()
        await send({"type": "http.response.body", "body": self.name.encode()})

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        import asyncio
        app = App("/" + request.url.split("/", 3)[3])
        app.go = go = asyncio.Event()
        if app.name == "/slow":
            globals()["go"] = go
        return await asgi.fetch(app, request, self.env)
"""


async def test_the_lifespans_of_apps_made_for_a_request_do_not_pile_up(load: Load):
    made = load(APP_OF_EACH_REQUEST)
    module: Any = made.module
    async with TestClient(made) as client:
        slow = await client.get("/slow")
        assert module.events == []
        for number in range(2 * asgi.MOST_APPS):
            assert await (await client.get(f"/{number}")).text() == f"/{number}"
        # The first is still being answered, so that it counts among those that are left.
        assert module.events == [f"/{number}" for number in range(asgi.MOST_APPS + 1)]
        module.go.set()
        assert await slow.text() == "s/slow"
    assert sorted(module.events) == sorted(
        ["/slow", *(f"/{number}" for number in range(2 * asgi.MOST_APPS))]
    )


async def test_what_the_app_raises_is_raised():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no")

    async with TestClient(worker(asgi.entrypoint(app))) as client:
        with pytest.raises(ValueError, match="no"):
            await client.get("/")


def test_options():
    assert asgi.Options(encode_body="manual").encode_body == "manual"
    with pytest.raises(ValueError, match="encode_body must be one of"):
        wsgi.Options(encode_body="no")  # type: ignore[arg-type]


async def test_env_as_a_dependency_of_fastapi():
    import fastapi

    app = fastapi.FastAPI()

    @app.get("/")
    async def root(env: Any = asgi.env) -> str:
        return str(env.NAME)

    async with TestClient(worker(asgi.entrypoint(app)), env={"NAME": "you"}) as client:
        assert await (await client.get("/")).json() == "you"
    with pytest.raises(AttributeError):
        asgi.nothing  # noqa: B018
