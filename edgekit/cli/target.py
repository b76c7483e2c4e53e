"""TARGET: what `dev` and `serve` are told to run, and how it becomes an ASGI app.

TARGET is `module:app`, a file, `file:app`, a folder, or nothing, which is the current folder. In a
folder it is the `main` of the wrangler file, or else main.py, or else the wrangler file's assets
alone. Without `:app` the app is looked for by name: see `_discover`. `resolve` imports nothing;
`load` does.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from edgekit.cli.faults import shown
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.asgi import ASGIApp
    from edgekit.config import Config
    from edgekit.worker import Worker

_USUAL = "main.py"


@dataclass(frozen=True, slots=True)
class Target:
    """`module` is imported with `folder` first on sys.path; `file` is it, where a file was named.

    Without a module there are only assets.

    `config` is the wrangler file, or the folder from which upward there is none.
    `workers_project`: the file is the `main` of that wrangler file.
    """

    module: str | None
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
        config, main, assets = _configured(folder)
        if path.is_dir():
            usual = folder / _USUAL
            if main is None and assets and not attribute and not usual.is_file():
                return Target(None, None, folder, None, config, workers_project=False)
            # A main.py here is nearer than a wrangler file further up.
            further_up = config.parent in folder.parents and usual.is_file()
            path = main if main and not further_up else usual
        return _file(path, attribute, config, main)
    if not all(part.isidentifier() for part in place.split(".")) or place.endswith(".py"):
        raise ConfigError(f"{place}: there is no such file or folder")
    folder = Path.cwd()
    if PathFinder.find_spec(place.partition(".")[0], [str(folder), *sys.path]) is None:
        raise ConfigError(
            f"{place}: there is no such file or folder, and no such module in {folder}"
        )
    config, *_ = _configured(folder)
    return Target(place, attribute, folder, None, config, workers_project=False)


def load(target: Target) -> ASGIApp:
    """Import the target: its app, made a Worker where it is a function or a class, and the Workers
    beside it, which EDGEKIT_CONFIG names.

    Raises whatever the import raises, and ConfigError when what is there is no app.
    """
    from edgekit import config as configuration
    from edgekit.worker import Worker

    app = _load(target)
    if target.workers_project and isinstance(app, Worker) and "EDGEKIT_CONFIG" not in os.environ:
        # Who serves it by other means than `dev` and `serve` may be in any folder.
        app.config = app.config or str(target.config)
    if others := configuration.several()[1:]:
        if not isinstance(app, Worker):
            raise ConfigError(
                "several configurations need Workers: the first one is an app of another framework"
            )
        app.beside = [_load_beside(path) for path in others]
    return app


def _load(target: Target) -> ASGIApp:
    if target.module is None:
        from edgekit.runtime.assets_front import AssetsOnly

        return AssetsOnly()
    from edgekit import config as configuration
    from edgekit.compat import project

    config = _read(target.config) if target.workers_project else None
    beside = len(configuration.several()) > 1
    apart = (config and config.name) or target.folder.name if beside else None
    module = project.imported(target.module, target.folder, config, apart=apart).module
    if target.file is not None and not _same(module, target.file):
        raise ConfigError(
            f"{target.file}: there is another module named {target.module!r}, which Python finds"
            " first; rename the file"
        )
    if target.attribute is None:
        return _discover(module, target, config)
    found: Any = module
    for name in target.attribute.split("."):
        if not hasattr(found, name):
            raise ConfigError(f"{_shown(module)} has no {target.attribute!r}{_others(module)}")
        found = getattr(found, name)
    return _as_app(found, f"{target.module}:{target.attribute}")


def _load_beside(path: Path) -> Worker:
    """A Worker by its configuration file, with its modules apart from all others."""
    from edgekit.compat import project
    from edgekit.runtime.assets_front import AssetsOnly
    from edgekit.worker import Worker

    config = _read(path)
    if config.main is None and config.assets is None:
        raise ConfigError(f'{path}: a Worker beside others needs a "main"')
    app: ASGIApp = AssetsOnly()
    if config.main is not None:
        target = _file(config.main, None, path, config.main)
        name = config.name or target.folder.name
        assert target.module is not None
        module = project.imported(target.module, target.folder, config, apart=name).module
        app = _discover(module, target, config)
    if not isinstance(app, Worker):
        raise ConfigError(f"{path}: main is an app of another framework, not a Worker")
    app.config = str(path)
    return app


def others() -> list[tuple[Path, Path]]:
    """The configuration file of each Worker beside the first, and the folder of its code."""
    from edgekit import config as configuration

    found = []
    for path in configuration.several()[1:]:
        main = _read(path).main
        found.append((path, main.parent if main is not None else path.parent))
    return found


def _split(text: str) -> tuple[str, str | None]:
    place, colon, attribute = text.rpartition(":")
    # What follows the colon of C:\project is no name.
    if colon and place and all(part.isidentifier() for part in attribute.split(".")):
        return place, attribute
    if colon and place and not attribute:
        raise ConfigError(f"{text}: nothing after the colon; write module:app")
    return text, None


def _configured(folder: Path) -> tuple[Path, Path | None, bool]:
    """The wrangler file of a target in `folder` (or `folder` itself), the file it calls main, and
    whether it has assets.
    """
    config = _read(None, folder)
    return config.path or config.root, config.main, config.assets is not None


def _read(path: Path | None, folder: Path | None = None) -> Config:
    from edgekit import config as configuration

    # Whoever serves loads it again, and logs what there is to warn of.
    configuration.logger.disabled = True
    try:
        return configuration.load(path, start=folder)
    finally:
        configuration.logger.disabled = False


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


def _discover(module: ModuleType, target: Target, config: Config | None) -> ASGIApp:
    """The app of a module: `app`, else its only Worker, else `Default`, else `fetch`.

    In a Workers project, what Workers would find goes before: `Default`, or `on_fetch` and its like.
    """
    from edgekit.compat import project
    from edgekit.worker import Worker

    found = project.worker_of(module, config)
    if found is not None and (config is not None or not hasattr(module, "app")):
        return found
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
    if (found := project.without_default(module)) is not None:
        return found
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
