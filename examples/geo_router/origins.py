"""Two origins to try the router with: one ASGI app on two ports, which answers with what reached it.

    python origins.py [EUROPE_PORT AMERICA_PORT]

It is made without edgekit, as an origin may be anything that speaks HTTP.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

names: dict[int, str] = {}  # of the origins, by port


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    target = b"?".join(filter(None, (scope["raw_path"], scope["query_string"])))
    lines = [f"{names[scope['server'][1]]}: {scope['method']} {target.decode('latin-1')}"]
    lines += [f"{name.decode()}: {value.decode('latin-1')}" for name, value in scope["headers"]]
    head = "".join(f"{line}\n" for line in lines).encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": head, "more_body": True})
    more = True
    while more:  # the body goes back while it arrives
        message = await receive()
        more = message.get("more_body", False)
        body = message.get("body", b"")
        await send({"type": "http.response.body", "body": body, "more_body": more})


def main() -> None:
    ports = [int(port) for port in sys.argv[1:]] or [8791, 8792]
    sockets = [socket.create_server(("127.0.0.1", port)) for port in ports]
    for name, listening in zip(("europe", "america"), sockets, strict=True):
        port = listening.getsockname()[1]
        names[port] = name
        print(f"{name}: http://127.0.0.1:{port}", flush=True)
    config = uvicorn.Config(app, lifespan="off", log_level="warning", proxy_headers=False)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets)


if __name__ == "__main__":
    main()
