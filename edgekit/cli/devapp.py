"""The ASGI app that `edgekit dev` puts around the user's: request log, limits, and start errors.

An app that cannot be imported or started does not end the process: until the next change every
request is answered with the reason.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from edgekit import host
from edgekit.cli.faults import explain
from edgekit.cli.limits import Limits
from edgekit.cli.logs import complain, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.asgi import ASGIApp, Message, Receive, Scope, Send


class DevApp:
    """`make` imports the user's app. `fault` is why it does not run, None while it does."""

    def __init__(self, make: Callable[[], ASGIApp], limits: Limits) -> None:
        self.fault: str | None = None
        self._limits = limits
        try:
            self._app = make()
        except (Exception, SystemExit) as error:
            self._fail(explain(error))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif self.fault is not None:
            await _refuse(scope, send, self.fault)
        else:
            await self._answer(scope, receive, send)

    def _fail(self, fault: str) -> None:
        self.fault = fault
        complain(fault)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        told, root = _Told(), logging.getLogger()

        async def started(message: Message) -> None:
            root.removeHandler(told)
            if message["type"] == "lifespan.startup.failed":
                # A Worker has logged the reason; other apps leave it to the server.
                if told.text:
                    self.fault = told.text
                else:
                    self._fail(message.get("message") or "the app did not start")
                message = {"type": "lifespan.startup.complete"}
            await send(message)

        if self.fault is not None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        root.addHandler(told)
        try:
            await self._app(scope, receive, started)
        finally:
            root.removeHandler(told)  # an app without a lifespan has told nothing

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = host.now()
        status: int | None = None

        async def noting(message: Message) -> None:
            nonlocal status
            if status is None:
                status = _status(message)
                if status is not None and scope["type"] == "websocket":
                    log()
            await send(message)

        def log() -> None:
            phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
            took = (host.now() - began) * 1000
            tell(f"{what} {status} {phrase} ({took:.0f}ms)".replace("  ", " "))

        what = f"{scope.get('method', 'GET')} {quote(scope['path'])}"
        try:
            await self._limits.metered(what, self._app(scope, receive, noting))
        finally:
            if scope["type"] == "http":
                if status is None:  # raised, which the server answers, or the client has gone
                    tell(f"{what} (no response)")
                else:
                    log()


class _Told(logging.Handler):
    """Keeps the last error that is logged while the app starts."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


_STATUSES = frozenset(HTTPStatus)


def _status(message: Message) -> int | None:
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return int(message["status"])
        case "websocket.accept":
            return 101
        case "websocket.close":
            return 403
    return None


async def _refuse(scope: Scope, send: Send, fault: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1011, "reason": "the app did not start"})
        return
    body = f"The app did not start.\n\n{fault}\n".encode("utf-8", "replace")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
