"""uvicorn in a process of its own, for tests that need a real server.

It gets a socket that listens already: no port is guessed, and requests wait until it is ready.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import contextlib, socket, sys, uvicorn
config = uvicorn.Config(sys.argv[1], proxy_headers=False, log_level="warning")
with contextlib.suppress(KeyboardInterrupt):
    uvicorn.Server(config).run([socket.socket(fileno=int(sys.argv[2]))])
"""


@contextmanager
def served(target: str, folder: Path, **environ: str) -> Iterator[str]:
    """`target` (module:app, imported from `folder`), until the end of the block. Yields host:port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, target, str(listening.fileno())],
            cwd=folder,
            env={**os.environ, "EDGEKIT_STORE": "memory:", **environ},
            pass_fds=[listening.fileno()],
        )
    # From here on the socket is the server's alone: should it die, nobody waits for it.
    with process:
        try:
            yield place
        finally:
            process.send_signal(signal.SIGINT)
