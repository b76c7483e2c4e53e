"""What `import workers` means here: the names of the platform's SDK, over edgekit's own types.

Nothing is made here: two projects in one process have each a module of their own, and share its classes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol, TypeAlias

from edgekit.compat.current import env as env
from edgekit.compat.current import import_from_javascript as import_from_javascript
from edgekit.compat.current import patch_env as patch_env
from edgekit.compat.current import wait_until as wait_until
from edgekit.compat.entrypoints import DurableObject as DurableObject
from edgekit.compat.entrypoints import WorkerEntrypoint as WorkerEntrypoint
from edgekit.compat.entrypoints import WorkflowEntrypoint as WorkflowEntrypoint
from edgekit.compat.entrypoints import handler as handler
from edgekit.compat.forms import Blob as Blob
from edgekit.compat.forms import BlobEnding as BlobEnding
from edgekit.compat.forms import File as File
from edgekit.compat.forms import FormData as FormData
from edgekit.compat.http import FetchResponse as FetchResponse
from edgekit.compat.http import Headers as Headers
from edgekit.compat.http import Request as Request
from edgekit.compat.http import Response as Response
from edgekit.compat.http import fetch as fetch
from edgekit.compat.rpc import python_from_rpc as python_from_rpc
from edgekit.compat.rpc import python_to_rpc as python_to_rpc

waitUntil = wait_until


class Context(Protocol):
    """`ctx`, as far as adapters need it."""

    def waitUntil(self, other: Awaitable[Any]) -> None: ...


# For annotations.
BlobValue: TypeAlias = Any
Body: TypeAlias = Any
FetchKwargs: TypeAlias = dict[str, Any]
FormDataValue: TypeAlias = Any
JSBody: TypeAlias = Any
RequestInitCfProperties: TypeAlias = dict[str, Any]

__all__ = [
    "Blob",
    "BlobEnding",
    "BlobValue",
    "Body",
    "Context",
    "DurableObject",
    "FetchKwargs",
    "FetchResponse",
    "File",
    "FormData",
    "FormDataValue",
    "Headers",
    "JSBody",
    "Request",
    "RequestInitCfProperties",
    "Response",
    "WorkerEntrypoint",
    "WorkflowEntrypoint",
    "env",
    "fetch",
    "handler",
    "import_from_javascript",
    "patch_env",
    "python_from_rpc",
    "python_to_rpc",
    "waitUntil",
    "wait_until",
]
