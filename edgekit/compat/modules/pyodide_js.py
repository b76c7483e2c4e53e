"""What `import pyodide_js` means here: Pyodide's own JavaScript side, of which there is only its version."""

from __future__ import annotations

from typing import Any

from edgekit.errors import UnsupportedError

version = "314.0.7"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'pyodide_js' has no attribute {name!r}", name=name)
    raise UnsupportedError(
        f"pyodide_js.{name}: packages come from the environment that edgekit runs in, and there is no "
        "JavaScript engine"
    )
