"""One process that serves: uvicorn around the app, on sockets that somebody else has opened.

`dev` and `serve` both end here, in their own process or in a child (processes.py). The server is
told not to believe forwarded headers: edgekit alone does, from `trusted_proxies`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from edgekit.cli import logs
from edgekit.cli.devapp import DevApp
from edgekit.cli.faults import explain
from edgekit.cli.limits import Limits
from edgekit.cli.target import load, resolve

if TYPE_CHECKING:
    from edgekit.asgi import ASGIApp

logger = logging.getLogger(__name__)

# What requests under way have at shutdown; `wait_until` then has its own 30 s in the runtime.
GRACE_SECONDS = 30
DEV_GRACE_SECONDS = 1

Report = Callable[[str, Any], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a serving process is to do; the configuration itself is in the environment."""

    target: str | None
    development: bool = False
    access_log: bool = False
    limit_concurrency: int | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


def serve(settings: Settings, sockets: list[socket], report: Report, *, child: bool) -> int:
    """Serve until a signal comes; the exit code. What goes wrong at the start has been said by then.

    Reports ("ready", None) once requests are answered, ("failed", None) in development when the app
    did not start, and ("warning", (kind, text)). A child leaves Ctrl-C to its parent.
    """
    logs.setup(development=settings.development)
    limits = Limits(lambda kind, text: report("warning", (kind, text)))
    try:
        app = _application(settings, limits)
    except (Exception, SystemExit) as error:
        logger.error("cannot start: %s", explain(error))
        return 1
    config = uvicorn.Config(
        app,
        interface="asgi3",
        log_config=None,
        access_log=settings.access_log,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DEV_GRACE_SECONDS if settings.development else GRACE_SECONDS,
        limit_concurrency=settings.limit_concurrency,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        logger.error("cannot start: the certificate or its key cannot be used: %s", error)
        return 1

    def started() -> None:
        if isinstance(app, DevApp):
            limits.start()
            if app.fault is not None:
                report("failed", None)
                return
        report("ready", None)

    # uvicorn raises the signals again that it ended for: here they end it with exit code 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)
    server = _Server(config, started, child=child)
    try:
        server.run(sockets)
    except SystemExit:
        return 1
    return 0 if server.started else 1


def _application(settings: Settings, limits: Limits) -> ASGIApp:
    def make() -> ASGIApp:
        return load(resolve(settings.target))

    return DevApp(make, limits) if settings.development else make()


class _Server(uvicorn.Server):
    """uvicorn's, which tells when it has started, and ends at once at a second Ctrl-C."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None], *, child: bool) -> None:
        super().__init__(config)
        self._on_started = started
        self._child = child

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT:
            if self._child:
                return
            if self.should_exit:
                # Acknowledged writes are on disk; everything else is what is given up.
                sys.stderr.flush()
                os._exit(1)
        super().handle_exit(sig, frame)
