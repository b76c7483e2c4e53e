"""The places where the portable suite runs: each serves one project folder over HTTP.

- "uvicorn": here, by `edgekit serve`'s own server, with the embedded store.
- "workerd": real workerd of November 2024 with CPython 3.12 in it (workerd.mjs).
- "pyodide": CPython 3.14 of today's Workers with their SDK, on Node, with real workerd's bindings
  (pyodide.mjs).

The folder for a place on the real platform is what `edgekit build` writes, so what is tested is what
users deploy; beside it lies what the platform would add: its SDK, msgspec's build for it, and in
miniflare.json the bindings in Miniflare's words. What needs installing is in package.json and
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

from click.testing import CliRunner

from edgekit.cli.main import main as edgekit
from edgekit.formats import read_document
from edgekit.web.spelling import camel

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
PLACES = ("uvicorn", "workerd", "pyodide")


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


def build(target: Path, into: Path) -> dict[str, Any]:
    """What `edgekit build` makes of a program, in the folder `into`; its configuration."""
    result = CliRunner().invoke(edgekit, ["build", str(target), "--out", str(into)])
    if result.exit_code:
        raise RuntimeError(result.output) from result.exception
    return read_document(into / "wrangler.jsonc")


def project(place: str, into: Path, wheels: Path, program: Path = HERE / "project") -> Path:
    """A program as a folder that `place` serves."""
    if place == "uvicorn":
        shutil.copytree(program, into, ignore=shutil.ignore_patterns("__pycache__"))
        return into
    config = build(program, into)
    options = miniflare_options(config, into)
    (into / "miniflare.json").write_text(json.dumps(options))
    if place == "workerd":
        unpack(wheels, ("typing_extensions",), into / "python_modules")
        # Workers of that time have no entrypoint classes, but functions of the main module.
        with (into / config["main"]).open("a") as main:
            main.write("\non_fetch = Default.on_fetch\n")
            main.write("on_scheduled = getattr(Default, 'on_scheduled', None)\n")
    else:
        unpack(wheels, ("workers_runtime_sdk", "msgspec"), into / "python_modules")
    return into


def miniflare_options(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What wrangler makes of a configuration for its local platform, as far as the tests need it."""
    queues = config.get("queues", {})
    options: dict[str, Any] = {
        "main": config["main"],
        "bindings": config.get("vars", {}),
        "kvNamespaces": [entry["binding"] for entry in config.get("kv_namespaces", [])],
        "r2Buckets": [entry["binding"] for entry in config.get("r2_buckets", [])],
        "d1Databases": [entry["binding"] for entry in config.get("d1_databases", [])],
        "queueProducers": {e["binding"]: e["queue"] for e in queues.get("producers", [])},
        "queueConsumers": {
            entry["queue"]: {
                camel(key): value for key, value in entry.items() if key not in ("queue", "type")
            }
            for entry in queues.get("consumers", [])
        },
        "ratelimits": {
            entry["name"]: {"namespace_id": entry["namespace_id"], "simple": entry["simple"]}
            for entry in config.get("ratelimits", [])
        },
        "analyticsEngineDatasets": {
            entry["binding"]: {"dataset": entry.get("dataset", entry["binding"])}
            for entry in config.get("analytics_engine_datasets", [])
        },
        "hyperdrives": {
            entry["binding"]: entry["localConnectionString"]
            for entry in config.get("hyperdrive", [])
        },
        "serviceBindings": {e["binding"]: e["service"] for e in config.get("services", [])},
    }
    if assets := config.get("assets"):
        options["assets"] = {"directory": str(folder / assets["directory"])}
        if "binding" in assets:
            options["assets"]["binding"] = assets["binding"]
    if version := config.get("version_metadata"):
        options["versionMetadata"] = version["binding"]
    return options


@contextmanager
def running(place: str, folder: Path, npm: Path) -> Iterator[str]:
    """The address of a project folder served by `place`."""
    if place == "uvicorn":
        command = [sys.executable, str(HERE / "here.py"), str(folder)]
        store = {"EDGEKIT_STORE": f"sqlite:{folder}/state", "EDGEKIT_MODE": "development"}
        with served(command, env=os.environ | store) as url:
            yield url
    else:
        with served(["node", str(HERE / f"{place}.mjs"), str(npm), str(folder)]) as url:
            yield url
