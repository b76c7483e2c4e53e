import re
from http import HTTPMethod, HTTPStatus

from workers import Response, WorkerEntrypoint

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "content-type",
}


def answer(data, status=HTTPStatus.OK):
    return Response.json(data, status=status, headers=CORS)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method == HTTPMethod.OPTIONS:
            return Response(None, status=HTTPStatus.NO_CONTENT, headers=CORS)
        path = "/" + request.url.split("/", 3)[3]
        if path == "/tasks" and request.method == HTTPMethod.GET:
            rows = await self.env.DB.prepare("SELECT * FROM tasks ORDER BY id").all()
            return answer([{**row, "done": bool(row["done"])} for row in rows["results"]])
        if path == "/tasks" and request.method == HTTPMethod.POST:
            data = await request.json()
            if not isinstance(data.get("title"), str):
                return answer({"error": "title is missing"}, HTTPStatus.UNPROCESSABLE_ENTITY)
            row = (
                await self.env.DB.prepare("INSERT INTO tasks (title) VALUES (?) RETURNING *")
                .bind(data["title"])
                .first()
            )
            return answer(row, HTTPStatus.CREATED)
        if found := re.fullmatch(r"/tasks/(\d+)", path):
            return await self.task(request, int(found[1]))
        return answer({"error": f"no {path}"}, HTTPStatus.NOT_FOUND)

    async def task(self, request, number):
        match request.method:
            case HTTPMethod.PATCH:
                done = (await request.json())["done"]
                sql = "UPDATE tasks SET done = ? WHERE id = ? RETURNING *"
                row = await self.env.DB.prepare(sql).bind(done, number).first()
            case HTTPMethod.DELETE:
                await self.env.DB.prepare("DELETE FROM tasks WHERE id = ?").bind(number).run()
                return Response(None, status=204, headers=CORS)
            case HTTPMethod.GET:
                row = (
                    await self.env.DB.prepare("SELECT * FROM tasks WHERE id = ?")
                    .bind(number)
                    .first()
                )
            case _:
                return answer({"error": "no such method"}, HTTPStatus.METHOD_NOT_ALLOWED)
        return answer(row) if row else answer({"error": "no such task"}, HTTPStatus.NOT_FOUND)
