"""Imports of a Worker that runs beside others: its modules are its own, whatever the others' names.

Every Worker's folder is its root of imports, and most have a `main`. So the modules of a second one
are loaded as `worker:NAME.main`: submodules of a package that stands for its folder, each with an
`__import__` of its own, which looks there first. All else (the standard library, what is installed) is
shared. `importlib.import_module` in such a Worker does not know its folder; `import` does.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any


class OwnModules:
    """A finder for `sys.meta_path`: the modules of the Worker `name` in `folder`, below `package`.

    In the folders `others` are packages that it may use too, and modules called `names`, which are its
    own as well.
    """

    def __init__(
        self, name: str, folder: Path, names: Iterable[str] = (), others: Iterable[Path] = ()
    ) -> None:
        self.package = f"worker:{name.replace('.', '_')}"
        self._folder = str(folder)
        self._names = frozenset(names)
        self._path = [self._folder, *map(str, others)]
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._own: dict[str, bool] = {}
        spec = ModuleSpec(self.package, None, is_package=True)
        spec.submodule_search_locations = self._path
        sys.modules[self.package] = module_from_spec(spec)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module of this Worker's, with our `__import__` in it."""
        if not name.startswith(f"{self.package}."):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self._builtins)
        return spec

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or not self._has(top):
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = builtins.__import__(
            f"{self.package}.{name}", globals, locals, fromlist or ("__name__",)
        )
        return module if fromlist else sys.modules[f"{self.package}.{top}"]

    def _has(self, top: str) -> bool:
        if top not in self._own:
            # What the environment has goes before what lies in `others`.
            self._own[top] = (
                top in self._names
                or PathFinder.find_spec(top, [self._folder]) is not None
                or (
                    top not in sys.builtin_module_names
                    and PathFinder.find_spec(top) is None
                    and PathFinder.find_spec(top, self._path) is not None
                )
            )
        return self._own[top]

    def remove(self) -> None:
        """Forget the Worker's modules."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in list(sys.modules):
            if name == self.package or name.startswith(f"{self.package}."):
                del sys.modules[name]


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, builtins: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._builtins = builtins

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._builtins
        super().exec_module(module)
