"""A Workers project as it is: its imports, its dependencies, its Worker, and what in it cannot run here.

`imported` imports the main module, with `python_modules/` at hand and the platform's modules in the
place of whatever is installed, and makes a ConfigError with file and line of what is missing. What the
environment has goes before `python_modules/`, which may have been made for another machine.
"""

from __future__ import annotations

import ast
import contextlib
import logging
import re
import sys
import tomllib
import traceback
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from edgekit.compat import cooperative, current, finder, flags, greenlets
from edgekit.compat.entrypoints import GLOBAL_HANDLERS, ProjectWorker, default_of, without_default
from edgekit.compat.names import JS_NAMES, REFUSED
from edgekit.compat.own_modules import OwnModules
from edgekit.config import Config
from edgekit.errors import ConfigError
from edgekit.kinds import named
from edgekit.worker import Worker

__all__ = [
    "Imported",
    "imported",
    "missing_dependencies",
    "refusals",
    "without_default",
    "worker_of",
]

logger = logging.getLogger(__name__)

# What projects have as dependencies for their editor's sake, or for other tools'.
_NOT_NEEDED = frozenset(
    {"webtypy", "workers-py", "workers-runtime-sdk", "pyodide-py", "pyodide-build", "edgekit-asgi"}
)


class Imported:
    """An imported project: its main module, and a way to forget it."""

    def __init__(self, folder: Path, *, first: bool) -> None:
        self.module: ModuleType
        self._folder = folder
        self._finders: list[finder.Removable] = [finder.install(folder, first=first)]
        self._paths: list[str] = []

    def close(self) -> None:
        """Undo the import: the modules of the project, and the platform's, are gone."""
        for each in self._finders:
            each.remove()
        for path in self._paths:
            if path in sys.path:
                sys.path.remove(path)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file is not None and Path(file).is_relative_to(self._folder):
                del sys.modules[name]

    def _path(self, path: Path, *, first: bool) -> None:
        sys.path.insert(0 if first else len(sys.path), str(path))
        self._paths.append(str(path))


def imported(
    name: str, folder: Path, config: Config | None = None, *, apart: str | None = None
) -> Imported:
    """Import the module `name` in `folder`.

    With the `config` of a Workers project it is one, and its platform's modules go before others; the
    variables of the configuration are there while it is imported. `apart` is a name under which its
    modules are kept, where another project's are in this process.
    """
    project = Imported(folder, first=config is not None)
    vendored = _vendored(folder, config)
    if config is not None:
        _check_dependencies(config.root, vendored)
    clients = cooperative.Clients()
    token = current.importing.set(_offered(config) if config is not None else None)
    try:
        if config is not None:
            clients.begin()
            project._finders.append(clients)
        if apart is not None:
            own = OwnModules(apart, folder, finder.NAMES, [finder.MODULES, *vendored])
            sys.meta_path.insert(0, own)
            project._finders.append(own)
            name = f"{own.package}.{name}"
        else:
            project._path(folder, first=True)
            for path in vendored:
                project._path(path, first=False)
        project.module = import_module(name)
    except ImportError as error:
        if config is None:
            project.close()
            raise
        fault = _fault(error, folder, vendored)
        project.close()
        if fault is None:
            raise
        raise ConfigError(fault) from error
    except BaseException:
        project.close()
        raise
    finally:
        current.importing.reset(token)
    if config is not None:
        if refused := list(refusals(folder)):
            project.close()
            raise ConfigError("\n".join(refused))
        texts = [text for _, text in _sources(folder)]
        if any("urlopen" in text for text in texts):
            clients.adapt_urlopen()
        if any("run_sync" in text for text in texts):  # it may be imported in a handler only
            greenlets.enable()
    return project


def worker_of(module: ModuleType, config: Config | None) -> Worker | None:
    """The Worker of a project's main module; None where it has no entrypoint that Workers would find."""
    made = default_of(module)
    if isinstance(made, ProjectWorker) and config is not None:
        made.configure(flags.effective(config.compatibility_date, config.compatibility_flags))
        older = [name for name in GLOBAL_HANDLERS if hasattr(module, name)]
        if older and "python_no_global_handlers" in made.flags:
            logger.warning(
                "%s: %s: Workers run no such handlers since the compatibility date 2025-08-14; write "
                "`class Default(WorkerEntrypoint)`",
                module.__file__,
                ", ".join(older),
            )
    return made


def _offered(config: Config) -> tuple[dict[str, Any], frozenset[str]]:
    return config.variables([]), frozenset(name for _, name in named(config))


def _vendored(folder: Path, config: Config | None) -> list[Path]:
    """Where the platform's tools put packages, of those places that are there."""
    if config is None:
        return []
    roots = dict.fromkeys((folder, config.root))
    return [
        root / name
        for root in roots
        for name in ("python_modules", "vendor")
        if (root / name).is_dir()
    ]


# Dependencies -------------------------------------------------------------------------------------


def _check_dependencies(root: Path, vendored: list[Path]) -> None:
    """Say which dependencies of pyproject.toml are nowhere, and that another Python is wanted."""
    path = root / "pyproject.toml"
    if not path.is_file():
        return
    try:
        project = tomllib.loads(path.read_text()).get("project") or {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        logger.warning("%s: cannot be read: %s", path, error)
        return
    wanted = project.get("requires-python")
    least = re.match(r"\s*>=?\s*3\.(\d+)", wanted or "")
    if least is not None and int(least[1]) > sys.version_info.minor:
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        logger.warning("%s: requires-python %r is ignored: this is %s", path, wanted, here)
    if missing := list(missing_dependencies(project.get("dependencies") or (), vendored)):
        logger.warning(
            "%s: dependencies that are not installed here: %s; pip install %s",
            path,
            ", ".join(missing),
            " ".join(f"'{each}'" for each in missing),
        )


def missing_dependencies(dependencies: Any, vendored: list[Path]) -> Iterator[str]:
    """Those requirements that neither the environment nor `python_modules/` has."""
    for requirement in dependencies:
        text, _, marker = str(requirement).partition(";")
        found = re.match(r"\s*([A-Za-z0-9][\w.-]*)", text)
        # A marker says for which systems; which of them this is, we leave to the import.
        if found is None or marker.strip():
            continue
        name = re.sub(r"[-_.]+", "-", found[1]).lower()
        if name in _NOT_NEEDED:
            continue
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            places = [str(path) for path in vendored]
            if PathFinder.find_spec(name.replace("-", "_"), places) is None and not any(
                True for _ in metadata.distributions(name=name, path=places)
            ):
                yield text.strip()


# What cannot run here -------------------------------------------------------------------------------


def _fault(error: ImportError, folder: Path, vendored: list[Path]) -> str | None:
    """A failed import in a sentence, with the line of the project that asked for it."""
    where = None
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).is_relative_to(folder):
            where = f"{frame.filename}:{frame.lineno}"
    if where is None:
        return None
    name = (error.name or "").partition(".")[0]
    if name == "js" and (wanted := re.match(r"cannot import name '(\w+)'", str(error))):
        return f"{where}: {_lacks(wanted[1])}"
    if isinstance(error, ModuleNotFoundError) and name:
        if any((path / name).exists() for path in vendored):
            return f"{where}: {error}; what python_modules/ has of it is made for Workers: pip install it here"
        return f"{where}: {error}; install the package that it is in, such as: pip install {name}"
    return f"{where}: {error}"


def refusals(folder: Path) -> Iterator[str]:
    """A line for each use, in the project's imported modules, of what is not to be had here."""
    for file, text in _sources(folder):
        if "js" in text or "import_from_javascript" in text:
            yield from (f"{file}:{line}: {what}" for line, what in _unknown(text))


def _sources(folder: Path) -> Iterator[tuple[str, str]]:
    """The project's own imported modules: their files and texts."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is None or not file.endswith(".py") or not Path(file).is_relative_to(folder):
            continue
        if not {"python_modules", "site-packages", "node_modules"} & set(Path(file).parts):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                yield file, Path(file).read_text()


def _unknown(text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    provided = _provided_for(tree)
    names = {  # that `import js`, or `import js as x`, gives it
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "js"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "js" and not node.level:
            for alias in node.names:
                if alias.name not in JS_NAMES and alias.name != "*" and node not in provided:
                    yield node.lineno, _lacks(alias.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            read = isinstance(node.ctx, ast.Load)  # what the project sets itself is there
            absent = node.attr not in JS_NAMES and node.attr not in provided
            if read and node.value.id in names and absent and node not in provided:
                yield node.lineno, _lacks(node.attr)
        elif isinstance(node, ast.Call) and _called(node) == "import_from_javascript" and node.args:
            wanted = node.args[0]
            if isinstance(wanted, ast.Constant) and wanted.value not in current.JAVASCRIPT_MODULES:
                yield (
                    node.lineno,
                    f"import_from_javascript({wanted.value!r}): edgekit runs no JavaScript",
                )


def _called(node: ast.Call) -> str | None:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", None)


def _provided_for(tree: ast.AST) -> set[Any]:
    """The nodes whose failing the code expects, and the names that it asks `hasattr` and `getattr` for."""
    found: set[Any] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(map(_expects_absence, node.handlers)):
            found.update(each for part in node.body for each in ast.walk(part))
        elif isinstance(node, ast.Call) and _called(node) in ("hasattr", "getattr"):
            found.update(arg.value for arg in node.args if isinstance(arg, ast.Constant))
    return found


def _expects_absence(handler: ast.ExceptHandler) -> bool:
    # Not Exception: that is as often around a whole handler, which then would fail late.
    caught = ast.unparse(handler.type) if handler.type is not None else ""
    return any(name in caught for name in ("ImportError", "AttributeError", "ModuleNotFoundError"))


def _lacks(name: str) -> str:
    return f"js.{name}: {REFUSED.get(name, 'edgekit does not have it')}"
