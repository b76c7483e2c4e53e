"""Web sockets on real Workers: pumps between a platform's socket and one end of our pair.

The platform delivers messages as events, inside the request that the socket belongs to; the task that
sends is kept by that request too.
"""

from __future__ import annotations

import asyncio
from typing import Any

import js
from pyodide.ffi import create_proxy, to_js

from edgekit.web.websocket import CloseEvent, WebSocket, WebSocketPair


def into_platform(end: WebSocket) -> Any:
    """The platform's socket for a client whose messages are to come out of `end`'s other end."""
    client, server = js.Object.values(js.WebSocketPair.new())
    server.accept()
    _join(end, server)
    return client


def from_platform(socket: Any) -> WebSocket:
    """Our end for a socket that the platform gave us, as `fetch` does; `accept()` begins it."""
    ours, inner = WebSocketPair()
    socket.accept()
    _join(inner, socket)
    return ours


def _join(end: WebSocket, socket: Any) -> None:
    end.couple()
    pending: list[asyncio.Task[None]] = []

    async def arrived(data: Any) -> None:
        end.send(data if isinstance(data, str) else data.to_bytes())
        await end.drain()

    def message(event: Any) -> None:
        pending[:] = [task for task in pending if not task.done()]
        pending.append(asyncio.ensure_future(arrived(event.data)))

    async def closed(code: int, reason: str) -> None:
        if code == 1006:
            end.disconnect()
        else:
            end.close(*((code, reason) if code != 1005 else ()))
        await end.drain()
        for _, proxy in listeners:
            proxy.destroy()

    def close(event: Any) -> None:
        pending.append(asyncio.ensure_future(closed(event.code, event.reason)))
        for name, proxy in listeners:
            socket.removeEventListener(name, proxy)

    def error(event: Any) -> None:
        end.disconnect()

    listeners = [
        (name, create_proxy(listener))
        for name, listener in (("message", message), ("close", close), ("error", error))
    ]
    for name, proxy in listeners:
        socket.addEventListener(name, proxy)
    pending.append(asyncio.ensure_future(_outwards(end, socket)))


async def _outwards(end: WebSocket, socket: Any) -> None:
    while True:
        message = await end.receive()
        if isinstance(message, CloseEvent):
            if message.code in (1005, 1006):
                socket.close()
            else:
                socket.close(message.code, message.reason)
            return
        socket.send(message if isinstance(message, str) else to_js(message))
