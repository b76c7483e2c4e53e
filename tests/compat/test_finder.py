from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.compat import finder
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.web.response import Response


@pytest.fixture(autouse=True)
def _own_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        if name.partition(".")[0] in finder.NAMES:
            del sys.modules[name]


def installed(folder: Path) -> None:
    """A package `workers` that is on the path but not in the user's folder."""
    (folder / "workers.py").write_text("origin = 'installed'\n")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()


def test_workers_is_there_with_its_parts(tmp_path: Path):
    finder.install(tmp_path, first=True)
    workers = importlib.import_module("workers")
    assert workers.__name__ == "workers"
    assert issubclass(workers.WorkerEntrypoint, WorkerEntrypoint)
    assert issubclass(workers.Response, Response)
    assert len(workers.__all__) == 27
    assert all(hasattr(workers, name) for name in workers.__all__)
    for name in ("asgi", "wsgi", "workflows", "gateway"):
        importlib.import_module(f"workers.{name}")
    assert importlib.import_module("asgi").fetch is workers.asgi.fetch


def test_removed_it_leaves_nothing_behind(tmp_path: Path):
    before = [*sys.meta_path]
    installed = finder.install(tmp_path, first=True)
    importlib.import_module("workers.asgi")
    installed.remove()
    assert sys.meta_path == before
    assert not {"workers", "workers.asgi"} & set(sys.modules)
    installed.remove()  # once more is no fault


def test_in_a_workers_project_it_goes_before_an_installed_package(tmp_path: Path):
    installed(tmp_path)
    finder.install(tmp_path / "project", first=True)
    assert issubclass(importlib.import_module("workers").Response, Response)


def test_elsewhere_it_only_fills_the_gap(tmp_path: Path):
    installed(tmp_path)
    finder.install(tmp_path / "project", first=False)
    assert importlib.import_module("workers").origin == "installed"


def test_the_users_own_module_of_that_name_wins(tmp_path: Path):
    installed(tmp_path)
    finder.install(tmp_path, first=True)
    assert importlib.import_module("workers").origin == "installed"


def test_elsewhere_nothing_looks_like_pyodide_before_workers_is_asked_for(tmp_path: Path):
    installed_finder = finder.install(tmp_path, first=False)
    try:
        with pytest.raises(ImportError):
            importlib.import_module("js")
        importlib.import_module("workers")
        assert importlib.import_module("js").__name__ == "js"
    finally:
        installed_finder.remove()
