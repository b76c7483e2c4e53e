from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if not hasattr(self.env, "KV"):
            return Response(f"{self.env.STAGE}, no KV", status=500)
        await self.env.KV.put("stage", self.env.STAGE)
        return Response(f"{await self.env.KV.get('stage')} {self.env.TOKEN}")
