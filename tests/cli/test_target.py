from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.app import App
from edgekit.cli.target import load, resolve
from edgekit.errors import ConfigError
from edgekit.worker import Worker

APP = "from edgekit import App\napp = App()\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder; whatever is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if name == "workers" or (file and Path(file).is_relative_to(tmp_path)):
            del sys.modules[name]


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_nothing_means_the_main_of_the_wrangler_file_here_or_further_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    write(folder / "wrangler.toml", 'main = "src/entry.py"')
    write(folder / "src/entry.py", APP)
    monkeypatch.chdir(folder / "src")
    target = resolve(None)
    assert (target.module, target.folder) == ("entry", folder / "src")
    assert target.config == folder / "wrangler.toml"
    assert target.workers_project
    assert isinstance(load(target), App)


def test_main_py_is_the_target_where_no_file_says_otherwise(folder: Path):
    write(folder / "main.py", APP)
    target = resolve(None)
    assert (target.file, target.config) == (folder / "main.py", folder)
    assert not target.workers_project


def test_main_py_here_is_nearer_than_a_wrangler_file_further_up(folder: Path):
    write(folder / "wrangler.toml", 'main = "main.py"')
    write(folder / "main.py", APP)
    write(folder / "examples/one/main.py", APP)
    assert resolve("examples/one").folder == folder / "examples" / "one"


def test_edgekit_config_decides_about_the_configuration(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    write(folder / "conf/wrangler.toml", 'main = "../code/w.py"')
    write(folder / "code/w.py", APP)
    monkeypatch.setenv("EDGEKIT_CONFIG", "conf/wrangler.toml")
    assert resolve(None).file == folder / "code" / "w.py"


@pytest.mark.parametrize(
    ("text", "module", "attribute", "root"),
    [
        ("code/w.py", "w", None, "code"),
        ("code/w.py:other", "w", "other", "code"),
        ("code.w:other", "code.w", "other", "."),
        ("code.w", "code.w", None, "."),
        ("code:a.b", "main", "a.b", "code"),
    ],
)
def test_forms_of_a_target(folder: Path, text: str, module: str, attribute: str | None, root: str):
    write(folder / "code/w.py", APP)
    write(folder / "code/main.py", APP)
    target = resolve(text)
    assert (target.module, target.attribute) == (module, attribute)
    assert target.folder == (folder / root).resolve()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no main.py here and no wrangler file that names a main"),
        ("nothing.py", "nothing.py: there is no such file"),
        ("no such thing:app", "no such thing: there is no such file"),
        ("nowhere:app", "no such module in"),
        ("main:", "nothing after the colon"),
        ("notes.txt", "is not a Python file"),
        ("a.b.py", "has no dots"),
        ("js", "main: .*index.ts is not a Python file"),
        ("gone", "main: there is no file"),
        ("broken", "wrangler.json:1:1"),
    ],
)
def test_target_that_means_nothing_is_refused(folder: Path, text: str | None, message: str):
    write(folder / "notes.txt", "")
    write(folder / "a.b.py", "")
    write(folder / "js/wrangler.json", '{"main": "index.ts"}')
    write(folder / "js/index.ts", "")
    write(folder / "gone/wrangler.json", '{"main": "gone.py"}')
    write(folder / "broken/wrangler.json", "!")
    with pytest.raises(ConfigError, match=message):
        resolve(text)


@pytest.mark.parametrize(
    "text",
    [
        APP,
        "from edgekit import App\nanything = App()\n",
        "from edgekit import worker\n@worker\nasync def hello(request):\n    return 'hi'\n",
        "async def fetch(request, env):\n    return 'hi'\n",
        "from edgekit import WorkerEntrypoint\nclass Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request):\n        return 'hi'\n",
    ],
)
def test_app_is_found_by_what_it_is(folder: Path, text: str):
    write(folder / "found_app.py", text)
    assert isinstance(load(resolve("found_app.py")), Worker)


def test_app_of_another_framework_is_taken_as_it_is(folder: Path):
    write(folder / "other_app.py", "class A:\n    async def __call__(self, *a): ...\napp = A()\n")
    app = load(resolve("other_app:app"))
    assert type(app).__name__ == "A"


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", "t.py", "t.py has nothing to serve"),
        ("def fetch(request): ...", "t.py", r"t\.fetch\(\) is not async"),
        ("app = 5", "t.py", "t:app is of the type int, which is no app"),
        ("from edgekit import App\na = App(); b = App()", "t.py", "which: t:a or t:b"),
        (APP, "t:ap", "t.py has no 'ap'; it has: app"),
        ("class Default: ...", "t.py", "Default is not a WorkerEntrypoint"),
    ],
)
def test_module_without_an_app_is_refused(folder: Path, text: str, target: str, message: str):
    write(folder / "t.py", text)
    with pytest.raises(ConfigError, match=message):
        load(resolve(target))


def test_file_that_another_module_hides_is_refused(folder: Path):
    write(folder / "json.py", APP)
    with pytest.raises(ConfigError, match="another module named 'json'"):
        load(resolve("json.py"))
