"""What the lower files of this folder need of the upper ones, once they are called.

JavaScript's objects all know each other: every proxy has a method that gives an Array. So the files
import downwards, in one direction, and reach upwards through here, by name, when it comes to that.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _Late:
    """A module, imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = f"edgekit.compat.javascript.{name}"

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        self.__dict__[name] = value
        return value


convert = _Late("convert")
crypto_ciphers = _Late("crypto_ciphers")
errors = _Late("errors")
text = _Late("text")
values = _Late("values")


def views() -> None:
    """Import the files that say how edgekit's classes look from JavaScript's side."""
    for name in ("bindings", "caches", "events", "sockets", "streams", "web"):
        import_module(f"edgekit.compat.javascript.{name}")
