"""What `import workers` means here: so far, what a plain Worker needs.

The rest of the platform's package comes with later issues; its names raise an ImportError that
says so.
"""

from __future__ import annotations

from typing import Any

from edgekit.entrypoints import WorkerEntrypoint as WorkerEntrypoint
from edgekit.web.request import Request as Request
from edgekit.web.response import Response as Response

__all__ = ["Request", "Response", "WorkerEntrypoint"]

_LATER = frozenset(
    """
    Blob BlobEnding BlobValue Body Context DurableObject FetchKwargs FetchResponse File FormData
    FormDataValue Headers JSBody RequestInitCfProperties WorkflowEntrypoint asgi env fetch handler
    import_from_javascript patch_env python_from_rpc python_to_rpc waitUntil wait_until workflows
    wsgi
    """.split()  # noqa: SIM905
)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        # An AttributeError would become Python's own "cannot import name" and lose the reason.
        raise ImportError(
            f"workers.{name} is not there yet: it comes with a later edgekit", name=name
        )
    raise AttributeError(f"module 'workers' has no attribute {name!r}", name=name)
