"""What Workers have by themselves: their Python, its standard library, and the packages built for them.

Facts, not rules. The packages stand in platform.json, which `tests/compat/make_platform.py` makes of the
`pyodide-lock.json` that comes with Pyodide: 0.28.3 (Python 3.13) and 314.0.7 (Python 3.14). The platform's
own locks are of the same releases. What the standard library lacks was tried in both, module by module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# The newest of these flags that is on decides; each is on by itself from its date.
_PYTHONS = (
    ("3.14", "python_workers_20260610", "2026-09-08"),
    ("3.14", "python_workers_20260817", "2026-09-08"),
    ("3.14", "python_workers_314", "2026-09-08"),
    ("3.13", "python_workers_20250116", "2025-09-29"),
)

# No Python package, but names that code on Workers may import.
GIVEN = frozenset({"_pyodide", "asgi", "js", "pyodide", "pyodide_js", "workers"})

_WINDOWS_AND_SCREENS = frozenset(
    """
    curses dbm ensurepip grp idlelib msilib msvcrt nt pwd pydoc_data readline resource syslog tkinter turtle
    turtledemo venv winreg winsound
    """.split()  # noqa: SIM905
)
_MISSING = {
    "3.12": _WINDOWS_AND_SCREENS | {"fcntl", "pty", "termios", "tty"},
    "3.13": _WINDOWS_AND_SCREENS | {"fcntl", "pty", "termios", "tty"},
    "3.14": _WINDOWS_AND_SCREENS,
}
# Gone from Python itself (PEP 594 and others), with the version that has them no longer.
_REMOVED = {
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), "3.12"),
    **dict.fromkeys(
        """
        aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes
        sndhdr spwd sunau telnetlib uu xdrlib
        """.split(),  # noqa: SIM905
        "3.13",
    ),
}


@dataclass(frozen=True)
class Offered:
    """A package of the platform's. `compiled`: no other version of it will do."""

    distribution: str
    version: str
    compiled: bool


def python_of(date: str | None, flags: Collection[str]) -> str:
    """The Python of a compatibility date and its flags; without a date, the newest that is usual."""
    for version, flag, since in _PYTHONS:
        if flag in flags or (date is not None and date >= since):
            return version
    return "3.13" if date is None else "3.12"


def missing(module: str, python: str) -> str | None:
    """Why a module of the standard library is not there; None where it is, or where it is none."""
    top = module.partition(".")[0]
    if top in _REMOVED and _minor(_REMOVED[top]) <= _minor(python):
        return f"Python has no {top} since {_REMOVED[top]}"
    if top in _MISSING[python]:
        return f"Python on Workers is built without {top}"
    return None


@cache
def offered(python: str) -> dict[str, Offered]:
    """The packages of the platform by the names that they are imported by."""
    found: dict[str, Offered] = {}
    for distribution, (version, compiled, imports) in _facts(python).items():
        for name in imports:
            found.setdefault(name, Offered(distribution, version, compiled))
    return found


@cache
def distributions(python: str) -> dict[str, Offered]:
    """The same by the normalized names of the distributions."""
    return {
        normalized(name): Offered(name, version, compiled)
        for name, (version, compiled, _) in _facts(python).items()
    }


def source(python: str) -> str:
    """Where the facts of `offered` are from."""
    return str(_read()[_known(python)]["source"])


def normalized(name: str) -> str:
    """A distribution's name as PyPI compares them."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _facts(python: str) -> dict[str, tuple[str, bool, list[str]]]:
    packages: dict[str, tuple[str, bool, list[str]]] = _read()[_known(python)]["packages"]
    return packages


def _known(python: str) -> str:
    return "3.13" if python == "3.12" else python  # of the older ones only the names matter


@cache
def _read() -> dict[str, dict[str, dict[str, tuple[str, bool, list[str]]]]]:
    return json.loads(Path(__file__).with_name("platform.json").read_text())  # type: ignore[no-any-return]


def _minor(version: str) -> int:
    return int(version.partition(".")[2])
