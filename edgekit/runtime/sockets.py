"""Web sockets: pumps between a server's messages and one end of a WebSocketPair.

The handler keeps the other end, so nobody but this file knows the server.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from edgekit.asgi import Message, Receive, Scope, Send, response_start
from edgekit.asgi_call import MAX_REFUSAL
from edgekit.errors import WebRangeError
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream, aclose
from edgekit.web.websocket import CloseEvent, WebSocket

logger = logging.getLogger(__name__)

# Written by the server itself in its answer to the handshake.
_SERVERS_OWN = frozenset(
    {b"upgrade", b"connection", b"sec-websocket-accept", b"sec-websocket-protocol"}
)


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake by an ordinary response, or by 403 where the server cannot send one.

    Of a long body the beginning: servers keep all of it until its end. It ends with the client too.
    """
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    start = response_start(response)
    await send({**start, "type": "websocket.http.response.start"})
    body = response._body
    if isinstance(body, ReadableStream):
        loop = asyncio.get_running_loop()
        reading, gone = loop.create_task(_beginning(body)), loop.create_task(_one(receive))
        await asyncio.wait({reading, gone}, return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        gone.cancel()
        await asyncio.wait({reading, gone})
        if reading.cancelled():
            return
        body = reading.result()
    await send({"type": "websocket.http.response.body", "body": body or b""})


async def _one(receive: Receive) -> Message:
    """One message, as a coroutine."""
    return await receive()


async def _beginning(body: ReadableStream) -> bytes:
    pieces: list[bytes] = []
    size = 0
    chunks = aiter(body)
    try:
        async for chunk in chunks:
            pieces.append(chunk)
            size += len(chunk)
            if size >= MAX_REFUSAL:
                break
            await asyncio.sleep(0)  # an endless body that never waits would not let the client go
    finally:
        await aclose(chunks)
    return b"".join(pieces)[:MAX_REFUSAL]


async def pump(response: Response, receive: Receive, send: Send, sockets: set[WebSocket]) -> None:
    """Accept, then carry messages both ways until both sides have closed.

    `sockets` holds the open ones: who closes one of them there ends its pump.
    """
    end = response.web_socket
    assert end is not None
    end.couple()
    headers = response.headers.raw
    protocol = response.headers.get("sec-websocket-protocol")
    accept: Message = {
        "type": "websocket.accept",
        "subprotocol": protocol,
        "headers": [pair for pair in headers if pair[0] not in _SERVERS_OWN],
    }
    try:
        await send(accept)
    except BaseException as error:
        end.disconnect(error)  # or the handler would wait for messages for ever
        if isinstance(error, OSError):  # the client has gone
            return
        raise
    sockets.add(end)
    outwards = asyncio.get_running_loop().create_task(_outwards(end, send))
    inwards = asyncio.get_running_loop().create_task(_inwards(end, receive))
    try:
        await asyncio.wait({inwards, outwards}, return_when=asyncio.FIRST_COMPLETED)
        # granian closes no socket on which a receive() waits: so that one ends first.
        inwards.cancel()
        await asyncio.wait({inwards})
        ended = [task for task in (inwards, outwards) if task.done() and not task.cancelled()]
        failed = next((task.exception() for task in ended if task.exception()), None)
        if failed is not None:
            await _fail(end, failed, send)
        elif outwards in ended:
            await _close(end, outwards.result(), send)
    finally:
        sockets.discard(end)
        for task in (inwards, outwards):
            task.cancel()
        await asyncio.wait({inwards, outwards})
        end.disconnect()


async def _inwards(end: WebSocket, receive: Receive) -> None:
    while True:
        message: Message = await receive()
        if message["type"] == "websocket.receive":
            text: Any = message.get("text")
            end.send(message["bytes"] if text is None else text)
        elif message["type"] == "websocket.disconnect":
            code, reason = message.get("code", 1005), message.get("reason") or ""
            if code in (None, 1005):
                end.close()
            elif code == 1006:
                end.disconnect()
            else:
                end.close(code, reason)
            await end.drain()
            return
        await end.drain()


async def _outwards(end: WebSocket, send: Send) -> CloseEvent:
    """Carry messages out, up to the close."""
    while True:
        item = await end.receive()
        if isinstance(item, CloseEvent):
            return item
        if isinstance(item, str):
            await send({"type": "websocket.send", "text": item})
        else:
            await send({"type": "websocket.send", "bytes": item})


async def _close(end: WebSocket, event: CloseEvent, send: Send) -> None:
    if not end._close_sent and not end._gone:
        code = 1000 if event.code in (1005, 1006) else event.code
        await send({"type": "websocket.close", "code": code, "reason": event.reason})
        end.close(code)
        await end.drain()


async def _fail(end: WebSocket, error: BaseException, send: Send) -> None:
    """A listener raised, a message was too large, or the connection broke."""
    if isinstance(error, OSError):
        return
    code = 1009 if isinstance(error, WebRangeError) else 1011
    if code == 1011:
        logger.error("a web socket's listener failed", exc_info=error)
    end.disconnect(error)
    try:
        await send({"type": "websocket.close", "code": code, "reason": ""})
    except (OSError, RuntimeError):
        logger.debug("the web socket was closed already", exc_info=True)
