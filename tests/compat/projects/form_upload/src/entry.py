from workers import File, FormData, Request, Response, WorkerEntrypoint

FORM = """<form method="post" action="/upload" enctype="multipart/form-data"><input name="title"><input type="file" name="file"></form>"""


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        route = request.url.split("/", 3)[3]
        if request.method == "GET" and not route:
            return Response(FORM, headers={"content-type": "text/html; charset=utf-8"})
        if request.method == "GET":
            found = await self.env.UPLOADS.get(route)
            return Response(found.body) if found else Response("nothing", status=404)
        if "form" not in request.headers["content-type"]:
            return Response("a form, please", status=415)
        form = await request.form_data()
        if route == "fields":
            return Response.json(
                {"all": list(form.items()), "tags": form.get_all("tag"), "has": "name" in form}
            )
        if route == "build":
            made = FormData({"who": form["name"]})
            made.append(
                "file", File(["line 1\n", "line 2"], "notes.txt", content_type="text/plain")
            )
            again = await Request("https://example.com/", method="POST", body=made).form_data()
            file = again["file"]
            return Response.json(
                [again["who"], file.name, file.size, file.content_type, await file.text()]
            )
        file = form["file"]
        await self.env.UPLOADS.put(file.name, await file.bytes())
        return Response.json(
            {
                "title": form["title"],
                "name": file.name,
                "type": file.content_type,
                "size": file.size,
            }
        )
