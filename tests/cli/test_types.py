"""`edgekit types`: the typed Env that a configuration declares."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import edgekit
from edgekit.app import App
from edgekit.cli.main import main
from edgekit.cli.types import _CLASSES
from edgekit.kinds import Kinds
from edgekit.testing import TestClient

FILE: dict[str, Any] = {
    "name": "w",
    "kv_namespaces": [{"binding": "KV", "id": "1"}],
    "services": [{"binding": "API", "service": "w"}],
    "version_metadata": {"binding": "VERSION"},
    "secrets": {"required": ["TOKEN"]},
    "vars": {
        "TEXT": 'a "quoted"\n text é',
        "COUNT": 3,
        "RATIO": 0.5,
        "FLAG": True,
        "LIST": [1],
        "NOTHING": None,
        "lambda": "x",
    },
    "env": {
        "staging": {"vars": {"TEXT": "b", "COUNT": 1.5, "LIST": {"a": 1}, "ONLY": "s"}},
    },
}
EXPECTED = '''\
"""Made by `edgekit types` from wrangler.json; make it anew instead of changing it."""

from typing import TYPE_CHECKING, Any, Literal

from edgekit import Env, Fetcher, KVNamespace, WorkerVersionMetadata


class AppEnv(Env):
    """The bindings, variables and secrets of wrangler.json."""

    TEXT: Literal['a "quoted"\\n text é', "b"]
    COUNT: float
    RATIO: float | None = None
    FLAG: bool | None = None
    LIST: list[Any] | dict[str, Any]
    NOTHING: Any = None
    ONLY: Literal["s"] | None = None
    TOKEN: str | None = None
    if TYPE_CHECKING:  # not in every environment, or another thing there
        KV: KVNamespace
        API: Fetcher
        VERSION: WorkerVersionMetadata
    # env["lambda"]: Literal["x"]
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    configure(FILE)
    return tmp_path


def configure(file: dict[str, Any]) -> None:
    Path("wrangler.json").write_text(json.dumps(file))


def types(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["types", *arguments])


def written(*arguments: str, to: str = "worker_configuration.py") -> str:
    result = types(*arguments)
    assert result.exit_code == 0, result.output
    return Path(to).read_text()


def test_all_environments_together() -> None:
    assert written() == EXPECTED


def test_it_writes_the_same_twice_and_check_tells() -> None:
    assert types("--check").exit_code == 1
    assert types("--check").stderr.endswith("is missing: run `edgekit types`\n")
    first = written()
    assert types().stdout.endswith("was up to date.\n")
    assert written() == first
    assert types("--check").exit_code == 0
    configure({**FILE, "vars": {}})
    assert types("--check").stderr.endswith("is out of date: run `edgekit types`\n")
    assert Path("worker_configuration.py").read_text() == first


def test_one_environment_alone() -> None:
    text = written("-e", "staging", "my_env.py", to="my_env.py")
    assert 'TEXT: Literal["b"]' in text
    assert "KV" not in text


def test_a_name_may_be_another_thing_in_each_environment() -> None:
    configure(
        {
            "kv_namespaces": [{"binding": "A"}, {"binding": "B"}, {"binding": "C"}],
            "vars": {"D": 1},
            "env": {
                "p": {
                    "kv_namespaces": [{"binding": "A"}],
                    "r2_buckets": [{"binding": "B"}],
                    "vars": {"C": {}},
                    "secrets": {"required": ["D"]},
                }
            },
        }
    )
    assert written().endswith(
        """
    A: KVNamespace
    D: str | int
    if TYPE_CHECKING:  # not in every environment, or another thing there
        B: KVNamespace | R2Bucket
        C: KVNamespace | dict[str, Any]
"""
    )


def test_another_file_is_not_overwritten() -> None:
    Path("mine.py").write_text("# mine\n")
    assert "was not made by `edgekit types`" in types("mine.py").stderr
    assert "is out of date" in types("mine.py", "--check").stderr
    assert Path("mine.py").read_text() == "# mine\n"


def test_types_without_values_and_another_name() -> None:
    text = written("--no-strict-vars", "--env-interface", "Mine")
    assert "class Mine(Env):" in text
    assert "    TEXT: str\n" in text
    assert "    COUNT: float\n" in text
    assert "Literal" not in text


def test_a_secret_stands_for_a_variable_of_its_name() -> None:
    configure({"vars": {"A": "x", "B": 1}})
    Path(".dev.vars").write_text("A=secret\n")
    text = written()
    assert "    A: str\n" in text
    assert "secret" not in text.replace("secrets", "")
    assert "    B: Literal[1]\n" in text


def test_many_bindings_are_imported_on_lines_of_their_own() -> None:
    configure(
        {
            "kv_namespaces": [{"binding": "A"}],
            "r2_buckets": [{"binding": "B", "bucket_name": "bbb"}],
            "d1_databases": [{"binding": "C", "database_name": "c"}],
            "analytics_engine_datasets": [{"binding": "D"}],
            "version_metadata": {"binding": "V"},
        }
    )
    assert "import (\n    AnalyticsEngineDataset,\n    D1Database,\n    Env,\n" in written()


def test_an_empty_configuration_is_an_empty_class() -> None:
    configure({})
    assert written().endswith('"""The bindings, variables and secrets of wrangler.json."""\n')


@pytest.mark.parametrize(
    ("environment", "values"),
    [
        ("", {"COUNT": 3, "TOKEN": "t", "FLAG": True, "ONLY": None}),
        ("staging", {"COUNT": 1.5, "TOKEN": None, "FLAG": None, "ONLY": "s"}),
    ],
)
async def test_what_it_writes_is_what_an_app_declares(
    folder: Path, monkeypatch: pytest.MonkeyPatch, environment: str, values: dict[str, Any]
) -> None:
    file = {**FILE}
    if not environment:
        (folder / ".dev.vars").write_text("TOKEN=t\n")
    del file["services"]
    configure(file)
    written("made_for_a_test.py", to="made_for_a_test.py")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "made_for_a_test", None)
    del sys.modules["made_for_a_test"]  # and again after the test
    declared = importlib.import_module("made_for_a_test").AppEnv
    monkeypatch.setenv("CLOUDFLARE_ENV", environment)
    async with TestClient(App(declared)) as client:
        env: Any = client.env
        assert {name: getattr(env, name) for name in values} == values
        assert ("KV" in env) == (not environment)


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "must end in .py" in types("env.txt").stderr
    assert "not a name that a class can have" in types("--env-interface", "class").stderr
    assert "No such file" in types("no/env.py").stderr
    Path("wrangler.json").unlink()
    assert "there is no wrangler configuration file" in types().stderr


def test_every_kind_of_binding_has_a_class() -> None:
    unbound = {"queues", "triggers", "tail_consumers"}
    assert set(Kinds.__struct_fields__) - unbound <= _CLASSES.keys()


@pytest.mark.parametrize("name", sorted(set(_CLASSES.values())))
def test_every_class_is_public(name: str) -> None:
    assert hasattr(edgekit, name)
