"""hello with a KV namespace that every request reads and writes."""

from edgekit import App, Env, KVNamespace, Request, Response


class AppEnv(Env):
    VISITS: KVNamespace


app = App(AppEnv)


@app.get("/hello")
async def hello(request: Request, env: AppEnv) -> Response:
    visits = int(await env.VISITS.get("hello") or 0) + 1
    await env.VISITS.put("hello", str(visits))
    return Response("Hello, world!")
