"""What the endurance tests serve: bodies of any size, and handlers that wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from edgekit import App, Request, Response

app = App()
MIB = bytes(1 << 20)


async def zeros(mebibytes: int) -> AsyncIterator[bytes]:
    for _ in range(mebibytes):
        yield MIB


@app.get("/zeros/{mebibytes:int}")
async def download(request: Request) -> Response:
    return Response(zeros(request.params["mebibytes"]))


@app.post("/count")
async def upload(request: Request) -> str:
    size = 0
    if request.body is not None:
        async for chunk in request.body:
            size += len(chunk)
    return str(size)


@app.post("/mirror")
async def mirror(request: Request) -> Response:
    return Response(request.body)


@app.get("/wait")
async def wait(request: Request) -> str:
    await asyncio.Event().wait()
    return ""


@app.get("/tasks")
async def tasks(request: Request) -> str:
    return str(len(asyncio.all_tasks()))


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app: what it gets it sends back."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        message = await receive()
        more = message.get("more_body", False)
        await send(
            {"type": "http.response.body", "body": message.get("body", b""), "more_body": more}
        )
        if not more:
            return


app.mount("/through", inner)
