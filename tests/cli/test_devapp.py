from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from edgekit.asgi import ASGIApp, Message, Receive, Scope, Send
from edgekit.cli.devapp import DevApp
from edgekit.cli.limits import Limits
from edgekit.errors import ConfigError


def wrapped(app: ASGIApp | Callable[[], ASGIApp], *, make: bool = False) -> DevApp:
    return DevApp(app if make else lambda: app, Limits(lambda *what: None))  # type: ignore[arg-type, return-value]


async def run(app: DevApp, kind: str = "http", *messages: str, path: str = "/") -> list[Message]:
    sent: list[Message] = []
    waiting = [{"type": message} for message in messages]

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": kind, "method": "GET", "path": path}
    await app(scope, receive, send)
    return sent


def sends(*messages: dict[str, Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


OK = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b""}


@pytest.mark.parametrize(
    ("kind", "message", "line"),
    [
        ("http", OK, "GET /a%0Ab 200 OK ("),
        ("http", {**OK, "status": 599}, "GET /a%0Ab 599 ("),
        ("websocket", {"type": "websocket.accept"}, "GET /a%0Ab 101 Switching Protocols ("),
        ("websocket", {"type": "websocket.close"}, "GET /a%0Ab 403 Forbidden ("),
    ],
)
async def test_each_request_is_one_line(
    capsys: pytest.CaptureFixture[str], kind: str, message: Message, line: str
):
    await run(wrapped(sends(message, {**BODY, "type": f"{kind}.x"})), kind, path="/a\nb")
    out = capsys.readouterr().out
    assert out.startswith(f"[wrangler:info] {line}")
    assert out.count("\n") == 1


async def test_request_without_a_response_is_a_line_too(capsys: pytest.CaptureFixture[str]):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await run(wrapped(app))
    assert capsys.readouterr().out == "[wrangler:info] GET / (no response)\n"


async def test_app_that_cannot_be_imported_is_answered_for(capsys: pytest.CaptureFixture[str]):
    def make() -> ASGIApp:
        raise ConfigError("no such thing")

    app = wrapped(make, make=True)
    assert capsys.readouterr().err.endswith("no such thing\n")
    [complete, *_] = await run(app, "lifespan", "lifespan.startup", "lifespan.shutdown")
    assert complete == {"type": "lifespan.startup.complete"}
    start, body = await run(app)
    assert start["status"] == 500
    assert b"no such thing" in body["body"]
    [close] = await run(app, "websocket")
    assert close["type"] == "websocket.close"


@pytest.mark.parametrize("logs", [True, False])
async def test_app_that_fails_to_start_is_answered_for(
    capsys: pytest.CaptureFixture[str], logs: bool
):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if logs:
            logging.getLogger("a.worker").error("cannot start: %s", "no luck")
        await send({"type": "lifespan.startup.failed", "message": "" if logs else "no luck"})

    dev = wrapped(app)
    assert await run(dev, "lifespan") == [{"type": "lifespan.startup.complete"}]
    assert ("no luck" in capsys.readouterr().err) is not logs
    assert b"no luck" in (await run(dev))[1]["body"]
