"""The other direction: what a Workers project uses that edgekit lacks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgekit.compat.names import JS_NAMES
from edgekit.wrangler import NOT_YET
from tests.compat import catalogue
from tests.compat.check.checking import found, marked, places, write

CODE = """
    import asyncio
    import js
    import micropip  #: H004
    import nowhere  #: H006
    import pyodide.code
    import pyodide.console  #: H004
    from js import Object, Response, WebAssembly, XMLHttpRequest  #: H002 H003
    from pyodide.ffi import JsProxy, create_proxy, nothing_of_that_name, run_sync, to_js  #: H004
    from workers import DurableObject, Response as R, WorkerEntrypoint, asgi, env, teleport  #: H004

    try:
        from workers import new_thing
        import other_thing
    except ImportError:
        new_thing = None

    STATE = {}

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            STATE["last"] = request.url  #: H007
            js.console.log(js.document)  #: H003
            js.Object.anything
            import_from_javascript("cloudflare:sockets")
            return R("")

        async def connect(self, socket):  #: H005
            pass

        async def scheduled(self, controller):
            import workers
            workers.import_from_javascript("cloudflare:sockets")  #: H002
            workers.import_from_javascript("cloudflare:workers")
            asyncio.open("engine.wasm")  #: H002
"""
CONFIG = """
{
  "main": "main.py",
  "kv_namespaces": [{ "binding": "KV", "id": "1" }],
  "browser": { "binding": "BROWSER" }, //: H001
  "images": null,
  "env": {
    "staging": {
      "stream": { "binding": "S" } //: H001
    }
  }
}
"""


def test_what_is_marked_is_lacking(tmp_path: Path) -> None:
    write(tmp_path, main=CODE, **{"wrangler.jsonc": CONFIG.replace("//:", "//#:")})
    assert places(found(tmp_path, other_way=True)) == marked(tmp_path)


@pytest.mark.parametrize("kind", sorted(NOT_YET))
def test_every_kind_that_edgekit_lacks_is_named(kind: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        main="",
        **{"wrangler.toml": f'main = "main.py"\n[{kind}]\nbinding = "X"\n'},
    )
    [finding] = found(tmp_path, other_way=True)
    assert finding.rule == ("H002" if kind == "wasm_modules" else "H001")
    assert finding.line == 2
    assert NOT_YET[kind] in finding.what


def test_all_names_of_js_are_known(tmp_path: Path) -> None:
    write(tmp_path, main=f"from js import {', '.join(sorted(JS_NAMES))}\n")
    assert not found(tmp_path, other_way=True)


def test_a_main_of_javascript_is_reported(tmp_path: Path) -> None:
    write(tmp_path, **{"wrangler.toml": 'name = "x"\nmain = "src/index.ts"\n'})
    [finding] = found(tmp_path, other_way=True)
    assert (finding.rule, finding.line) == ("H002", 2)


def test_another_python_is_a_note(tmp_path: Path) -> None:
    newer = f"3.{sys.version_info.minor + 1}"
    write(tmp_path, main="", **{"pyproject.toml": f'[project]\nrequires-python = ">={newer}"\n'})
    [finding] = found(tmp_path, other_way=True)
    assert (finding.rule, finding.severity, finding.line) == ("H008", "note", 2)


def test_old_handlers_that_never_come(tmp_path: Path) -> None:
    write(tmp_path, main="async def on_fetch(r): ...\nasync def on_alarm(): ...\n")
    assert places(found(tmp_path, other_way=True)) == {("H005", "main.py", 2)}


@pytest.mark.parametrize("project", catalogue.PROJECTS.values(), ids=catalogue.PROJECTS)
def test_projects_that_run_here_lack_nothing(project: catalogue.Project) -> None:
    for folder in (project.folder, *map(catalogue.FOLDER.joinpath, project.beside)):
        errors = [each for each in found(folder, other_way=True) if each.severity == "error"]
        assert not errors
