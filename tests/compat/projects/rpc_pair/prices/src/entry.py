from workers import Response, WorkerEntrypoint

from helpers import text


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(
            f"{text(request.method)} {await request.text()}", headers={"x-worker": "prices"}
        )

    async def total(self, lines):
        cents = 0
        for line in lines:
            price = await self.env.PRICES.get(line["item"])
            if price is None:
                raise ValueError(f"no price for {line['item']}")
            cents += int(price) * line["count"]
        return {"cents": cents, "lines": len(lines)}


class Admin(WorkerEntrypoint):
    async def set_price(self, item, cents):
        await self.env.PRICES.put(item, str(cents))
