from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = request.url.split("/", 3)[3]
        if request.method == "POST" and path == "many":
            await self.env.JOBS.sendBatch([{"body": {"job": f"m{n}"}} for n in range(3)])
            return Response("sent", status=202)
        if request.method == "POST":
            await self.env.JOBS.send(await request.json())
            return Response("sent", status=202)
        return Response(await self.env.DONE.get(path) or "not yet")

    async def queue(self, batch, env, ctx):
        for message in batch.messages:
            job = message.body["job"]
            if message.body.get("fail") and message.attempts < 2:
                message.retry()
                continue
            await self.env.DONE.put(job, f"{batch.queue}: {job} at attempt {message.attempts}")
            message.ack()
