from urllib.parse import urlparse

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlparse(request.url).path
        if path == "/api/time":
            return Response.json({"api": True})
        if path.startswith("/raw/"):
            found = await self.env.ASSETS.fetch(request.url.replace("/raw/", "/"))
            return Response(
                await found.text(),
                headers={"content-type": "text/plain", "x-status": str(found.status)},
            )
        page = await self.env.ASSETS.fetch(f"https://assets.local{path}")
        if page.status == 404:
            return Response("Worker: no page", status=404)
        return page
