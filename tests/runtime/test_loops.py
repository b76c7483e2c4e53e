"""An app that is called from one event loop after another, as under Starlette's own TestClient."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edgekit.app import App
from edgekit.asgi_call import call_asgi
from edgekit.bindings.kv import KVNamespace
from edgekit.context import ExecutionContext
from edgekit.env import Env
from edgekit.web.request import Request


class CountEnv(Env):
    COUNT: KVNamespace


def test_store_lasts_from_loop_to_loop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", f"sqlite:{tmp_path}/store")
    app = App(CountEnv)

    @app.get("/")
    async def count(request: Request, env: CountEnv) -> str:
        seen = int(await env.COUNT.get("n") or 0) + 1
        await env.COUNT.put("n", str(seen))
        return str(seen)

    async def get(*, last: bool = False) -> str:
        response = await call_asgi(app, Request("http://h/"), ExecutionContext())
        if last:
            incoming = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

            async def receive() -> dict[str, str]:
                return incoming.pop()

            async def send(message: object) -> None:
                pass

            await app({"type": "lifespan"}, receive, send)
        return await response.text()

    assert [asyncio.run(get()), asyncio.run(get()), asyncio.run(get(last=True))] == ["1", "2", "3"]
