"""The portable suite's places, each started once; where Node is missing, skipped visibly.

With "node" in EDGEKIT_REQUIRE a skip is a failure. Packages go to EDGEKIT_NPM_WORKERS, or else to
.ci/state/npm-workers, once.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests.npm import installed
from tests.on_workers.places import HERE, PLACES, REPOSITORY, download_wheels, project, running


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder whose node_modules has what package-lock.json pins, and the wheels beside it."""
    folder = Path(
        os.environ.get("EDGEKIT_NPM_WORKERS") or REPOSITORY / ".ci" / "state" / "npm-workers"
    )
    installed(folder, HERE, _unavailable)
    try:
        download_wheels(folder / "wheels")
    except subprocess.CalledProcessError as error:
        _unavailable(f"the wheels could not be had: {error}")
    return folder


@pytest.fixture(scope="session")
def addresses(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Addresses by place; started when first asked for."""
    with ExitStack() as stack:
        yield _Addresses(request, tmp_path_factory, stack)


class _Addresses(dict[str, str]):
    def __init__(
        self,
        request: pytest.FixtureRequest,
        folders: pytest.TempPathFactory,
        stack: ExitStack,
    ) -> None:
        super().__init__()
        self._request, self._folders, self._stack = request, folders, stack
        self._failed: dict[str, Exception] = {}

    def __missing__(self, place: str) -> str:
        if place in self._failed:  # not once more for each test
            raise self._failed[place]
        try:
            address = self[place] = self._start(place)
        except Exception as error:
            self._failed[place] = error
            raise
        return address

    def _start(self, place: str) -> str:
        npm = Path()
        if place != "uvicorn":
            npm = self._request.getfixturevalue("npm")
        folder = project(place, self._folders.mktemp(place) / "project", npm / "wheels")
        return self._stack.enter_context(running(place, folder, npm))


@pytest.fixture(
    params=[pytest.param(p, marks=[] if p == "uvicorn" else [pytest.mark.workers]) for p in PLACES]
)
def place(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(place: str, addresses: dict[str, str]) -> str:
    """The address of the suite's program in this place."""
    return addresses[place]


def _unavailable(reason: str) -> NoReturn:
    if "node" in os.environ.get("EDGEKIT_REQUIRE", "").split(","):
        pytest.fail(f"real Workers are required: {reason}", pytrace=False)
    pytest.skip(f"no real Workers to run on: {reason}")
