"""The checks of bindings, run inside the Worker in every place."""

from __future__ import annotations

import importlib
import sys

import pytest

from tests.on_workers.places import HERE
from tests.on_workers.test_app import ask

# The old platform, or its simulator, lacks these; everything else is asked of it too.
NOT_IN_2024 = (
    "assets.",
    "entrypoints.",  # it has no entrypoint classes in Python
    "queues.test_a_message_arrives",
    "queues.test_a_batch_arrives",
    "queues.test_what_is_retried_comes_again",  # it has no queue handlers in Python
    "smaller.test_points_are_written",
    "smaller.test_the_version_has_an_id",
)


def names() -> list[str]:
    """All checks there are: `kv.test_...`."""
    sys.path.insert(0, str(HERE / "project"))
    try:
        return [
            f"{file.stem.removeprefix('checks_')}.{name}"
            for file in sorted((HERE / "project").glob("checks_*.py"))
            for name in vars(importlib.import_module(file.stem))
            if name.startswith("test_")
        ]
    finally:
        sys.path.pop(0)


# Miniflare's stand-ins for bindings outside of workerd.
NOT_ON_NODE = {
    "services.test_functions_are_passed_by_reference": "takes no functions",
    "services.test_targets_keep_their_state": "gives no targets",
    "services.test_values_come_back_as_they_went": "gives objects by reference",
}


@pytest.mark.parametrize("name", names())
def test_check(url: str, place: str, name: str) -> None:
    if place == "workerd" and name.startswith(NOT_IN_2024):
        pytest.skip("the platform of 2024 does not have it")
    if place == "pyodide" and name.startswith("html_rewriter."):
        pytest.skip("Node has no HTMLRewriter")
    if place == "pyodide" and name in NOT_ON_NODE:
        pytest.skip(f"the stand-in for the binding {NOT_ON_NODE[name]}")
    found = ask(f"{url}/check/{name}")
    assert found.text == "passed"
