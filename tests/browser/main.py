"""A page whose script talks over a web socket, and the app behind it. test_websocket.py shows it to a browser."""

from __future__ import annotations

import asyncio
from typing import Any

from edgekit import App, HTTPError, Request, Response, WebSocketPair

PAGE = """<!doctype html>
<html lang="en">
<title>A web socket</title>
<pre></pre>
<script>
  const say = line => document.querySelector("pre").append(line + "\\n");
  const open = (path, protocols) => new Promise(resolve => {
    const socket = new WebSocket(new URL(path, location.href.replace("http", "ws")), protocols);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => resolve(socket);
    socket.onclose = event => resolve(event);
  });
  const next = (socket, type) => new Promise(resolve => socket["on" + type] = resolve);
  const echo = async (socket, data) => {
    const message = next(socket, "message");
    socket.send(data);
    return (await message).data;
  };

  async function run() {
    const socket = await open("/echo", ["other", "talk"]);
    say(`open: ${socket.protocol}`);
    const text = "h\\u00e9llo \\u{1f30d}";
    say(`text: ${await echo(socket, text) === text}`);
    say(`empty: ${await echo(socket, "") === ""}`);
    const bytes = Uint8Array.from({length: 256}, (_, n) => n);
    const back = new Uint8Array(await echo(socket, bytes));
    say(`binary: ${back.length} ${back.every((byte, n) => byte === n)}`);
    const large = "x".repeat(1 << 20);
    say(`large: ${await echo(socket, large) === large}`);
    let closed = next(socket, "close");
    socket.close(4000, "seen enough");
    let event = await closed;
    say(`closed here: ${event.code} ${event.reason} ${event.wasClean}`);
    say(`the server saw: ${await (await fetch("/seen")).text()}`);

    const other = await open("/echo");
    closed = next(other, "close");
    other.send("close");
    event = await closed;
    say(`closed there: ${event.code} ${event.reason} ${event.wasClean}`);

    event = await open("/refused");
    say(`refused: ${event.type} ${event.code}`);
    return document.querySelector("pre").textContent;
  }
  const outcome = run();
</script>
</html>
"""

app = App()
seen: asyncio.Queue[str] = asyncio.Queue()  # how browsers closed their sockets


@app.get("/")
async def page(request: Request) -> Response:
    return Response.html(PAGE)


@app.get("/echo")
async def echo(request: Request) -> Response:
    client, server = WebSocketPair()
    server.accept()

    def answer(event: Any) -> None:
        if event.data == "close":
            server.close(4001, "as you wish")
        else:
            server.send(event.data)

    server.add_event_listener("message", answer)
    server.add_event_listener(
        "close", lambda event: seen.put_nowait(f"{event.code} {event.reason}")
    )
    offered = request.headers.get("sec-websocket-protocol", "")
    headers = {"sec-websocket-protocol": "talk"} if "talk" in offered else {}
    return Response(None, status=101, web_socket=client, headers=headers)


@app.get("/refused")
async def refused(request: Request) -> Response:
    raise HTTPError(403, "Not you.")


@app.get("/seen")
async def last_seen(request: Request) -> str:
    return await seen.get()
