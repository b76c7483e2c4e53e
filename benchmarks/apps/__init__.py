"""The same apps in every framework, one file each, in the way that its documentation recommends.

Each file has `build(case) -> ASGI app`: one app for each case, because several routers look at their
routes in order and would pay for the routes of other cases. All use msgspec for JSON where their
documentation names a hook for another library (FastAPI has its own way, by pydantic), and none
serves an OpenAPI document.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from benchmarks.serving import Server

RAW = "raw"
FRAMEWORKS = {
    "raw": "raw ASGI",
    "edgekit": "edgekit",
    "starlette": "Starlette",
    "fastapi": "FastAPI",
    "litestar": "Litestar",
    "blacksheep": "BlackSheep",
    "falcon": "Falcon",
}


def build(framework: str, case: str) -> Any:
    """The ASGI app of `framework` for `case`; imports the framework."""
    name = framework if framework == RAW else f"{framework}_app"
    return importlib.import_module(f"benchmarks.apps.{name}").build(case)


def serve(framework: str, case: str) -> Server:
    """A server, not yet started, of one framework's app for one case."""
    return Server(
        "benchmarks.apps:served", factory=True, env={"BENCHMARK_APP": f"{framework}:{case}"}
    )


def served() -> Any:
    """What `serve` has its process build."""
    return build(*os.environ["BENCHMARK_APP"].split(":"))
