"""`python_to_rpc`, `python_from_rpc`: conversions that need nobody to call them here."""

from __future__ import annotations

from typing import Any

from edgekit.compat.convert import from_user, to_user


class NonRetryableError(Exception):
    """A step of a Workflow that raises it is not tried again."""


def python_to_rpc(value: Any) -> Any:
    """A value as bindings take it; they take it as it is, too."""
    return from_user(value)


def python_from_rpc(value: Any) -> Any:
    """A value of a binding's, or of JavaScript's, as Python's."""
    return to_user(from_user(value))
