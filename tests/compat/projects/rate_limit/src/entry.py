from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        key = request.headers.get("x-user") or "anonymous"
        outcome = await self.env.LIMITER.limit({"key": key})
        if not outcome["success"]:
            return Response("slow down", status=429, headers={"retry-after": "60"})
        return Response(f"welcome, {key}")
