from http import HTTPMethod

from workers import Response, handler


@handler
async def on_fetch(request, env):
    if request.method == HTTPMethod.POST:
        body = await request.json()
        await env.KV.put(body["key"], body["value"])
        return Response.json({"kept": body["key"]}, status=201)
    key = request.url.rsplit("/", 1)[1]
    value = await env.KV.get(key)
    if value is None:
        return Response("nothing", status=404, headers=[("x-key", key)])
    return Response(value)


@handler
async def on_scheduled(controller, env, ctx):
    await env.KV.put("cron", controller.cron)
