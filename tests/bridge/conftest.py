"""Where the real platform comes from: one place that installs it, starts it, or says why not.

Needs node and npm. Where they (or the network, for the first installation) are missing these tests
are skipped, with the reason; with "node" in EDGEKIT_REQUIRE that is a failure. The packages go to
the folder EDGEKIT_NPM, or else to .ci/state/npm, once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.bridge.bridge import HERE, Bridge
from tests.npm import installed

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
    return installed(folder, HERE, unavailable)


def unavailable(reason: str) -> NoReturn:
    if "node" in os.environ.get("EDGEKIT_REQUIRE", "").split(","):
        pytest.fail(f"the real platform is required: {reason}", pytrace=False)
    pytest.skip(f"no real platform to compare with: {reason}")
