from urllib.parse import parse_qs, urlparse

from workers import Response, WorkerEntrypoint

from helpers import text


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        query = parse_qs(url.query)
        if url.path == "/price":
            total = await self.env.PRICES.total(
                [{"item": "tea", "count": 2}, {"item": "milk", "count": 1}]
            )
            return Response.json(total)
        if url.path == "/set":
            await self.env.ADMIN.set_price(query["item"][0], int(query["cents"][0]))
            return Response(text("set"))
        if url.path == "/fail":
            try:
                await self.env.PRICES.total([{"item": "gold", "count": 1}])
            except Exception as error:
                return Response(f"{type(error).__name__}: {error}", status=500)
        if url.path == "/missing":
            try:
                await self.env.PRICES.nothing()
            except Exception as error:
                return Response(str(error), status=500)
        return await self.env.PRICES.fetch(
            f"https://prices{url.path}", method="POST", body="passed on"
        )
