"""Every project in projects/ is answered here as its recorded answers say, on uvicorn and on granian."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.compat import places
from tests.compat.asking import Answer
from tests.compat.catalogue import FOLDER, PROJECTS, Project
from tests.compat.differences import DIFFERENCES, Difference
from tests.compat.record import answers, written

_DIFFERENT = {(each.project, each.what): each for each in DIFFERENCES}


def recorded(project: Project) -> list[Answer]:
    found: list[Answer] = json.loads(written(project).read_text())
    return found


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.parametrize("server", places.SERVERS)
def test_project_answers_as_on_the_platform(server: str, name: str, tmp_path: Path) -> None:
    project = PROJECTS[name]
    with places.here(server, project, tmp_path) as host:
        found = answers(project, host)
    for answer, there in zip(found, recorded(project), strict=True):
        difference = _DIFFERENT.get((name, there["ask"]))
        if difference is None:
            assert json.loads(json.dumps(answer)) == there
        else:
            assert answer is not None
            _differs(answer, there, difference)


def _differs(answer: Answer, there: Answer, difference: Difference) -> None:
    assert answer["status"] == difference.status
    assert re.fullmatch(difference.text, answer["text"])
    assert answer != there, f"{difference} differs no longer"


@pytest.mark.parametrize("name", PROJECTS)
def test_recorded_answers_are_those_to_what_is_asked(name: str) -> None:
    project = PROJECTS[name]
    assert [each["ask"] for each in recorded(project)] == [each.what for each in project.asks]


def test_each_difference_is_about_something_asked() -> None:
    asked = {(name, ask.what) for name, project in PROJECTS.items() for ask in project.asks}
    assert set(_DIFFERENT) <= asked


def test_every_folder_is_a_project_that_knows_nothing_of_edgekit() -> None:
    known = {name.split("/")[0] for name in PROJECTS}
    assert {path.name for path in FOLDER.iterdir()} == known
    assert len(known) >= 25
    for path in FOLDER.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert "edgekit" not in path.read_text(), path
