"""An origin of our own, byte by byte, in the test's event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edgekit import client

from .origin import Origin


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as origin:
        yield origin
        await client.close()
