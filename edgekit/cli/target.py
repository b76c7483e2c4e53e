"""TARGET: what `dev` and `serve` are told to run, and how it becomes an ASGI app.

TARGET is `module:app`, a file, `file:app`, a folder, or nothing, which is the current folder. In a
folder it is the `main` of the wrangler file, or else main.py. Without `:app` the app is looked for
by name: see `_discover`. `resolve` imports nothing; `load` does.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from edgekit.cli.faults import shown
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.asgi import ASGIApp

_USUAL = "main.py"


@dataclass(frozen=True, slots=True)
class Target:
    """`module` is imported with `folder` first on sys.path; `file` is it, where a file was named.

    `config` is the wrangler file, or the folder from which upward there is none.
    `workers_project`: the file is the `main` of that wrangler file.
    """

    module: str
    attribute: str | None
    folder: Path
    file: Path | None
    config: Path
    workers_project: bool


def resolve(text: str | None) -> Target:
    """What TARGET means; ConfigError when it means nothing, or no such file or module is there.

    EDGEKIT_CONFIG, if set, decides about the configuration; otherwise the target's folder does.
    """
    place, attribute = _split(text or ".")
    path = Path(os.path.abspath(place))
    if path.is_dir() or path.is_file():
        folder = path if path.is_dir() else path.parent
        config, main = _configured(folder)
        if path.is_dir():
            # A main.py here is nearer than a wrangler file further up.
            further_up = config.parent in folder.parents and (folder / _USUAL).is_file()
            path = main if main and not further_up else folder / _USUAL
        return _file(path, attribute, config, main)
    if not all(part.isidentifier() for part in place.split(".")) or place.endswith(".py"):
        raise ConfigError(f"{place}: there is no such file or folder")
    folder = Path.cwd()
    if PathFinder.find_spec(place.partition(".")[0], [str(folder), *sys.path]) is None:
        raise ConfigError(
            f"{place}: there is no such file or folder, and no such module in {folder}"
        )
    config, main = _configured(folder)
    return Target(place, attribute, folder, None, config, workers_project=False)


def load(target: Target) -> ASGIApp:
    """Import the target: its app, made a Worker where it is a function or a class.

    Raises whatever the import raises, and ConfigError when what is there is no app.
    """
    from edgekit.compat import finder

    finder.install(target.folder, first=target.workers_project)
    sys.path.insert(0, str(target.folder))
    module = import_module(target.module)
    if target.file is not None and not _same(module, target.file):
        raise ConfigError(
            f"{target.file}: there is another module named {target.module!r}, which Python finds"
            " first; rename the file"
        )
    if target.attribute is None:
        return _discover(module, target)
    found: Any = module
    for name in target.attribute.split("."):
        if not hasattr(found, name):
            raise ConfigError(f"{_shown(module)} has no {target.attribute!r}{_others(module)}")
        found = getattr(found, name)
    return _as_app(found, f"{target.module}:{target.attribute}")


def _split(text: str) -> tuple[str, str | None]:
    place, colon, attribute = text.rpartition(":")
    # What follows the colon of C:\project is no name.
    if colon and place and all(part.isidentifier() for part in attribute.split(".")):
        return place, attribute
    if colon and place and not attribute:
        raise ConfigError(f"{text}: nothing after the colon; write module:app")
    return text, None


def _configured(folder: Path) -> tuple[Path, Path | None]:
    """The wrangler file of a target in `folder` (or `folder` itself), and the file it calls main."""
    from edgekit import config as configuration

    # Whoever serves loads it again, and logs what there is to warn of.
    configuration.logger.disabled = True
    try:
        config = configuration.load(start=folder)
    finally:
        configuration.logger.disabled = False
    return config.path or config.root, config.main


def _file(path: Path, attribute: str | None, config: Path, main: Path | None) -> Target:
    if not path.is_file():
        if path == main:
            raise ConfigError(f"{config}: main: there is no file {path}")
        raise ConfigError(
            f"{path.parent}: there is no {_USUAL} here and no wrangler file that names a main;"
            " say what to run, as in module:app, or begin with `edgekit init`"
        )
    if path.suffix != ".py":
        whose = f"{config}: main: " if path == main else ""
        raise ConfigError(f"{whose}{path} is not a Python file")
    if "." in path.stem:
        raise ConfigError(f"{path}: a module's name has no dots; rename the file")
    # As on Workers, the folder of the file is the root of imports.
    return Target(path.stem, attribute, path.parent, path, config, workers_project=path == main)


def _same(module: ModuleType, file: Path) -> bool:
    return module.__file__ is not None and os.path.samefile(module.__file__, file)


def _discover(module: ModuleType, target: Target) -> ASGIApp:
    """The app of a module: `app`, else its only Worker, else `Default`, else `fetch`."""
    from edgekit.worker import Worker

    if hasattr(module, "app"):
        return _as_app(module.app, f"{target.module}:app")
    workers = {id(value): name for name, value in vars(module).items() if isinstance(value, Worker)}
    if len(workers) > 1:
        raise ConfigError(
            f"{_shown(module)} has several Workers; say which:"
            f" {' or '.join(f'{target.module}:{name}' for name in workers.values())}"
        )
    for name in (*workers.values(), "Default", "fetch"):
        if hasattr(module, name):
            return _as_app(getattr(module, name), f"{target.module}:{name}")
    if hasattr(module, "on_fetch"):
        raise ConfigError(
            f"{_shown(module)}: on_fetch is the old form, which edgekit does not have; write"
            " `class Default(WorkerEntrypoint)` with `async def fetch(self, request)`"
        )
    raise ConfigError(
        f"{_shown(module)} has nothing to serve: no `app`, no App or Worker, no"
        " `class Default(WorkerEntrypoint)` and no `async def fetch(request, env)`"
    )


def _as_app(found: Any, name: str) -> ASGIApp:
    from edgekit.worker import Worker, worker

    if isinstance(found, Worker):
        return found
    if isinstance(found, type | partial) or inspect.isroutine(found):
        return worker(found)
    if callable(found):  # an app of another framework
        return cast("Callable[..., Any]", found)
    raise ConfigError(f"{name} is of the type {type(found).__name__}, which is no app")


def _others(module: ModuleType) -> str:
    from edgekit.worker import Worker

    names = [name for name, value in vars(module).items() if isinstance(value, Worker)]
    return f"; it has: {', '.join(names)}" if names else ""


def _shown(module: ModuleType) -> str:
    return shown(module.__file__) if module.__file__ else module.__name__
