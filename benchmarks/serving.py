"""One uvicorn process that serves one app, and what the kernel knows about it (Linux only)."""

from __future__ import annotations

import atexit
import functools
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from benchmarks.cases import Answer, Request
from benchmarks.driver import read_answer

ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def _bytecode() -> str:
    """A directory for the bytecode of this run, removed at its end."""
    folder = tempfile.mkdtemp(prefix="benchmarks-bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process to be measured: with bytecode, and with no setting of edgekit's.

    Installed packages come with bytecode and a checkout does not: where Python may not write any
    (PYTHONDONTWRITEBYTECODE), edgekit alone would be compiled anew in every process, which costs a
    quarter of its import time again, and memory. So all of them are compiled once, for this run.
    """
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME", "PYTHONWARNINGS"}
    kept = {k: v for k, v in os.environ.items() if k not in unwanted and k[:8] != "EDGEKIT_"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": _bytecode(), **(more or {})}


class Server:
    """`with Server("module:app") as server:` runs it until the end of the block.

    It works in a directory of its own, which vanishes with it, so that no configuration and no
    store of somebody else is found.
    """

    def __init__(
        self, target: str, *, factory: bool = False, env: Mapping[str, str] | None = None
    ) -> None:
        self.target = target
        self.factory = factory
        self.env = dict(env or {})

    def __enter__(self) -> Server:
        self._folder = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", self.target, "--port", str(self.port)]
        command += ["--no-proxy-headers", "--no-access-log", "--log-level", "warning"]
        command += ["--app-dir", str(ROOT), *(["--factory"] if self.factory else [])]
        self._process = subprocess.Popen(
            command,
            cwd=self._folder.name,
            env=environment(self.env),
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._await_start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def _await_start(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                time.sleep(0.02)
        self._log.seek(0)
        raise RuntimeError(f"{self.target} did not start: {self._log.read().decode()}")

    def ask(self, requests: list[Request]) -> list[Answer]:
        """The answers to requests over one connection that is kept alive."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        answers = []
        for request in requests:
            headers = {k.decode(): v.decode() for k, v in request.headers}
            connection.request(request.method, request.target, request.body or None, headers)
            response = connection.getresponse()
            got = {k.lower(): v for k, v in response.getheaders()}
            answers.append(read_answer(response.status, got, response.read()))
        connection.close()
        return answers

    def upload(self, path: str, size: int) -> bytes:
        """POST `size` bytes in pieces of 64 KiB; the answer's body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        piece = bytes(64 * 1024)
        headers = {"content-length": str(size), "content-type": "application/octet-stream"}
        connection.request("POST", path, (piece for _ in range(size // len(piece))), headers)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def cpu_ns(self) -> int:
        """CPU time that the process has used: its own clock, which Linux lets others read."""
        return time.clock_gettime_ns((~self._process.pid << 3) | 2)

    def memory(self, field: str = "Rss") -> int:
        """Resident memory in KiB, counted page by page; `Anonymous` is the part that is no file's."""
        return self._read("smaps_rollup", field)

    def mapped(self) -> dict[str, int]:
        """Resident KiB of each mapped file, by its name; "heap and anonymous" is the rest."""
        found: dict[str, int] = {}
        name = ""
        for line in Path(f"/proc/{self._process.pid}/smaps").read_text().splitlines():
            words = line.split()
            if line.startswith("Rss:"):
                found[name] = found.get(name, 0) + int(words[1])
            elif not words[0].endswith(":"):  # the head of the next mapping
                path = words[5] if len(words) > 5 else ""
                name = "/".join(path.split("/")[-2:]) if path[:1] == "/" else "heap and anonymous"
        return found

    def peak(self) -> int:
        """The most that was resident since `reset_peak`, in KiB."""
        return self._read("status", "VmHWM")

    def _read(self, file: str, field: str) -> int:
        path = Path(f"/proc/{self._process.pid}/{file}")
        for line in path.read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        raise RuntimeError(f"{path} has no {field}")

    def reset_peak(self) -> None:
        """Let `peak` start anew from what is resident now."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")
