"""Where the real platform comes from: one place that installs it, starts it, or says why not.

Needs node and npm. Where they (or the network, for the first installation) are missing these tests
are skipped, with the reason; with "node" in EDGEKIT_REQUIRE that is a failure. The packages go to
the folder EDGEKIT_NPM, or else to .ci/state/npm, once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.bridge.bridge import HERE, Bridge

REPOSITORY = HERE.parent.parent


@pytest.fixture(scope="session")
def real() -> Iterator[Bridge]:
    """The real platform, running."""
    bridge = Bridge(npm_folder())
    yield bridge
    bridge.close()


def npm_folder() -> Path:
    """The folder whose node_modules has what package-lock.json pins, installed if need be."""
    folder = Path(os.environ.get("EDGEKIT_NPM") or REPOSITORY / ".ci" / "state" / "npm")
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        unavailable("node or npm is not installed")
    if not installed(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, folder / name)
        # No package needs its scripts: the platform's program lies in a package of its own.
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            unavailable(f"npm ci failed: {done.stderr[-500:]}")
    return folder


def installed(folder: Path) -> bool:
    pinned = folder / "package-lock.json"
    return (
        # npm writes this file last.
        (folder / "node_modules" / ".package-lock.json").exists()
        and pinned.exists()
        and pinned.read_bytes() == (HERE / "package-lock.json").read_bytes()
    )


def unavailable(reason: str) -> NoReturn:
    if "node" in os.environ.get("EDGEKIT_REQUIRE", "").split(","):
        pytest.fail(f"the real platform is required: {reason}", pytrace=False)
    pytest.skip(f"no real platform to compare with: {reason}")
