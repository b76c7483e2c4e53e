"""What the import contracts in pyproject.toml cannot see: what is really loaded, and the public names."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import edgekit

PACKAGE = Path(edgekit.__file__).parent


def modules(*rooms: str) -> list[str]:
    """The names of all modules in these rooms."""
    found = []
    for room in rooms:
        place = PACKAGE / room
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
            found.append(".".join(parts).removesuffix(".__init__"))
    return found


def loaded(code: str) -> set[str]:
    """What a fresh interpreter has in sys.modules after `code`."""
    code += "\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def portable() -> list[str]:
    """The portable rooms, which pyproject.toml lists."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    [contract] = [
        c for c in project["tool"]["importlinter"]["contracts"] if c["name"].startswith("Portable")
    ]
    return [name.removeprefix("edgekit.") for name in contract["source_modules"]]


def test_portable_rooms_load_only_what_real_workers_have():
    # asyncio and logging bring ssl and threading on CPython themselves, and not on real Workers.
    before = loaded("import asyncio, logging, inspect, msgspec")
    after = loaded("import " + ", ".join(modules(*portable())))
    added = {name.partition(".")[0] for name in after - before}
    assert added - set(sys.stdlib_module_names) <= {"edgekit", "msgspec"}
    assert not added & {"random", "secrets", "sqlite3", "ssl", "tempfile", "threading", "uuid"}
    assert not {name for name in after if name.startswith(("edgekit.runtime", "edgekit.config"))}


def test_no_inner_module_imports_the_package_itself():
    # But one, which asks where the public names are, to follow a program's imports.
    asks = PACKAGE / "compat" / "modulegraph.py"
    for file in {*PACKAGE.rglob("*.py")} - {asks}:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert "edgekit" not in [alias.name for alias in node.names], file
            elif isinstance(node, ast.ImportFrom) and node.module == "edgekit":
                for alias in node.names:
                    place = PACKAGE / alias.name
                    assert place.is_dir() or place.with_suffix(".py").exists(), (file, alias.name)
                    assert alias.name not in edgekit.__all__, (file, alias.name)


def test_importing_edgekit_loads_no_room():
    assert {name for name in loaded("import edgekit") if name.startswith("edgekit.")} == set()


def test_public_names_keep_their_meaning_whichever_module_was_imported_first():
    code = f"""
import {", ".join(modules("app", "worker", "runtime", "testing"))}
from edgekit import *
from edgekit import worker
assert callable(worker), worker
"""
    loaded(code)


def test_every_public_name_can_be_imported_and_is_listed_by_dir():
    for name in edgekit.__all__:
        assert getattr(edgekit, name).__module__.startswith("edgekit."), name
    assert set(edgekit.__all__) <= set(dir(edgekit))


def test_every_module_says_what_it_is():
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        assert not tree.body or ast.get_docstring(tree), file
