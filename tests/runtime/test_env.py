"""From a configuration to an env: each binding joined to its engine, what is missing named."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from edgekit import config as configuration
from edgekit.app import App
from edgekit.bindings.kv import KVNamespace
from edgekit.engines.open import Store, open_store
from edgekit.env import Env
from edgekit.errors import ConfigError
from edgekit.runtime.env import Place, build_env, kv_space


class AppEnv(Env):
    VISITS: KVNamespace
    GREETING: str = "Hello"


class Strange:
    binding_kind: ClassVar[str] = "strange_things"


class StrangeEnv(Env):
    THING: Strange


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def place_of(store: Callable[[], Store]) -> Place:
    return Place(configuration.load(None), store, lambda *_: None)


def env_of(env_class: type[Env] = AppEnv, overrides: Any = None, **file: Any) -> Any:
    if file:
        Path("wrangler.json").write_text(json.dumps({"name": "x", **file}))
    store = open_store("memory:", durable=False)
    return build_env(App(env_class), place_of(lambda: store), overrides)


KV = {"kv_namespaces": [{"binding": "VISITS", "id": "0123"}]}


async def test_bindings_and_vars_come_from_the_file() -> None:
    env = env_of(**KV, vars={"GREETING": "Hi", "MORE": {"a": 1}})
    assert isinstance(env, AppEnv)
    await env.VISITS.put("a", "1")
    assert await env.VISITS.get("a") == "1"
    assert (env.GREETING, env["MORE"]) == ("Hi", {"a": 1})


async def test_namespaces_of_one_id_are_one_and_of_others_apart() -> None:
    names = [("VISITS", "1"), ("SAME", "1"), ("OTHER", "2")]
    env = env_of(kv_namespaces=[{"binding": name, "id": id_} for name, id_ in names])
    await env["VISITS"].put("a", "1")
    assert await env["SAME"].get("a") == "1"
    assert await env["OTHER"].get("a") is None


def test_the_space_of_a_namespace() -> None:
    assert kv_space("0123") == "kv/0123"


def test_with_a_file_a_declared_binding_must_be_in_it() -> None:
    with pytest.raises(ConfigError, match=r"AppEnv\.VISITS.*kv_namespaces"):
        env_of(vars={"A": "1"})


@pytest.mark.parametrize("mode", ["production", "development"])
async def test_without_a_file_a_binding_gets_a_store_of_its_name(
    monkeypatch, caplog, mode: str
) -> None:
    monkeypatch.setenv("EDGEKIT_MODE", mode)
    env = env_of()
    await env.VISITS.put("a", "1")
    assert await env.VISITS.get("a") == "1"
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == (mode == "production")
    assert all("VISITS" in text for text in warnings)


def test_without_a_file_a_kind_that_needs_one_is_named() -> None:
    with pytest.raises(ConfigError, match=r"THING.*Strange"):
        env_of(StrangeEnv)


def test_overrides_stand_for_bindings_and_vars() -> None:
    thing = Strange()
    assert env_of(StrangeEnv, {"THING": thing}).THING is thing
    assert env_of(AppEnv, {"GREETING": "Yo"}).GREETING == "Yo"


def test_every_env_class_of_the_app_is_checked() -> None:
    class Inner(Env):
        MISSING: str

    app = App(AppEnv)
    app.mount("/in", App(Inner))
    store = open_store("memory:", durable=False)
    with pytest.raises(ConfigError, match=r"Inner\.MISSING"):
        build_env(app, place_of(lambda: store))


def test_without_bindings_no_store_is_opened() -> None:
    def never() -> Any:
        raise AssertionError

    build_env(App(), place_of(never))
