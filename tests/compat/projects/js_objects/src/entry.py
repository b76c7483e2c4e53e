import js
from js import Array, Date, JSON, Map, Object, Response, Set, Uint8Array, URL, URLSearchParams
from pyodide.ffi import JsException, JsProxy, create_proxy, to_js
from workers import WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        route = getattr(self, URL.new(request.url).pathname[1:], None)
        if route is None:
            return Response.new("?", status=404)
        return Response.json(to_js(await route(request), dict_converter=Object.fromEntries))

    async def objects(self, request):
        made = Object.fromEntries(to_js([["a", 1], ["b", [1, 2]]]))
        made.c = "three"
        return {
            "keys": list(made.object_keys()),
            "values": [str(value) for value in made.object_values()],
            "py": made.to_py(),
            "b": made.b[1],
            "json": JSON.stringify(made),
            "name": made.constructor.name,
            "proxy": isinstance(made, JsProxy),
            "missing": hasattr(made, "nothing"),
        }

    async def collections(self, request):
        pairs = Map.new(to_js([["x", 1], ["y", 2]]))
        pairs.set("z", 3)
        unique = Set.new(to_js([1, 1, 2]))
        listed = Array.new(3, 1, 2)
        listed.push(9)
        return {
            "map": [pairs.get("x"), pairs.size, pairs.has("q")],
            "set": unique.size,
            "array": list(listed),
            "length": listed.length,
            "joined": listed.join("-"),
            "py": to_js({"k": [1, {"n": None}]}, dict_converter=Object.fromEntries).to_py(),
        }

    async def arrays(self, request):
        numbers = Uint8Array.new([1, 2, 3, 250])
        numbers[0] = 255
        part = numbers.subarray(1, 3)
        part[0] = 77
        words = js.Uint16Array.new(numbers.buffer)
        return {
            "bytes": list(numbers.to_bytes()),
            "length": [numbers.length, numbers.byteLength, words.length, words.BYTES_PER_ELEMENT],
            "py": bytes(numbers.to_py()).hex(),
            "of": list(Uint8Array.of(5, 6)),
            "slice": list(numbers.slice(2).to_bytes()),
            "kind": numbers.constructor.name,
        }

    async def urls(self, request):
        url = URL.new("/a b?x=1&x=2#top", "https://user:pw@example.com:8443")
        params = URLSearchParams.new("a=1&b=2")
        params.append("a", "3")
        return {
            "href": url.href,
            "host": [url.host, url.port, url.protocol, url.hash],
            "x": url.searchParams.get("x"),
            "all": list(params.getAll("a")),
            "text": params.toString(),
        }

    async def dates(self, request):
        date = Date.new(Date.UTC(2026, 0, 31, 12, 30))
        return {
            "iso": date.toISOString(),
            "time": date.getTime(),
            "month": date.getUTCMonth(),
            "later": Date.now() > date.getTime(),
        }

    async def crypto(self, request):
        data = js.TextEncoder.new().encode("abc")
        digest = await js.crypto.subtle.digest("SHA-256", data)
        return {
            "sha256": bytes(Uint8Array.new(digest).to_py()).hex(),
            "uuid": len(js.crypto.randomUUID()),
            "random": Uint8Array.new(4).length,
            "btoa": js.btoa("hello"),
            "atob": js.atob("aGVsbG8="),
        }

    async def errors(self, request):
        said = []
        for make in (lambda: URL.new("nonsense"), lambda: JSON.parse("{"), lambda: Array.new(-1)):
            try:
                make()
            except JsException as error:
                said.append(error.name)
        return {"said": said, "text": str(js.Error.new("boom").message)}

    async def timers(self, request):
        import asyncio

        waiting = asyncio.get_running_loop().create_future()
        js.setTimeout(create_proxy(lambda: waiting.set_result("fired")), 1)
        return {"timeout": await waiting}
