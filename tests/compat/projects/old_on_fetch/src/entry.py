import json

from js import URL, Headers, Object, Response, console
from pyodide.ffi import to_js as _to_js


def to_js(value):
    return _to_js(value, dict_converter=Object.fromEntries)


async def on_fetch(request, env, ctx):
    url = URL.new(request.url)
    console.log(f"{request.method} {url.pathname}")
    if url.pathname == "/headers":
        headers = Headers.new({"content-type": "text/plain"}.items())
        headers.set("x-agent", request.headers.get("user-agent"))
        return Response.new("with headers", headers=headers)
    if url.pathname == "/json":
        data = await request.json()
        return Response.json(to_js({"name": data.name, "nested": {"list": [1, 2, None]}}))
    if url.pathname == "/query":
        params = dict(url.searchParams.entries())
        return Response.new(
            json.dumps(params),
            to_js({"headers": {"content-type": "application/json"}, "status": 203}),
        )
    if url.pathname == "/kv":
        await env.KV.put("visits", str(int(await env.KV.get("visits") or "0") + 1))
        listed = await env.KV.list()
        return Response.new(f"{await env.KV.get('visits')} {[key.name for key in listed.keys]}")
    if url.pathname == "/redirect":
        return Response.redirect(f"{url.origin}/query?a=1", 301)
    if url.pathname == "/text":
        return Response.new((await request.text()).upper(), status=201, statusText="Made")
    return Response.new(env.MESSAGE)
