"""What `edgekit build` writes, and what `edgekit deploy` does with it."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import edgekit
from edgekit.cli import build as build_module
from edgekit.cli.main import main
from edgekit.compat.bundle import _WRAPPERS, OLDEST_DATE, USUAL_DATE, bundle, entries_for
from edgekit.errors import ConfigError
from edgekit.formats import read_document

APP = "from edgekit import App\napp = App()\n@app.get('/')\nasync def index(request): return 'hi'\n"


def program(folder: Path, config: dict[str, Any] | None = None, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        (folder / "wrangler.jsonc").write_text(
            json.dumps({"name": "w", "main": "main.py", **config})
        )
    for name, text in {"main": APP, **files}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def built(folder: Path, *arguments: str) -> dict[str, Any]:
    result = run("build", str(folder), *arguments)
    assert result.exit_code == 0, result.output
    return read_document(folder / "build" / "wrangler.jsonc")


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_build_writes_the_program_edgekit_and_the_configuration(tmp_path):
    kv = [{"binding": "KV", "id": "1"}]
    config = built(
        program(tmp_path, {"kv_namespaces": kv, "edgekit": {"max_body_bytes": 1}}, unused="")
    )
    assert config["kv_namespaces"] == kv
    assert config["compatibility_date"] == USUAL_DATE
    assert config["compatibility_flags"] == [
        "python_workers",
        "enable_request_signal",
        "disable_python_external_sdk",
    ]
    assert "edgekit" not in config  # wrangler would warn of it
    written = files(tmp_path / "build")
    assert {"src/main.py", "src/main_entry.py", config["main"]} <= set(written)
    assert "src/unused.py" not in written
    assert "python_modules/edgekit/on_workers/kv.py" in written
    assert "pyproject.toml" not in written
    assert not [name for name in written if "/runtime/" in name or "__pycache__" in name]


def test_the_same_program_gives_the_same_files(tmp_path):
    folder = program(tmp_path, {})
    built(folder)
    first = files(folder / "build")
    (folder / "build" / "node_modules").mkdir()
    (folder / "build" / "node_modules" / "kept").write_text("")
    (folder / "build" / "src" / "old.py").write_text("")
    built(folder)
    assert files(folder / "build") == {**first, "node_modules/kept": b""}


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    program(tmp_path, {})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("")
    result = run("build", str(tmp_path), "--out", str(tmp_path / "mine"))
    assert result.exit_code == 1
    assert "letter.txt" in result.output
    assert (tmp_path / "mine" / "letter.txt").exists()
    (tmp_path / "file").write_text("")
    assert "this is a file" in run("build", str(tmp_path), "--out", str(tmp_path / "file")).output


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("from edgekit import worker\n@worker\nasync def handler(request): ...", "handler"),
        ("from edgekit import App\nsite = App()", "site"),
        ("from edgekit import App\nother: App = App()", "other"),
        ("async def fetch(request): ...", "fetch"),
        ("from elsewhere import app", "app"),
    ],
)
def test_the_entry_is_made_for_what_dev_would_run(tmp_path, text, made):
    program(tmp_path, {}, main=text, elsewhere="app = None")
    built(tmp_path)
    entry = (tmp_path / "build" / "src" / "main_entry.py").read_text()
    assert f"from main import {made} as _found" in entry


def test_a_program_with_a_default_is_its_own_entry(tmp_path):
    program(tmp_path, {}, main=APP + "Default = app.entrypoint()\n")
    assert built(tmp_path)["main"] == "src/main.py"


def test_an_attribute_may_be_named(tmp_path):
    program(tmp_path, {}, main="class apps: one = None")
    result = run("build", f"{tmp_path / 'main.py'}:apps.one", "--out", str(tmp_path / "o"))
    assert result.exit_code == 0, result.output
    assert "_worker(_found.one)" in (tmp_path / "o" / "src" / "main_entry.py").read_text()


OLD = "from workers import Response, fetch\n"
HANDLERS = (
    "async def on_fetch(request, env): return await fetch('https://example.com')\n",
    "on_scheduled = print\n",
    "app = object()\ndef on_queue(batch): ...\n",
    "from elsewhere import on_fetch\n",
)


@pytest.mark.parametrize("text", HANDLERS)
def test_older_handlers_stay_what_they_are_at_the_newer_date(tmp_path, text):
    program(
        tmp_path, {"compatibility_date": "2024-12-01"}, main=OLD + text, elsewhere="on_fetch = 1"
    )
    config = built(tmp_path)
    assert config["main"] == "src/main.py"
    assert config["compatibility_date"] == OLDEST_DATE
    assert "disable_python_no_global_handlers" in config["compatibility_flags"]


@pytest.mark.parametrize(
    "flag", ["disable_python_no_global_handlers", "no_python_no_global_handlers"]
)
def test_older_handlers_may_be_asked_for_by_a_flag(tmp_path, flag):
    config = {"compatibility_date": "2026-05-01", "compatibility_flags": [flag]}
    program(tmp_path, config, main=OLD + HANDLERS[0])
    flags = built(tmp_path)["compatibility_flags"]
    assert [each for each in flags if "global_handlers" in each] == [flag]


@pytest.mark.parametrize("config", [{"compatibility_date": "2025-08-14"}, {}])
def test_older_handlers_that_workers_do_not_call_are_refused(tmp_path, config):
    program(tmp_path, config, main=OLD + HANDLERS[0])
    result = run("build", str(tmp_path))
    assert result.exit_code == 1
    assert "on_fetch: Workers call no such handlers" in result.output


def test_a_fetch_that_is_imported_is_no_handler(tmp_path):
    program(tmp_path, {}, main=OLD)
    assert "nothing to deploy" in run("build", str(tmp_path)).output


def test_the_platforms_asgi_need_not_be_installed(tmp_path):
    program(tmp_path, {}, main="import asgi\n" + APP)
    assert built(tmp_path)["main"] == "src/main_entry.py"


SDK = """
import importlib
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = request.url.rpartition("/")[2]
        return Response(importlib.import_module(name).TEXT)
"""
PLUGINS = {
    "src/plugin.py": "import not_installed\nTEXT = 'a'",
    "src/more/__init__.py": "TEXT = 'b'",
    "src/.venv/x.py": "",
    "other.py": "",
}


def test_a_program_of_the_platforms_own_sdk_takes_nothing_of_edgekit_along(tmp_path):
    built(program(tmp_path, {}, main=SDK.replace("(name)", "('json')")))
    assert sorted(files(tmp_path / "build")) == ["src/main.py", "wrangler.jsonc"]


def test_modules_loaded_by_a_computed_name_go_along_from_a_folder_of_their_own(tmp_path):
    for name, text in {"src/main.py": SDK, **PLUGINS}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    program(tmp_path, {"main": "src/main.py"})
    result = run("build", str(tmp_path))
    assert "src/main.py:8 loads modules by names" in result.output
    assert "all of src/ goes along" in result.output
    made = [name for name in files(tmp_path / "build") if name.endswith(".py")]
    assert sorted(made) == ["src/main.py", "src/more/__init__.py", "src/plugin.py"]


def test_modules_loaded_by_a_computed_name_are_to_be_named_in_the_projects_own_folder(tmp_path):
    program(tmp_path, {}, main=SDK, plugin="TEXT = 'a'", test_all="import not_installed")
    result = run("build", str(tmp_path))
    assert "name with --include those that no import names" in result.output
    assert "src/plugin.py" not in files(tmp_path / "build")
    built(tmp_path, "--include", "plugin.py")
    assert "src/plugin.py" in files(tmp_path / "build")


def test_what_has_nothing_to_deploy_is_refused(tmp_path):
    program(tmp_path, {}, main="x = 1")
    assert "nothing to deploy" in run("build", str(tmp_path)).output
    program(tmp_path, {}, main="def")
    assert "main.py:1" in run("build", str(tmp_path)).output


def test_what_needs_a_server_is_refused_with_its_place(tmp_path):
    program(tmp_path, main="from edgekit import EdgeMiddleware\napp = EdgeMiddleware")
    result = run("build", str(tmp_path))
    assert result.exit_code == 1
    assert "main.py:1: edgekit.runtime is not on Workers" in result.output


def test_old_dates_are_raised_and_flags_kept(tmp_path):
    config = {
        "compatibility_date": "2024-10-01",
        "compatibility_flags": ["nodejs_compat", "disable_request_signal"],
        "env": {
            "staging": {
                "compatibility_flags": [],
                "compatibility_date": "2024-01-01",
                "main": "main.py",
            }
        },
    }
    written = built(program(tmp_path, config))
    assert written["compatibility_date"] == OLDEST_DATE
    assert written["compatibility_flags"] == [
        "nodejs_compat",
        "disable_request_signal",
        "python_workers",
    ]
    staging = written["env"]["staging"]
    assert staging == {
        "compatibility_flags": ["python_workers", "enable_request_signal"],
        "compatibility_date": OLDEST_DATE,
    }


def test_folders_of_the_configuration_go_along(tmp_path):
    config = {
        "assets": {"directory": "../site/", "binding": "ASSETS"},
        "d1_databases": [
            {"binding": "ONE", "migrations_dir": "./sql"},
            {"binding": "TWO"},
        ],
    }
    for name in ("site", "w/sql", "w/migrations"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.txt").write_text(name)
    written = built(program(tmp_path / "w", config))
    assert written["assets"] == {"directory": "./site", "binding": "ASSETS"}
    assert [e.get("migrations_dir") for e in written["d1_databases"]] == ["sql", None]
    found = files(tmp_path / "w" / "build")
    assert found["site/a.txt"] == b"site"
    assert found["sql/a.txt"] == b"w/sql"
    assert found["migrations/a.txt"] == b"w/migrations"
    assert "src/sql/a.txt" not in found


def test_a_folder_that_is_not_there_is_said(tmp_path):
    program(tmp_path, {"assets": {"directory": "src"}})
    result = run("build", str(tmp_path))
    assert f"assets.directory: there is no folder {tmp_path / 'src'}" in result.output


def test_texts_and_what_is_included_go_along(tmp_path):
    program(tmp_path, {}, plugin="import helper", helper="")
    (tmp_path / "page.html").write_text("p")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.bin").write_bytes(b"\x00")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "no.txt").write_text("")
    written = built(tmp_path, "--include", "plugin.py", "--include", "data/*")
    found = files(tmp_path / "build")
    assert {"src/page.html", "src/data/x.bin", "src/plugin.py", "src/helper.py"} <= set(found)
    assert "src/.hidden/no.txt" not in found
    assert written["rules"] == [{"type": "Data", "globs": ["data/x.bin"], "fallthrough": True}]


def test_machine_code_is_left_to_pywrangler(tmp_path):
    site = tmp_path / "site"
    (site / "fast").mkdir(parents=True)
    (site / "fast" / "__init__.py").write_text("")
    (site / "fast" / "core.so").write_text("")
    (site / "pure").mkdir()
    (site / "pure" / "__init__.py").write_text("")
    (site / "pure" / "table.dat").write_text("")
    folder = program(
        tmp_path / "w", {"compatibility_date": USUAL_DATE}, main=f"import fast, pure\n{APP}"
    )
    made = bundle(
        folder / "main.py", None, folder / "wrangler.jsonc", out=folder / "build", path=[str(site)]
    )
    assert made.dependencies == ["fast"]
    assert b'dependencies = ["fast"]' in made.files["pyproject.toml"]
    assert "src/edgekit/app.py" in made.files  # pywrangler empties python_modules
    config = made.files["wrangler.jsonc"].decode()
    assert "disable_python_external_sdk" not in config
    assert "pure/table.dat" in config
    assert [size.name for size in made.sizes()][-1] == "in all"


def test_without_a_file_the_declared_bindings_are_written(tmp_path):
    text = APP.replace("App()", "App(E)").replace(
        "app =", "from edgekit import Env, KVNamespace\nclass E(Env):\n    KV: KVNamespace\napp ="
    )
    program(tmp_path, main_kv=text)
    result = run("build", str(tmp_path / "main_kv.py"))
    sys.modules.pop("main_kv", None)
    assert result.exit_code == 0, result.output
    written = read_document(tmp_path / "build" / "wrangler.jsonc")
    assert written["kv_namespaces"] == [{"binding": "KV"}]
    assert f"{USUAL_DATE} is written" in result.output


def test_entries_for_every_kind_that_a_name_is_enough_for():
    kinds = {"K": "kv_namespaces", "MY_QUEUE": "queues", "A": "ai", "M": "send_email"}
    assert entries_for(kinds, ["0 * * * *"], ["jobs"]) == {
        "kv_namespaces": [{"binding": "K"}],
        "queues": {
            "producers": [{"binding": "MY_QUEUE", "queue": "my-queue"}],
            "consumers": [{"queue": "jobs"}],
        },
        "ai": {"binding": "A"},
        "send_email": [{"name": "M"}],
        "triggers": {"crons": ["0 * * * *"]},
    }
    with pytest.raises(ConfigError, match="services"):
        entries_for({"S": "services"})


def test_what_bindings_need_is_what_on_workers_loads():
    source = Path(edgekit.__file__).parent / "on_workers" / "bindings.py"  # not importable here
    tables = [
        ast.literal_eval(node.value)
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_WRAPPERS"
    ]
    assert {kind: module for kind, (module, _) in tables[0].items()} == _WRAPPERS


def test_sizes_are_reported_against_the_plans(tmp_path, monkeypatch):
    program(tmp_path, {})
    output = run("build", str(tmp_path)).output
    assert "edgekit" in output
    assert "(the program)" in output
    assert "% of what a Worker may have on the Free plan (3 MiB)" in output
    assert "npx wrangler deploy" in output


def test_targets_that_cannot_be_built_are_refused(tmp_path, monkeypatch):
    (tmp_path / "wrangler.jsonc").write_text('{"assets": {"directory": "."}}')
    assert "only static assets" in run("build", str(tmp_path)).output
    monkeypatch.chdir(program(tmp_path / "m", {}))
    result = run("build", "main:app")
    assert result.exit_code == 0, result.output
    (tmp_path / "m" / "pkg").mkdir()
    (tmp_path / "m" / "pkg" / "__init__.py").write_text(APP)
    assert "name the file instead" in run("build", "pkg.inner").output


@pytest.fixture
def called(monkeypatch):
    """The commands that deploy has run."""
    commands: list[tuple[list[str], Path]] = []

    class Done:
        returncode = 3

    def ran(command: list[str], *, cwd: Path, check: bool) -> Done:
        commands.append((command, cwd))
        return Done()

    monkeypatch.setattr(build_module.subprocess, "run", ran)
    return commands


def tools(monkeypatch: pytest.MonkeyPatch, **found: str) -> None:
    def which(name: str, path: str | None = None) -> str | None:
        return None if path else found.get(name)

    monkeypatch.setattr(build_module.shutil, "which", which)


def test_deploy_hands_the_folder_to_wrangler(tmp_path, monkeypatch, called):
    program(tmp_path, {})
    tools(monkeypatch, wrangler="/bin/wrangler")
    result = run("deploy", str(tmp_path), "--dry-run", "-e", "staging", "--", "--tag", "x")
    assert result.exit_code == 3, result.output
    command = ["/bin/wrangler", "deploy", "--dry-run", "--env", "staging", "--tag", "x"]
    assert called == [(command, tmp_path / "build")]


def test_deploy_prefers_the_projects_own_wrangler(tmp_path, called):
    program(tmp_path, {})
    own = tmp_path / "node_modules" / ".bin" / "wrangler"
    own.parent.mkdir(parents=True)
    own.write_text("")
    own.chmod(0o755)
    run("deploy", str(tmp_path))
    assert called[0][0][0] == str(own)


def test_deploy_says_what_is_missing(tmp_path, monkeypatch, called):
    program(tmp_path, {})
    tools(monkeypatch)
    result = run("deploy", str(tmp_path))
    assert result.exit_code == 1
    assert "npm install wrangler" in result.output
    assert "and Node, which it needs" in result.output
    program(tmp_path, {}, main=f"import msgspec\n{APP}")
    assert "uv tool install workers-py" in run("deploy", str(tmp_path)).output
    tools(monkeypatch, pywrangler="/bin/pywrangler")
    run("deploy", str(tmp_path))
    assert called[-1][0] == ["/bin/pywrangler", "deploy"]


def test_ids_that_are_no_accounts_are_noted(tmp_path):
    ids = {"MINE": "entries", "THEIRS": "0f2ac74b498b48028cb68387c421e279"}
    kv = [{"binding": name, "id": text} for name, text in ids.items()]
    d1 = [{"binding": "DB", "database_id": "1"}, {"binding": "NEW"}]
    program(tmp_path, {"kv_namespaces": kv, "d1_databases": d1})
    lines = run("build", str(tmp_path)).output.splitlines()
    noted = [line.partition(";")[0] for line in lines if " is none that " in line]
    assert noted == [
        "kv_namespaces MINE: id 'entries' is none that Cloudflare gives",
        "d1_databases DB: database_id '1' is none that Cloudflare gives",
    ]
