import asyncio
from urllib.parse import urlparse

from workers import Request, Response, WorkerEntrypoint, fetch


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        base = f"{url.scheme}://{url.netloc}"
        if url.path.startswith("/origin"):
            return await self.origin(request, url)
        if url.path == "/get":
            return await fetch(f"{base}/origin/plain")
        if url.path in ("/text", "/stream"):
            body = request.body if url.path == "/stream" else await request.text()
            passed = Request(
                f"{base}/origin/echo",
                method=request.method,
                headers={"x-token": self.env.TOKEN},
                body=body,
            )
            return await fetch(passed)
        if url.path == "/rewrite":
            found = await fetch(f"{base}/origin/plain")
            text = await found.text()
            headers = {
                name: value for name, value in found.headers.items() if name.lower() == "x-origin"
            }
            return Response(
                text.replace("origin", "proxy"),
                status=found.status,
                headers={**headers, "x-proxy": "1"},
            )
        if url.path == "/all":
            answers = await asyncio.gather(*(fetch(f"{base}/origin/number/{n}") for n in range(4)))
            return Response.json([await answer.json() for answer in answers])
        if url.path == "/replace":
            found = await fetch(f"{base}/origin/plain")
            return found.replace_body((await found.text())[::-1])
        if url.path == "/same":
            return await fetch(
                request.url.replace("/same", "/origin/plain"),
                headers={"x-from": request.headers["user-agent"]},
            )
        return Response("?", status=404)

    async def origin(self, request, url):
        if url.path == "/origin/plain":
            return Response("the origin", headers={"x-origin": "yes", "cache-control": "no-store"})
        if url.path == "/origin/echo":
            return Response(
                f"{request.method} {request.headers.get('x-token')} {await request.text()}",
                status=201,
            )
        return Response.json({"number": int(url.path.rsplit("/", 1)[1])})
