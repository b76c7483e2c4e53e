"""WebSocket and WebSocketPair: two ends of a bounded pair, as on Workers. No sockets, no frames.

What one end sends waits at the other until it is taken: by `async for`, by `receive()`, or by
listeners. Nothing here starts a task, so listeners run in the task of whoever awaits the *other*
end: `drain()` there runs them and waits until little is left, and so does `receive()` there before
it waits. That is also the backpressure. Between a network and an end, the runtime pumps so:

    end = response.web_socket         # `client` of the handler's pair
    end.couple()                      # refuses one that was accepted or used before
    # from the network, in one task:  end.send(message); await end.drain()
    #   at its close:                 end.close(code, reason) or end.disconnect(); await end.drain()
    # to the network, in another:     message = await end.receive()   # str, bytes or CloseEvent

Messages are str or bytes of at most 32 MiB. `send` never waits; when more than 16 MiB wait already,
it raises WebRangeError: `await ws.drain()` between sends avoids that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from edgekit.errors import WebRangeError, WebSyntaxError, WebTypeError
from edgekit.web.events import Event, EventTarget
from edgekit.web.pairs import scalar
from edgekit.web.spelling import options

MAX_MESSAGE = 32 * 1024 * 1024  # the platform's limit, in bytes
MAX_WAITING = 16 * 1024 * 1024  # beyond this `send` raises
DRAINED = 64 * 1024  # below this `drain` returns
_OVERHEAD = 256  # what a message counts beyond its length, so that empty ones are bounded too

_LOST = "WebSocket disconnected without sending Close frame."
_NOT_ACCEPTED = (
    "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending "
    "messages."
)


@dataclass(frozen=True, slots=True)
class MessageEvent(Event):
    """A message: `data` is str or bytes."""

    data: str | bytes = ""


@dataclass(frozen=True, slots=True)
class CloseEvent(Event):
    """The other end has closed (`was_clean`) or is lost (code 1006). 1005 stands for no code."""

    type: str = "close"
    target: Any = field(default=None, repr=False, compare=False)
    code: int = 1005
    reason: str = ""
    was_clean: bool = True


@dataclass(frozen=True, slots=True)
class ErrorEvent(Event):
    """The connection failed: `error` is the exception. A close event follows."""

    error: BaseException | None = None

    @property
    def message(self) -> str:
        return str(self.error)


class WebSocket(EventTarget):
    """One end of a pair.

    `accept()` first; then `send(str | bytes)`, `close(code, reason)`, and `async for message in ws`
    or listeners for "message", "close" and "error", sync or async. `ready_state` is one of
    CONNECTING, OPEN, CLOSING, CLOSED. `url`, `protocol` and `extensions` are None on a pair.
    """

    __slots__ = (
        "_answered",
        "_arrived",
        "_binary_type",
        "_close_event",
        "_close_sent",
        "_coupled",
        "_dispatching",
        "_error",
        "_gone",
        "_half_open",
        "_inbox",
        "_peer",
        "_room",
        "_waiting",
        "accepted",
        "extensions",
        "protocol",
        "url",
    )

    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3

    _peer: WebSocket

    def __init__(self) -> None:
        self._listeners = []
        self._inbox: deque[str | bytes | CloseEvent] = deque()
        self._waiting = 0  # bytes in the inbox, with overhead
        self._arrived = asyncio.Event()  # something for whoever waits in receive()
        self._room = asyncio.Event()  # the inbox has become shorter
        self._dispatching = False
        self._coupled = False
        self._half_open = False
        self._close_sent = False
        self._answered = False  # by the automatic answer to a close, not by `close()`
        self._gone = False  # the connection is lost: what is sent goes nowhere
        self._close_event: CloseEvent | None = None  # once it has been taken
        self._error: BaseException | None = None
        self._binary_type = ""  # for code that has it, see compat/javascript/sockets.py
        self.accepted = False
        self.url: str | None = None
        self.protocol: str | None = None
        self.extensions: str | None = None

    @property
    def ready_state(self) -> int:
        """OPEN; CLOSING once either end has closed; CLOSED once both have, or the connection is lost."""
        closed = (self._close_event is not None) + self._close_sent
        return self.CLOSED if self._gone or closed == 2 else self.CLOSING if closed else self.OPEN

    @options
    def accept(self, *, allow_half_open: bool = False) -> None:
        """Begin to use this end. The second time does nothing.

        A close from the other end is answered at once, unless `allow_half_open`.
        """
        if self._coupled:
            raise WebTypeError("Can't accept() WebSocket that was already used in a response.")
        if not self.accepted:
            self.accepted = True
            self._half_open = allow_half_open

    def couple(self) -> None:
        """Take this end for a pump, which answers a close by what the network says."""
        if self._coupled:
            raise WebTypeError("Can't return WebSocket that was already used in a response.")
        if self.accepted:
            raise WebTypeError("Can't return WebSocket in a Response after calling accept().")
        self._coupled = self.accepted = self._half_open = True

    # Sending ------------------------------------------------------------------------------------

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a text or binary message. Does not wait.

        WebTypeError before `accept()` and after `close()`; WebRangeError for a message over 32 MiB
        and when too much waits already. When the other end has closed, nothing happens.
        """
        if self._close_sent and not self._answered:
            raise WebTypeError("Can't call WebSocket send() after close().")
        if self._close_sent or self._gone:
            return
        if not self.accepted:
            raise WebTypeError(_NOT_ACCEPTED)
        if isinstance(message, str):
            message = scalar(message)
        elif isinstance(message, bytes | bytearray | memoryview):
            message = bytes(message)
        else:
            raise WebTypeError(f"a message is str or bytes, not {type(message).__name__}")
        size = len(message)
        if isinstance(message, str) and size > MAX_MESSAGE // 4:  # a character is up to four bytes
            size = len(message.encode())
        if size > MAX_MESSAGE:
            raise WebRangeError(
                f"WebSocket message of {size} bytes exceeds limit of {MAX_MESSAGE}."
            )
        peer = self._peer
        size = len(message) + _OVERHEAD
        if peer._waiting and peer._waiting + size > MAX_WAITING:
            if peer._close_sent:  # it has said goodbye, and reads no more
                return
            raise WebRangeError(
                f"more than {MAX_WAITING} bytes wait at the other end of the WebSocket; "
                "`await ws.drain()` between sends"
            )
        peer._waiting += size
        peer._arrive(message)

    async def drain(self) -> None:
        """Wait until the other end has taken most of what was sent to it.

        Where the other end has listeners, run them: what they raise is raised here.
        """
        peer = self._peer
        while True:
            peer._room.clear()
            await peer._dispatch()
            if peer._waiting <= DRAINED or peer._close_sent or peer._gone:
                return
            await peer._room.wait()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close; messages from the other end still arrive until it has answered.

        `code` is 1000 to 4999 without 1004, 1005, 1006 and 1015 (WebTypeError); `reason` needs a
        code, and is at most 123 bytes of UTF-8 (WebSyntaxError). The second time does nothing.
        """
        if self._close_sent or self._gone:
            return
        if not self.accepted:
            raise WebTypeError(_NOT_ACCEPTED)
        if code is not None and (not 1000 <= code < 5000 or code in (1004, 1005, 1006, 1015)):
            raise WebTypeError(f"Invalid WebSocket close code: {code}.")
        if reason is not None:
            if code is None:
                raise WebTypeError(
                    "If you specify a WebSocket close reason, you must also specify a code."
                )
            reason = scalar(reason)
            if len(reason.encode()) > 123:
                raise WebSyntaxError(
                    "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded."
                )
        self._send_close(1005 if code is None else code, reason or "")

    def disconnect(self, error: BaseException | None = None) -> None:
        """For a pump: the connection is lost. Both ends see a close with code 1006.

        With `error` the other end's "error" listeners get it first.
        """
        if self._gone:
            return
        self._peer._error = error
        self._inbox.clear()  # what the other end has sent can go nowhere
        self._waiting = 0
        for end in (self, self._peer):
            end._gone = True
            end._room.set()
            if end._close_event is None and not (
                end._inbox and isinstance(end._inbox[-1], CloseEvent)
            ):
                end._arrive(CloseEvent(target=end, code=1006, reason=_LOST, was_clean=False))

    def _send_close(self, code: int, reason: str) -> None:
        self._close_sent = True
        self._room.set()
        self._peer._arrive(CloseEvent(target=self._peer, code=code, reason=reason))

    def _arrive(self, item: str | bytes | CloseEvent) -> None:
        self._inbox.append(item)
        self._arrived.set()
        self._peer._arrived.set()  # whoever waits there may have listeners to run here

    # Receiving ----------------------------------------------------------------------------------

    async def receive(self) -> str | bytes | CloseEvent:
        """The next message, or the CloseEvent, which from then on is given every time."""
        if not self.accepted:
            raise WebTypeError(
                "You must call accept() on this WebSocket before receiving messages."
            )
        while not self._inbox:
            if self._close_event is not None:
                return self._close_event
            self._arrived.clear()
            await self._peer._dispatch()
            await self._arrived.wait()
        return await self._take()

    async def __anext__(self) -> str | bytes:
        message = await self.receive()
        if isinstance(message, CloseEvent):
            raise StopAsyncIteration
        return message

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The messages, until the other end closes or the connection is lost."""
        return self

    async def _dispatch(self) -> None:
        """Let the listeners have what has arrived, if there are any and nobody is at it already.

        Without a listener for messages they stay for `receive()`, but a close is told at once.
        """
        if self._dispatching or not self._listeners or not self._inbox or not self.accepted:
            return
        self._dispatching = True
        try:
            if any(kind == "message" for kind, _, _ in self._listeners):
                while self._inbox:
                    await self._take()
            elif isinstance(last := self._inbox[-1], CloseEvent):
                await self._closed(last)
        except BaseException:
            self._room.set()  # whoever else waits for this to go on must look again
            raise
        finally:
            self._dispatching = False

    async def _take(self) -> str | bytes | CloseEvent:
        item = self._inbox.popleft()
        if isinstance(item, CloseEvent):
            await self._closed(item)
            return item
        self._waiting -= len(item) + _OVERHEAD
        self._room.set()
        if self._listeners:
            await self._fire(MessageEvent("message", self, item))
        return item

    async def _closed(self, event: CloseEvent) -> None:
        if self._close_event is not None:
            return
        self._close_event = event
        if not (self._half_open or self._close_sent or self._gone):
            self._answered = True
            self._send_close(event.code, event.reason)
        if self._error is not None:
            await self._fire(ErrorEvent("error", self, self._error))
        await self._fire(event)

    async def _fire(self, event: Event) -> None:
        for listener in self._listeners_for(event.type):
            result = listener(event)
            if hasattr(result, "__await__"):
                await result

    def __repr__(self) -> str:
        return f"WebSocket(ready_state={self.ready_state})"


class WebSocketPair(tuple[WebSocket, WebSocket]):
    """Two connected WebSockets: `client, server = WebSocketPair()`.

    One is accepted and used by the handler, the other goes into `Response(status=101, web_socket=)`.
    """

    __slots__ = ()

    def __new__(cls) -> WebSocketPair:
        first, second = WebSocket(), WebSocket()
        first._peer, second._peer = second, first
        return super().__new__(cls, (first, second))
