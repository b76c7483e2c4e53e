"""WebSockets as JavaScript's side shows them: an end of a pair, `WebSocketPair`, and the client.

Messages are text and ArrayBuffers. The client's socket is there before the connection is; listeners
hear of it by "open". Spec: HTML's WebSocket, as Workers have it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from edgekit.compat.javascript.convert import native, view
from edgekit.compat.javascript.errors import DOMException, JsException, rethrow
from edgekit.compat.javascript.events import EventView
from edgekit.compat.javascript.promises import promise
from edgekit.compat.javascript.proxy import JsProxy, blobs
from edgekit.compat.javascript.text import whole
from edgekit.compat.javascript.values import string
from edgekit.compat.javascript.views import Events, on_property
from edgekit.errors import WebTypeError
from edgekit.web import blob, events, websocket


class MessageEvent(EventView, of=websocket.MessageEvent):
    """A message."""

    _js_name = "MessageEvent"
    __slots__ = ()

    @property
    def data(self) -> Any:
        """The text, or an ArrayBuffer; a Blob where the socket's `binaryType` says so."""
        content = self._it.data
        if isinstance(content, bytes) and _binary_type(self._it.target) == "blob":
            return view(blob.Blob([content]))
        return view(content)


class CloseEvent(EventView, of=websocket.CloseEvent, reads="code reason wasClean"):
    """The other end has closed, or is lost."""

    __slots__ = ()


class ErrorEvent(EventView, of=websocket.ErrorEvent, reads="message error"):
    """The connection failed."""

    __slots__ = ()


def _binary_type(socket: Any) -> str:
    return getattr(socket, "_binary_type", "") or ("blob" if blobs.get() else "arraybuffer")


class _Socket(Events):
    """What an end of a pair and a client have in common."""

    __slots__ = ()
    CONNECTING, OPEN, CLOSING, CLOSED = range(4)
    READY_STATE_CONNECTING, READY_STATE_OPEN, READY_STATE_CLOSING, READY_STATE_CLOSED = range(4)
    onmessage = on_property("message")
    onclose = on_property("close")
    onerror = on_property("error")
    onopen = on_property("open")

    @property
    def binaryType(self) -> str:
        """What binary messages are: "arraybuffer" or "blob"."""
        return _binary_type(self._it)

    @binaryType.setter
    def binaryType(self, value: Any) -> None:
        if value not in ("arraybuffer", "blob"):
            raise DOMException("binaryType is 'arraybuffer' or 'blob'", "SyntaxError")
        self._it._binary_type = value

    def _tell(self, function: Any, *args: Any, **options: Any) -> None:
        try:
            function(*args, **options)
        except Exception as error:
            rethrow(error)
        self._deliver()

    def _deliver(self) -> None:
        """Run listeners, where both ends are in this process and no connection does it."""
        ends = (self._it, self._it._peer)
        if not all(end.accepted and not end._coupled for end in ends):
            return
        for end in ends:
            if end._listeners and end._inbox and not end._dispatching:
                promise(end._dispatch())


class End(
    _Socket,
    of=websocket.WebSocket,
    reads="readyState url protocol extensions",
    nullable="url protocol extensions",
):
    """One end of a pair: `accept`, `send`, `close`, `addEventListener`."""

    _js_name = "WebSocket"
    __slots__ = ()

    def accept(self, options: Any = None) -> None:
        """Begin to use it."""
        chosen = native(options) or {}
        self._tell(self._it.accept, allow_half_open=bool(chosen.get("allowHalfOpen")))

    def send(self, message: Any) -> None:
        """Send text or bytes."""
        self._tell(self._it.send, _message(message))

    def close(self, code: Any = None, reason: Any = None) -> None:
        """Close it, with a code and a reason if there is one."""
        number = None if code is None else whole(code)
        try:
            self._tell(self._it.close, number, None if reason is None else string(reason))
        except WebTypeError as error:
            if not self._it.accepted:
                raise
            raise DOMException(str(error), "InvalidAccessError") from error

    def addEventListener(
        self, type: Any, listener: Any, options: Any = None, **kwargs: Any
    ) -> None:
        """Call `listener(event)`, or its `handleEvent`; `once` as an option."""
        super().addEventListener(type, listener, options, **kwargs)
        self._deliver()

    def serializeAttachment(self, value: Any) -> None:
        """Refused: attachments belong to sockets of Durable Objects."""
        raise JsException(
            "Error", "serializeAttachment() needs a Durable Object, which is not here"
        )


def _message(message: Any) -> Any:
    opened = native(message)
    if isinstance(opened, blob.Blob):
        return opened._read()
    if isinstance(opened, str | bytes | bytearray | memoryview):
        return opened
    return string(message)


class WebSocketPair(JsProxy):
    """`WebSocketPair.new()`: two ends, by `object_values()`, by unpacking, or as `[0]` and `[1]`."""

    def __init__(self) -> None:
        self._ends = [view(end) for end in websocket.WebSocketPair()]

    def _entries(self) -> Any:
        return [(str(i), end) for i, end in enumerate(self._ends)]

    def __getitem__(self, index: Any) -> Any:
        return self._ends[int(index)]

    def __getattr__(self, name: str) -> Any:
        if name in ("0", "1"):
            return self._ends[int(name)]
        raise AttributeError(name, name=name, obj=self)

    def __iter__(self) -> Any:
        return iter(self._ends)

    def __len__(self) -> int:
        return 2

    def toString(self) -> str:
        return "[object WebSocketPair]"


class _Pending(events.EventTarget):
    """What a client's socket is until it is connected: its listeners."""

    __slots__ = ("_binary_type", "_listeners")

    def __init__(self) -> None:
        self._listeners = []
        self._binary_type = ""


class WebSocket(_Socket):
    """`WebSocket.new(url, protocols)`: a connection to somebody else's server."""

    __slots__ = ("_connected", "_failed", "_pending", "_url")

    def __init__(self, url: Any, protocols: Any = None) -> None:
        from edgekit.web.url import URL

        address = str(native(url))
        parsed = URL.parse(address)
        if parsed is None or parsed.protocol not in ("ws:", "wss:", "http:", "https:"):
            raise DOMException(
                f"WebSocket Constructor: The url is invalid: {address!r:.200}.", "SyntaxError"
            )
        self._it = self._pending = _Pending()
        self._url = parsed.href
        self._connected = False
        self._failed = False
        names = native(protocols) if protocols is not None else []
        headers = {"upgrade": "websocket"}
        if names:
            asked = [names] if isinstance(names, str) else names
            headers["sec-websocket-protocol"] = ", ".join(map(string, asked))
        promise(self._connect(headers))

    async def _connect(self, headers: dict[str, str]) -> None:
        from edgekit.client import fetch

        # Listeners that the code adds right after this one's constructor hear of everything.
        await asyncio.sleep(0)
        try:
            answer = await fetch(self._url, headers=headers)
            end = answer.web_socket
            if end is None:
                raise JsException(
                    "Error", f"WebSocket was refused: {answer.status} {answer.status_text}"
                )
        except Exception as error:
            self._failed = True
            self._announce("error", websocket.ErrorEvent("error", None, error))
            self._announce("close", websocket.CloseEvent(code=1006, was_clean=False))
            return
        if self._failed:  # closed meanwhile
            end.accept()
            end.close()
            return
        waiting, self._it = self._pending, end
        for type, listener, once in waiting._listeners:
            end.add_event_listener(type, listener, once=once)
        end._binary_type = waiting._binary_type
        end.accept()
        self._connected = True
        self._announce("open", events.Event("open", end))

    def _announce(self, type: str, event: Any) -> None:
        for listener in self._it._listeners_for(type):
            result = listener(event)
            if hasattr(result, "__await__"):
                promise(_awaited(result))

    @property
    def readyState(self) -> int:
        if self._connected:
            return int(self._it.ready_state)
        return self.CLOSED if self._failed else self.CONNECTING

    @property
    def url(self) -> str:
        return self._url

    @property
    def protocol(self) -> str:
        return (self._it.protocol or "") if self._connected else ""

    @property
    def extensions(self) -> str:
        return (self._it.extensions or "") if self._connected else ""

    def accept(self, options: Any = None) -> None:
        """Refused: a socket of this kind needs no accept()."""
        raise JsException(
            "TypeError",
            "Websockets obtained from the 'new WebSocket()' constructor cannot call accept",
        )

    def send(self, message: Any) -> None:
        """Send text or bytes; an InvalidStateError while it is not connected."""
        if not self._connected:
            raise DOMException(
                "WebSocket is not open: it is still connecting.", "InvalidStateError"
            )
        End.send(self, message)  # type: ignore[arg-type]

    def close(self, code: Any = None, reason: Any = None) -> None:
        if self._connected:
            End.close(self, code, reason)  # type: ignore[arg-type]
        else:
            self._failed = True


async def _awaited(result: Any) -> None:
    await result
