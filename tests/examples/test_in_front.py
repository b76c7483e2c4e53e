from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from edgekit import App
from edgekit.testing import TestClient
from tests.serving import served

EXAMPLE = Path(__file__).parents[2] / "examples" / "in_front"


@pytest.fixture
def main(load, monkeypatch):
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    return load("in_front")


@pytest.fixture
async def client(main):
    app = App()
    app.mount("/", main.app)
    async with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/users", "/%61dmin", "/x/%2E./admin"])
async def test_blocked_path_is_answered_by_the_edge(client, path):
    response = await client.get(path)
    assert (response.status, await response.text()) == (403, "Not from here.\n")


async def test_page_of_the_app_gets_headers(client, main):
    response = await client.get("/")
    assert await response.text() == main.PAGE
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "same-origin"
    assert (await client.get("/administration")).status == 404


async def test_streamed_page_comes_line_by_line_as_the_app_makes_it(client, main, monkeypatch):
    gate = asyncio.Event()
    monkeypatch.setattr(main, "sleep", lambda seconds: gate.wait())
    lines = aiter((await client.get("/count")).body)
    assert await anext(lines) == b"1\n"  # while the app waits before the second
    gate.set()
    assert [line async for line in lines] == [b"2\n", b"3\n", b"4\n", b"5\n"]


async def test_web_socket_of_the_app_passes_through(client):
    socket = (await client.get("/echo", headers={"upgrade": "websocket"})).web_socket
    socket.accept()
    for text in ("Hello", ""):
        socket.send(text)
        assert await socket.receive() == text
    socket.close(1000)


async def test_stream_and_web_socket_pass_through_a_real_server_too():
    with served("main:app", EXAMPLE) as place:
        async with aiohttp.ClientSession(f"http://{place}") as session:
            async with session.get("/admin") as answer:
                assert answer.status == 403
            async with session.get("/count") as answer:
                assert answer.headers["referrer-policy"] == "same-origin"
                assert await answer.content.readline() == b"1\n"
                assert not answer.content.at_eof()
            async with session.ws_connect("/echo") as socket:
                for text in ("Hello", ""):
                    await socket.send_str(text)
                    assert await socket.receive_str() == text
                await socket.close(code=4000)
