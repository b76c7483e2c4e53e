from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.runtime.host import Host

from .wire import hosted


@pytest.fixture
async def serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Callable[..., Host]]:
    """`serve(app)` gives a Host, stopped after the test. It is a production host without a file."""
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    monkeypatch.chdir(tmp_path)
    hosts: list[Host] = []

    def make(target: Any, **options: Any) -> Host:
        hosts.append(hosted(target, **options))
        return hosts[-1]

    yield make
    for host in hosts:
        await host.stop()


@pytest.fixture
def quick_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for clients that have gone in every turn of the loop."""
    monkeypatch.setattr("edgekit.runtime.host.SWEEP_SECONDS", 0)
