"""The examples as they are deployed: they start on real Workers, and answer there as they do here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.on_workers.places import project, running
from tests.on_workers.side_by_side import EXAMPLES, STEPS, compare, everywhere
from tests.on_workers.test_app import ask

pytestmark = pytest.mark.workers


@pytest.mark.parametrize("name", list(STEPS))
def test_the_same_answers_in_every_place(name: str, npm: Path, tmp_path: Path) -> None:
    with everywhere(name, tmp_path, npm) as addresses:
        for step, found in compare(name, addresses):
            for place, answer in found.items():
                assert answer == found["uvicorn"], f"{step.method} {step.path} in {place}"


@pytest.mark.parametrize(
    ("name", "path", "status"), [("hello", "/?name=Ada", 200), ("jobs", "/events/no", 404)]
)
def test_the_others_start(name: str, path: str, status: int, npm: Path, tmp_path: Path) -> None:
    folder = project("pyodide", tmp_path / name, npm / "wheels", EXAMPLES / name)
    with running("pyodide", folder, npm) as url:
        method = "GET" if name == "hello" else "POST"
        assert ask(url + path, method, None if name == "hello" else b"{}").status == status


def test_todo_starts_with_its_assets_and_migrations(npm: Path, tmp_path: Path) -> None:
    folder = project("pyodide", tmp_path / "todo", npm / "wheels", EXAMPLES / "todo")
    assert (folder / "public").is_dir()
    assert list((folder / "migrations").glob("*.sql"))
    with running("pyodide", folder, npm) as url:
        assert ask(f"{url}/api/nothing").status == 404
