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
        "r2_buckets": [{"binding": name} for name in given["r2Buckets"]],
        "d1_databases": [{"binding": name} for name in given["d1Databases"]],
        "queues": {
            "producers": [
                {"binding": name, "queue": queue} for name, queue in given["queueProducers"].items()
            ],
            "consumers": [
                {
                    "queue": queue,
                    "max_batch_timeout": options["maxBatchTimeout"],
                    "max_retries": options["maxRetries"],
                }
                for queue, options in given["queueConsumers"].items()
            ],
        },
    }
    (folder / "wrangler.json").write_text(json.dumps(config))
    sys.path.insert(0, str(folder))
    from main import app  # type: ignore[import-not-found]

    app.config = str(folder / "wrangler.json")
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
