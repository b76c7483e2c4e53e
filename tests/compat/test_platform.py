"""What Workers have by themselves."""

from __future__ import annotations

import pytest

from edgekit.compat import platform


@pytest.mark.parametrize(
    ("date", "flags", "python"),
    [
        (None, [], "3.13"),
        ("2024-03-29", [], "3.12"),
        ("2024-03-29", ["python_workers_20250116"], "3.13"),
        ("2025-09-28", [], "3.12"),
        ("2025-09-29", [], "3.13"),
        ("2026-09-08", [], "3.14"),
        ("2026-01-01", ["python_workers_20260610"], "3.14"),
    ],
)
def test_the_date_and_the_flags_say_which_python(
    date: str | None, flags: list[str], python: str
) -> None:
    assert platform.python_of(date, flags) == python


def test_packages_are_found_by_the_names_they_are_imported_by() -> None:
    there = platform.offered("3.13")
    assert (there["PIL"].distribution, there["PIL"].compiled) == ("pillow", True)
    assert there["msgspec"].version == "0.19.0"
    assert not there["tzdata"].compiled
    assert "uvloop" not in there
    assert platform.distributions("3.14")["msgspec"].version == "0.20.0"


def test_facts_have_a_source() -> None:
    assert "0.28.3" in platform.source("3.13")
    assert "314.0.7" in platform.source("3.14")


def test_modules_that_python_has_no_longer() -> None:
    assert platform.missing("cgi", "3.12") is None
    assert platform.missing("cgi", "3.13") == "Python has no cgi since 3.13"
    assert platform.missing("distutils.core", "3.12") == "Python has no distutils since 3.12"
    assert platform.missing("fcntl", "3.13") == "Python on Workers is built without fcntl"
    assert platform.missing("fcntl", "3.14") is None
    assert platform.missing("json", "3.13") is None
