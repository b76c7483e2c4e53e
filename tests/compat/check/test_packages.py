"""Installed packages, as the check sees them: their import, their machine code, their requirements."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from edgekit.compat.check import checker
from edgekit.compat.check.findings import Finding
from edgekit.compat.check.machine_code import distributions, satisfies
from tests.compat.check.checking import found, places, write


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, the only one beside the standard library's."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.setattr(checker, "_bundle", lambda place: (None, ""))
    distributions.cache_clear()
    return folder


def distribution(site: Path, name: str, version: str, *requires: str) -> None:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("\n".join([*lines, "", ""]))


def check(tmp_path: Path, main: str, **files: str) -> list[Finding]:
    folder = tmp_path / "app"
    write(folder, main=main, **files)
    return found(folder)


def test_a_package_is_read_as_far_as_its_import_goes(tmp_path: Path, site: Path) -> None:
    write(
        site,
        library____init__="""
            from .tokens import make

            def later():
                import threading, time, uuid
                threading.Thread().start()
                time.sleep(1)
                open("x", "w")
                return uuid.uuid4()
        """,
        library__tokens="""
            import secrets

            def make():
                return secrets.token_hex()

            TOKEN = make()
        """,
        library__unused="import uuid\nID = uuid.uuid4()\n",
    )
    [finding] = check(tmp_path, "import os\nimport library\n")
    assert (finding.rule, finding.package, finding.line) == ("P008", "library", 4)
    assert finding.what == "secrets.token_hex() at import"
    assert [(file.name, line) for file, line in finding.chain] == [
        ("main.py", 2),
        ("__init__.py", 1),
        ("tokens.py", 6),
    ]


def test_a_package_of_which_only_a_function_imports_a_missing_module_is_fine(
    tmp_path: Path, site: Path
) -> None:
    write(
        site,
        library="""
            import contextlib
            try:
                import fcntl
            except ImportError:
                fcntl = None
            with contextlib.suppress(ImportError):
                import termios

            def later():
                import pwd
        """,
        other="import helper\n",
        helper="import grp\nimport resource\nimport grp\n",
    )
    assert not check(tmp_path, "import library\n")
    assert not check(tmp_path, "try:\n    import other\nexcept ImportError:\n    pass\n")
    assert {(p[0], p[2]) for p in places(check(tmp_path, "import other\n"))} == {
        ("P012", 1),
        ("P012", 2),
    }


def test_what_a_package_may_do_is_not_reported(tmp_path: Path, site: Path) -> None:
    write(
        site,
        library="""
            import os
            import random
            import sys

            def make(seed=None):
                if seed is None:
                    seed = random.random()
                return seed

            VALUE = make(3)
            if os.environ.get("LIBRARY_RANDOM"):
                OTHER = random.random()
            if sys.platform == "win32":
                THIRD = random.random()
        """,
    )
    assert not check(tmp_path, "import library\n")


def test_clocks_of_packages_and_what_the_sdk_patches_are_notes(tmp_path: Path, site: Path) -> None:
    write(
        site,
        litestar="import uuid\nID = uuid.uuid4()\n",
        library="import time\nT = time.time()\n",
    )
    findings = check(tmp_path, "import library\nimport litestar\n")
    assert {(each.rule, each.severity) for each in findings} == {("P008", "note"), ("P009", "note")}


def test_threads_at_a_packages_import_are_reported(tmp_path: Path, site: Path) -> None:
    write(
        site,
        library="""
            import threading
            from concurrent.futures import ThreadPoolExecutor

            POOL = ThreadPoolExecutor()
            threading.Thread(target=print).start()
        """,
    )
    assert places(check(tmp_path, "import library\n")) == {("P001", "library.py", 5)}


def test_machine_code_that_workers_do_not_have(tmp_path: Path, site: Path) -> None:
    suffix = EXTENSION_SUFFIXES[0]
    write(
        site,
        fast____init__="from ._speedups import go\n",
        optional____init__="try:\n    from ._speedups import go\nexcept ImportError:\n    go = None\n",
        both____init__="from ._speedups import go\n",
        both___speedups="def go(): ...\n",
    )
    for package in ("fast", "optional", "both"):
        (site / package / f"_speedups{suffix}").touch()
    (site / f"alone{suffix}").touch()
    findings = check(tmp_path, "import fast\nimport optional\nimport both\nimport alone\n")
    assert places(findings) == {("P018", "__init__.py", 1), ("P018", "main.py", 4)}


def test_machine_code_that_workers_have_in_another_version(tmp_path: Path, site: Path) -> None:
    write(site, msgspec____init__="from ._core import x\n", mine____init__="import msgspec\n")
    (site / "msgspec" / f"_core{EXTENSION_SUFFIXES[0]}").touch()
    distribution(site, "msgspec", "0.22.0")
    distribution(site, "mine", "1.0", "msgspec>=0.20", "msgspec>=9; extra == 'x'", "click>=99")
    findings = check(
        tmp_path,
        "import mine\nimport numpy\n",
        **{
            "pyproject.toml": '[project]\nname = "x"\ndependencies = [\n  "numpy==1.0",\n  "click",\n]\n',
            "requirements.txt": "# comment\nlxml~=5.0  # why\n-r other.txt\nfastapi\n",
        },
    )
    assert {(f.rule, f.severity, f.file.name, f.line) for f in findings} == {
        ("P018", "error", "main.py", 1),
        ("P018", "note", "main.py", 1),
        ("P018", "error", "pyproject.toml", 4),
        ("P018", "error", "requirements.txt", 2),
    }
    [error] = [f for f in findings if f.file.name == "main.py" and f.severity == "error"]
    assert error.what == "mine 1.0 requires msgspec >=0.20; Workers have 0.19.0"
    assert error.advice == "Use the mine that goes with msgspec 0.19.0."


def test_python_modules_are_packages_too(tmp_path: Path, site: Path) -> None:
    app = tmp_path / "app"
    write(app, python_modules__vendored="import uuid\nID = uuid.uuid4()\n")
    [finding] = check(tmp_path, "import vendored\n")
    assert (finding.rule, finding.package) == ("P008", "vendored")


def test_a_module_that_is_nowhere_is_named(tmp_path: Path, site: Path) -> None:
    [finding] = check(
        tmp_path, "import nowhere.at_all\ntry:\n    import other\nexcept ImportError: ...\n"
    )
    assert finding.what == "nowhere is not installed here, and Workers do not have it"


def test_functions_of_packages_are_notes_when_asked_for(tmp_path: Path, site: Path) -> None:
    write(site, library="import threading\ndef go():\n    threading.Thread(target=go).start()\n")
    folder = tmp_path / "app"
    write(folder, main="import library\n")
    assert not found(folder)
    [finding] = found(folder, notes=True)
    assert (finding.rule, finding.severity, finding.package) == ("P001", "note", "library")


def test_a_broken_package_is_not_the_programs_fault(tmp_path: Path, site: Path) -> None:
    write(site, library____init__="from . import old\n", library__old="print 'x'\n")
    assert not check(tmp_path, "import library\n")


def test_setuptools_brings_distutils(tmp_path: Path, site: Path) -> None:
    write(site, _distutils_hack="", library="import _distutils_hack\nimport distutils\n")
    assert not check(tmp_path, "import library\n")


@pytest.mark.parametrize(
    ("version", "clauses", "met"),
    [
        ("2.10.6", "", True),
        ("2.10.6", ">=2.9,<3", True),
        ("2.10.6", ">=2.11", False),
        ("2.10.6", "==2.10.6", True),
        ("2.10.6", "==2.10", False),
        ("2.10.0", "==2.10", True),
        ("2.10.6", "==2.10.*", True),
        ("2.10.6", "!=2.10.*", False),
        ("2.10.6", "!=2.10.5", True),
        ("2.10.6", "~=2.9", True),
        ("2.10.6", "~=2.9.0", False),
        ("2.10.6", "<=2.10", False),
        ("2.10.6", ">2.10.6", False),
        ("1.0", ">=what", True),
    ],
)
def test_versions_are_compared_as_pip_does(version: str, clauses: str, met: bool) -> None:
    assert satisfies(version, clauses) is met
