"""Child processes that serve, and the one queue that tells their parent what happens.

The parent opens the sockets, starts children, and waits for events: what children report, their
end, signals, and whatever else somebody puts in. A child ends when its parent does, however that
came about. Children are spawned, not forked, so that each imports the code as it is now.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from socket import socket
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from edgekit.cli.serving import Settings, serve

_spawn = multiprocessing.get_context("spawn")


class Event(NamedTuple):
    """`kind` is "exit" or what a child reported, and then has its `child`; or "stop"; or another's."""

    kind: str
    child: Child | None = None
    detail: Any = None


class Child:
    """One serving process."""

    def __init__(
        self,
        settings: Settings,
        sockets: list[socket],
        events: SimpleQueue[Event],
        orphan_seconds: float,
    ) -> None:
        self.ready = False
        self._events = events
        self._reports, sending = _spawn.Pipe(duplex=False)
        self.process = _spawn.Process(
            target=_run, args=(settings, sockets, sending, orphan_seconds)
        )
        # Inherited: a Ctrl-C while the child is still importing is the parent's to handle.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process.start()
        finally:
            signal.signal(signal.SIGINT, before)
            sending.close()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                kind, detail = self._reports.recv()
                self._events.put(Event(kind, self, detail))
        except (EOFError, OSError):
            self._events.put(Event("exit", self))


class Processes:
    """The children of this process. As a context: signals become "stop" events, and none is left.

    A second signal kills the children. `orphan_seconds` is what a child has to end by itself when
    this process is gone.
    """

    def __init__(self, settings: Settings, sockets: list[socket], orphan_seconds: float) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.children: list[Child] = []
        self._settings = settings
        self._sockets = sockets
        self._orphan_seconds = orphan_seconds
        self._ending: list[Child] = []
        self._stopping = False

    def start(self) -> Child:
        """Start one more child."""
        child = Child(self._settings, self._sockets, self.events, self._orphan_seconds)
        self.children.append(child)
        return child

    def stop(self, seconds: float | None = None) -> bool:
        """End all children gracefully, the hard way after `seconds`; False if that was needed."""
        children = self._ending = self.children
        self.children = []
        for child in children:
            child.process.terminate()
        for child in children:
            child.process.join(seconds)
        late = [child for child in children if child.process.is_alive()]
        for child in late:
            child.process.kill()
            child.process.join()
        return not late

    def __enter__(self) -> Processes:
        self._before = {
            number: signal.signal(number, self._signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _signal(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            for child in (*self.children, *self._ending):
                child.process.kill()
        self._stopping = True
        self.events.put(Event("stop"))


def _run(
    settings: Settings, sockets: list[socket], reports: Connection, orphan_seconds: float
) -> None:
    """What a child does."""
    # multiprocessing has put the null device there; `breakpoint()` needs the terminal.
    with suppress(OSError):
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    threading.Thread(target=_end_with_parent, args=(orphan_seconds,), daemon=True).start()
    lock = threading.Lock()

    def report(kind: str, detail: Any) -> None:
        with lock, suppress(OSError):  # the parent is gone, and so will this process be
            reports.send((kind, detail))

    sys.exit(serve(settings, sockets, report, child=True))


def _end_with_parent(seconds: float) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(seconds)
    os._exit(1)
