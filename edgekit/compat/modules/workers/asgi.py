"""`workers.asgi`: see edgekit/compat/asgi.py."""

from __future__ import annotations

from typing import Any

from edgekit.compat import asgi as _asgi
from edgekit.compat.asgi import Options as Options
from edgekit.compat.asgi import entrypoint as entrypoint
from edgekit.compat.asgi import fetch as fetch
from edgekit.compat.asgi import websocket as websocket


def __getattr__(name: str) -> Any:
    return getattr(_asgi, name)
