"""The portable suite's place on this machine: `python here.py FOLDER` serves FOLDER/main.py by uvicorn.

Prints the address; ends with stdin.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

import uvicorn


async def main(folder: Path) -> None:
    given = json.loads((folder / "bindings.json").read_text())
    config = {
        "name": "suite",
        "main": "main.py",
        "vars": given["bindings"],
        "kv_namespaces": [{"binding": name} for name in given["kvNamespaces"]],
    }
    (folder / "wrangler.json").write_text(json.dumps(config))
    sys.path.insert(0, str(folder))
    from main import app  # type: ignore[import-not-found]

    app.config = str(folder / "wrangler.json")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, proxy_headers=False, log_level="warning"))
    serving = asyncio.create_task(server.serve([listener]))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve()))
