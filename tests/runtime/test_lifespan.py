"""The lifespan of a mounted ASGI app, whatever that app makes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edgekit.errors import ConfigError
from edgekit.runtime.lifespan import Lifespan


async def live(app: Any) -> None:
    lifespan = Lifespan(app)
    await asyncio.wait_for(lifespan.start(), 10)
    await asyncio.wait_for(lifespan.stop(), 10)
    assert len(asyncio.all_tasks()) == 1


async def test_startup_and_shutdown_are_sent_in_turn() -> None:
    calls = []

    async def app(scope, receive, send):
        assert scope["type"] == "lifespan"
        assert scope["asgi"]["version"] == "3.0"
        for what in ("startup", "shutdown"):
            calls.append((await receive())["type"])
            await send({"type": f"lifespan.{what}.complete"})

    await live(app)
    assert calls == ["lifespan.startup", "lifespan.shutdown"]


async def test_an_app_without_a_lifespan_is_left_alone() -> None:
    async def raises(scope, receive, send):
        assert scope["type"] == "http"

    async def raises_later(scope, receive, send):
        await receive()
        raise NotImplementedError

    async def returns(scope, receive, send):
        return

    async def answers_as_if_it_were_a_request(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for app in (raises, raises_later, returns, answers_as_if_it_were_a_request):
        await live(app)


@pytest.mark.parametrize("stays", [False, True])
async def test_an_app_that_fails_to_start_ends_the_start_by_name(stays: bool) -> None:
    class Failing:
        async def __call__(self, scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "x"})
            if stays:
                await asyncio.Event().wait()

        def __repr__(self):
            return "<the app>"

    with pytest.raises(ConfigError, match="<the app>"):
        await live(Failing())
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_an_app_that_dies_in_between_does_not_hold_up_the_stop() -> None:
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise ZeroDivisionError

    await live(app)


async def test_a_shutdown_that_fails_ends_all_the_same() -> None:
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "x"})

    await live(app)


async def test_a_lifespan_that_never_started_stops() -> None:
    await Lifespan(live).stop()


@pytest.mark.parametrize("turns", [0, 1, 5])
async def test_a_start_that_is_cancelled_leaves_nothing_behind(turns: int) -> None:
    ready = asyncio.Event()
    calls = []

    async def app(scope, receive, send):
        calls.append((await receive())["type"])
        await ready.wait()
        await send({"type": "lifespan.startup.complete"})
        calls.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    lifespan = Lifespan(app)
    starting = asyncio.ensure_future(lifespan.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert len(asyncio.all_tasks()) == 1
    calls.clear()
    ready.set()
    await lifespan.start()
    await lifespan.stop()
    assert calls == ["lifespan.startup", "lifespan.shutdown"]
