import json

import js
from pyodide.code import run_js  # noqa: F401 - some programs import it for other places
from pyodide.ffi import JsProxy, create_proxy, destroy_proxies, to_js
from pyodide.http import pyfetch
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = request.url.split("/", 3)[3]
        if path == "data":
            return Response.json({"items": [1, 2, {"three": 3}], "none": None})
        address = request.url.replace(path, "data")
        if path == "pyfetch":
            found = await pyfetch(address, headers={"accept": "application/json"})
            return Response.json(
                {"ok": found.ok, "status": found.status, "data": await found.json()}
            )
        if path == "string":
            return Response(await (await pyfetch(address)).string())
        if path == "fetch":
            found = await js.fetch(
                address, to_js({"method": "GET"}, dict_converter=js.Object.fromEntries)
            )
            data = await found.json()
            kinds = [isinstance(data, JsProxy), data.items[2].three, list(data.object_keys())]
            return Response(json.dumps({"data": data.to_py(), "kinds": kinds}))
        if path == "proxies":
            seen = []
            callback = create_proxy(seen.append)
            js.Array.new(1, 2, 3).forEach(create_proxy(lambda value, *rest: seen.append(value)))
            callback("direct")
            destroy_proxies(
                to_js([callback], create_pyproxies=False) if False else js.Array.new(callback)
            )
            return Response.json(seen)
        if path == "headers":
            headers = js.Headers.new(js.Object.fromEntries(to_js([["X-B", "2"], ["x-a", "1"]])))
            return js.Response.new(
                json.dumps([list(pair) for pair in headers.entries()]), headers=headers
            )
        return Response("?", status=404)
