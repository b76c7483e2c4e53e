"""Which modules a program needs: by what it imports, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.compat.modulegraph import Graph, trace
from edgekit.errors import ConfigError


def graph(root: Path, *, packages: Path | None = None, **files: str) -> Graph:
    for name, text in files.items():
        file = root / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return trace(root, ["main"], path=[str(packages)] if packages else [])


def package(folder: Path, name: str, **files: str) -> Path:
    for file, text in {"__init__.py": "", **files}.items():
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_own_modules_count_as_far_as_they_are_imported(tmp_path):
    found = graph(
        tmp_path, main="import a\nfrom b import c", a="import json", b__c="", b__d="", unused=""
    )
    assert set(found.own) == {"main", "a", "b.c"}  # b is a package without __init__.py
    assert found.problems == []


def test_relative_imports_are_followed(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text("from .a import x\nfrom . import b")
    found = graph(
        tmp_path, main="import p", p__a="from .q.r import y", p__b="", p__q__r="from ..c import z",
        p__c="",
    )  # fmt: skip
    assert set(found.own) == {"main", "p", "p.a", "p.b", "p.q.r", "p.c"}


def test_imports_inside_functions_and_by_literal_names_count(tmp_path):
    text = "def f():\n    import a\nfrom importlib import import_module\nimport_module('b')\n__import__('c')"
    found = graph(tmp_path, main=text, a="", b="", c="")
    assert set(found.own) == {"main", "a", "b", "c"}


def test_what_is_for_type_checkers_or_other_platforms_does_not_count(tmp_path):
    text = """
import sys
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import a
else:
    import b
if sys.platform == "emscripten":
    import c
else:
    import d
if sys.platform != "emscripten":
    import e
if not TYPE_CHECKING:
    import f
if sys.version_info > (3, 12):
    import g
"""
    found = graph(tmp_path, main=text, a="", b="", c="", d="", e="", f="", g="")
    assert set(found.own) == {"main", "b", "c", "f", "g"}


def test_public_names_lead_to_what_workers_have(tmp_path):
    found = graph(
        tmp_path, main="from edgekit import App, KVNamespace\nimport edgekit\nedgekit.fetch"
    )
    assert {"edgekit", "edgekit.app", "edgekit.on_workers.kv", "edgekit.on_workers.client"} <= set(
        found.edgekit
    )
    assert "edgekit.host.workers" in found.edgekit
    assert not [
        name for name in found.edgekit if name.startswith(("edgekit.runtime", "edgekit.cli"))
    ]
    assert "edgekit.client" not in found.edgekit
    assert found.packages == {}  # none was to be found


def test_what_needs_a_server_is_refused_with_its_place(tmp_path):
    found = graph(tmp_path, main="import json\nfrom edgekit import EdgeMiddleware")
    assert found.problems == [
        f"{tmp_path / 'main.py'}:2: edgekit.runtime is not on Workers: it is for ASGI servers and for tests"
    ]


def test_packages_go_along_whole_and_lead_to_others(tmp_path):
    packages = package(tmp_path / "site", "one", **{"a.py": "import two", "data.bin": "x"})
    package(packages, "two", **{"b.py": "import missing"})
    (packages / "single.py").write_text("")
    found = graph(tmp_path / "src", packages=packages, main="import one.a\nimport single")
    assert set(found.packages) == {"one", "two", "single"}
    assert set(found.packages["one"].files) == {"one/__init__.py", "one/a.py", "one/data.bin"}
    assert set(found.packages["single"].files) == {"single.py"}
    assert found.problems == []  # two.b is not reached


def test_packages_with_machine_code_are_told_apart(tmp_path):
    packages = package(tmp_path / "site", "fast", **{"core.cpython-311-x86_64-linux-gnu.so": ""})
    found = graph(tmp_path / "src", packages=packages, main="import fast")
    assert (set(found.packages), set(found.compiled)) == (set(), {"fast"})


def test_what_is_not_there_is_a_problem_unless_it_is_provided_for(tmp_path):
    text = "import missing\ntry:\n    import other\nexcept ImportError:\n    other = None\nimport js, workers"
    found = graph(tmp_path, main=text)
    assert found.problems == [f"{tmp_path / 'main.py'}:1: 'missing' is not installed here"]


def test_a_module_of_the_program_that_is_not_there_is_a_problem(tmp_path):
    found = graph(tmp_path, main="import p.missing", p__a="")
    assert found.problems == [f"{tmp_path / 'main.py'}:1: there is no module 'p.missing'"]


def test_a_syntax_error_has_its_place(tmp_path):
    with pytest.raises(ConfigError, match=r"main\.py:2: "):
        graph(tmp_path, main="import json\ndef")


def test_all_of_edgekit_is_more_than_workers_have(tmp_path):
    found = graph(tmp_path, main="from edgekit import *")
    (problem,) = found.problems
    assert problem.startswith(f"{tmp_path / 'main.py'}:1: `from edgekit import *`")
