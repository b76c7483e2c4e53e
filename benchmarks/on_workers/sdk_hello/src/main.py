"""The same by the platform's SDK alone, as its documentation writes it."""

from urllib.parse import urlparse

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlparse(request.url).path
        if path == "/" and request.method == "GET":
            return Response("Hello, world!")
        if path == "/kv":
            return Response(await self.env.KV.get("key") or "nothing")
        if path == "/json":
            return Response.json({"message": "Hello, world!", "numbers": [1, 2, 3]})
        return Response("Not Found", status=404)
