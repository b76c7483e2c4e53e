from datetime import datetime, timezone

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def scheduled(self, controller, env, ctx):
        when = datetime.fromtimestamp(controller.scheduledTime / 1000, tz=timezone.utc)
        await self.env.TICKS.put(controller.cron, when.isoformat())

    async def fetch(self, request):
        listed = await self.env.TICKS.list()
        ticks = {key["name"]: await self.env.TICKS.get(key["name"]) for key in listed["keys"]}
        return Response.json(ticks)
