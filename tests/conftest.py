"""For all tests: neither what a developer has in the environment, nor what another test left running."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from edgekit import context


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    before = dict(os.environ)  # what a command that runs in this process sets, `dev` for one, goes
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
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _own_workers() -> Iterator[None]:
    """A Worker that a test has started and not stopped is not beside those of the next one."""
    before = list(context.running)
    yield
    context.running[:] = before
