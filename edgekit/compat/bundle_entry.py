"""What workerd starts of a bundle: the program's main module, or one beside it that says `Default`.

Nothing of the program is run: its main module's text is read.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.compat import flags
from edgekit.compat.entrypoints import GLOBAL_HANDLERS
from edgekit.errors import ConfigError

_NO_HANDLERS = "python_no_global_handlers"


@dataclass(frozen=True)
class Entry:
    """`text`: the module beside the main one, None where that is started itself.

    `handlers`: the older handlers, such as on_fetch, that the main module is started for.
    """

    text: bytes | None = None
    handlers: tuple[str, ...] = ()


def entry(file: Path, attribute: str | None) -> Entry:
    """What is to be started of the program in `file`, whose app is `attribute` or what it is usually
    called. ConfigError where nothing is.
    """
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        raise ConfigError(f"{file}:{error.lineno}: {error.msg}") from None
    bound = _bound(tree)
    if attribute in (None, "Default") and "Default" in bound:
        return Entry()
    workers = [name for name in ("app", *bound) if bound.get(name) == "worker"]
    handlers = tuple(name for name in GLOBAL_HANDLERS if name in bound)
    if attribute is None and not workers and handlers:
        return Entry(handlers=handlers)
    usual = ["app"] if "app" in bound else []
    if bound.get("fetch") == "own":  # one that is imported sends requests
        usual.append("fetch")
    name = attribute or next(iter((*workers, *usual)), None)
    if name is None or name.partition(".")[0] not in bound:
        raise ConfigError(
            f"{file} has nothing to deploy: no `Default = app.entrypoint()`, no `app`, no Worker and no"
            " `class Default(WorkerEntrypoint)`"
        )
    text = f'''"""What workerd starts: the Worker of {file.stem}.py. Written by `edgekit build`."""

from {file.stem} import *  # noqa: F403 - its named entrypoints too
from {file.stem} import {name.partition(".")[0]} as _found

from edgekit import worker as _worker

Default = _worker(_found{name.removeprefix(name.partition(".")[0])}).entrypoint()
'''
    return Entry(text.encode())


def kept_flags(found: Entry, document: Mapping[str, Any], file: Path) -> list[str]:
    """The flags by which Workers call older handlers at a later date than that of the program.

    ConfigError where they do not call them at its own date either.
    """
    if not found.handlers:
        return []
    given = document.get("compatibility_flags") or ()
    if _NO_HANDLERS in flags.effective(document.get("compatibility_date"), given):
        raise ConfigError(
            f"{file}: {', '.join(found.handlers)}: Workers call no such handlers since the compatibility"
            f" date {flags.FLAGS[_NO_HANDLERS]}; write `class Default(WorkerEntrypoint)`, or add the flag"
            f" disable_{_NO_HANDLERS}"
        )
    return [] if f"no_{_NO_HANDLERS}" in given else [f"disable_{_NO_HANDLERS}"]


def _bound(tree: ast.Module) -> dict[str, str]:
    """The names at the top of a module: "worker" where it looks like one, by App(...) or @worker,
    "imported", or "own".
    """
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            kind = "worker" if node.value is not None and _makes_worker(node.value) else "own"
            found |= {each.id: kind for each in targets if isinstance(each, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = "worker" if any(map(_is_worker, node.decorator_list)) else "own"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = "imported"
    return found


def _makes_worker(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and _is_worker(value.func)


def _is_worker(called: ast.expr) -> bool:
    return ast.unparse(called).rpartition(".")[2] in ("App", "worker")
