from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli.main import main
from edgekit.formats import read_document
from tests.cli.running import environment


def test_new_project_passes_its_own_test(tmp_path: Path):
    done = CliRunner().invoke(main, ["init", str(tmp_path / "My first_Worker!")])
    assert done.exit_code == 0, done.output
    root = tmp_path / "My first_Worker!"
    assert read_document(root / "wrangler.jsonc")["name"] == "my-first-worker"
    # The commands that it prints must not install what belongs to another project.
    assert "install edgekit " not in done.output + (root / "README.md").read_text()
    tests = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:asyncio"],
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "2 passed" in tests.stdout


def test_init_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    done = CliRunner().invoke(main, ["init"])
    assert done.exit_code == 1
    assert done.output == "Error: .: there already: README.md. Nothing was written.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_help_loads_neither_server_nor_store():
    code = "import json, sys, edgekit.cli.main; print(json.dumps(list(sys.modules)))"
    # Without coverage, which would bring modules of its own.
    env = {name: value for name, value in environment().items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    heavy = {"asyncio", "uvicorn", "msgspec", "apsw", "aiohttp", "watchfiles", "multiprocessing"}
    assert not heavy & set(json.loads(done.stdout))
