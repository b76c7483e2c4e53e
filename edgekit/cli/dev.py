"""`edgekit dev`: serve while the code is being written, and start anew at each change.

A parent holds the sockets and watches the files; a child serves. Between two children connections
wait in the sockets' queue, so no request is refused. What stops the app from starting is told once,
by the child, which then answers with it until the next change.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli import options
from edgekit.cli.wrangler_flags import Dev

if TYPE_CHECKING:
    from edgekit.cli.processes import Processes
    from edgekit.cli.target import Target

STOP_SECONDS = 3.0  # what a child has to end by itself


@click.command(cls=Dev)
@click.argument("target", required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True)
@click.option("--ip", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--reload/--no-reload", default=True, help="Start anew when a file changes.")
@click.option(
    "--test-scheduled",
    is_flag=True,
    expose_value=False,
    help="As in wrangler; here crons can always be fired by hand.",
)
@click.option(
    "-l", "--local", is_flag=True, expose_value=False, help="As in wrangler; here it always is."
)
@click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="NAME:VALUE",
    callback=options.variables,
    help="A variable, over what the wrangler file and .dev.vars say; several times.",
)
@options.configurations
def dev(
    target: str | None,
    port: int,
    ip: str,
    reload: bool,
    variables: dict[str, str],
    config: tuple[str, ...],
    env: str | None,
    persist_to: str | None,
) -> None:
    """Serve TARGET for development, and reload it when it changes.

    TARGET is module:app, a file, or a folder with a wrangler file; default: the current folder.
    Changes of .py files, of the wrangler file and of .dev.vars or .env count. Crons fire when they
    are due; GET /cdn-cgi/handler/scheduled?cron=*+*+*+*+* fires one by hand.
    """
    from edgekit.cli import sockets
    from edgekit.cli.processes import Processes
    from edgekit.cli.serving import Settings
    from edgekit.cli.target import resolve

    options.apply(os.environ, config, env, persist_to)
    if variables:
        os.environ["EDGEKIT_VARS"] = json.dumps(variables)
    os.environ["EDGEKIT_MODE"] = "development"
    found = resolve(target)
    os.environ.setdefault("EDGEKIT_CONFIG", str(found.config))
    listening = sockets.listen(ip, port)
    url = sockets.url(ip, listening)
    settings = Settings(target, development=True)
    with (
        Processes(settings, listening, STOP_SECONDS) as processes,
        _watching(found, processes) if reload else nullcontext() as changed,
    ):
        code = _supervise(processes, url, changed)
    raise SystemExit(code)


def _supervise(processes: Processes, url: str, changed: set[str] | None) -> int:
    from edgekit.cli import logs

    warned = set()
    processes.start()
    while True:
        event = processes.events.get()
        if event.kind == "stop":
            processes.stop(STOP_SECONDS)
            return 0
        if event.kind == "changed" and changed:
            names = _forget(changed)
            logs.tell(f"Reloading: {names} changed")
            if not processes.stop(STOP_SECONDS):
                logs.warn(f"what still ran {STOP_SECONDS:.0f} s after the change was ended")
            changed.clear()
            processes.start()
        child = event.child
        if child is None or child not in processes.children:
            continue
        if event.kind == "ready":
            child.ready = True
            logs.tell(f"Ready on {url}")
        elif event.kind == "failed" and changed is None:
            processes.stop(STOP_SECONDS)
            return 1
        elif event.kind == "warning":
            kind, text = event.detail
            if kind not in warned:
                warned.add(kind)
                logs.warn(text)
        elif event.kind == "exit":
            processes.stop()
            code = child.process.exitcode
            if changed is None:
                logs.complain(f"the app's process ended by itself (exit code {code})")
                return 1
            if child.ready:
                logs.complain(
                    f"the app's process ended by itself (exit code {code}); starting anew"
                )
                processes.start()
            else:
                logs.complain(f"the app's process ended (exit code {code}); waiting for a change")


@contextmanager
def _watching(target: Target, processes: Processes) -> Iterator[set[str]]:
    """Put "changed" events while inside; the set has the paths, until it is cleared."""
    import watchfiles

    from edgekit.cli.processes import Event
    from edgekit.cli.target import others

    class Sources(watchfiles.DefaultFilter):
        def __call__(self, change: watchfiles.Change, path: str) -> bool:
            name = os.path.basename(path)
            relevant = name.endswith(".py") or name.startswith((".dev.vars", ".env", "wrangler."))
            return (relevant or path in configs) and super().__call__(change, path)

    def watch() -> None:
        # Where several edits come together, watchfiles waits until it has been quiet for 50 ms.
        for changes in watchfiles.watch(*folders, watch_filter=Sources(), stop_event=stop):
            changed.update(path for _, path in changes)
            processes.events.put(Event("changed"))

    config = target.config if target.config.is_dir() else target.config.parent
    folders = {target.folder, config}
    configs = {str(target.config)}
    for file, folder in others():
        configs.add(str(file))
        folders |= {file.parent, folder}
    folders -= {folder for folder in folders if not folders.isdisjoint(folder.parents)}
    changed: set[str] = set()
    stop = threading.Event()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield changed
    finally:
        stop.set()
        thread.join(1)


def _forget(changed: set[str]) -> str:
    """The names of changed files; and their compiled forms are removed.

    Python takes a .pyc for current when the source's size and whole second are the same, which two
    quick edits can be.
    """
    from edgekit.cli.faults import shown

    paths = sorted(changed)
    for path in paths:
        if path.endswith(".py"):
            Path(cache_from_source(path)).unlink(missing_ok=True)
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(shown(path) for path in paths[:3]) + more
