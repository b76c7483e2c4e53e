"""Reads a feed from another server's web socket, in both of the ways there are."""

import asyncio
import json

import js
from js import WebSocket, WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint, fetch


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = request.url.split("/", 3)[3]
        if path == "feed":
            return self.feed()
        address = request.url.replace(path, "feed")
        if path == "client":
            return Response.json(await self.by_client(address.replace("http", "ws", 1)))
        if path == "upgrade":
            return Response.json(await self.by_upgrade(address))
        return Response("?", status=404)

    def feed(self):
        pair = WebSocketPair.new()
        client, server = pair[0], pair[1]
        server.accept()

        def on_message(event):
            for number in range(json.loads(event.data)["count"]):
                server.send(json.dumps({"price": 100 + number}))
            server.close(1000, "that is all")

        server.addEventListener("message", create_proxy(on_message))
        return Response(None, status=101, web_socket=client)

    async def by_client(self, address):
        prices, closed = [], asyncio.Event()
        socket = WebSocket.new(address)

        async def on_message(event):
            prices.append(json.loads(event.data)["price"])
            await self.env.SEEN.put("last", str(prices[-1]))

        def on_open(event):
            socket.send(json.dumps({"count": 3}))

        def on_close(event):
            prices.append(event.code)
            closed.set()

        socket.addEventListener("open", create_proxy(on_open))
        socket.addEventListener("message", create_proxy(on_message))
        socket.addEventListener("close", create_proxy(on_close))
        await closed.wait()
        return prices

    async def by_upgrade(self, address):
        response = await fetch(address, headers={"Upgrade": "websocket"})
        socket = response.js_object.webSocket
        socket.accept()
        prices = []
        done = asyncio.get_running_loop().create_future()
        socket.addEventListener(
            "message", create_proxy(lambda event: prices.append(js.JSON.parse(event.data).price))
        )
        socket.addEventListener("close", create_proxy(lambda event: done.set_result(event.reason)))
        socket.send(js.JSON.stringify(js.Object.fromEntries([["count", 2]])))
        return [response.status, await done, *prices]
