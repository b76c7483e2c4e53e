"""`edgekit serve`: production. One process, or a parent with several that share its sockets.

The parent starts one worker, and the others when that one answers, so that what stops the app from
starting is told once. A worker that ends by itself is replaced. Reverse proxies, TLS renewal and
log files are the business of what stands in front or around.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import options

if TYPE_CHECKING:
    from edgekit.cli.serving import Settings

logger = logging.getLogger(__name__)

_FAILED_STARTS = 3  # in a row, after which the parent gives up


@click.command()
@click.argument("target", required=False)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on: behind a proxy on the same machine the default, in a container"
    " 0.0.0.0.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True)
@click.option("--uds", metavar="PATH", help="Listen on a Unix socket instead.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option("--ssl-certfile", type=click.Path(exists=True, dir_okay=False))
@click.option("--ssl-keyfile", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--access-log/--no-access-log", default=False, help="Log each request; off by default."
)
@click.option(
    "--limit-concurrency",
    type=click.IntRange(1),
    metavar="N",
    help="Answer 503 above so many connections and requests a worker.",
)
@options.configurations
def serve(
    target: str | None,
    host: str,
    port: int,
    uds: str | None,
    workers: int,
    config: tuple[str, ...],
    env: str | None,
    persist_to: str | None,
    **server: Any,
) -> None:
    """Serve TARGET in production.

    TARGET is module:app, a file, or a folder with a wrangler file; default: the current folder.

    SIGTERM and Ctrl-C end it gracefully: requests under way have 30 seconds, then wait_until has
    30. A second Ctrl-C ends it at once.
    """
    from edgekit.cli import logs, serving
    from edgekit.cli.target import resolve

    if server["ssl_keyfile"] and not server["ssl_certfile"]:
        raise click.UsageError("--ssl-keyfile needs --ssl-certfile")
    options.apply(os.environ, config, env, persist_to)
    os.environ["EDGEKIT_MODE"] = "production"
    os.environ.setdefault("EDGEKIT_CONFIG", str(resolve(target).config))
    settings = serving.Settings(target, **server)
    scheme = "https" if server["ssl_certfile"] else "http"
    with _listening(uds, host, port, scheme) as (listening, where):
        if workers > 1:
            logs.setup(development=False)
            code = _supervise(settings, listening, workers, where)
        else:

            def report(kind: str, detail: Any) -> None:
                if kind == "ready":
                    logger.info("serving on %s", where)

            code = serving.serve(settings, listening, report, child=False)
    raise SystemExit(code)


@contextmanager
def _listening(
    uds: str | None, host: str, port: int, scheme: str
) -> Iterator[tuple[list[socket], str]]:
    from edgekit.cli import sockets

    if uds is None:
        listening = sockets.listen(host, port)
        yield listening, sockets.url(host, listening, scheme)
        return
    listening = [sockets.listen_unix(uds)]
    try:
        yield listening, uds
    finally:
        os.unlink(uds)


def _supervise(settings: Settings, listening: list[socket], workers: int, where: str) -> int:
    from edgekit.cli import serving
    from edgekit.cli.processes import Processes

    orphan_seconds = 2 * serving.GRACE_SECONDS + 5
    ready, failed = 0, 0
    with Processes(settings, listening, orphan_seconds) as processes:
        processes.start()
        while True:
            event = processes.events.get()
            if event.kind == "stop":
                logger.info("stopping %d workers", len(processes.children))
                processes.stop()
                return 0
            child = event.child
            if child is None or child not in processes.children:
                continue
            if event.kind == "ready":
                child.ready = True
                ready, failed = ready + 1, 0
                while len(processes.children) < workers:
                    processes.start()
                if ready == workers:
                    logger.info("serving on %s with %d workers", where, workers)
            elif event.kind == "exit":
                processes.children.remove(child)
                child.process.join()
                failed = 0 if child.ready else failed + 1
                if not ready or failed == _FAILED_STARTS:
                    processes.stop()
                    return 1
                logger.error(
                    "worker %d ended by itself (exit code %s); another takes its place",
                    child.process.pid,
                    child.process.exitcode,
                )
                processes.start()
