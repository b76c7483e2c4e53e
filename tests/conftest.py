"""For all tests: what a developer has in the environment does not reach them."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "EDGEKIT_CONFIG",
        "EDGEKIT_STORE",
        "EDGEKIT_BLOBS",
        "EDGEKIT_MODE",
        "EDGEKIT_SMTP",
        "EDGEKIT_AI_URL",
        "EDGEKIT_AI_KEY",
        "CLOUDFLARE_ENV",
    ):
        monkeypatch.delenv(name, raising=False)
