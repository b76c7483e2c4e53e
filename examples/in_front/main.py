"""An edge handler in front of a Starlette app: it blocks a path and adds headers.

All else of the app passes through as it is, its streamed page and its web socket included.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as PageRequest
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from edgekit import EdgeMiddleware, Env, Fetcher, Request, Response, worker

# The edge ---------------------------------------------------------------------------------------------


class EdgeEnv(Env):
    ORIGIN: Fetcher  # the app behind; EdgeMiddleware puts it there


@worker
async def edge(request: Request, env: EdgeEnv) -> Response:
    # `path` is decoded and without dots: /%61dmin and /x/../admin are /admin too.
    if request.path == "/admin" or request.path.startswith("/admin/"):
        return Response("Not from here.\n", status=403)
    response = await env.ORIGIN.fetch(request)
    response.headers.set("x-content-type-options", "nosniff")
    response.headers.set("referrer-policy", "same-origin")
    return response


# The app, which knows nothing of it -----------------------------------------------------------------

PAGE = """<!doctype html>
<html lang="en">
<title>in_front</title>
<h1>What the app says, comes through</h1>
<p><a href="/count">A page that comes line by line</a>, <a href="/admin">a page that is blocked</a>,
and an echo: <input placeholder="Say something" autofocus> <output></output></p>
<script>
  const socket = new WebSocket(new URL("/echo", location.href.replace("http", "ws")));
  socket.onmessage = event => document.querySelector("output").textContent = event.data;
  document.querySelector("input").oninput = event => socket.send(event.target.value);
</script>
</html>
"""


async def home(request: PageRequest) -> HTMLResponse:
    return HTMLResponse(PAGE)


async def count(request: PageRequest) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for n in range(1, 6):
            yield f"{n}\n"
            await sleep(1)

    return StreamingResponse(lines(), media_type="text/plain")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


async def admin(request: PageRequest) -> PlainTextResponse:
    return PlainTextResponse("Everything is in order, administrator.\n")


app = Starlette(
    routes=[
        Route("/", home),
        Route("/count", count),
        WebSocketRoute("/echo", echo),
        Route("/admin", admin),
        Route("/admin/{page:path}", admin),
    ],
    middleware=[Middleware(EdgeMiddleware, worker=edge)],
)
