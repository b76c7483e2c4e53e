"""What names stand for, and which branches are taken."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from edgekit.compat.check.branches import truth
from edgekit.compat.check.findings import unknown_ignores
from edgekit.compat.check.program import Program
from tests.compat.check.checking import found, places, write


def test_names_are_followed_through_the_programs_modules(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="""
            from parts import app as site, worker
            from parts.deep import nap
            import parts.deep as d

            @site.get("/")
            def sync():
                nap()
                d.nap()
                d.Base.pause()
                worker.rest()
        """,
        parts____init__="from .made import app\nfrom .made import worker\n",
        parts__made="""
            from fastapi import FastAPI
            from .deep import Base

            class Mine(FastAPI):
                pass

            class Worker(Base):
                pass

            def build() -> Mine:
                return Mine()

            app = build()
            worker = Worker()
        """,
        parts__deep="""
            import time
            nap = time.sleep

            class Base:
                pause = time.sleep

                def rest(self):
                    time.sleep(1)
        """,
    )
    assert {p for p in places(found(tmp_path)) if p[0] in ("P002", "P011")} == {
        ("P002", "main.py", 6),
        ("P011", "main.py", 7),
        ("P011", "main.py", 8),
        ("P011", "deep.py", 8),
    }


def test_own_modules_hide_the_standard_librarys(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="import random\nfrom secrets import token_hex\nX = random.random() + token_hex()\n",
        random="def random(): return 4\n",
        secrets="def token_hex(): return 4\n",
    )
    assert not [each for each in found(tmp_path) if each.rule != "P032"]


def test_circles_end(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="""
            from other import a
            class A(A): ...
            class B(C): ...
            class C(B): ...
            x = x
            y = z
            z = y
            def f(): return g()
            def g(): return f()
            f()
            A().go()
            B().go()
            x()
            y.sleep()
            a()
        """,
        other="from main import b\nfrom main import b as a\nfrom other import a\n",
    )
    assert not [each for each in found(tmp_path) if each.rule != "P032"]


def test_what_only_functions_import_is_the_program_too(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="def handler():\n    from later import work\n    return work()\n",
        later="import time, uuid\nimport still_later\ndef work():\n    time.sleep(1)\nID = uuid.uuid4()\n",
        still_later="def nap():\n    from time import sleep\n    sleep(1)\n",
    )
    # Randomness is allowed once a function runs.
    assert {p for p in places(found(tmp_path)) if p[0] != "P032"} == {
        ("P011", "later.py", 4),
        ("P011", "still_later.py", 3),
    }


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("TYPE_CHECKING", False),
        ("not TYPE_CHECKING", True),
        ("typing.TYPE_CHECKING", False),
        ("sys.platform == 'emscripten'", True),
        ("sys.platform != 'emscripten'", False),
        ("sys.platform.startswith('win')", False),
        ("sys.platform in ('linux', 'darwin')", False),
        ("sys.platform not in ['win32']", True),
        ("sys.platform < 'x'", None),
        ("os.name == 'nt'", False),
        ("platform.system() == 'Windows'", False),
        ("sys.version_info >= (3, 12)", True),
        ("sys.version_info > (3, 12)", True),
        ("sys.version_info < (3, 13)", False),
        ("sys.version_info <= (3, 13)", False),
        ("sys.version_info == (3, 13)", None),
        ("sys.version_info >= OLD", None),
        ("sys.version_info >= ()", None),
        ("sys.version_info[0] < 3", None),
        ("__name__ == '__main__'", False),
        ("__name__ != '__main__'", True),
        ("__name__ == other", None),
        ("unknown", None),
        ("unknown or not TYPE_CHECKING", True),
        ("unknown and TYPE_CHECKING", False),
        ("unknown and not TYPE_CHECKING", None),
        ("not unknown", None),
        ("-1", None),
        ("0", False),
        ("1 < 2 < 3", None),
    ],
)
def test_conditions(condition: str, taken: bool | None, tmp_path: Path) -> None:
    write(tmp_path, main="import os, platform, sys, typing\nfrom typing import TYPE_CHECKING\n")
    source = Program(tmp_path, []).source("main")
    assert source is not None
    test = ast.parse(condition, mode="eval").body
    assert truth(test, source.scope, "3.13") is taken


def test_comments_ignore_rules(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="""
            import time
            import noisy  # edgekit: ignore[P008]

            def f():
                time.sleep(1)  # edgekit: ignore[P011]
                time.sleep(2)  # EDGEKIT: Ignore[P001, P011]
                time.sleep(3)  # edgekit: ignore
                time.sleep(4)  # edgekit: ignore[P001]
                # edgekit: ignore[P011] because it is short
                time.sleep(5)
                time.sleep(
                    6,  # edgekit: ignore[P011]
                )
                time.sleep(7)  # edgekit: ignore[P0111]
        """,
        noisy="import uuid\nID = uuid.uuid4()\n",
    )
    findings = [each for each in found(tmp_path) if each.rule != "P032"]
    assert places(findings) == {("P011", "main.py", 8), ("P011", "main.py", 14)}
    assert unknown_ignores([tmp_path / "main.py", tmp_path / "none.py"]) == [
        (tmp_path / "main.py", 14, "P0111")
    ]


def test_nothing_of_the_program_is_run(tmp_path: Path) -> None:
    write(tmp_path, main="raise SystemExit('was run')\n")
    found(tmp_path)
    assert "main" not in sys.modules or getattr(sys.modules["main"], "__file__", "") != str(
        tmp_path / "main.py"
    )


def test_state_is_followed_into_the_module_that_has_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="""
            import store
            from store import ITEMS, FIXED
            from again import ITEMS as SAME
            from json import nothing_here

            total = 0

            def handler(request):
                ITEMS.append(request)
                SAME.clear()
                store.MORE["a"] = 1
                store.nothing["a"] = 1
                store.deep.er["a"] = 1
                FIXED.append(1)
                nothing_here.append(1)
                request.items.append(1)
                (ITEMS or SAME).append(1)
                count = 0
                count += 1

            def reset():
                global total
                total = 0
        """,
        store="from collections import deque\nITEMS = []\nMORE = dict()\nFIXED = make_it()\n",
        again="from store import ITEMS\n",
    )
    lines = {line for rule, _, line in places(found(tmp_path)) if rule == "P029"}
    assert lines == {9, 10, 11, 23}


def test_functions_in_functions_run_at_import_too(tmp_path: Path) -> None:
    write(
        tmp_path,
        main="""
            import random

            def outer():
                def inner():
                    return random.random()
                def other():
                    return random.random()
                return inner()

            X = outer()
            while X:
                random.random()
            for each in (1, 2):
                random.random()
            match X:
                case 1:
                    random.random()
            Y = X or random.random()
            Z = 1 if X else random.random()
        """,
    )
    found_here = [each for each in found(tmp_path) if each.rule == "P008"]
    assert {(each.line, each.severity) for each in found_here} == {
        (5, "error"),
        (12, "warning"),
        (14, "error"),
        (17, "warning"),
        (18, "warning"),
        (19, "warning"),
    }
