"""The flags of wrangler's and pywrangler's commands: those that count, are ignored, or are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from edgekit.cli import sync
from edgekit.cli.main import main
from edgekit.config import load
from edgekit.errors import ConfigError

from .running import Command

PROJECT = """\
import os
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"{self.env.GREETING} {self.env.NEW} {self.env.FILE}")
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_variables_are_given_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "wrangler.json").write_text(
        json.dumps({"name": "app", "main": "entry.py", "vars": {"GREETING": "a", "FILE": "f"}})
    )
    (tmp_path / "entry.py").write_text(PROJECT)
    flags = ("--port", "0", "--local", "--test-scheduled", "--log-level=debug", "--minify")
    variables = ("--var", "GREETING:Hello:you", "--var", "NEW:1")
    with Command(tmp_path, "dev", "--no-reload", *flags, *variables) as command:
        assert httpx.get(f"http://localhost:{command.port()}").text == "Hello:you 1 f"
        assert "--minify: ignored: it is for bundling JavaScript" in command.output


def test_a_variable_needs_a_name_and_a_value() -> None:
    for text in ("A", ":b"):
        result = run("dev", "--var", text)
        assert result.exit_code == 2
        assert f"{text!r}: write NAME:VALUE" in result.stderr


@pytest.mark.parametrize("text", ["{", "[]", '{"A": 1}'])
def test_edgekit_vars_is_an_object_of_texts(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="EDGEKIT_VARS is not a JSON object of texts"):
        load(start=tmp_path, environ={"EDGEKIT_VARS": text}).variables()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--remote"], "--remote: unsupported: edgekit's bindings are local"),
        (["-r"], "-r: unsupported: edgekit's bindings are local"),
        (["--assets", "public"], "--assets: unsupported: say it in the wrangler file"),
        (["--compatibility-date=2026-01-01"], "--compatibility-date: unsupported: say it in"),
        (["--env-file", "x"], "--env-file: unsupported: edgekit reads .dev.vars"),
        (["--local-protocol", "https"], "`edgekit serve --ssl-certfile` speaks https"),
    ],
)
def test_what_would_change_answers_is_refused_with_what_to_do(
    arguments: list[str], why: str
) -> None:
    result = run("dev", *arguments)
    assert result.exit_code == 2
    assert why in result.stderr


def test_what_neither_knows_is_no_option() -> None:
    assert "No such option '--nonsense'" in run("dev", "--nonsense").stderr


def test_ignored_flags_take_their_values_with_them(tmp_path: Path) -> None:
    flags = ("--inspector-port", "9229", "--define", "A:1", "--experimental-thing", "--x-other=1")
    result = run("dev", *flags, "--", str(tmp_path / "--nothing"))
    assert [line.partition(":")[0] for line in result.stderr.splitlines()[:4]] == [
        "--inspector-port",
        "--define",
        "--experimental-thing",
        "--x-other",
    ]
    assert "--nothing: there is no such file or folder" in result.stderr


def test_init_takes_what_pywrangler_gives_to_create_cloudflare(tmp_path: Path) -> None:
    result = run("init", "--lang=python", "--no-deploy", "-y", str(tmp_path / "new"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "new" / "main.py").exists()
    assert result.stderr.splitlines() == [
        "--lang: ignored: there is one kind",
        "--no-deploy: ignored: nothing is asked",
        "-y: ignored: nothing is asked",
    ]


# --- sync


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run; an entry "fail" in it makes them fail."""
    commands: list[list[str]] = []

    def run(command: list[str], check: bool) -> Any:
        commands.append(command)
        return subprocess.CompletedProcess(command, int("failing-one" in command))

    monkeypatch.setattr(sync.subprocess, "run", run)
    return commands


def project(folder: Path, *dependencies: str) -> None:
    text = f'[project]\nname = "p"\ndependencies = {json.dumps(dependencies)}\n'
    (folder / "pyproject.toml").write_text(text)


def test_sync_installs_what_is_missing(tmp_path: Path, pip: list[list[str]]) -> None:
    project(tmp_path, "click", "workers-py", "no-such-thing>=2", "other_thing[x]")
    result = run("sync", str(tmp_path), "--force", "--no-allow-build")
    assert result.stdout == "Installed no-such-thing>=2, other_thing[x].\n"
    assert result.stderr == "--force: ignored: what is missing is looked for each time\n"
    install = [sys.executable, "-m", "pip", "install", "--only-binary", ":all:"]
    assert pip == [[*install, "no-such-thing>=2", "other_thing[x]"]]


def test_sync_says_what_is_missing_and_what_is_not(tmp_path: Path, pip: list[list[str]]) -> None:
    project(tmp_path, "click", "no-such-thing")
    result = run("sync", str(tmp_path), "--dry-run")
    assert (result.exit_code, result.stdout) == (1, "no-such-thing\n")
    project(tmp_path, "click")
    assert "All that" in run("sync", str(tmp_path)).stdout
    assert "--upgrade: unsupported" in run("sync", "--upgrade").stderr
    assert not pip


def test_sync_tells_of_failures(
    tmp_path: Path, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        "there is no such file, which would list dependencies" in run("sync", str(tmp_path)).stderr
    )
    project(tmp_path, "failing-one")
    assert "not installed: failing-one; what pip said is above" in run("sync", str(tmp_path)).stderr
    monkeypatch.setattr(sync, "find_spec", lambda name: None)
    monkeypatch.setattr(sync.shutil, "which", lambda name: None)
    assert "neither pip nor uv is here" in run("sync", str(tmp_path)).stderr
    monkeypatch.setattr(sync.shutil, "which", lambda name: "/bin/uv")
    run("sync", str(tmp_path))
    assert pip[-1][:5] == ["/bin/uv", "pip", "install", "--python", sys.executable]
    (tmp_path / "pyproject.toml").write_text("[")
    assert "cannot be read" in run("sync", str(tmp_path)).stderr
