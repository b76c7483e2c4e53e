"""What a project is made of, what it may import, and what of it is left when it is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgekit import config as configuration
from edgekit.cli.target import load as load_target
from edgekit.cli.target import resolve
from edgekit.compat import project
from edgekit.compat.flags import effective
from edgekit.compat.project import missing_dependencies
from edgekit.errors import ConfigError
from edgekit.testing.client import TestClient
from tests.compat.loading import Load, answer

HELLO = "from workers import Response, WorkerEntrypoint\n"
ANSWER = """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response({value})
"""


async def test_the_folder_of_main_is_the_root_of_imports(load: Load):
    worker = load(
        HELLO
        + "import helper\nfrom package.inner import X\n"
        + ANSWER.replace("{value}", "helper.A + X"),
        files={"src/helper.py": "A = 'a'", "src/package/inner.py": "X = 'x'"},
    )
    assert await answer(worker) == "ax"


async def test_files_beside_the_code_can_be_read(load: Load):
    value = "(Path(__file__).parent / 'data.txt').read_text()"
    worker = load(
        HELLO + "from pathlib import Path\n" + ANSWER.replace("{value}", value),
        files={"src/data.txt": "data"},
    )
    assert await answer(worker) == "data"


@pytest.mark.parametrize("place", ["python_modules", "src/python_modules", "vendor"])
@pytest.mark.parametrize("apart", [None, "b"])
async def test_vendored_packages_are_found_after_the_environments(
    load: Load, place: str, apart: str | None
):
    worker = load(
        HELLO + "import thing.part, click, workers\n" + ANSWER.replace("{value}", "thing.part.X"),
        files={
            f"{place}/thing/__init__.py": "",
            f"{place}/thing/part.py": "X = 'vendored'",
            f"{place}/click.py": "raise SystemError",
            f"{place}/workers/__init__.py": "raise SystemError",
        },
        apart=apart,
    )
    assert await answer(worker) == "vendored"


async def test_variables_are_there_while_it_is_imported(load: Load):
    worker = load(
        HELLO
        + "from workers import env\nNAME, KV = env.NAME, env.KV\n"
        + "assert 'NAME' in env and 'OTHER' not in env and set(env) == {'NAME', 'KV'}\n"
        + """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        await KV.put("k", NAME)
        return Response(await env.KV.get("k"))
""",
        vars={"NAME": "you"},
        kv_namespaces=[{"binding": "KV", "id": "kv"}],
    )
    assert await answer(worker) == "you"


def test_nothing_is_left_of_it(load: Load, tmp_path: Path):
    path, meta_path, modules = [*sys.path], [*sys.meta_path], set(sys.modules)
    (tmp_path / "main.py").write_text("import workers, helper, asgi\nfrom workers import wsgi")
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "wrangler.json").write_text('{"main": "main.py"}')
    config = configuration.load(tmp_path / "wrangler.json")
    one = project.imported("main", tmp_path, config)
    assert {"workers", "workers.wsgi", "asgi", "helper", "main"} <= set(sys.modules)
    one.close()
    assert (sys.path, sys.meta_path) == (path, meta_path)
    left = {name for name in set(sys.modules) - modules if not name.startswith("edgekit")}
    assert not left & {"workers", "workers.wsgi", "asgi", "helper", "main"}


async def test_two_projects_do_not_see_each_other(load: Load):
    main = HELLO + "import workers, helper\nassert not hasattr(workers, 'mark')\nworkers.mark = 1\n"
    first = load(
        main + ANSWER.replace("{value}", "helper.X"), files={"src/helper.py": "X = 'a'"}, apart="a"
    )
    second = load(
        main
        + "try:\n    import only\nexcept ImportError:\n    only = None\nassert only is None\n"
        + ANSWER.replace("{value}", "helper.X"),
        files={"src/helper.py": "X = 'b'"},
        apart="b",
    )
    assert [await answer(first), await answer(second)] == ["a", "b"]
    assert "workers" not in sys.modules
    assert "helper" not in sys.modules


async def test_the_current_env_is_that_of_whose_event_it_is(load: Load):
    main = HELLO + "from workers import env, wait_until\n"
    other = load(
        main
        + "class Default(WorkerEntrypoint):\n    async def name(self):\n        return env.NAME\n",
        vars={"NAME": "other"},
        apart="other",
    )
    first = load(
        main + ANSWER.replace("{value}", "f'{env.NAME} {await self.env.OTHER.name()} {env.NAME}'"),
        vars={"NAME": "first"},
        services=[{"binding": "OTHER", "service": "other"}],
        apart="first",
    )
    async with TestClient(first, services={"other": other}) as client:
        assert await (await client.get("/")).text() == "first other first"


# Dependencies -------------------------------------------------------------------------------------


def pyproject(*dependencies: str, python: str = ">=3.11") -> dict[str, str]:
    return {
        "pyproject.toml": f'[project]\nname = "p"\nrequires-python = "{python}"\n'
        f"dependencies = {list(dependencies)!r}\n"
    }


def test_missing_dependencies_are_named(load: Load, caplog: pytest.LogCaptureFixture):
    load(
        "class Default: ...\ndef on_fetch(r): ...",
        files=pyproject("click>=1", "no-such-thing>=2", "webtypy"),
    )
    assert "not installed here: no-such-thing>=2; pip install 'no-such-thing>=2'" in caplog.text
    assert "click" not in caplog.text


def test_dependencies_with_markers_and_vendored_ones_are_not_missing(tmp_path: Path):
    (tmp_path / "some_thing").mkdir()
    (tmp_path / "some_thing/__init__.py").write_text("")
    wanted = ["some-thing", "only-there; sys_platform == 'emscripten'", "", "gone[extra]>=1"]
    assert list(missing_dependencies(wanted, [tmp_path])) == ["gone[extra]>=1"]


def test_a_newer_python_is_noted(load: Load, caplog: pytest.LogCaptureFixture):
    load("def on_fetch(r): ...", files=pyproject(python=">=3.99"))
    assert "requires-python '>=3.99' is ignored: this is 3." in caplog.text


def test_a_pyproject_that_cannot_be_read_is_noted(load: Load, caplog: pytest.LogCaptureFixture):
    load("def on_fetch(r): ...", files={"pyproject.toml": "["})
    assert "cannot be read" in caplog.text


def test_a_module_that_is_nowhere_is_named_with_its_line(load: Load):
    with pytest.raises(
        ConfigError, match=r"helper\.py:2: No module named 'nowhere'; .* pip install nowhere"
    ):
        load("import helper", files={"src/helper.py": "\nimport nowhere.part"})


def test_a_package_made_for_workers_is_named(load: Load):
    files = {"python_modules/fast/__init__.py": "import fast._native"}
    with pytest.raises(
        ConfigError, match=r"main\.py:1: .*python_modules/ has of it is made for Workers"
    ):
        load("import fast", files=files)


def test_a_name_that_a_module_does_not_have_has_its_line(load: Load):
    with pytest.raises(ConfigError, match=r"main\.py:2: cannot import name 'fletch'"):
        load("\nfrom workers import fletch")


def test_other_errors_of_the_import_are_its_own(load: Load):
    with pytest.raises(ZeroDivisionError):
        load("1 / 0")


# What cannot run here -------------------------------------------------------------------------------


def test_what_cannot_run_is_refused_with_file_and_line(load: Load):
    with pytest.raises(ConfigError) as caught:
        load(
            "import js\nimport js as j\nimport helper\n"
            "def on_fetch(request):\n"
            "    js.WebAssembly.compile\n"
            "    j.NoSuchThing\n"
            "    js.own = 1\n"
            "    return js.Response.new('ok')\n",
            files={
                "src/helper.py": "from workers import import_from_javascript\n"
                "def f():\n    import_from_javascript('./x.mjs')\n    import_from_javascript('cloudflare:email')\n"
                "    from js import Nothing, Object\n",
                "src/not_imported.py": "import js\njs.WebAssembly",
            },
        )
    lines = [line.rpartition("src/")[2] for line in str(caught.value).splitlines()]
    assert sorted(lines) == [
        "helper.py:3: import_from_javascript('./x.mjs'): edgekit runs no JavaScript",
        "helper.py:5: js.Nothing: edgekit does not have it",
        "main.py:5: js.WebAssembly: WebAssembly does not run here; use a Python package for the same",
        "main.py:6: js.NoSuchThing: edgekit does not have it",
    ]


def test_names_whose_absence_the_code_provides_for_are_not_refused(load: Load):
    load(
        "import js\n"
        "try:\n    from js import process, Nothing\nexcept ImportError:\n    process = None\n"
        "assert process is None\n"
        "assert not hasattr(js, 'document')\n"
        "def on_fetch(request):\n"
        "    if hasattr(js, 'Buffer'):\n        js.Buffer.new()\n"
        "    try:\n        js.window\n    except AttributeError:\n        pass\n"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [("window", "it belongs to web pages"), ("Nothing", "edgekit does not have it")],
)
def test_an_import_that_js_cannot_have_says_why(load: Load, name: str, why: str):
    with pytest.raises(ConfigError, match=rf"main\.py:2: js\.{name}: {why}"):
        load(f"\nfrom js import {name}")


# Flags ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "flags", "on"),
    [
        ("2025-08-13", [], False),
        ("2025-08-14", [], True),
        (None, [], True),
        ("2024-01-01", ["python_no_global_handlers"], True),
        ("2026-01-01", ["disable_python_no_global_handlers"], False),
        ("2026-01-01", ["no_python_no_global_handlers"], False),
    ],
)
def test_flags_are_on_by_date_and_by_name(date: str | None, flags: list[str], on: bool):
    assert ("python_no_global_handlers" in effective(date, flags)) is on


# By the command ---------------------------------------------------------------------------------------


@pytest.fixture
def _imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        if not name.startswith("edgekit"):
            del sys.modules[name]


@pytest.mark.usefixtures("_imports")
async def test_in_a_workers_project_default_goes_before_app(tmp_path: Path):
    (tmp_path / "wrangler.toml").write_text('main = "entry.py"')
    (tmp_path / "entry.py").write_text(
        HELLO + "async def app(scope, receive, send): ...\n" + ANSWER.replace("{value}", "'ok'")
    )
    assert await answer(load_target(resolve(None))) == "ok"  # type: ignore[arg-type]


@pytest.mark.usefixtures("_imports")
async def test_edgekits_own_app_with_an_entrypoint_stays_itself(tmp_path: Path):
    from edgekit import App

    (tmp_path / "wrangler.toml").write_text('main = "entry.py"')
    (tmp_path / "entry.py").write_text(
        "from edgekit import App\nfrom workers import WorkerEntrypoint\napp = App()\n"
        "Default = app.entrypoint()\nclass Named(WorkerEntrypoint): ...\n"
    )
    assert isinstance(load_target(resolve(None)), App)


def test_a_plain_project_loads_nothing_that_it_does_not_use(tmp_path: Path):
    (tmp_path / "wrangler.json").write_text('{"main": "main.py"}')
    (tmp_path / "main.py").write_text(HELLO + ANSWER.replace("{value}", "'ok'"))
    code = (
        "import sys\nfrom edgekit.cli.target import load, resolve\nload(resolve(None))\n"
        "print(*(name for name in sys.modules if name.startswith(('edgekit.compat.javascript', "
        "'edgekit.compat.wsgi', 'edgekit.compat.asgi', 'js', 'pyodide', 'greenlet', 'aiohttp', 'urllib3')) "
        "and not name.startswith('json')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
