"""Examples are imported as their own folder sees them: `main`, beside it `page`, and their configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """`load("hello")` is that example's `main`."""
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(EXAMPLES / name)
        monkeypatch.setenv("EDGEKIT_CONFIG", str(EXAMPLES / name))
        return import_module("main")

    yield load
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and "examples" in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]
