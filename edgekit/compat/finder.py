"""Lets user code import the modules that real Workers have, such as `workers`, from `modules/`.

A file of that name in the user's own folder always wins. The platform's SDK, which people install
for its types, has a package `workers` too, which cannot run here: so in a Workers project ours goes
before whatever is installed, elsewhere it only fills the gap.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_MODULES = Path(__file__).with_name("modules")
_NAMES = frozenset({"workers"})


class CompatFinder:
    """A finder for `sys.meta_path`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Our module's spec, unless the user's folder has one of that name."""
        if name not in _NAMES or PathFinder.find_spec(name, [str(self._folder)]) is not None:
            return None
        return PathFinder.find_spec(name, [str(_MODULES)])


def install(folder: Path, *, first: bool) -> None:
    """Install the finder for user code in `folder`: before all others, or after them."""
    sys.meta_path.insert(0 if first else len(sys.meta_path), CompatFinder(folder))
