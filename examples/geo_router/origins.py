"""Two origins to try the router with: one app on two ports, which answers with what reached it.

python origins.py [EUROPE_PORT AMERICA_PORT]
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import uvicorn

from edgekit import Request, Response, Worker, worker


def origin(names: dict[str, str]) -> Worker:
    """The app; `names` tells who it is by the host that it is asked as."""

    @worker
    async def tell(request: Request) -> Response:
        _, _, host, path = request.url.split("/", 3)

        async def answer() -> AsyncIterator[bytes]:
            yield f"{names[host]}: {request.method} /{path}\n".encode()
            for name, value in request.headers.items():
                yield f"{name}: {value}\n".encode()
            if request.body is not None:
                async for chunk in request.body:  # sent back while it arrives
                    yield chunk

        return Response(answer(), headers={"content-type": "text/plain; charset=utf-8"})

    return tell


def main() -> None:
    ports = [int(port) for port in sys.argv[1:]] or [8791, 8792]
    sockets = [socket.create_server(("127.0.0.1", port)) for port in ports]
    hosts = [f"127.0.0.1:{listening.getsockname()[1]}" for listening in sockets]
    names = dict(zip(hosts, ("europe", "america"), strict=True))
    for host, name in names.items():
        print(f"{name}: http://{host}", flush=True)
    config = uvicorn.Config(origin(names), log_level="warning", proxy_headers=False)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets)


if __name__ == "__main__":
    main()
