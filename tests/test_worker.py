"""Worker: @worker over a function, the class form, direct calls."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from edgekit.context import ExecutionContext
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import ConfigError, HTTPError
from edgekit.testing import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import Worker, arity, error_response, worker


class AppEnv(Env):
    NAME: str = "Ann"


@worker
async def hello(request: Request, env: AppEnv) -> str:
    """Says hello."""
    return f"hello {env.NAME}"


# A function -----------------------------------------------------------------------------------------


async def test_a_decorated_function_is_a_worker_and_an_asgi_app() -> None:
    assert isinstance(hello, Worker)
    assert (hello.__name__, hello.__doc__) == ("hello", "Says hello.")
    async with TestClient(hello) as client:
        assert await (await client.get("/")).text() == "hello Ann"
    async with TestClient(hello, {"NAME": "Bob"}) as client:
        assert await (await client.get("/any/path?x")).text() == "hello Bob"


def test_a_worker_of_a_worker_is_itself() -> None:
    assert worker(hello) is hello


def test_the_annotation_of_env_declares_the_bindings() -> None:
    assert hello.env_class is AppEnv
    assert hello.env_classes() == [AppEnv]


@pytest.mark.parametrize(
    "annotation", [Any, dict, "Nothing", "dict[str, Any]", None, "AppEnv | None", Env]
)
def test_any_other_annotation_declares_nothing(annotation: Any) -> None:
    async def fetch(request, env): ...

    fetch.__annotations__["env"] = annotation
    assert worker(fetch).env_class is Env


async def test_env_is_checked_at_the_start() -> None:
    class Needs(Env):
        SECRET: str

    async def fetch(request, env): ...

    fetch.__annotations__["env"] = Needs
    with pytest.raises(ConfigError, match=r"Needs\.SECRET"):
        await TestClient(worker(fetch)).__aenter__()


async def one(request):
    return "1"


async def two(request, env):
    return f"2{env.NAME}"


async def three(request, env, ctx):
    return f"3{env.NAME}{len(ctx.request_id)}"


async def everything(*args):
    return str(len(args))


class Callable:
    async def __call__(self, request, env):
        return f"c{env.NAME}"


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (one, "1"),
        (two, "2Ann"),
        (three, "3Ann16"),
        (everything, "3"),
        (Callable(), "cAnn"),
        (functools.partial(two), "2Ann"),
        (Callable().__call__, "cAnn"),
    ],
)
async def test_a_worker_takes_one_two_or_three_arguments(target: Any, answer: str) -> None:
    made = worker(target)
    assert await (await made.fetch("http://h/", {"NAME": "Ann"})).text() == answer
    async with TestClient(made, {"NAME": "Ann"}) as client:
        assert await (await client.get("/")).text() == answer


def sync(request): ...


async def four(a, b, c, d): ...


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (sync, "is not async"),
        (four, "takes 4 arguments"),
        (5, "not an async function"),
        (dict, "not a WorkerEntrypoint"),
    ],
)
def test_other_things_are_no_worker(target: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        worker(target)


def test_arity_names_what_and_who() -> None:
    with pytest.raises(
        ConfigError, match=r"cron: test_worker\.four\(\) takes 4 arguments, not 1 to 2"
    ):
        arity(four, 1, 2, "cron")


# A class --------------------------------------------------------------------------------------------


class Default(WorkerEntrypoint):
    env: AppEnv

    async def fetch(self, request):
        return f"{type(self).__name__} {self.env.NAME} {len(self.ctx.request_id)} {request.path}"


async def test_the_class_form() -> None:
    made = worker(Default)
    assert made.env_class is AppEnv
    async with TestClient(made) as client:
        assert await (await client.get("/a")).text() == "Default Ann 16 /a"
    async with TestClient(Default) as client:
        assert await (await client.get("/a")).text() == "Default Ann 16 /a"


async def test_a_new_object_for_each_event() -> None:
    class Counter(WorkerEntrypoint):
        count = 0

        async def fetch(self, request):
            self.count += 1
            return str(self.count)

    async with TestClient(Counter) as client:
        assert [await (await client.get("/")).text() for _ in range(2)] == ["1", "1"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, "*"])
async def test_fetch_of_a_class_takes_up_to_three_arguments(count: Any) -> None:
    if count == 0:

        class Made(WorkerEntrypoint):
            async def fetch(self):
                return "0"
    elif count == 1:

        class Made(WorkerEntrypoint):
            async def fetch(self, request):
                return "1"
    elif count == 2:

        class Made(WorkerEntrypoint):
            async def fetch(self, request, env):
                return f"2{env is self.env or ''}"[:1]
    elif count == 3:

        class Made(WorkerEntrypoint):
            async def fetch(self, request, env, ctx):
                assert ctx is self.ctx
                return "3"
    else:

        class Made(WorkerEntrypoint):
            async def fetch(self, *args):
                return "*" * (len(args) == 3)

    async with TestClient(Made) as client:
        assert await (await client.get("/")).text() == str(count)


async def test_an_own_init_and_inheritance() -> None:
    class Base(WorkerEntrypoint):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.mark = "own"

        async def fetch(self, request):
            return self.mark

    class Heir(Base): ...

    assert await (await worker(Heir).fetch("http://h/")).text() == "own"


def test_a_class_whose_fetch_is_sync_or_missing_is_refused() -> None:
    class Sync(WorkerEntrypoint):
        def fetch(self, request): ...

    class Without(WorkerEntrypoint): ...

    with pytest.raises(ConfigError, match="is not async"):
        worker(Sync)
    with pytest.raises(ConfigError, match="no fetch"):
        worker(Without)


async def test_none_names_the_method() -> None:
    class Forgetful(WorkerEntrypoint):
        async def fetch(self, request): ...

    with pytest.raises(TypeError, match=r"Forgetful.* returned None"):
        await worker(Forgetful).fetch("http://h/")


# Direct calls ---------------------------------------------------------------------------------------


async def test_fetch_takes_a_request_or_a_url() -> None:
    for request in ("http://h/", Request("http://h/")):
        assert await (await hello.fetch(request, {})).text() == "hello Ann"


async def test_fetch_takes_env_as_mapping_or_object() -> None:
    env = AppEnv()
    env.__dict__["NAME"] = "Cleo"
    assert await (await hello.fetch("http://h/", {"NAME": "Bob"})).text() == "hello Bob"
    assert await (await hello.fetch("http://h/", env)).text() == "hello Cleo"
    with pytest.raises(ConfigError, match="NAME"):
        await hello.fetch("http://h/", {"NAME": 5})


async def test_fetch_passes_a_ctx_or_makes_one() -> None:
    seen = []

    @worker
    async def fetch(request, env, ctx):
        seen.append(ctx)
        return ""

    ctx = ExecutionContext()
    await fetch.fetch("http://h/", None, ctx)
    await fetch.fetch("http://h/")
    assert seen[0] is ctx
    assert isinstance(seen[1], ExecutionContext)


async def test_fetch_raises_all_errors_but_http_errors() -> None:
    @worker
    async def fetch(request):
        raise HTTPError(404) if request.path == "/404" else KeyError("x")

    assert (await fetch.fetch("http://h/404")).status == 404
    with pytest.raises(KeyError):
        await fetch.fetch("http://h/")


async def test_error_response() -> None:
    response = error_response(HTTPError(401, {"error": "who?"}, {"WWW-Authenticate": "Basic"}))
    assert (response.status, await response.json()) == (401, {"error": "who?"})
    assert dict(response.headers) == {
        "content-type": "application/json",
        "www-authenticate": "Basic",
    }
    assert await error_response(HTTPError(404)).text() == "Not Found"
    assert await error_response(HTTPError(404, "")).text() == ""


async def test_a_worker_may_return_a_response() -> None:
    @worker
    async def fetch(request):
        return Response("x", status=202)

    assert (await fetch.fetch("http://h/")).status == 202


def test_an_asgi_app_is_no_fetch_handler() -> None:
    class Plain:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(ConfigError, match="is an ASGI app, not a fetch handler"):
        worker(Plain())


def test_an_annotation_that_cannot_be_resolved_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def fetch(request: Request, env: Elsewhere) -> str:  # type: ignore[name-defined]  # noqa: F821
        return ""

    assert worker(fetch).env_class is Env
    assert "Elsewhere, cannot be resolved" in caplog.text
