"""The program of the portable suite: it runs, unchanged, on an ASGI server and on real Workers.

`test_app.py` asks it over HTTP. The checks of bindings are functions in `checks_*.py`, run inside the
Worker by `/check/{name}`, because they call `env`.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import AsyncIterator
from inspect import signature
from typing import Any

import checks_assets
import checks_caches
import checks_d1
import checks_entrypoints
import checks_html_rewriter
import checks_kv
import checks_queues
import checks_r2
import checks_services
import checks_smaller
from checks_entrypoints import Admin

from edgekit import (
    URL,
    App,
    D1Database,
    Env,
    ExecutionContext,
    FormData,
    Headers,
    HTTPError,
    KVNamespace,
    MessageBatch,
    Next,
    Queue,
    R2Bucket,
    ReadableStream,
    Request,
    Response,
    ScheduledController,
    URLSearchParams,
    WebSocketPair,
    fetch,
)


class SuiteEnv(Env):
    KV: KVNamespace
    R2: R2Bucket
    DB: D1Database
    QUEUE: Queue
    GREETING: str = "Hello"
    SETTINGS: dict[str, Any] = {}


app = App(SuiteEnv)
CHECKS = {
    f"{module.__name__.removeprefix('checks_')}.{name}": check
    for module in (
        checks_assets,
        checks_caches,
        checks_d1,
        checks_entrypoints,
        checks_html_rewriter,
        checks_kv,
        checks_queues,
        checks_r2,
        checks_services,
        checks_smaller,
    )
    for name, check in vars(module).items()
    if name.startswith("test_")
}


@app.queue("jobs")
async def consume(batch: MessageBatch, env: SuiteEnv) -> None:
    for message in batch.messages:
        body = message.body
        assert message.body is body  # not converted anew
        if message.attempts < body.get("until", 1):
            message.retry()
            continue
        found = {**body, "attempts": message.attempts, "queue": batch.queue}
        found.pop("until", None)
        await env.KV.put(f"got/{body['name']}", json.dumps(found))
        message.ack()


@app.scheduled("*/5 * * * *")
async def fire(controller: ScheduledController, env: SuiteEnv) -> None:
    await env.KV.put("fired", json.dumps([controller.cron, controller.scheduled_time]))


@app.get("/fired")
async def fired(request: Request, env: SuiteEnv) -> Response:
    return Response(await env.KV.get("fired") or "not yet")


@app.get("/check/{name}")
async def check(request: Request, env: SuiteEnv, ctx: ExecutionContext) -> Response:
    found = CHECKS[request.params["name"]]
    try:
        await found(*(env, ctx)[: len(signature(found).parameters)])
    except BaseException:
        return Response(traceback.format_exc(), status=500)
    return Response("passed")


# Results and routes


@app.get("/text")
async def text(request: Request) -> str:
    return "Hello, Wörld!"


@app.get("/bytes")
async def some_bytes(request: Request) -> bytes:
    return b"\x00\xff"


@app.get("/json")
async def some_json(request: Request) -> dict[str, Any]:
    return {"a": None, "b": [1, 2.5, True], "c": "é"}


@app.get("/html")
async def html(request: Request) -> Response:
    return Response.html("<p>é</p>")


@app.get("/status/{code:int}")
async def status(request: Request) -> Response:
    return Response(None, status=request.params["code"])


@app.get("/redirect")
async def redirect(request: Request) -> Response:
    return Response.redirect("/text", 303)


@app.get("/nothing")
async def nothing(request: Request) -> Response:
    return Response(None)


@app.get("/cookies")
async def cookies(request: Request) -> Response:
    response = Response.json(request.cookies)
    response.set_cookie("a", "1", path="/", http_only=True)
    response.set_cookie("b", "2")
    return response


@app.get("/refused")
async def refused(request: Request) -> Response:
    raise HTTPError(418, {"error": "a teapot"}, {"x-kind": "pot"})


@app.route("/inspect/{rest:path}")
async def inspect(request: Request, env: SuiteEnv) -> Response:
    url = URL(request.url)
    return Response.json(
        {
            "method": request.method,
            "path": request.path,
            "rest": request.params["rest"],
            "pathname": url.pathname,
            "search": url.search,
            "query": request.query.get_all("q"),
            "x": request.headers.get("x-test"),
            "greeting": env.GREETING,
            "settings": env.SETTINGS,
        },
        headers={"x-seen": request.headers.get("x-test") or ""},
    )


@app.get("/vars")
async def variables(request: Request, env: SuiteEnv) -> Response:
    return Response.json([env.GREETING, env.SETTINGS, "KV" in env, sorted(env)])


# Bodies


@app.post("/echo")
async def echo(request: Request) -> Response:
    return Response(request.body, headers={"content-type": "application/octet-stream"})


@app.post("/echo/text")
async def echo_text(request: Request) -> str:
    return (await request.text())[::-1]


@app.post("/echo/json")
async def echo_json(request: Request) -> Response:
    return Response.json({"got": await request.json()})


@app.post("/echo/form")
async def echo_form(request: Request) -> Response:
    form: FormData = await request.form_data()
    found = []
    for name, value in form.items():
        if isinstance(value, str):
            found.append([name, value])
        else:
            found.append([name, value.name, value.type, value.size, await value.text()])
    return Response.json(found)


@app.post("/count")
async def count(request: Request) -> Response:
    total = chunks = 0
    assert request.body is not None
    async for chunk in request.body:
        total += len(chunk)
        chunks += 1
    return Response.json({"total": total, "some": chunks > 0, "used": request.body_used})


@app.post("/twice")
async def twice(request: Request) -> Response:
    copy = request.clone()
    first, second = await request.text(), await copy.text()
    try:
        await request.text()
        third = "read"
    except TypeError as error:
        third = type(error).__name__
    return Response.json([first, second, third])


@app.get("/stream")
async def stream(request: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        for n in range(1000):
            yield b"line %d\n" % n

    return Response(lines(), headers={"content-type": "text/plain"})


@app.get("/sized")
async def sized(request: Request) -> Response:
    return Response(ReadableStream([b"ab", b"cde"], length=5))


opened: list[str] = []


@app.get("/opened/{by}")
async def opening(request: Request) -> Response:
    before = list(opened)

    async def body() -> AsyncIterator[bytes]:
        opened.append(request.params["by"])
        yield json.dumps(before).encode()

    return Response(body())


@app.get("/tee")
async def tee(request: Request) -> Response:
    one, other = ReadableStream([b"ab", b"cd"]).tee()
    return Response.json([(await one.read_all()).decode(), (await other.read_all()).decode()])


@app.get("/events")
async def events(request: Request) -> Response:
    return Response.event_stream([{"event": "tick", "data": {"n": n}} for n in range(3)])


# The web's types


@app.get("/types")
async def types(request: Request) -> Response:
    headers = Headers({"B": "2", "a": "1"})
    headers.append("set-cookie", "x=1")
    headers.append("set-cookie", "y=2")
    headers.append("b", "3")
    params = URLSearchParams("a=1&b=%C3%A9&a=2")
    made = Request("https://example.com/a/../b?x#y", method="post", headers={"x": "1"}, body="hi")
    return Response.json(
        {
            "headers": list(headers.items()),
            "params": [params.get_all("a"), params["b"], str(params)],
            "url": URL("../c?d", "https://example.com/a/b").href,
            "request": [made.method, made.url, made.headers["x"], await made.text()],
            "form": await Response(FormData({"a": "1"})).text() != "",
        }
    )


# Going on after the response, middleware, mounts


@app.middleware
async def stamp(request: Request, env: SuiteEnv, next: Next) -> Response:
    response = await next(request)
    response.headers["x-stamp"] = request.method
    return response


@app.get("/later")
async def later(request: Request, env: SuiteEnv, ctx: ExecutionContext) -> Response:
    async def write() -> None:
        for _ in range(20):  # longer than the response takes
            await env.KV.get("later")
        await env.KV.put("later", "done")

    ctx.wait_until(write())
    return Response("soon")


@app.get("/was-done")
async def was_done(request: Request, env: SuiteEnv) -> Response:
    return Response(await env.KV.get("later") or "not yet")


inner = App(SuiteEnv)


@inner.get("/page/{name}")
async def page(request: Request, env: SuiteEnv) -> dict[str, str]:
    return {"inner": request.params["name"], "path": request.path}


app.mount("/inner", inner)


# Outwards


@app.post("/proxy")
async def proxy(request: Request) -> Response:
    target = request.query["to"]
    response = await fetch(target, method="POST", headers={"x-test": "1"}, body=request.body)
    response.headers["x-proxied"] = str(response.status)
    return response


@app.get("/outside")
async def outside(request: Request) -> Response:
    response = await fetch(request.query["to"])
    return Response.json([response.status, response.ok, await response.text()])


@app.get("/socket")
async def socket(request: Request, env: SuiteEnv, ctx: ExecutionContext) -> Response:
    client, server = WebSocketPair()
    server.accept()

    async def repeat() -> None:
        async for message in server:
            server.send(message)

    ctx.wait_until(repeat())
    return Response(None, status=101, web_socket=client)


@app.get("/socket/through")
async def through(request: Request) -> Response:
    """Join what another server's web socket says to this one's."""
    response = await fetch(request.query["to"], headers={"upgrade": "websocket"})
    return Response(None, status=101, web_socket=response.web_socket)


@app.get("/socket/ask")
async def ask(request: Request) -> Response:
    response = await fetch(request.query["to"], headers={"upgrade": "websocket"})
    socket = response.web_socket
    assert socket is not None
    socket.accept()
    found = []
    for message in ("text", b"\x00\xff"):
        socket.send(message)
        answer = await anext(socket)
        found.append(answer if isinstance(answer, str) else list(answer))
    socket.close(1000, "enough")
    return Response.json(found)


@app.fallback
async def fallback(request: Request) -> Response:
    return Response(json.dumps({"no": request.path}), status=404)


Default = app.entrypoint()
__all__ = ["Admin", "Default"]
