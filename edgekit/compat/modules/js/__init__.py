"""What `import js` means here: JavaScript's global scope, see `edgekit/compat/javascript/scope.py`."""

from __future__ import annotations

from typing import Any

from edgekit.compat.javascript.scope import Scope as _Scope

_scope = _Scope()


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'js' has no attribute {name!r}", name=name)
    value = globals()[name] = getattr(_scope, name)
    return value


def __dir__() -> list[str]:
    return dir(_scope)
