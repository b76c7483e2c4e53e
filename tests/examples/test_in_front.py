from __future__ import annotations

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


async def test_streamed_page_comes_as_the_app_makes_it(client, main, monkeypatch):
    monkeypatch.setattr(main, "PAUSE", 3600)
    body = (await client.get("/count")).body
    reader = body.get_reader()
    assert (await reader.read())["value"] == b"1\n"  # while the second line waits for its hour
    await reader.cancel()
    monkeypatch.setattr(main, "PAUSE", 0)
    response = await client.get("/count")
    assert [chunk async for chunk in response.body] == [b"%d\n" % n for n in range(1, 6)]


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
