"""D1 databases in an env: by their id, or by the name of what declares them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit import App, D1Database, Env, Response
from edgekit import config as configuration
from edgekit.engines.open import open_store
from edgekit.runtime.env import Place, build_env
from edgekit.testing.client import TestClient


class AppEnv(Env):
    DB: D1Database


async def test_databases_come_from_the_file_by_their_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    entries = [
        {"binding": "DB", "database_name": "todo", "database_id": "x"},
        {"binding": "SAME", "database_id": "x"},
        {"binding": "NAMED", "database_name": "todo"},
    ]
    Path("wrangler.json").write_text(json.dumps({"d1_databases": entries}))
    for _ in range(2):  # the second time from what the first one left
        store = open_store(f"sqlite:{tmp_path}/state", durable=True)
        place = Place(configuration.load(None), lambda store=store: store, lambda *_: None)  # type: ignore[misc]
        env: Any = build_env(App(AppEnv), place)
        await env.DB.exec("CREATE TABLE IF NOT EXISTS t (a)")
        assert (await env.SAME.prepare("SELECT * FROM t").all()).success
        assert await env.NAMED.prepare("SELECT count(*) FROM sqlite_schema").raw() == [[0]]
        await store.close()
    assert {path.stem for path in (tmp_path / "state" / "d1").glob("*.sqlite3")} == {"x", "todo"}


async def test_without_a_file_a_declared_database_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    app = App(AppEnv)

    @app.get("/")
    async def index(request: Any, env: AppEnv) -> Response:
        return Response.json(await env.DB.prepare("SELECT 1 AS one").first())

    async with TestClient(app) as client:
        assert await (await client.get("/")).json() == {"one": 1}
