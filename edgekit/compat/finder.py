"""Lets user code import the modules that real Workers have, such as `workers`, from `modules/`.

A file of that name in the user's own folder always wins. The platform's SDK, which people install
for its types, has a package `workers` too, which cannot run here: so in a Workers project ours goes
before whatever is installed, elsewhere it only fills the gap, and `js` and the others are there once
`workers` has been asked for: libraries take them for a sign of Pyodide. `remove` undoes it all, so that the
next project, or none, finds nothing of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Protocol

MODULES = Path(__file__).with_name("modules")
NAMES = frozenset({"asgi", "js", "pyodide", "pyodide_js", "workers"})


class Removable(Protocol):
    """Something installed, to be undone."""

    def remove(self) -> None: ...


class CompatFinder:
    """A finder for `sys.meta_path`."""

    def __init__(self, folder: Path, names: frozenset[str] = NAMES) -> None:
        self._folder = folder
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Our module's spec, unless the user's folder has one of that name."""
        if name not in self._names or PathFinder.find_spec(name, [str(self._folder)]) is not None:
            return None
        self._names = NAMES
        return PathFinder.find_spec(name, [str(MODULES)])

    def remove(self) -> None:
        """Let nobody find our modules any longer, and forget those that were found."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in list(sys.modules):
            if name.partition(".")[0] in NAMES and _is_ours(sys.modules[name]):
                del sys.modules[name]


def install(folder: Path, *, first: bool) -> CompatFinder:
    """Install the finder for user code in `folder`: before all others, or after them."""
    finder = CompatFinder(folder, NAMES if first else frozenset({"workers"}))
    sys.meta_path.insert(0 if first else len(sys.meta_path), finder)
    return finder


def _is_ours(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(MODULES)
