"""`edgekit dev -c A -c B` and `serve -c A -c B`: Workers in one process, the first answering HTTP."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from .running import Command, get

MAIN = """
from edgekit import App, Env, Fetcher
import names

class AppEnv(Env):
    B: Fetcher

app = App(AppEnv)

@app.get("/")
async def root(request, env):
    return {"me": names.NAME, "other": await env.B.name()}
"""
OTHER = """
from workers import WorkerEntrypoint
import names

class Default(WorkerEntrypoint):
    async def name(self):
        return names.NAME
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    services = [{"binding": "B", "service": "b"}]
    for name, main, more in (("a", MAIN, {"services": services}), ("b", OTHER, {})):
        folder = tmp_path / name
        folder.mkdir()
        file = {"name": name, "main": "main.py", **more}
        (folder / "wrangler.json").write_text(json.dumps(file))
        (folder / "main.py").write_text(main)
        (folder / "names.py").write_text(f"NAME = {name!r}")
    return tmp_path


BOTH = ("-c", "a/wrangler.json", "-c", "b/wrangler.json", "--port", "0")


def test_dev_serves_both_and_reloads_when_the_other_changes(folder: Path) -> None:
    with Command(folder, "dev", *BOTH) as command:
        port = command.port()
        assert json.loads(get(port, "/")[1]) == {"me": "a", "other": "b"}
        (folder / "b" / "names.py").write_text("NAME = 'changed'")
        command.until(r"Reloading: b/names.py changed")
        command.until("Ready on")
        assert json.loads(get(port, "/")[1]) == {"me": "a", "other": "changed"}
        assert command.end(signal.SIGINT) == 0


def test_serve_serves_both_from_one_store(folder: Path) -> None:
    with Command(folder, "serve", *BOTH, "--workers", "2") as command:
        port = command.port()
        assert json.loads(get(port, "/")[1]) == {"me": "a", "other": "b"}
        assert command.end(signal.SIGTERM) == 0
    assert not (folder / "b" / ".edgekit").exists()


def test_a_service_that_is_not_there_is_told_at_the_start(folder: Path) -> None:
    with Command(folder, "serve", "-c", "a/wrangler.json", "--port", "0") as command:
        command.until(r"services \(B\): there is no Worker 'b' in this process \(there: a\)")
        assert command.end() != 0
