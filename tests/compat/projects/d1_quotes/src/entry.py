import json

from pyodide.ffi import JsException
from workers import Response, WorkerEntrypoint

from quotes import Quotes


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        quotes = Quotes(self.env.DB)
        route = request.url.split("/", 3)[3]
        try:
            return await self.answer(route, quotes, request)
        except JsException as error:
            return Response.json({"name": error.name, "message": error.message}, status=500)

    async def answer(self, route, quotes, request):
        if route == "create":
            await quotes.create()
            return Response("created")
        if route == "add":
            return Response.json(await quotes.add(**await request.json()), status=201)
        if route.startswith("quotes/"):
            found = await quotes.one(int(route.partition("/")[2]))
            return Response.json(found) if found else Response("not found", status=404)
        if route.startswith("by/"):
            return Response(
                json.dumps(await quotes.by(route[3:])), headers={"content-type": "application/json"}
            )
        if route == "count":
            total = await self.env.DB.prepare("SELECT count(*) AS n FROM quotes").first("n")
            return Response(str(total))
        if route == "raw":
            rows = await self.env.DB.prepare("SELECT who, stars FROM quotes ORDER BY id").raw(
                {"columnNames": True}
            )
            return Response.json(rows)
        if route == "batch":
            insert = self.env.DB.prepare("INSERT INTO quotes (who, said) VALUES (?, ?)")
            done = await self.env.DB.batch(
                [
                    insert.bind("Grace", "It is easier to ask forgiveness."),
                    insert.bind("Alan", "We can only see a short distance ahead."),
                ]
            )
            return Response.json([each.meta.changes for each in done])
        if route == "blob":
            await (
                self.env.DB.prepare("UPDATE quotes SET picture = ? WHERE id = 1")
                .bind(b"\x00\x01\xff")
                .run()
            )
            row = await self.env.DB.prepare("SELECT picture FROM quotes WHERE id = 1").first()
            return Response.json({"picture": list(row["picture"])})
        if route == "syntax":
            await self.env.DB.prepare("SELEC 1").all()
        if route == "column":
            await self.env.DB.prepare("SELECT 1 AS one").first("two")
        return Response("?", status=404)
