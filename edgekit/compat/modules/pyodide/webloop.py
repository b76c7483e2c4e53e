"""`pyodide.webloop`: the event loop of the page there; here the server's own, whichever it is."""

from __future__ import annotations

import asyncio
from typing import Any

from edgekit.compat.javascript.promises import PyodideFuture as PyodideFuture
from edgekit.compat.javascript.promises import PyodideTask as PyodideTask


class _Any(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, asyncio.AbstractEventLoop)


class WebLoop(metaclass=_Any):
    """For `isinstance`: every event loop is one. `WebLoop()` is the loop that runs."""

    def __new__(cls) -> Any:
        return asyncio.get_running_loop()
