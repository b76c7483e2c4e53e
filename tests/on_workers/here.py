"""A program's place on this machine: `python here.py FOLDER` serves it by uvicorn.

Prints the address; ends with stdin.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from edgekit.cli.target import load, resolve
from edgekit.worker import Worker, worker

OTHER = Path(__file__).with_name("other")


def _other() -> Worker:
    """The Worker that the suite's service is."""
    spec = importlib.util.spec_from_file_location("other", OTHER / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["other"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = worker(module.Default)
    found.config = str(OTHER / "wrangler.jsonc")
    return found


async def main(folder: Path) -> None:
    target = resolve(str(folder))
    os.environ["EDGEKIT_CONFIG"] = str(target.config)
    app: Any = load(target)
    if (folder / "checks_services.py").exists():
        app.beside = [_other()]
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, proxy_headers=False, log_level="warning"))
    serving = asyncio.create_task(server.serve([listener]))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait({ended, serving}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve()))
