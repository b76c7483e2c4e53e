"""Caches and rate limits of a Worker, from the configuration to the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit import App, Env, RateLimit, Request, Response, caches
from edgekit.errors import ConfigError
from edgekit.runtime.isolate import Isolate
from edgekit.testing import TestClient
from edgekit.worker import Worker, worker


class Limited(Env):
    LIMITER: RateLimit


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a configuration, with a store of its own beside, for what starts from now on."""

    def write(**keys: Any) -> Path:
        path = tmp_path / "wrangler.json"
        path.write_text(json.dumps({"name": "w", **keys}))
        monkeypatch.setenv("EDGEKIT_CONFIG", str(path))
        monkeypatch.setenv("EDGEKIT_STORE", f"sqlite:{tmp_path / 'state'}")
        return tmp_path / "state"

    return write


LIMITS = [{"name": "LIMITER", "namespace_id": "1", "simple": {"limit": 2, "period": 60}}]


async def test_a_limiter_is_configured(configured: Any) -> None:
    configured(ratelimits=LIMITS)
    app = App(Limited)

    @app.get("/")
    async def index(request: Request, env: Limited) -> Any:
        return [(await env.LIMITER.limit(key="k")).success for _ in range(3)]

    async with TestClient(app) as client:
        assert await (await client.get("/")).json() == [True, True, False]
        client.clock.advance(60)
        assert await (await client.get("/")).json() == [True, True, False]


async def test_a_limiter_needs_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = TestClient(App(Limited))
    with pytest.raises(ConfigError, match="LIMITER: a RateLimit needs a wrangler configuration"):
        await client.__aenter__()


def keeping() -> Worker:
    app = App()

    @app.put("/{n}")
    async def put(request: Request) -> str:
        body = bytes(int(request.query["size"]))
        await caches.default.put(
            f"http://a.test/{request.params['n']}",
            Response(body, headers={"cache-control": "max-age=3600"}),
        )
        return "put"

    @app.get("/{n}")
    async def get(request: Request) -> bool:
        return await caches.default.match(f"http://a.test/{request.params['n']}") is not None

    return worker(app)


async def ask(isolate: Isolate, method: str, path: str) -> Any:
    request = Request(f"http://localhost{path}", method=method)
    return await (await isolate.worker.fetch(request)).text()


async def test_caches_outlive_the_worker_and_are_shared_by_processes(configured: Any) -> None:
    configured()
    one, other = Isolate(keeping()), Isolate(keeping())
    await one.start()
    assert await ask(one, "PUT", "/1?size=100000") == "put"
    assert await ask(one, "GET", "/1") == "true"
    await one.stop()
    await other.start()
    assert await ask(other, "GET", "/1") == "true"
    await other.stop()


async def test_cache_bytes_limits_what_is_kept(configured: Any) -> None:
    state = configured(edgekit={"cache_bytes": 250_000})
    isolate = Isolate(keeping())
    await isolate.start()
    for n in range(5):
        await ask(isolate, "PUT", f"/{n}?size=100000")
    assert [await ask(isolate, "GET", f"/{n}") for n in range(5)] == [
        *("false", "false", "false", "true", "true")
    ]
    await isolate.stop()
    sizes = [file.stat().st_size for file in (state / "cache").rglob("*") if file.is_file()]
    assert sum(size == 100_000 for size in sizes) == 2


async def test_a_worker_that_caches_nothing_opens_no_cache(configured: Any) -> None:
    state = configured()
    isolate = Isolate(keeping())
    await isolate.start()
    await isolate.stop()
    assert not (state / "cache.sqlite3").exists()
