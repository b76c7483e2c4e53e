"""`js.console`: to Python's logging, as the logger "edgekit.console"."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from edgekit import host
from edgekit.compat.javascript.jsontext import stringify
from edgekit.compat.javascript.maps import Map, Set
from edgekit.compat.javascript.proxy import JsNull, JsProxy
from edgekit.compat.javascript.values import Array, Object, entries_of, string

logger = logging.getLogger("edgekit.console")


def shown(value: Any, nested: bool = False) -> str:
    """A value as a console shows it."""
    if isinstance(value, str):
        return (stringify(value) or "") if nested else value
    if isinstance(value, bool | int | float | JsNull) or value is None:
        return string(value)
    if isinstance(value, Map | Set):
        return f"{value}({len(value)}) {{ {', '.join(shown(v, True) for v in value)} }}"
    if isinstance(value, Array):
        return f"[ {', '.join(shown(item, True) for item in value)} ]" if value else "[]"
    if type(value) is Object:
        fields = [f"{name}: {shown(item, True)}" for name, item in entries_of(value)]
        return f"{{ {', '.join(fields)} }}" if fields else "{}"
    return str(value)


class Console(JsProxy):
    """`log`, `info`, `warn`, `error`, `debug`, and the rest, each as a line of the log."""

    def __init__(self) -> None:
        self._groups = 0
        self._counts: dict[str, int] = {}
        self._times: dict[str, float] = {}

    def _write(self, level: int, values: tuple[Any, ...]) -> None:
        if logger.isEnabledFor(level):
            logger.log(level, "%s%s", "  " * self._groups, " ".join(map(shown, values)))

    def log(self, *values: Any) -> None:
        self._write(logging.INFO, values)

    info = log

    def debug(self, *values: Any) -> None:
        self._write(logging.DEBUG, values)

    def warn(self, *values: Any) -> None:
        self._write(logging.WARNING, values)

    def error(self, *values: Any) -> None:
        self._write(logging.ERROR, values)

    def trace(self, *values: Any) -> None:
        where = "".join(traceback.format_stack()[:-1]).rstrip()
        self._write(logging.DEBUG, ("Trace:", *values, f"\n{where}"))

    def assert_(self, condition: Any = False, *values: Any) -> None:
        if not condition:
            self._write(logging.ERROR, ("Assertion failed:", *values))

    def dir(self, value: Any = None, options: Any = None) -> None:
        self.log(value)

    dirxml = table = dir

    def group(self, *values: Any) -> None:
        if values:
            self.log(*values)
        self._groups += 1

    groupCollapsed = group

    def groupEnd(self) -> None:
        self._groups = max(self._groups - 1, 0)

    def count(self, label: str = "default") -> None:
        self._counts[label] = self._counts.get(label, 0) + 1
        self.log(f"{label}: {self._counts[label]}")

    def countReset(self, label: str = "default") -> None:
        self._counts.pop(label, None)

    def time(self, label: str = "default") -> None:
        self._times[label] = host.now()

    def timeLog(self, label: str = "default", *values: Any) -> None:
        passed = (host.now() - self._times.get(label, host.now())) * 1000
        self.log(f"{label}: {passed:.3f}ms", *values)

    def timeEnd(self, label: str = "default") -> None:
        self.timeLog(label)
        self._times.pop(label, None)

    def clear(self) -> None:
        """Nothing: a log is not taken back."""


console = Console()
