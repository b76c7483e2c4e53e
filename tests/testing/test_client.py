"""TestClient: the real host in process, a clock turned by hand, `wait_until` waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgekit import host
from edgekit.app import App
from edgekit.bindings.kv import KVNamespace
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import ConfigError, HTTPError
from edgekit.testing import ManualClock, TestClient
from edgekit.web.formdata import FormData
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import worker


class AppEnv(Env):
    VISITS: KVNamespace
    GREETING: str = "Hello"


async def show(request: Request) -> Any:
    body = await request.text()
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "body": body,
    }


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return "class"


@worker
async def made(request):
    return "worker"


async def function(request):
    return "function"


app = App()
app.fallback(function)


@pytest.mark.parametrize(
    ("target", "answer"),
    [(app, "function"), (made, "worker"), (function, "function"), (Default, "class")],
)
async def test_it_takes_whatever_becomes_a_worker(target: Any, answer: str) -> None:
    async with TestClient(target) as client:
        assert await (await client.get("/")).text() == answer


# Requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["get", "post", "put", "patch", "delete", "options"])
async def test_a_method_for_each_method(name: str) -> None:
    async with TestClient(show) as client:
        assert (await (await getattr(client, name)("/a?b")).json())["method"] == name.upper()
        assert (await client.head("/")).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("/a?b", "https://example.com:8443/a?b"),
        ("", "https://example.com:8443/"),
        ("http://other/x", "http://other/x"),
        (Request("http://other/x", method="POST"), "http://other/x"),
    ],
)
async def test_urls_are_relative_to_the_base_url(given: Any, url: str) -> None:
    async with TestClient(show, base_url="https://example.com:8443") as client:
        response = await client.fetch(given)
        assert (await response.json())["url"] == response.url == url


async def test_bodies_and_headers_as_request_takes_them() -> None:
    async with TestClient(show) as client:
        seen = await (await client.post("/", body="é", headers={"X-A": "1"})).json()
        assert (seen["body"], seen["headers"]["x-a"]) == ("é", "1")
        assert seen["headers"]["content-length"] == "2"
        seen = await (await client.post("/", body=[b"a", b"b"])).json()
        assert (seen["body"], seen["headers"]["transfer-encoding"]) == ("ab", "chunked")
        seen = await (await client.post("/", body=FormData({"a": "1"}))).json()
        assert seen["headers"]["content-type"].startswith("multipart/form-data")


@pytest.mark.parametrize("headers", [None, {"X": "1"}, [("x", "1")]])
async def test_json_becomes_the_body(headers: Any) -> None:
    async with TestClient(show) as client:
        seen = await (await client.post("/", json={"a": "é"}, headers=headers)).json()
        assert (seen["body"], seen["headers"]["content-type"]) == ('{"a":"é"}', "application/json")
        seen = await (await client.put("/", json=None, headers={"Content-Type": "a/b"})).json()
        assert (seen["body"], seen["headers"]["content-type"]) == ("null", "a/b")


async def test_headers_of_the_client_go_with_every_request() -> None:
    async with TestClient(show, headers={"Authorization": "x", "Accept": "a/b"}) as client:
        seen = await (await client.get("/", headers={"accept": "c/d"})).json()
        assert (seen["headers"]["authorization"], seen["headers"]["accept"]) == ("x", "c/d")
        seen = await (await client.get("/")).json()
        assert seen["headers"]["accept"] == "a/b"


async def test_redirects_are_not_followed() -> None:
    async def fetch(request):
        return Response.redirect("/b")

    async with TestClient(fetch) as client:
        response = await client.get("/a")
        assert (response.status, response.headers["location"]) == (302, "/b")


async def test_requests_at_the_same_time() -> None:
    async def fetch(request):
        await asyncio.sleep(0)
        return request.path

    async with TestClient(fetch) as client:
        responses = await asyncio.gather(*(client.get(f"/{i}") for i in range(20)))
        assert [await r.text() for r in responses] == [f"/{i}" for i in range(20)]


# Responses that stream ------------------------------------------------------------------------------


async def test_a_response_streams() -> None:
    gate = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"1"
        await gate.wait()
        yield b"2"

    async def fetch(request):
        return Response(chunks())

    async with TestClient(fetch) as client:
        reader = (await client.get("/")).body.get_reader()
        assert (await reader.read()).value == b"1"
        gate.set()
        assert (await reader.read()).value == b"2"
        assert (await reader.read()).done


async def test_a_response_that_is_cancelled_or_forgotten_ends_its_handler() -> None:
    closed = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    async def fetch(request):
        return Response(chunks())

    async with TestClient(fetch) as client:
        await (await client.get("/")).body.cancel()
        async for _ in (await client.get("/")).body:
            break
        await client.get("/")
        unread = await client.get("/")
    assert len(closed) == 4
    assert not unread.body_used


# Errors ---------------------------------------------------------------------------------------------


async def failing(request):
    if request.path == "/http":
        raise HTTPError(404)
    raise KeyError("x")


async def test_errors_are_raised_here() -> None:
    async with TestClient(failing) as client:
        with pytest.raises(KeyError, match="x"):
            await client.get("/")
        assert (await client.get("/http")).status == 404


async def test_or_they_are_what_a_visitor_gets(caplog: pytest.LogCaptureFixture) -> None:
    async with TestClient(failing, raise_errors=False) as client:
        response = await client.get("/")
        assert (response.status, "KeyError" in await response.text()) == (500, False)
    assert "KeyError" in caplog.text


async def test_an_error_in_a_stream_is_raised_by_its_reader() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"1"
        raise KeyError("x")

    async def fetch(request):
        return Response(chunks())

    async def read(client: TestClient) -> None:
        await (await client.get("/")).text()

    async with TestClient(fetch) as client:
        with pytest.raises(KeyError, match="x"):
            await read(client)


async def test_errors_of_the_start_are_raised() -> None:
    class Needs(Env):
        SECRET: str

    with pytest.raises(ConfigError, match="SECRET"):
        await TestClient(App(Needs)).__aenter__()
    before = host.now()
    assert before != ManualClock().now()  # the clock is the system's again


async def test_an_error_in_the_test_itself_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        async with TestClient(show):
            raise ZeroDivisionError


# env ------------------------------------------------------------------------------------------------


async def visits(request, env):
    count = int(await env.VISITS.get("n") or 0) + 1
    await env.VISITS.put("n", str(count))
    return f"{env.GREETING} {count}"


def visited() -> App:
    made = App(AppEnv)
    made.get("/")(visits)
    return made


async def test_each_client_has_a_new_store_which_tests_can_reach() -> None:
    for _ in range(2):
        async with TestClient(visited()) as client:
            assert await (await client.get("/")).text() == "Hello 1"
            await client.env.VISITS.put("n", "41")
            assert await (await client.get("/")).text() == "Hello 42"
            assert await client.env.VISITS.get("n") == "42"


async def test_env_overrides_vars_and_bindings() -> None:
    class Fake:
        async def get(self, key):
            return "9"

        async def put(self, key, value):
            assert value == "10"

    async with TestClient(visited(), {"GREETING": "Yo", "VISITS": Fake()}) as client:
        assert await (await client.get("/")).text() == "Yo 10"


# Time and wait_until --------------------------------------------------------------------------------


async def test_time_stands_still_and_is_turned_by_hand() -> None:
    async def fetch(request):
        return str(host.now())

    async with TestClient(fetch, clock=ManualClock(now=1000)) as client:
        for expected in ("1000", "1060.5"):
            assert await (await client.get("/")).text() == expected
            client.clock.advance(60.5)


async def test_records_expire_by_the_clock() -> None:
    async with TestClient(visited()) as client:
        await client.env.VISITS.put("n", "5", expiration_ttl=60)
        client.clock.advance(59)
        assert await client.env.VISITS.get("n") == "5"
        client.clock.advance(2)
        assert await client.env.VISITS.get("n") is None


async def test_a_request_returns_when_its_wait_until_has_ended() -> None:
    done = []

    async def deep(depth: int, ctx: Any) -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        if depth:
            ctx.wait_until(deep(depth - 1, ctx))
        done.append(depth)

    async def fetch(request, env, ctx):
        ctx.wait_until(deep(2, ctx))
        return ""

    async with TestClient(fetch) as client:
        await client.get("/")
        assert done == [2, 1, 0]


async def test_a_wait_until_that_sleeps_by_the_clock_is_left_until_time_goes_on() -> None:
    done = []

    async def later() -> None:
        await host.sleep(30)
        done.append(host.now())

    async def fetch(request, env, ctx):
        ctx.wait_until(later())
        return ""

    clock = ManualClock(now=0)
    async with TestClient(fetch, clock=clock) as client:
        await client.get("/")
        assert done == []
        clock.advance(30)
        await client.get("/")
        assert done == [30]
    assert done == [30]


async def test_what_still_sleeps_at_the_end_is_cancelled() -> None:
    ended = []

    async def later() -> None:
        try:
            await host.sleep(3600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def fetch(request, env, ctx):
        ctx.wait_until(later())
        return ""

    async with TestClient(fetch) as client:
        await client.get("/")
    assert ended == ["cancelled"]


async def test_errors_of_wait_until_are_logged_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    async def later() -> None:
        raise KeyError("x")

    async def fetch(request, env, ctx):
        ctx.wait_until(later())
        return "ok"

    async with TestClient(fetch) as client:
        assert await (await client.get("/")).text() == "ok"
    assert "KeyError" in caplog.text


async def test_clients_inside_each_other() -> None:
    async with TestClient(show, clock=ManualClock(now=1)) as outer:
        async with TestClient(show, clock=ManualClock(now=2)) as inner:
            assert host.now() == 2
            assert (await inner.get("/")).status == 200
        assert host.now() == 1
        assert (await outer.get("/")).status == 200
