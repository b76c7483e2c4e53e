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
    monkeypatch.delitem(sys.modules, "workers", raising=False)
    yield
    sys.modules.pop("workers", None)


def installed(folder: Path) -> None:
    """A package `workers` that is on the path but not in the user's folder."""
    (folder / "workers.py").write_text("origin = 'installed'\n")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()


def test_workers_has_what_a_plain_worker_needs(tmp_path: Path):
    finder.install(tmp_path, first=True)
    workers = importlib.import_module("workers")
    assert workers.__name__ == "workers"
    assert (workers.WorkerEntrypoint, workers.Response) == (WorkerEntrypoint, Response)


def test_names_that_come_later_say_so(tmp_path: Path):
    finder.install(tmp_path, first=True)
    with pytest.raises(ImportError, match=r"workers\.fetch is not there yet"):
        exec("from workers import fetch")
    with pytest.raises(ImportError, match="cannot import name 'fletch'"):
        exec("from workers import fletch")


def test_in_a_workers_project_it_goes_before_an_installed_package(tmp_path: Path):
    installed(tmp_path)
    finder.install(tmp_path / "project", first=True)
    assert importlib.import_module("workers").Response is Response


def test_elsewhere_it_only_fills_the_gap(tmp_path: Path):
    installed(tmp_path)
    finder.install(tmp_path / "project", first=False)
    assert importlib.import_module("workers").origin == "installed"


def test_the_users_own_module_of_that_name_wins(tmp_path: Path):
    installed(tmp_path)
    finder.install(tmp_path, first=True)
    assert importlib.import_module("workers").origin == "installed"
