"""The places where the portable suite runs: each serves one project folder over HTTP.

- "uvicorn": here, by `edgekit serve`'s own server, with the embedded store.
- "workerd": real workerd of November 2024 with CPython 3.12 in it (workerd.mjs).
- "pyodide": CPython 3.14 of today's Workers with their SDK, on Node, with real workerd's bindings
  (pyodide.mjs).

The folder for a place on the real platform is what a deployed project is: the program, edgekit's
portable rooms and pure-Python dependencies. What needs installing is in package.json and
requirements.txt, pinned.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
PLACES = ("uvicorn", "workerd", "pyodide")

# What the portable suite's program finds in env, in Miniflare's words.
BINDINGS: dict[str, Any] = {
    "kvNamespaces": ["KV"],
    "r2Buckets": ["R2"],
    "d1Databases": ["DB"],
    "queueProducers": {"QUEUE": "jobs"},
    "queueConsumers": {"jobs": {"maxBatchTimeout": 0.1, "maxRetries": 5}},
    "bindings": {"GREETING": "Howdy", "SETTINGS": {"a": [1, None], "b": {"c": True}}},
}
# Rooms that no portable module imports.
_LEFT_OUT = ("cli", "compat", "runtime", "testing")


@contextmanager
def served(command: list[str], **options: Any) -> Iterator[str]:
    """A process that prints its address and ends with its stdin; the address."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    )
    try:
        assert process.stdout is not None
        while line := process.stdout.readline():
            if line.startswith("http://"):
                yield line.strip().rstrip("/")
                break
        else:
            raise RuntimeError(f"{command[:2]} did not start; what it wrote is on stderr")
    finally:
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def copy_edgekit(into: Path) -> None:
    """edgekit's portable rooms, as a build takes them along."""
    shutil.copytree(
        REPOSITORY / "edgekit",
        into / "edgekit",
        ignore=lambda folder, names: [
            name
            for name in names
            if name == "__pycache__" or (Path(folder).name == "edgekit" and name in _LEFT_OUT)
        ],
    )


def unpack(wheels: Path, names: tuple[str, ...], into: Path) -> None:
    """Wheels of these distributions, unpacked."""
    for wheel in sorted(wheels.glob("*.whl")):
        if wheel.name.split("-")[0] in names:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(into)


def download_wheels(into: Path) -> None:
    """The wheels that requirements.txt pins, and msgspec's for Pyodide 314; once."""
    if (into / "complete").exists():
        return
    into.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    pip += ["--dest", str(into), "--only-binary=:all:", "--no-deps"]
    subprocess.run([*pip, "-r", str(HERE / "requirements.txt")], check=True)
    there = ["--platform", "pyemscripten_2026_0_wasm32", "--implementation", "cp"]
    there += ["--python-version", "3.14", "--abi", "cp314"]
    subprocess.run([*pip, *there, "msgspec==0.22.0"], check=True)
    (into / "complete").touch()


def project(place: str, into: Path, wheels: Path) -> Path:
    """The portable suite's program as a folder that `place` serves."""
    shutil.copytree(HERE / "project", into, ignore=shutil.ignore_patterns("__pycache__"))
    (into / "bindings.json").write_text(json.dumps(BINDINGS))
    if place == "workerd":
        copy_edgekit(into)
        unpack(wheels, ("typing_extensions", "multipart"), into)
        # Workers of that time have no entrypoint classes.
        with (into / "main.py").open("a") as main:
            main.write("\non_fetch = Default.on_fetch\n")
    elif place == "pyodide":
        modules = into / "python_modules"
        copy_edgekit(modules)
        unpack(wheels, ("workers_runtime_sdk", "multipart", "msgspec"), modules)
    return into


@contextmanager
def running(place: str, folder: Path, npm: Path) -> Iterator[str]:
    """The address of a project folder served by `place`."""
    if place == "uvicorn":
        command = [sys.executable, str(HERE / "here.py"), str(folder)]
        with served(command, env=os.environ | {"EDGEKIT_STORE": f"sqlite:{folder}/state"}) as url:
            yield url
    else:
        with served(["node", str(HERE / f"{place}.mjs"), str(npm), str(folder)]) as url:
            yield url
