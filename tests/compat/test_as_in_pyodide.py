"""The recorded answers of projects are those of CPython 3.14 in Pyodide with the platform's SDK.

Where Node is missing they are skipped visibly (tests/on_workers/conftest.py). Projects with sync code need a
Node with stack switching, which is among the npm packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.compat import places
from tests.compat.catalogue import PROJECTS
from tests.compat.record import answers
from tests.compat.test_projects import recorded
from tests.on_workers.conftest import npm

__all__ = ["npm"]

pytestmark = pytest.mark.workers


@pytest.fixture(scope="session")
def wheels(npm: Path) -> Path:
    """pydantic's compiled part, built for Pyodide, of the version that is installed here."""
    version = metadata.version("pydantic_core")
    folder = npm / "wheels-compat" / version
    if not list(folder.glob("*.whl")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
        pip += ["--dest", str(folder), "--only-binary=:all:", "--no-deps"]
        pip += ["--platform", "pyemscripten_2026_0_wasm32", "--implementation", "cp"]
        pip += ["--python-version", "3.14", "--abi", "cp314", f"pydantic_core=={version}"]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = f"pydantic_core {version} for Pyodide could not be had: {done.stderr[-300:]}"
            if "node" in os.environ.get("EDGEKIT_REQUIRE", "").split(","):
                pytest.fail(reason)
            pytest.skip(reason)
    return folder


@pytest.mark.parametrize(
    "name", [name for name, project in PROJECTS.items() if not project.not_real]
)
def test_pyodide_answers_as_recorded(
    name: str, npm: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    project = PROJECTS[name]
    node = places.node_for(project, npm)
    switches = [node, "-e", "process.exit(WebAssembly.Suspending ? 0 : 1)"]
    if project.sync and subprocess.run(switches, check=False).returncode:
        pytest.skip("no Node with stack switching: npm has one for Linux on x64, or take Node 25")
    compiled: Path = (
        request.getfixturevalue("wheels") if "pydantic" in project.packages else tmp_path
    )
    with places.real(project, tmp_path / "real", npm, compiled, node) as host:
        found = answers(project, host, real=True)
    for answer, there in zip(found, recorded(project), strict=True):
        if answer is not None:
            assert answer == there
