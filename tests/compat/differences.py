"""Where a project of projects/ is answered otherwise here than by the platform's SDK, and why.

docs/workers-projects.md tells users. Each has to differ still, or its line goes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """`status` and `text`, a pattern, are what is answered here to `what`."""

    project: str
    what: str
    status: int
    text: str
    why: str


DIFFERENCES = [
    Difference(
        "env_secrets",
        "GET /patched",
        200,
        "42",
        "patch_env: the SDK's env keeps what has been read of it once, and shows no patch of that",
    ),
    Difference(
        "errors",
        "GET /uncaught",
        500,
        r"Internal Server Error \(request [0-9a-f]{16}\)",
        "the answer to an uncaught exception is the server's, and names the request in the log",
    ),
    Difference(
        "page_cache",
        "PURGE /other",
        200,
        "True",
        "Request.method: the SDK has methods of http.HTTPMethod only; PURGE and others raise KeyError",
    ),
]
