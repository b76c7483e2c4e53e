import json

from pyodide.ffi import JsException
from workers import Response, WorkerEntrypoint, fetch


class NotAllowed(Exception):
    pass


async def boom():
    raise RuntimeError("never seen by the client")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            return await self.route(request)
        except NotAllowed as error:
            return Response.json({"error": str(error)}, status=403)

    async def route(self, request):
        path = request.url.split("/", 3)[3]
        if path == "not-allowed":
            raise NotAllowed("not for you")
        if path == "uncaught":
            raise RuntimeError("s3cret")
        if path == "json":
            try:
                return Response.json(await request.json())
            except json.JSONDecodeError as error:
                return Response(f"line {error.lineno} column {error.colno}", status=400)
        if path == "twice":
            await request.text()
            try:
                await request.text()
            except OSError as error:
                return Response(f"a second time: {isinstance(error, OSError)}", status=400)
        if path == "body":
            try:
                return Response({"a": "dict"})
            except TypeError as error:
                return Response(str(error), status=500)
        if path == "unreachable":
            try:
                await fetch("http://127.0.0.1:9/")
            except OSError:
                return Response("upstream is away", status=502)
        if path == "status":
            found = await fetch(request.url.replace("/status", "/nothing-here"))
            try:
                found.raise_for_status()
            except OSError as error:
                return Response(f"upstream said {found.status}: {'404' in str(error)}", status=502)
        if path == "exception":
            try:
                await self.env.KV.put("..", "x")
            except JsException as error:
                return Response.json([error.name, error.message, str(error)], status=500)
        if path == "cloned":
            found = Response("once", status=203, headers={"x-a": "1"})
            copy = found.clone()
            return Response.json(
                [await found.text(), await copy.text(), copy.status, copy.headers["x-a"]]
            )
        if path == "later":
            self.ctx.waitUntil(boom())
            return Response("answered all the same")
        return Response("nothing here", status=404)
