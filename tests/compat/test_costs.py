"""A request pays for nothing that its project does not use, nor does the start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.compat.catalogue import FOLDER

_PROGRAM = """
import asyncio, sys
from edgekit.cli.target import load, resolve
from edgekit.testing import TestClient

async def main():
    app = load(resolve(sys.argv[1]))
    app.config = sys.argv[1] + "/" + sys.argv[2]
    async with TestClient(app) as client:
        response = await client.get("/k")
        assert response.status in (200, 404), response
    print(*sorted(sys.modules))

asyncio.run(main())
"""
JAVASCRIPT = "edgekit.compat.javascript."
ADAPTERS = ("edgekit.compat.asgi", "edgekit.compat.wsgi")


def _loaded(project: str, config: str = "wrangler.jsonc") -> list[str]:
    command = [sys.executable, "-c", _PROGRAM, str(FOLDER / project), config]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("project", ["hello", "mixins", "proxy"])
def test_class_style_loads_no_javascript_no_greenlets_no_adapter(project: str) -> None:
    loaded = _loaded(project)
    assert "edgekit.compat.http" in loaded
    assert not [name for name in loaded if name.startswith(JAVASCRIPT)]
    assert not {"greenlet", "js", "pyodide", *ADAPTERS} & set(loaded)


def test_older_handlers_with_the_decorator_load_no_javascript() -> None:
    loaded = _loaded("old_handler", "wrangler.toml")
    # But for what null is, at the date of that project.
    assert {name for name in loaded if name.startswith(JAVASCRIPT)} <= {
        f"{JAVASCRIPT}late",
        f"{JAVASCRIPT}proxy",
    }


def test_names_of_javascript_load_no_greenlets() -> None:
    loaded = _loaded("js_objects")
    assert [name for name in loaded if name.startswith(JAVASCRIPT)]
    assert "greenlet" not in loaded
