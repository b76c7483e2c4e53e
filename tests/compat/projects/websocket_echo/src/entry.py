from js import WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.headers.get("Upgrade") != "websocket":
            return Response("Expected Upgrade: websocket", status=426)
        client, server = WebSocketPair.new().object_values()
        server.accept()
        count = 0

        def on_message(event):
            nonlocal count
            count += 1
            if event.data == "bye":
                server.close(4000, f"after {count}")
            elif isinstance(event.data, str):
                server.send(f"{count}: {event.data}")
            else:
                server.send(event.data)

        server.addEventListener("message", create_proxy(on_message))
        return Response(None, status=101, web_socket=client)
