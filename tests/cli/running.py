"""The command as users run it: a process, its output as it comes, and requests to what it serves."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import edgekit

ROOT = Path(edgekit.__file__).parent.parent
SECONDS = 30  # after which a test gives up; nothing takes nearly so long


def environment(**more: str) -> dict[str, str]:
    """The environment for a process that is to find this edgekit."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path, **more}


class Command:
    """`edgekit ARGUMENTS` in `folder`, until the end of the block."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.output = ""
        self._read = 0
        self._ended = False
        self._more = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgekit.cli", *arguments],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _collect(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.output += line
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for output that matches, after what the call before has waited for."""
        found = None

        def matches() -> bool:
            nonlocal found
            found = re.compile(pattern, re.MULTILINE).search(self.output, self._read)
            return found is not None or self._ended

        with self._more:
            self._more.wait_for(matches, SECONDS)
            assert found is not None, f"{pattern!r} did not come after:\n{self.output}"
            self._read = found.end()
            return found

    def port(self) -> int:
        """Wait until it serves."""
        return int(self.until(r"(?:Ready|serving) on https?://.*:(\d+)")[1])

    def end(self, number: int | None = None) -> int:
        """Send a signal, if one is given, and wait for the end: the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        # Children hold the same pipe: its end is theirs as well.
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "a child has outlived the command"
        return code

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        assert self.process.stdout is not None
        self.process.stdout.close()


def get(port: int, path: str, host: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    """Status and body; waits for the answer as long as a test does."""
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def edgekit_once(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "edgekit.cli", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        **options,
    )
