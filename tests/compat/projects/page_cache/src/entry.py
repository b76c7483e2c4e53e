from js import Request as JsRequest, Response as JsResponse, caches
from workers import Response, WorkerEntrypoint

made = 0


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        global made
        path = request.url.split("/", 3)[3]
        cache = caches.default if not path.startswith("named") else await caches.open("named")
        key = JsRequest.new(request.url, method="GET")
        if request.method == "PURGE" or path == "purge":
            return Response(str(await cache.delete(request.url.replace("purge", "page"))))
        found = await cache.match(key)
        if found:
            return found
        made += 1
        fresh = JsResponse.new(
            f"page {made}", headers={"cache-control": "max-age=60", "x-made": str(made)}.items()
        )
        await cache.put(key, fresh.clone())
        return fresh
