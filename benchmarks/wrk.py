"""Runs wrk against a server, with requests that we wrote, and reads what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from benchmarks.cases import Request
from benchmarks.serving import Server

CONNECTIONS = 8

# wrk asks `request()` for the bytes of each request; they come from a file, one after the other.
_SCRIPT = """
local file = io.open("{path}", "rb")
local requests = {{}}
for _, length in ipairs({{ {lengths} }}) do requests[#requests + 1] = file:read(length) end
file:close()
local n = 0
request = function()
    n = n % #requests + 1
    return requests[n]
end
"""


class Load(NamedTuple):
    """One run: CPU microseconds of the server a request, and requests a second."""

    cpu_us: float
    rate: float


class Wrk:
    """`with Wrk(requests) as wrk:` keeps the requests in files until the end of the block."""

    def __init__(self, requests: Sequence[Request]) -> None:
        if shutil.which("wrk") is None:
            raise RuntimeError("this part needs wrk: apt-get install wrk")
        self.requests = requests

    def __enter__(self) -> Wrk:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "requests"
        texts = [_as_sent(request) for request in self.requests]
        path.write_bytes(b"".join(texts))
        lengths = ", ".join(str(len(text)) for text in texts)
        self._script = path.with_suffix(".lua")
        self._script.write_text(_SCRIPT.format(path=path, lengths=lengths))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def load(self, server: Server, seconds: int) -> Load:
        """One thread, 8 connections. RuntimeError when a response was an error, or none came."""
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(self._script)]
        command.append(f"http://127.0.0.1:{server.port}/")
        before = server.cpu_ns()
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = server.cpu_ns() - before
        done = re.search(r"(\d+) requests in", found)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", found)
        # What was cut off when the time was up is no error; a timeout or a wrong status is.
        if (
            not done
            or not rate
            or int(done[1]) == 0
            or "Non-2xx" in found
            or "Socket errors" in found
        ):
            raise RuntimeError(f"wrk was not content with {server.target}:\n{found}")
        return Load(used / int(done[1]) / 1000, float(rate[1]))


def _as_sent(request: Request) -> bytes:
    head = [f"{request.method} {request.target} HTTP/1.1".encode("ascii")]
    head += [name + b": " + value for name, value in request.headers]
    return b"\r\n".join([*head, b"", request.body])
