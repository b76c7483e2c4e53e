"""What the fetch() calls of one event loop share: aiohttp's sessions, connections and web sockets.

It knows aiohttp and sockets; what a request or a redirect means is client.py's. A pool is made at the
first call, and is closed by `close()` or by the end of its loop.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import struct
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from edgekit.context import ExecutionContext
from edgekit.errors import AbortError
from edgekit.web.abort import AbortSignal
from edgekit.web.events import Event
from edgekit.web.websocket import MAX_MESSAGE, WebSocket, WebSocketPair

if TYPE_CHECKING:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL as Address

logger = logging.getLogger(__name__)

CONNECT_SECONDS = (
    30.0  # for the name, TCP and TLS together; whatever else takes long, a signal can end
)
CLOSE_SECONDS = 30.0  # that the other side of a web socket has to answer a close
DNS_SECONDS = 30  # that an address is believed
MAX_FIELD = 64 * 1024  # bytes of one header of a response
MAX_REFUSAL = 1024 * 1024  # bytes that are kept of the answer of a server that refuses a web socket


@functools.cache
def _request_class() -> type[aiohttp.ClientRequest]:
    import aiohttp
    from multidict import CIMultiDict

    unwanted: CIMultiDict[None] = CIMultiDict({"Content-Type": None})

    class OnlyWhatIsAsked(aiohttp.ClientRequest):
        """Adds no header but host and those of the body's length.

        The session's skip_auto_headers does the same, and takes a tenth of the whole request's time.
        """

        def update_auto_headers(self, skip_auto_headers: Any) -> None:
            self._skip_auto_headers = unwanted

    return OnlyWhatIsAsked


class Pool:
    """The connections of one event loop."""

    def __init__(self) -> None:
        import aiohttp

        self.errors = (aiohttp.ClientError, OSError, ValueError)
        # Without a limit: whoever holds a connection and waits for another could wait for ever.
        self.connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=DNS_SECONDS)
        self.session = self._session()
        self.sockets: set[WebSocket] = set()
        self.keeper = _keep(asyncio.get_running_loop(), self)

    def _session(self, **options: Any) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=self.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_request_class(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            **options,
        )

    async def upgrade(
        self, method: str, address: Address, fields: CIMultiDict[str], name: str | None
    ) -> Upgrade:
        """Ask for a web socket; a server that refuses is no error, nor is one that redirects."""
        import aiohttp

        async def look(session: Any, context: Any, params: Any) -> None:
            # The one place where aiohttp shows a refusal's body, and a redirect before it follows it.
            answer = upgrade.answer = params.response
            while answer.status != 101 and (room := MAX_REFUSAL - len(upgrade.refusal)):
                chunk = await answer.content.read(room)
                if not chunk:
                    break
                upgrade.refusal += chunk
            if answer.status != 101:
                raise _Refused

        upgrade = Upgrade()
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(look)
        trace.on_request_redirect.append(look)
        session = self._session(trace_configs=[trace])
        try:
            upgrade.connection = await session.ws_connect(
                address,
                method=method,
                headers=fields,
                autoclose=False,
                max_msg_size=MAX_MESSAGE,
                server_hostname=name,
            )
        except _Refused:
            upgrade.answer.close()
        finally:
            session.detach()
        return upgrade

    async def close(self) -> None:
        """Cut all connections."""
        for socket in list(self.sockets):
            socket.disconnect()
        self.session.detach()
        await self.connector.close()


# Entries leave with their loop.
pools: dict[asyncio.AbstractEventLoop, Pool] = {}


async def pool_of(loop: asyncio.AbstractEventLoop) -> Pool:
    """The pool of this, the running loop."""
    pool = pools.get(loop)
    if pool is None:
        pool = pools[loop] = Pool()
        await anext(pool.keeper)
        for other in [other for other in pools if other.is_closed()]:
            await pools.pop(other).close()
    return pool


async def close() -> None:
    """Cut the connections and web sockets of this event loop; a later fetch() makes new ones."""
    pool = pools.get(asyncio.get_running_loop())
    if pool is not None:
        await pool.keeper.aclose()


async def _keep(loop: asyncio.AbstractEventLoop, pool: Pool) -> AsyncGenerator[None, None]:
    # A loop that ends closes the async generators that were begun in it: nobody needs to call close().
    try:
        yield
    finally:
        pools.pop(loop, None)
        await pool.close()


# Web sockets --------------------------------------------------------------------------------------


class _Refused(Exception):
    """The handshake was not answered by a web socket."""


class Upgrade:
    """A server's answer to the wish for a web socket: a connection, or else the refusal's body."""

    answer: aiohttp.ClientResponse
    connection: aiohttp.ClientWebSocketResponse | None = None
    refusal = b""

    def couple(self, pool: Pool, signal: AbortSignal | None) -> WebSocket | None:
        """One end of a pair whose other end is the connection; None for a refusal."""
        if self.connection is None:
            return None
        client, end = WebSocketPair()
        end.couple()
        pool.sockets.add(end)
        ctx = ExecutionContext()
        ctx.wait_until(self._pump(pool, end, signal))
        return client

    async def _pump(self, pool: Pool, end: WebSocket, signal: AbortSignal | None) -> None:
        """Carry messages until both sides have closed. To disconnect `end` ends it at once."""

        def stop(event: Event) -> None:
            end.disconnect(reason_of(event.target))

        if signal is not None:
            signal.add_event_listener("abort", stop)
            if signal.aborted:  # before this task began
                end.disconnect(reason_of(signal))
        loop = asyncio.get_running_loop()
        tasks = {loop.create_task(self._inwards(end)), loop.create_task(self._outwards(end))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not end._gone and not any(task.exception() for task in done):
                await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        finally:
            if signal is not None:
                signal.remove_event_listener("abort", stop)
            pool.sockets.discard(end)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self.answer.close()
            error = next(
                (t.exception() for t in tasks if not t.cancelled() and t.exception()), None
            )
            end.disconnect(error)
            if error is not None and not isinstance(error, OSError):
                logger.error("a listener of the web socket failed", exc_info=error)

    async def _inwards(self, end: WebSocket) -> None:
        from aiohttp import WSMsgType

        assert self.connection is not None
        while True:
            message = await self.connection.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                end.send(message.data)
                await end.drain()
                continue
            if message.type is not WSMsgType.CLOSE or message.data == 1006:
                end.disconnect(message.data if isinstance(message.data, Exception) else None)
            elif message.data:
                end.close(message.data, message.extra)
            else:
                end.close()
            await end.drain()
            return

    async def _outwards(self, end: WebSocket) -> None:
        from aiohttp import WSMsgType

        assert self.connection is not None
        while True:
            item = await end.receive()
            if isinstance(item, str):
                await self.connection.send_str(item)
            elif isinstance(item, bytes):
                await self.connection.send_bytes(item)
            else:
                # Not connection.close(), which throws away what comes before the other side's close.
                if item.code != 1006:
                    code = b"" if item.code == 1005 else struct.pack("!H", item.code)
                    await self.connection.send_frame(code + item.reason.encode(), WSMsgType.CLOSE)
                return


# Errors -------------------------------------------------------------------------------------------


def reason_of(signal: AbortSignal) -> BaseException:
    """What an aborted signal raises."""
    reason = signal.reason
    return reason if isinstance(reason, BaseException) else AbortError(str(reason))


def in_words(error: BaseException) -> str:
    """Why a request failed, from aiohttp's error."""
    import socket
    import ssl

    import aiohttp

    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {CONNECT_SECONDS:g} seconds"
    if isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(inner, socket.gaierror):
        return f"the host's name was not found: {getattr(inner, 'strerror', None) or inner}"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"the server's certificate is not valid: {getattr(inner, 'verify_message', inner)}"
    if isinstance(inner, ssl.SSLError):
        return f"TLS failed: {getattr(inner, 'reason', None) or inner}"
    if isinstance(inner, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    if isinstance(inner, ConnectionResetError) or isinstance(error.__cause__, ConnectionResetError):
        return "connection reset"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is not valid HTTP: {error.message}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the body is not complete"
    return str(error) or type(error).__name__
