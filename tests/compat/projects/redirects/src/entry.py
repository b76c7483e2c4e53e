from urllib.parse import urlparse

from workers import Response, WorkerEntrypoint, fetch

MOVED = {
    "/old": ("/new", 301),
    "/temp": ("/new", 302),
    "/post": ("/new", 303),
    "/keep": ("/new", 307),
    "/forever": ("/new", 308),
}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        base = f"{url.scheme}://{url.netloc}"
        if url.path in MOVED:
            target, status = MOVED[url.path]
            return Response.redirect(base + target, status)
        if url.path == "/default":
            return Response.redirect("https://example.com/a b?q=é")
        if url.path == "/new":
            return Response(f"{request.method} arrived")
        if url.path == "/follow":
            found = await fetch(f"{base}/old")
            return Response.json(
                [found.status, found.redirected, await found.text(), urlparse(found.url).path]
            )
        if url.path == "/manual":
            found = await fetch(f"{base}/keep", redirect="manual")
            return Response.json([found.status, urlparse(found.headers["location"]).path])
        if url.path == "/relay":
            return await fetch(f"{base}/forever", method="POST", body="x", redirect="manual")
        if url.path == "/bad-status":
            try:
                return Response.redirect(base, 200)
            except ValueError as error:
                return Response(type(error).__name__, status=500)
        if url.path == "/bad-url":
            try:
                return Response.redirect("not a url")
            except TypeError as error:
                return Response(type(error).__name__, status=500)
        return Response("?", status=404)
