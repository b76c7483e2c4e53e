"""`workers.wsgi`: Django, Flask and other WSGI apps inside a Workers project. PEP 3333.

The app runs in a thread, so that code that blocks (a database, `requests`) stops nobody else; where it
has to wait for something async, such as a binding, `run_sync` hands that to the event loop. One thread
runs one request from its beginning to the end of its body, as apps rely on that keep a connection for
each thread. On Workers there is one thread: an app that keeps things in globals must be ready for several.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import logging
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from edgekit import host
from edgekit.asgi import AsgiRequest
from edgekit.compat.asgi import BaseOptions
from edgekit.compat.entrypoints import WorkerEntrypoint
from edgekit.compat.greenlets import loop_of_thread
from edgekit.compat.http import Response
from edgekit.web.headers import Headers, encode_name, encode_value
from edgekit.web.request import Request
from edgekit.web.response import NULL_BODY, length_in
from edgekit.web.response import Response as WebResponse
from edgekit.web.streams import ReadableStream, StreamReader

logger = logging.getLogger(__name__)

THREADS = 40  # requests of all apps at a time; others wait
READ_AT_ONCE = 64 * 1024  # bytes of a request's body that are read before the app runs
_AHEAD = 256 * 1024  # bytes of a response that an app may be ahead of its reader

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="edgekit-wsgi")
WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Options(BaseOptions):
    """Options of this adapter."""


async def fetch(
    app: WSGIApp, req: Any, env: Any, ctx: Any = None, *, options: Options | None = None
) -> Response:
    """The app's answer to a request, which streams. What the app raises is raised."""
    unwrap = getattr(type(req), "_to_edgekit", None)
    request: Request = req if unwrap is None else unwrap(req)
    return await _Exchange(await _environ(request, env)).run(app)


def entrypoint(app: WSGIApp, *, options: Options | None = None) -> type[WorkerEntrypoint]:
    """The class `Default` of a project that is a WSGI app."""

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Any) -> Response:
            return await fetch(app, request, self.env)

    return Default


class _Exchange:
    """One run of an app, in its thread, and the response that the event loop makes of it."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.create_future()  # the head is there, or the app has failed
        # Shared by the two threads: each operation on them is atomic.
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._status = ""
        self._headers: list[tuple[str, str]] | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._gone = False  # nobody reads any longer
        self._whole = self._begun = False
        self._news = asyncio.Event()
        self._room: asyncio.Future[None] | None = None

    async def run(self, app: WSGIApp) -> Response:
        """Run the app up to its first bytes."""
        where = contextvars.copy_context()
        where.run(loop_of_thread.set, self._loop)
        _threads.submit(where.run, self._in_thread, app)
        try:
            await self._started
        except asyncio.CancelledError:
            self._leave()
            raise
        if self._error is not None and not self._chunks:
            raise self._error
        return self._response()

    def _response(self) -> Response:
        status, _, reason = self._status.partition(" ")
        made = Response.__new__(Response)
        WebResponse.__init__(made)
        made.status = int(status)
        if reason:
            made._status_text = reason
        made._headers = Headers.from_raw(
            [(encode_name(name), encode_value(value, name)) for name, value in self._headers or ()]
        )
        made.encode_body = "manual"  # its headers describe its bytes
        if made.status in NULL_BODY or (self._ended and not self._chunks and not self._error):
            made._body = None
        elif self._ended and self._error is None:
            made._body = b"".join(self._chunks)  # all of it is there already
        else:
            made._body = ReadableStream(self._body(), length=length_in(made._headers))
        if made._body is None and not self._ended:
            self._leave()
        return made

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            while True:
                ended = self._ended  # before the chunks: what comes after it is nothing
                while self._chunks:
                    chunk = self._chunks.popleft()
                    self._size -= len(chunk)
                    self._make_room()
                    yield chunk
                if ended:
                    break
                await self._news.wait()
                self._news.clear()
            if self._error is not None:
                raise self._error
        finally:
            self._leave()

    def _leave(self) -> None:
        self._gone = True
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # In the thread --------------------------------------------------------------------------------

    def _in_thread(self, app: WSGIApp) -> None:
        try:
            result = app(self._environ, self._start_response)
            # All there already, also in Django's words: then it is one piece, with its length.
            self._whole = (
                isinstance(result, list | tuple) or getattr(result, "streaming", None) is False
            )
            try:
                for chunk in result:
                    if chunk:
                        self._write(chunk)
                    if self._gone:
                        break
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
            if self._headers is None:
                raise RuntimeError("the WSGI app did not call start_response()")
        except BaseException as error:
            self._error = error
            if self._chunks or self._gone:
                logger.debug("the WSGI app failed after its response began", exc_info=error)
        finally:
            self._environ["wsgi.input"].close()
            self._ended = True
            self._tell()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._begun:  # the head has been sent
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._headers is not None:
            raise AssertionError("start_response() called more than once")
        self._status, self._headers = status, headers
        return self._write

    def _write(self, chunk: bytes) -> None:
        if self._headers is None:
            raise AssertionError("write() before start_response()")
        self._begun = True
        self._chunks.append(bytes(chunk))
        self._size += len(chunk)
        if not self._whole or self._size > _AHEAD:
            self._tell()
        if self._size > _AHEAD and not self._gone:
            asyncio.run_coroutine_threadsafe(self._wait_for_room(), self._loop).result()

    async def _wait_for_room(self) -> None:
        while self._size > _AHEAD and not self._gone:
            self._room = self._loop.create_future()
            await self._room

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._told)
        except RuntimeError:  # the loop has closed: nobody waits
            self._gone = True

    def _told(self) -> None:
        self._news.set()
        if not self._started.done():
            self._started.set_result(None)


async def _environ(request: Request, env: Any) -> dict[str, Any]:
    """What the app is given of a request."""
    if isinstance(request, AsgiRequest):
        scope = request.scope
        # As on the platform, the path is decoded; in a str of which each character is a byte.
        raw = scope.get("raw_path") or scope["path"].encode()
        path = unquote_to_bytes(raw.partition(b"?")[0]).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        server = scope.get("server") or ("localhost", 80)
        client = scope.get("client")
        protocol = f"HTTP/{scope.get('http_version', '1.1')}"
        scheme = scope.get("scheme", "http")
    else:
        url = host.parse_url(request.url)
        assert url is not None
        path = unquote_to_bytes(url.pathname).decode("latin-1")
        query, scheme = url.search[1:], url.protocol[:-1]
        server = (url.hostname, url.port or (443 if scheme == "https" else 80))
        client, protocol = request.client, "HTTP/1.1"
    environ: dict[str, Any] = {
        "REQUEST_METHOD": str(request.method),
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": protocol,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,  # a body without a length is read to its end
        "workers.env": env,
    }
    if client:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])
    length = None
    for name, value in request.headers.raw:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_LENGTH":
            length = value
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if b"_" in name:  # or it could pass for another one
                continue
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ and key != "CONTENT_LENGTH":
            text = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
        environ[key] = text
    environ.setdefault("HTTP_HOST", server[0])
    if length is None and request._body.__class__ is bytes:
        length = b"%d" % len(request._body)
        environ["CONTENT_LENGTH"] = length.decode()
    environ["wsgi.input"] = await _input(request, length)
    return environ


async def _input(request: Request, length: bytes | None) -> io.IOBase:
    if length is None and request.body is None:
        return io.BytesIO()
    if length is not None and length.isdigit() and int(length) <= READ_AT_ONCE:
        return io.BytesIO(await request.bytes())
    body = request.body
    return io.BytesIO() if body is None else io.BufferedReader(_Input(body), READ_AT_ONCE)


class _Input(io.RawIOBase):
    """A body that is read from a thread as it comes."""

    def __init__(self, body: ReadableStream) -> None:
        self._reader: StreamReader = body.get_reader()
        self._loop = asyncio.get_running_loop()
        self._rest = memoryview(b"")
        self._done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and not self._done:
            read = asyncio.run_coroutine_threadsafe(self._reader.read(), self._loop)
            result = read.result()
            self._done = result["done"]
            self._rest = memoryview(result["value"] or b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
