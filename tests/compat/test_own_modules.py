"""Modules of a Worker beside others: its own, also where the names are the same."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgekit.cli.target import load, others, resolve
from edgekit.compat.own_modules import OwnModules
from edgekit.errors import ConfigError
from edgekit.worker import Worker


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if name.startswith("worker") or (file and Path(file).is_relative_to(tmp_path)):
            del sys.modules[name]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('IN', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def loaded(folder: Path, name: str = "b") -> Any:
    own = OwnModules(name, folder)
    sys.meta_path.insert(0, own)
    return importlib.import_module(f"{own.package}.main")


def test_two_workers_have_modules_of_the_same_names(folder: Path) -> None:
    for name in "ab":
        write(folder / name, main="import helper\nvalue = helper.value", helper=f"value = {name!r}")
    assert [loaded(folder / name, name).value for name in "ab"] == ["a", "b"]
    assert "helper" not in sys.modules


def test_every_form_of_import_finds_its_own(folder: Path) -> None:
    write(
        folder,
        main=(
            "import package.inner, os.path, json as j\n"
            "import package.inner as inner\n"
            "from package import inner as again, VALUE\n"
            "from package.inner import NAME\n"
            "from helper import *\n"
            "def late():\n    import lazy\n    return lazy\n"
        ),
        packageIN__init__="from .inner import NAME\nfrom . import inner\nVALUE = 1",
        packageINinner="import helper\nNAME = __name__",
        helper="star = 'from helper'",
        lazy="",
    )
    main = loaded(folder)
    assert main.package.inner is main.inner is main.again
    assert (main.NAME, main.VALUE, main.star) == ("worker:b.package.inner", 1, "from helper")
    assert main.late().__name__ == "worker:b.lazy"
    assert main.late() is main.late()
    assert main.os.path is sys.modules["os.path"]
    assert main.j is sys.modules["json"]


def test_what_is_not_there_is_not_found(folder: Path) -> None:
    write(folder, main="import no_such_module_here")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_here"):
        loaded(folder)
    write(folder, main="import helper.nope", helper="")
    with pytest.raises(ModuleNotFoundError, match="helper"):
        loaded(folder, "c")


def test_annotations_and_dataclasses_know_their_module(folder: Path) -> None:
    write(
        folder,
        main=(
            "from __future__ import annotations\n"
            "from dataclasses import dataclass\n"
            "from typing import ClassVar\n"
            "from edgekit import Env, KVNamespace, WorkerEntrypoint\n"
            "@dataclass\nclass Point:\n    x: ClassVar[int] = 1\n    y: int = 2\n"
            "class AppEnv(Env):\n    KV: KVNamespace\n"
            "class Default(WorkerEntrypoint):\n    env: AppEnv\n    async def fetch(self, r): ...\n"
        ),
    )
    from edgekit.env import declarations
    from edgekit.worker import worker

    main = loaded(folder, "with.dot")
    assert main.__name__ == "worker:with_dot.main"
    assert [field.name for field in dataclasses.fields(main.Point)] == ["y"]
    made = worker(main.Default)
    assert [d.kind for d in declarations(made.env_class)] == ["kv_namespaces"]


APP = "from edgekit import App\napp = App()\n"


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[Path]:
    paths = []
    for at, text in enumerate(texts):
        path = folder / "abc"[at] / "wrangler.jsonc"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        paths.append(path)
    monkeypatch.setenv("EDGEKIT_CONFIG", ":".join(map(str, paths)))
    return paths


def test_load_brings_the_workers_beside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = configured(
        folder,
        monkeypatch,
        '{"name": "a", "main": "main.py"}',
        '{"name": "b", "main": "src/main.py"}',
        '{"name": "c", "assets": {"directory": "."}}',
    )
    write(folder / "a", main=APP)
    write(folder / "b", srcINmain="async def fetch(request): ...")
    app = load(resolve(None))
    assert isinstance(app, Worker)
    assert [each.config for each in app.beside] == [str(path) for path in paths[1:]]
    assert others() == [(paths[1], folder / "b" / "src"), (paths[2], folder / "c")]


def test_what_cannot_stand_beside_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a", main=APP)
    write(folder / "b", main="class App:\n    def __call__(self): ...\napp = App()")
    first = '{"name": "a", "main": "main.py"}'
    configured(folder, monkeypatch, first, '{"name": "b", "main": "main.py"}')
    with pytest.raises(ConfigError, match="main is an app of another framework, not a Worker"):
        load(resolve(None))
    configured(folder, monkeypatch, first, '{"name": "b"}')
    with pytest.raises(ConfigError, match='a Worker beside others needs a "main"'):
        load(resolve(None))
    sys.modules.pop("main", None)
    configured(folder, monkeypatch, '{"name": "b", "main": "../b/main.py"}', first)
    with pytest.raises(ConfigError, match="the first one is an app of another framework"):
        load(resolve(None))
