from urllib.parse import parse_qs, urlparse

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        name = parse_qs(url.query).get("name", ["World"])[0]
        if url.path == "/json":
            return Response.json({"hello": name, "method": request.method, "ok": None})
        if url.path == "/html":
            return Response(f"<h1>Hello {name}</h1>", headers={"content-type": "text/html"})
        if url.path == "/agent":
            return Response(request.headers.get("User-Agent") or "nobody")
        if url.path == "/empty":
            return Response(None, status=204)
        if url.path == "/teapot":
            return Response("short and stout", status=418, status_text="I'm a teapot")
        return Response(f"Hello {name}!")
