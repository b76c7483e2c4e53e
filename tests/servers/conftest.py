"""Each server once, in a process of its own, for all tests of this folder."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PATIENCE = 20.0  # seconds for a server to come up or to go down

SERVERS = {
    "uvicorn-h11": [
        "uvicorn",
        "{module}",
        "--port={port}",
        "--http=h11",
        "--no-proxy-headers",
        "--no-access-log",
    ],
    "uvicorn-httptools": [
        *(
            "uvicorn",
            "{module}",
            "--port={port}",
            "--http=httptools",
            "--no-proxy-headers",
            "--no-access-log",
        )
    ],
    "hypercorn": ["hypercorn", "{module}", "--bind=127.0.0.1:{port}", "--graceful-timeout=5"],
    "granian": ["granian", "{module}", "--interface=asgi", "--port={port}"],
}


class Server:
    """One server process: `port` to connect to, `log` of what it said."""

    module = "app:app"

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.log_path = folder / "log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [part.format(port=self.port, module=self.module) for part in SERVERS[self.name]]
        state = self.folder / "state"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=HERE,
                env={
                    **os.environ,
                    "EDGEKIT_STORE": f"sqlite:{state}",
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    "EDGEKIT_CONFIG": str(self.folder),
                },
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not start:\n{self.log()}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    name = request.param
    if importlib.util.find_spec(name.partition("-")[0]) is None:
        pytest.skip(f"{name} is not installed")
    made = Server(name, tmp_path_factory.mktemp(name))
    made.start()
    yield made
    made.stop()
