import asyncio

from pyodide.ffi import create_once_callable
from workers import Response, WorkerEntrypoint, wait_until, waitUntil


class Default(WorkerEntrypoint):
    async def note(self, key, text):
        await asyncio.sleep(0)
        await self.env.LOG.put(key, text)

    async def fetch(self, request):
        path = request.url.split("/", 3)[3]
        match path:
            case "ctx":
                self.ctx.waitUntil(self.note(path, "by ctx"))
            case "module":
                wait_until(self.note(path, "by the module"))
            case "camel":
                waitUntil(asyncio.create_task(self.note(path, "by a task")))
            case "future":
                task = asyncio.ensure_future(self.note(path, "by a callback"))
                task.add_done_callback(create_once_callable(lambda _: None))
                self.ctx.waitUntil(task)
            case _:
                return Response(await self.env.LOG.get(path.removeprefix("seen/")) or "not yet")
        return Response("soon", status=202)
