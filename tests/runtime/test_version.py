"""Version metadata and secrets of a store, from the configuration to env."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgekit import config as configuration
from edgekit.app import App
from edgekit.bindings.secrets_store import SecretsStoreSecret
from edgekit.bindings.version import WorkerVersionMetadata
from edgekit.engines.base import Put
from edgekit.env import Env
from edgekit.errors import ConfigError
from edgekit.runtime.env import secrets_space
from edgekit.testing import TestClient


class AppEnv(Env):
    VERSION: WorkerVersionMetadata


FILE = {"name": "x", "main": "main.py", "version_metadata": {"binding": "VERSION"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("ID", "TAG", "TIMESTAMP"):
        monkeypatch.delenv(f"EDGEKIT_VERSION_{name}", raising=False)
    (tmp_path / "wrangler.json").write_text(json.dumps(FILE))
    (tmp_path / "main.py").write_text("x = 1")
    for file in ("wrangler.json", "main.py"):
        os.utime(tmp_path / file, (1_700_000_000.25, 1_700_000_000.25))
    return tmp_path


def version() -> dict[str, str]:
    return configuration.load().version()


async def test_it_is_in_env_and_can_be_declared() -> None:
    async with TestClient(App(AppEnv)) as client:
        env: Any = client.env
        assert version() == env.VERSION
        assert env.VERSION.id == version()["id"]
        assert env.VERSION.tag == ""
        assert env.VERSION.timestamp == "2023-11-14T22:13:20.250Z"


def test_it_is_stable_until_the_program_changes(folder: Path) -> None:
    first = version()
    assert version() == first
    assert len(first["id"]) == 36
    (folder / "main.py").write_text("x = 2")
    assert version()["id"] != first["id"]


def test_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_VERSION_ID", "v7")
    monkeypatch.setenv("EDGEKIT_VERSION_TAG", "blue")
    monkeypatch.setenv("EDGEKIT_VERSION_TIMESTAMP", "2026-01-01T00:00:00.000Z")
    assert version() == {"id": "v7", "tag": "blue", "timestamp": "2026-01-01T00:00:00.000Z"}


def test_without_files_there_is_one_too() -> None:
    assert configuration.bare().version()["timestamp"] == "1970-01-01T00:00:00.000Z"


async def test_a_variable_of_that_name_is_no_version(folder: Path) -> None:
    file = {"name": "x", "vars": {"VERSION": {"id": "1"}}}
    (folder / "wrangler.json").write_text(json.dumps(file))
    with pytest.raises(ConfigError, match="found a variable of that name"):
        await TestClient(App(AppEnv)).__aenter__()


async def test_a_secret_of_a_store(folder: Path) -> None:
    secret = {"binding": "KEY", "store_id": "s1", "secret_name": "api_key"}
    file = {"name": "x", "secrets_store_secrets": [secret]}
    (folder / "wrangler.json").write_text(json.dumps(file))

    class Declared(Env):
        KEY: SecretsStoreSecret

    async with TestClient(App(Declared)) as client:
        env: Any = client.env
        records = client._isolate._open().records
        await records.apply([Put(secrets_space("s1"), b"api_key", b"value")], now=0)
        assert await env.KEY.get() == "value"
