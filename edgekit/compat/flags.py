"""Compatibility dates and flags, as far as they change what Python code sees."""

from __future__ import annotations

from collections.abc import Collection

# The date from which a flag is on by itself.
FLAGS = {
    "queues_json_messages": "2024-03-18",
    "python_workers_force_new_vendor_path": "2025-08-11",
    "python_no_global_handlers": "2025-08-14",
    "python_workflows": "2025-09-20",
    "python_workers_20250116": "2025-09-29",  # Python 3.13: run_sync, and null is not None
    "python_request_headers_preserve_commas": "2026-02-17",
    "python_workflows_implicit_dependencies": "2026-02-25",
    "websocket_standard_binary_type": "2026-03-17",
    "enable_python_external_sdk": "2026-04-21",
}


def effective(date: str | None, flags: Collection[str]) -> frozenset[str]:
    """The flags that are on: by the date (without one: all of them), by name, and not disabled."""
    on = {name for name, since in FLAGS.items() if date is None or date >= since}
    on.update(flag for flag in flags if not flag.startswith(("disable_", "no_")))
    for flag in flags:
        for prefix in ("disable_", "no_"):
            if flag.startswith(prefix):
                on.discard(flag.removeprefix(prefix))
    return frozenset(on)
