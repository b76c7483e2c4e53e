import json
from urllib.parse import parse_qs, unquote, urlparse

from pyodide.ffi import JsException
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Notes: PUT /notes/<name>, GET, DELETE; GET /notes lists; both ways of giving options."""

    async def fetch(self, request):
        url = urlparse(request.url)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        name = unquote(url.path.removeprefix("/notes").lstrip("/"))
        notes = self.env.NOTES
        if url.path == "/bulk":
            found = await notes.get(["one", "two", "none"])
            return Response.json({"found": dict(found), "kind": type(found).__name__})
        if url.path == "/binary":
            await notes.put("binary", bytes(range(8)))
            raw = await notes.get("binary", "arrayBuffer")
            return Response.json([type(raw).__name__, list(raw.tobytes())])
        if url.path == "/structured":
            await notes.put("structured", json.dumps({"a": [1, {"b": None}]}))
            value = await notes.get("structured", type="json")
            return Response.json({"value": value, "nested": value["a"][1]["b"]})
        if url.path == "/faults":
            said = []
            for options in ({"expirationTtl": 59}, {"metadata": "m" * 1100}):
                try:
                    await notes.put("faulty", "x", options)
                except JsException as error:
                    said.append([error.name, error.message])
            try:
                await notes.get("")
            except JsException as error:
                said.append([error.name, error.message])
            return Response.json(said)
        if not name:
            listed = await notes.list(
                prefix=query.get("prefix", ""), limit=int(query.get("limit", 10))
            )
            names = [key["name"] for key in listed["keys"]]
            metadata = [key.get("metadata") for key in listed["keys"]]
            more = {"complete": listed["list_complete"], "cursor": listed.get("cursor") is not None}
            return Response.json({"names": names, "metadata": metadata, **more})
        if request.method == "PUT":
            text = await request.text()
            author = request.headers.get("x-author")
            if "kwargs" in query:
                await notes.put(name, text, metadata={"author": author}, expirationTtl=3600)
            else:
                await notes.put(name, text, {"metadata": {"author": author}})
            return Response(None, status=201, headers={"Location": f"/notes/{name}"})
        if request.method == "DELETE":
            await notes.delete(name)
            return Response(None, status=204)
        found = await notes.getWithMetadata(name)
        if found["value"] is None:
            return Response("no such note", status=404)
        return Response(found["value"], headers={"x-author": found.metadata["author"] or "-"})
