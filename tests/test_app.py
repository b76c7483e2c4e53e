"""App: decorators, arities, middlewares, errors, mounts. Served in process, by the real host."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from edgekit.app import App
from edgekit.env import Env
from edgekit.errors import ConfigError, HTTPError, WebTypeError
from edgekit.testing import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream
from edgekit.worker import worker


class AppEnv(Env):
    NAME: str = "Ann"


# Arity ----------------------------------------------------------------------------------------------


class Handlers:
    async def one(self, request):
        return "1"

    async def two(self, request, env):
        return f"2 {env.NAME}"

    async def three(self, request, env, ctx):
        return f"3 {len(ctx.request_id)}"

    async def __call__(self, request, env):
        return f"call {env.NAME}"

    @classmethod
    async def of_class(cls, request, env):
        return f"2 {env.NAME}"

    @staticmethod
    async def static(request):
        return "1"


async def one(request):
    return "1"


async def two(request, env):
    return f"2 {env.NAME}"


async def three(request, env, ctx):
    return f"3 {len(ctx.request_id)}"


async def everything(*args):
    return str(len(args))


async def some(request, *args):
    return str(1 + len(args))


async def with_default(request, env, limit=5, *, more=6, **others):
    return f"2 {env.NAME}"


async def with_first(first, request, env):
    return f"2 {env.NAME}"


def wrapped(handler):
    @functools.wraps(handler)
    async def wrapper(*args, **kwargs):
        return await handler(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (one, "1"),
        (two, "2 Ann"),
        (three, "3 16"),
        (everything, "3"),
        (some, "3"),
        (with_default, "2 Ann"),
        (Handlers().one, "1"),
        (Handlers().two, "2 Ann"),
        (Handlers().three, "3 16"),
        (Handlers(), "call Ann"),
        (Handlers.of_class, "2 Ann"),
        (Handlers.static, "1"),
        (functools.partial(with_first, "x"), "2 Ann"),
        (functools.partial(functools.partial(with_first, "x")), "2 Ann"),
        (functools.partial(Handlers.two, Handlers()), "2 Ann"),
        (functools.partial(Handlers()), "call Ann"),
        (functools.partial(with_default, limit=1), "2 Ann"),
        (wrapped(two), "2 Ann"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_handler_takes_one_two_or_three_arguments(handler: Any, answer: str) -> None:
    app = App(AppEnv)
    app.get("/")(handler)
    app.fallback(handler)
    for path in ("http://h/", "http://h/else"):
        assert await (await app.fetch(path, {})).text() == answer


async def none():
    return ""


async def four(a, b, c, d):
    return ""


async def keyword(request, *, needed):
    return ""


def sync(request):
    return ""


def sync_generator(request):
    yield b""


async def async_generator(request):
    yield b""


class SyncCallable:
    def __call__(self, request):
        return ""


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (none, "takes 0 arguments"),
        (four, "takes 4 arguments"),
        (keyword, "'needed'"),
        (sync, "is not async"),
        (lambda request: "", "is not async"),
        (sync_generator, "is not async"),
        (async_generator, "is not async"),
        (SyncCallable(), "is not async"),
        (functools.partial(sync), "is not async"),
        (Handlers, "is not an async function"),
        ("handler", "is not an async function"),
        (None, "is not an async function"),
    ],
)
def test_other_handlers_are_refused_where_they_are_declared(handler: Any, message: str) -> None:
    app = App()
    for declare in (app.get("/a"), app.fallback):
        with pytest.raises(ConfigError, match=message):
            declare(handler)


@pytest.mark.parametrize("handler", [sync, lambda request, env, next: ""])
def test_a_sync_middleware_or_hook_is_refused(handler: Any) -> None:
    app = App()
    for declare in (app.middleware, app.on_error, app.on_start, app.on_stop):
        with pytest.raises(ConfigError, match="is not async"):
            declare(handler)


@pytest.mark.parametrize("handler", [one, two])
def test_a_middleware_takes_three_or_four(handler: Any) -> None:
    with pytest.raises(ConfigError, match="not 3 to 4"):
        App().middleware(handler)
    with pytest.raises(ConfigError, match="not 3 to 4"):
        App().on_error(handler)


def test_on_start_takes_none_or_one() -> None:
    for declare in (App().on_start, App().on_stop):
        with pytest.raises(ConfigError, match="not 0 to 1"):
            declare(two)
        declare(one)
        declare(none)


@pytest.mark.parametrize("env_class", [dict, AppEnv(), "AppEnv", None])
def test_env_is_a_class(env_class: Any) -> None:
    with pytest.raises(ConfigError, match="not a subclass of Env"):
        App(env_class)


# What a handler returns -----------------------------------------------------------------------------


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize(
    ("value", "body", "content_type"),
    [
        ("é", "é".encode(), "text/plain;charset=UTF-8"),
        (b"a", b"a", "application/octet-stream"),
        ({"a": "é"}, '{"a":"é"}'.encode(), "application/json"),
        ([1], b"[1]", "application/json"),
        (Response("a", headers={"content-type": "x/y"}), b"a", "x/y"),
    ],
)
async def test_results_become_responses(
    middleware: bool, value: Any, body: bytes, content_type: str
) -> None:
    app = App()

    @app.get("/")
    async def handler(request):
        return value.clone() if isinstance(value, Response) else value

    if middleware:

        @app.middleware
        async def outer(request, env, next):
            response = await next(request)
            assert isinstance(response, Response)
            return response

    async with TestClient(app) as client:
        response = await client.get("/")
        assert await response.bytes() == body
        assert dict(response.headers) == {
            "content-type": content_type,
            "content-length": str(len(body)),
        }
        head = await client.head("/")
        assert dict(head.headers) == dict(response.headers)
        assert await head.bytes() == b""


async def test_none_is_an_error_that_names_the_handler() -> None:
    app = App()

    @app.get("/")
    async def forgetful(request): ...

    async with TestClient(app) as client:
        with pytest.raises(TypeError, match=r"test_app\..*forgetful\(\) returned None"):
            await client.get("/")


async def test_none_from_a_middleware_names_the_middleware() -> None:
    app = App()
    app.get("/")(one)

    @app.middleware
    async def forgetful(request, env, next):
        await next(request)

    with pytest.raises(TypeError, match=r"forgetful\(\) returned None"):
        await app.fetch("http://h/")


async def test_none_from_a_fallback_and_a_mounted_app_names_them() -> None:
    inner, app = App(), App()

    @inner.get("/")
    async def inside(request): ...

    @app.fallback
    async def other(request): ...

    app.mount("/in", inner)
    with pytest.raises(TypeError, match=r"inside\(\) returned None"):
        await app.fetch("http://h/in/")
    with pytest.raises(TypeError, match=r"other\(\) returned None"):
        await app.fetch("http://h/x")


# Middlewares ----------------------------------------------------------------------------------------


async def test_middlewares_run_in_order_of_registration_the_first_outermost() -> None:
    app, calls = App(), []
    for name in "ab":

        @app.middleware
        async def middleware(request, env, next, name=name):
            calls.append(name)
            response = await next(request)
            calls.append(name.upper())
            return response

    @app.get("/")
    async def handler(request):
        calls.append("h")
        return ""

    await app.fetch("http://h/")
    assert "".join(calls) == "abhBA"


async def test_a_middleware_sees_env_and_ctx() -> None:
    app = App(AppEnv)
    app.fallback(one)
    seen: list[Any] = []

    @app.middleware
    async def four(request, env, ctx, next):
        seen.extend([env.NAME, ctx.request_id])
        return await next(request)

    async with TestClient(app) as client:
        await client.get("/")
    assert seen[0] == "Ann"
    assert len(seen[1]) == 16


async def test_middlewares_see_routes_fallback_mounts_404_and_405() -> None:
    app, inner, seen = App(), App(), []
    app.get("/a")(one)
    inner.get("/b")(one)
    app.mount("/in", inner)

    @app.middleware
    async def middleware(request, env, next):
        response = await next(request)
        seen.append((request.path, response.status))
        return response

    async with TestClient(app) as client:
        for path in ("/a", "/in/b", "/in/c", "/x"):
            await client.get(path)
        await client.post("/a")
        await client.options("/a")
    assert seen == [
        ("/a", 200),
        ("/in/b", 200),
        ("/in/c", 404),
        ("/x", 404),
        ("/a", 405),
        ("/a", 204),
    ]


async def test_a_middleware_may_answer_itself() -> None:
    app = App()

    @app.get("/")
    async def never(request):
        raise AssertionError

    @app.middleware
    async def guard(request, env, next):
        return {"denied": True}

    assert await (await app.fetch("http://h/")).json() == {"denied": True}


async def test_a_middleware_may_call_next_twice_or_with_another_request() -> None:
    app = App()

    @app.get("/{name}")
    async def handler(request):
        return f"{request.params['name']}:{request.headers.get('x')}"

    @app.middleware
    async def twice(request, env, next):
        first = await next(request)
        second = await next(Request("http://h/two", headers={"x": "2"}))
        return await first.text() + " " + await second.text()

    assert await (await app.fetch("http://h/one")).text() == "one:None two:2"


async def test_a_middleware_may_change_headers_of_the_request() -> None:
    app = App()

    @app.get("/{name}")
    async def handler(request):
        return [request.headers["x"], request.params["name"], request.path, request.client]

    @app.middleware
    async def change(request, env, next):
        return await next(Request(request, headers={**request.headers, "x": "1"}))

    async with TestClient(app) as client:
        assert (await (await client.get("/a%2Fb")).json())[:3] == ["1", "a/b", "/a/b"]


async def test_a_middleware_may_read_a_clone_of_the_body() -> None:
    app = App()

    @app.post("/")
    async def handler(request):
        return await request.text()

    @app.middleware
    async def log(request, env, next):
        assert await request.clone().text() == "body"
        return await next(request)

    async with TestClient(app) as client:
        assert await (await client.post("/", body="body")).text() == "body"
        assert await (await client.post("/", body=ReadableStream([b"bo", b"dy"]))).text() == "body"


async def test_a_middleware_may_replace_a_streaming_response_without_buffering() -> None:
    app = App()
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"one"
        await gate.wait()
        yield b"two"

    @app.get("/")
    async def handler(request):
        return Response(slow(), headers={"x": "1"})

    @app.middleware
    async def upper(request, env, next):
        response = await next(request)

        async def changed() -> AsyncIterator[bytes]:
            async for chunk in response.body:
                yield chunk.upper()

        return Response(changed(), response)

    async with TestClient(app) as client:
        response = await client.get("/")
        assert response.headers["x"] == "1"
        reader = response.body.get_reader()
        assert (await reader.read()).value == b"ONE"
        gate.set()
        assert (await reader.read()).value == b"TWO"
        assert (await reader.read()).done


async def test_a_middleware_may_catch_errors() -> None:
    app = App()

    @app.get("/http")
    async def http(request):
        raise HTTPError(418)

    @app.get("/other")
    async def other(request):
        raise KeyError("x")

    @app.middleware
    async def catch(request, env, next):
        try:
            return await next(request)
        except HTTPError as error:
            return f"http {error.status}"
        except KeyError:
            return "other"

    assert await (await app.fetch("http://h/http")).text() == "http 418"
    assert await (await app.fetch("http://h/other")).text() == "other"


# HTTPError ------------------------------------------------------------------------------------------


def raising(error: Exception) -> App:
    app = App()

    async def deep():
        raise error

    @app.get("/route")
    async def route(request):
        await deep()

    @app.get("/stopped/{x}")
    async def stopped(request):
        return ""

    @app.middleware
    async def middleware(request, env, next):
        if request.path.startswith("/stopped"):
            await deep()
        return await next(request)

    @app.fallback
    async def fallback(request):
        await deep()

    return app


@pytest.mark.parametrize("path", ["/route", "/stopped/x", "/else"])
@pytest.mark.parametrize(
    ("error", "status", "body", "content_type"),
    [
        (HTTPError(404), 404, b"Not Found", "text/plain;charset=UTF-8"),
        (HTTPError(599), 599, b"599", "text/plain;charset=UTF-8"),
        (HTTPError(400, "why é"), 400, "why é".encode(), "text/plain;charset=UTF-8"),
        (
            HTTPError(422, {"error": "x", "path": "$.a"}),
            422,
            b'{"error":"x","path":"$.a"}',
            "application/json",
        ),
    ],
)
async def test_an_http_error_from_any_depth_becomes_that_response(
    path, error, status, body, content_type
) -> None:
    async with TestClient(raising(error)) as client:
        response = await client.get(path)
        assert (response.status, response.headers["content-type"]) == (status, content_type)
        assert await response.bytes() == body


async def test_an_http_error_brings_headers() -> None:
    error = HTTPError(429, "slow down", {"Retry-After": "5", "Content-Type": "text/x"})
    response = await raising(error).fetch("http://h/route")
    assert dict(response.headers) == {"retry-after": "5", "content-type": "text/x"}


async def test_an_http_error_with_an_impossible_status_is_an_internal_error() -> None:
    async with TestClient(raising(HTTPError(99)), raise_errors=False) as client:
        assert (await client.get("/route")).status == 500


async def test_typed_json_answers_400_and_422_with_the_path() -> None:
    app = App()

    @app.post("/")
    async def handler(request):
        return await request.json(dict[str, int])

    async with TestClient(app) as client:
        assert await (await client.post("/", body='{"a":1}')).json() == {"a": 1}
        response = await client.post("/", body='{"a":')
        assert response.status == 400
        assert (await response.json())["path"] == "$"
        response = await client.post("/", body='{"a":"x"}')
        assert response.status == 422
        answer = await response.json()
        assert answer["path"] == "$[...]"
        assert "int" in answer["error"]


# on_error -------------------------------------------------------------------------------------------


async def test_on_error_answers_for_what_nobody_caught() -> None:
    app = App(AppEnv)

    @app.get("/")
    async def handler(request):
        raise KeyError("x")

    @app.on_error
    async def on_error(request, env, error):
        return {"name": env.NAME, "path": request.path, "error": repr(error)}

    async with TestClient(app) as client:
        assert await (await client.get("/")).json() == {
            "name": "Ann",
            "path": "/",
            "error": "KeyError('x')",
        }


async def test_on_error_with_ctx_covers_middlewares_mounts_and_bad_results(caplog) -> None:
    app, inner = App(), App()

    @inner.get("/")
    async def inside(request):
        raise ZeroDivisionError

    @app.get("/none")
    async def nothing(request): ...

    @app.middleware
    async def middleware(request, env, next):
        if request.path == "/mw":
            raise KeyError
        return await next(request)

    @app.on_error
    async def on_error(request, env, ctx, error):
        return Response(f"{type(error).__name__}", status=503, headers={"id": ctx.request_id})

    app.mount("/in", inner)
    async with TestClient(app) as client:
        for path, name in [
            ("/in/", "ZeroDivisionError"),
            ("/none", "TypeError"),
            ("/mw", "KeyError"),
        ]:
            response = await client.get(path)
            assert (response.status, await response.text()) == (503, name)
            assert response.headers["id"] in caplog.text


async def test_on_error_does_not_get_http_errors() -> None:
    app = raising(HTTPError(404))

    @app.on_error
    async def on_error(request, env, error):
        raise AssertionError

    assert (await app.fetch("http://h/route")).status == 404


async def test_on_error_may_decline_or_raise() -> None:
    app = raising(KeyError("x"))

    @app.on_error
    async def on_error(request, env, error):
        if request.path == "/else":
            raise HTTPError(503)

    async with TestClient(app) as client:
        with pytest.raises(KeyError, match="x"):
            await client.get("/route")
        assert (await client.get("/else")).status == 503


def test_there_is_one_fallback_and_one_on_error() -> None:
    app = App()
    app.fallback(one)
    app.on_error(four)
    with pytest.raises(ConfigError, match="there is one already"):
        app.fallback(two)
    with pytest.raises(ConfigError, match="there is one already"):
        app.on_error(four)


# Start and stop -------------------------------------------------------------------------------------


async def test_on_start_and_on_stop_run_once_around_everything() -> None:
    app, inner, calls = App(AppEnv), App(), []

    @app.on_start
    async def start(env):
        calls.append(f"start {env.NAME}")

    @app.on_start
    async def start_too():
        calls.append("start 2")

    @inner.on_start
    async def start_inner(env):
        calls.append("start inner")

    @inner.on_stop
    async def stop_inner():
        calls.append("stop inner")

    @app.on_stop
    async def stop(env):
        calls.append(f"stop {env.NAME}")

    @app.on_stop
    async def stop_too():
        calls.append("stop 2")

    @app.get("/")
    async def handler(request):
        calls.append("request")
        return ""

    app.mount("/in", inner)
    async with TestClient(app) as client:
        await client.get("/")
        await client.get("/")
    assert calls == [
        *("start Ann", "start 2", "start inner", "request", "request"),
        *("stop inner", "stop 2", "stop Ann"),
    ]


async def test_an_app_mounted_twice_starts_once() -> None:
    app, inner, calls = App(), App(), []

    @inner.on_start
    async def start(env):
        calls.append("start")

    app.mount("/a", inner)
    app.mount("/b", inner)
    async with TestClient(app):
        pass
    assert calls == ["start"]


async def test_an_error_in_on_start_ends_the_start() -> None:
    app = App()

    @app.on_start
    async def start(env):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await TestClient(app).__aenter__()


async def test_nothing_can_be_declared_after_the_start() -> None:
    app = App()
    await app.fetch("http://h/")
    declarations = [
        lambda: app.get("/")(one),
        lambda: app.fallback(one),
        lambda: app.middleware(four),
        lambda: app.on_error(four),
        lambda: app.on_start(none),
        lambda: app.on_stop(none),
        lambda: app.mount("/a", App()),
    ]
    for declare in declarations:
        with pytest.raises(ConfigError, match="the app has started"):
            declare()


# fetch ----------------------------------------------------------------------------------------------


async def test_fetch_runs_an_app_directly() -> None:
    app = App(AppEnv)
    app.get("/")(two)
    for request in ("http://h/", Request("http://h/")):
        assert await (await app.fetch(request, {"NAME": "Bob"})).text() == "2 Bob"
    assert (await app.fetch("http://h/x")).status == 404


async def test_fetch_raises_errors_but_http_errors() -> None:
    with pytest.raises(KeyError):
        await raising(KeyError()).fetch("http://h/route")
    assert (await raising(HTTPError(410)).fetch("http://h/route")).status == 410


async def test_fetch_checks_env() -> None:
    class Needs(Env):
        SECRET: str

    with pytest.raises(ConfigError, match="SECRET"):
        await App(Needs).fetch("http://h/", {})


# Mounting apps --------------------------------------------------------------------------------------


def inner_app() -> App:
    app = App()

    @app.get("/")
    async def root(request):
        return f"root {request.path}"

    @app.get("/a/{x}")
    async def route(request):
        return f"a {request.params['x']} {request.path}"

    @app.get("/same")
    async def same(request):
        return "inner same"

    return app


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/in", "root /in"),
        ("/in/", "root /in/"),
        ("/in/a/1", "a 1 /in/a/1"),
        ("/in/a/x%2Fy", "a x/y /in/a/x/y"),
        ("/x/../in/a/1", "a 1 /in/a/1"),
        ("/in/same", "outer same"),
        ("/inside", "404"),
        ("/in%2Fa/1", "404"),
        ("/in%2F", "404"),
        ("/in/x", "404"),
        ("/IN/", "404"),
        ("/deep/er/", "root /deep/er/"),
        ("/deep/er/a/1", "a 1 /deep/er/a/1"),
        ("/deep/other", "outer deep"),
        ("/deep%2Fer/", "404"),
    ],
)
async def test_a_mounted_app_has_what_is_below_its_prefix_and_no_route_takes(
    path: str, answer: str
) -> None:
    app, other = App(), App()

    @app.get("/in/same")
    async def same(request):
        return "outer same"

    @other.fallback
    async def deep(request):
        return "outer deep"

    app.mount("/in", inner_app())
    app.mount("/deep/er", inner_app())
    app.mount("/deep/", other)
    async with TestClient(app) as client:
        response = await client.get(path)
        assert (await response.text() if response.status == 200 else str(response.status)) == answer
    again = await app.fetch("http://h" + path)
    assert (again.status, await again.text()) == (
        response.status,
        answer if again.ok else "Not Found",
    )


async def test_apps_in_apps() -> None:
    outer, middle = App(), App()
    middle.mount("/b", inner_app())
    outer.mount("/a", middle)
    async with TestClient(outer) as client:
        assert await (await client.get("/a/b/a/%C3%A9")).text() == "a é /a/b/a/é"
        assert await (await client.get("/a/b")).text() == "root /a/b"
        assert (await client.get("/a")).status == 404
        assert (await client.post("/a/b/a/1")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_mount_at_the_root_takes_what_is_left() -> None:
    app = App()
    app.get("/a/{x}")(one)
    app.mount("/", inner_app())
    assert await (await app.fetch("http://h/a/1")).text() == "1"
    assert await (await app.fetch("http://h/same")).text() == "inner same"
    assert await (await app.fetch("http://h/")).text() == "root /"


async def test_an_inner_app_has_its_own_middlewares_inside_the_outer_ones() -> None:
    outer, inner, calls = App(), App(), []
    for app, name in ((outer, "outer"), (inner, "inner")):

        @app.middleware
        async def middleware(request, env, next, name=name):
            calls.append(name)
            return await next(request)

    outer.mount("/in", inner)
    await outer.fetch("http://h/in")
    await outer.fetch("http://h/else")
    assert calls == ["outer", "inner", "outer"]


async def test_an_inner_app_shares_env_and_has_it_checked() -> None:
    class Inner(Env):
        NAME: str
        MORE: int

    outer, inner = App(AppEnv), App(Inner)
    inner.fallback(two)
    outer.mount("/in", inner)
    async with TestClient(outer, {"NAME": "Bob", "MORE": 1}) as client:
        assert await (await client.get("/in")).text() == "2 Bob"
    with pytest.raises(ConfigError, match="MORE"):
        await TestClient(outer, {"NAME": "Bob"}).__aenter__()


async def test_an_app_that_was_mounted_still_works_by_itself() -> None:
    outer, inner = App(), inner_app()
    outer.mount("/in", inner)
    await outer.fetch("http://h/in/")
    assert await (await inner.fetch("http://h/")).text() == "root /"
    async with TestClient(outer), TestClient(inner) as client:
        assert await (await client.get("/a/1")).text() == "a 1 /a/1"


async def test_an_inner_middleware_that_goes_elsewhere_does_not_reach_other_routes() -> None:
    outer, inner = App(), App()
    inner.get("/secret")(one)

    @inner.middleware
    async def elsewhere(request, env, next):
        return await next(Request("http://h/12345/secret"))

    outer.mount("/admin", inner)
    assert (await outer.fetch("http://h/admin/")).status == 404


async def test_a_worker_can_be_mounted() -> None:
    @worker
    async def inner(request, env):
        return f"{request.path} {env.NAME}"

    app = App(AppEnv)
    app.mount("/in", inner)
    async with TestClient(app) as client:
        assert await (await client.get("/in/x")).text() == "/in/x Ann"


def test_impossible_mounts_are_refused() -> None:
    app, other, third = App(), App(), App()
    with pytest.raises(ConfigError, match="neither"):
        app.mount("/a", "not an app")
    for prefix in ("a", "/{x}", "/a?b", "/.."):
        with pytest.raises(ConfigError):
            app.mount(prefix, other)
    app.mount("/a", other)
    for prefix in ("/a", "/a/"):
        with pytest.raises(ConfigError, match="there is one already"):
            app.mount(prefix, App())
    with pytest.raises(ConfigError, match="in itself"):
        app.mount("/self", app)
    other.mount("/b", third)
    for inner in (other, third):
        with pytest.raises(ConfigError, match="in itself"):
            inner.mount("/c", app)


def test_asgi_middlewares_of_a_mounted_app_would_be_lost_so_they_are_refused() -> None:
    with pytest.raises(ConfigError, match="middleware"):
        App().mount("/a", App(middleware=[Middleware(Shout)]))


# Mounting ASGI apps ---------------------------------------------------------------------------------


class Shout:
    """A plain ASGI middleware."""

    def __init__(self, app, mark="!"):
        self.app, self.mark = app, mark

    async def __call__(self, scope, receive, send):
        async def shout(message):
            if message["type"] == "http.response.body" and message.get("body"):
                message = {**message, "body": message["body"] + self.mark.encode()}
            await send(message)

        await self.app(scope, receive, shout)


def starlette(**kwargs: Any) -> Starlette:
    async def show(request: StarletteRequest):
        return PlainTextResponse(
            f"{request.scope['root_path']}|{request.url.path}|{request.path_params['x']}"
        )

    async def echo(request: StarletteRequest):
        return StreamingResponse(request.stream())

    async def count(request: StarletteRequest):
        async def numbers():
            for i in range(10):
                yield b"%d" % i

        return StreamingResponse(numbers(), headers={"x": "1"})

    async def fail(request: StarletteRequest):
        raise ZeroDivisionError

    async def fail_later(request: StarletteRequest):
        async def numbers():
            yield b"1"
            raise ZeroDivisionError

        return StreamingResponse(numbers())

    routes = [
        Route("/show/{x:path}", show),
        Route("/echo", echo, methods=["POST"]),
        Route("/count", count, methods=["GET", "HEAD"]),
        Route("/fail", fail),
        Route("/fail_later", fail_later),
    ]
    return Starlette(routes=routes, **kwargs)


def with_starlette(**kwargs: Any) -> App:
    app = App()
    app.mount("/st", starlette(**kwargs))
    return app


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/st/show/a", "/st|/st/show/a|a"),
        ("/st/show/a/b%20c", "/st|/st/show/a/b c|a/b c"),
        ("/x/../st/show/a", "/st|/st/show/a|a"),
        ("/st/show/%C3%A9", "/st|/st/show/é|é"),
    ],
)
async def test_an_asgi_app_finds_the_prefix_in_root_path(path: str, answer: str) -> None:
    app = with_starlette()
    assert await (await app.fetch("http://h" + path)).text() == answer
    async with TestClient(app) as client:
        assert await (await client.get(path)).text() == answer


async def test_an_asgi_app_below_a_rebuilt_request() -> None:
    app = with_starlette()

    @app.middleware
    async def rebuild(request, env, next):
        return await next(Request(request, headers={"x": "1"}))

    async with TestClient(app) as client:
        assert await (await client.get("/st/show/a")).text() == "/st|/st/show/a|a"
        assert (
            await (await client.post("/st/echo", body=ReadableStream([b"1", b"2"]))).text() == "12"
        )


async def test_an_asgi_app_streams_both_ways() -> None:
    async with TestClient(with_starlette()) as client:
        response = await client.get("/st/count")
        assert [chunk async for chunk in response.body] == [b"%d" % i for i in range(10)]
        chunks = [bytes(70_000)] * 5
        response = await client.post("/st/echo", body=ReadableStream(chunks))
        assert len(await response.bytes()) == 350_000


async def test_an_asgi_app_is_waited_for_with_backpressure() -> None:
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for i in range(100):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            sent.append(i)
        await send({"type": "http.response.body", "body": b""})

    outer = App()
    outer.mount("/", app)
    response = await outer.fetch("http://h/")
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(sent) <= 2
    assert len(await response.bytes()) == 100


async def test_a_response_of_an_asgi_app_that_nobody_reads_lets_the_app_go() -> None:
    ended = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except OSError:
            ended.set()

    outer = App()
    outer.mount("/", app)

    @outer.middleware
    async def replace(request, env, next):
        await next(request)
        return "other"

    async with TestClient(outer) as client:
        assert await (await client.get("/")).text() == "other"
        await asyncio.wait_for(ended.wait(), 5)


async def test_head_and_length_of_an_asgi_app_stay_its_own() -> None:
    async with TestClient(with_starlette()) as client:
        response = await client.head("/st/show/abc")
        assert response.headers["content-length"] == str(len("/st|/st/show/abc|abc"))
        assert await response.bytes() == b""
        response = await client.head("/st/count")
        assert (response.headers["x"], await response.bytes()) == ("1", b"")


async def test_errors_of_an_asgi_app_are_raised_or_logged_after_its_response(caplog) -> None:
    async with TestClient(with_starlette()) as client:
        assert (await client.get("/st/fail")).status == 500  # Starlette answers, then raises
        assert "ZeroDivisionError" in caplog.text
        with pytest.raises(ZeroDivisionError):
            await (await client.get("/st/fail_later")).text()


async def test_an_asgi_app_that_gives_no_response_is_an_error() -> None:
    async def silent(scope, receive, send): ...

    app = App()
    app.mount("/", silent)
    with pytest.raises(RuntimeError, match="without completing"):
        await app.fetch("http://h/")


async def test_the_lifespan_of_an_asgi_app_runs_around_requests() -> None:
    from contextlib import asynccontextmanager

    calls = []

    @asynccontextmanager
    async def lifespan(app):
        calls.append("up")
        yield {"state": 1}
        calls.append("down")

    app = with_starlette(lifespan=lifespan)

    @app.on_start
    async def start(env):
        calls.append("start")

    @app.on_stop
    async def stop(env):
        calls.append("stop")

    async with TestClient(app):
        calls.append("serving")
    assert calls == ["up", "start", "serving", "stop", "down"]


async def test_the_lifespan_s_state_reaches_an_asgi_app() -> None:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(app):
        yield {"greeting": "hello"}

    async def greet(request: StarletteRequest):
        return PlainTextResponse(request.state.greeting)

    app = App()
    app.mount("/st", Starlette(routes=[Route("/", greet)], lifespan=lifespan))
    async with TestClient(app) as client:
        assert await (await client.get("/st/")).text() == "hello"


async def test_an_asgi_app_mounted_twice_lives_once() -> None:
    from contextlib import asynccontextmanager

    calls = []

    @asynccontextmanager
    async def lifespan(app):
        calls.append("up")
        yield {"n": len(calls)}

    async def show(request: StarletteRequest):
        return PlainTextResponse(str(request.state.n))

    app, inner, other = App(), App(), Starlette(routes=[Route("/", show)], lifespan=lifespan)
    inner.mount("/deep", other)
    app.mount("/in", inner)
    app.mount("/st", other)
    async with TestClient(app) as client:
        for path in ("/st/", "/in/deep/"):
            assert await (await client.get(path)).text() == "1"
    assert calls == ["up"]


async def test_a_lifespan_that_fails_ends_the_start(caplog) -> None:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(app):
        raise ZeroDivisionError
        yield

    with pytest.raises(ConfigError, match="failed to start"):
        await TestClient(with_starlette(lifespan=lifespan)).__aenter__()


async def test_starlette_s_middlewares_surround_everything() -> None:
    app = App(middleware=[Middleware(Shout, "1"), Middleware(Shout, mark="2")])

    @app.middleware
    async def inner(request, env, next):
        response = await next(request)
        return await response.text() + "m"

    app.get("/")(one)
    async with TestClient(app) as client:
        assert await (await client.get("/")).text() == "1m21"
        assert await (await client.get("/x")).text() == "Not Foundm21"
    assert await (await app.fetch("http://h/")).text() == "1m"


async def test_the_body_of_a_request_that_was_read_is_missed_by_an_asgi_app() -> None:
    app = with_starlette()

    @app.middleware
    async def read(request, env, next):
        await request.text()
        return await next(request)

    async with TestClient(app) as client:
        with pytest.raises(WebTypeError, match=r"locked|used"):
            await (await client.post("/st/echo", body="x")).text()


async def test_logs_cannot_be_forged_by_the_path(caplog) -> None:
    app = raising(KeyError("x"))

    @app.on_error
    async def on_error(request, env, error):
        return "" if "handled" in request.path else None

    async with TestClient(app, raise_errors=False) as client:
        await client.get("/handled%0AERROR%20forged")
        await client.get("/x%0D%0AERROR%20forged")
    messages = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len(messages) == 2
    assert not [m for m in messages if "\n" in m or "\r" in m]


async def test_an_asgi_app_that_waits_for_something_else_is_ended_when_nobody_reads() -> None:
    ended = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    outer = App()
    outer.mount("/", app)
    async with TestClient(outer) as client:
        response = await client.get("/")
        async for _ in response.body:
            break
        await response.body.cancel() if not response.body.locked else None
        del response
        await asyncio.wait_for(ended.wait(), 5)
