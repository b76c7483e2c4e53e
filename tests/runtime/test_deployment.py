"""Workers beside each other in one process: services, named entrypoints, props, exports, isolation."""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from edgekit import host
from edgekit.app import App
from edgekit.bindings.fetcher import Fetcher
from edgekit.bindings.kv import KVNamespace
from edgekit.context import ExecutionContext, current_scope
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import ConfigError, HTTPError, ServiceError, UnsupportedError, WebTypeError
from edgekit.runtime.deployment import MAX_DEPTH
from edgekit.runtime.isolate import Isolate
from edgekit.runtime.middleware import EdgeMiddleware
from edgekit.testing import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.websocket import WebSocketPair
from edgekit.worker import Worker, worker

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


class OtherEnv(Env):
    KV: KVNamespace


class Other(WorkerEntrypoint):
    """The Worker that others call."""

    env: OtherEnv
    made = 0

    async def fetch(self, request: Request) -> Any:
        match request.path:
            case "/echo":
                headers = {n: v for n, v in request.headers.items() if n.startswith("x-")}
                return {
                    "method": request.method,
                    "url": request.url,
                    "headers": headers,
                    "body": await request.text(),
                    "params": request.params,
                }
            case "/change":
                request.headers.set("x-a", "2")
            case "/http":
                raise HTTPError(418, "short and stout")
            case "/fail":
                raise ValueError("no answer")
            case "/redirect":
                return Response.redirect("/echo")
            case "/stream":
                return Response(self.chunks())
            case "/socket":
                ours, theirs = WebSocketPair()
                ours.accept()
                ours.add_event_listener("message", lambda e: ours.send(f"echo {e.data}"))
                return Response(None, status=101, web_socket=theirs)
            case "/slow":
                await host.sleep(1000)
        return "done"

    async def chunks(self) -> Any:
        for n in range(3):
            assert current_scope("test").env is self.env
            yield str(n).encode()

    async def add(self, a: int, b: int) -> int:
        return a + b

    async def keep(self, key: str, value: str) -> None:
        await self.env.KV.put(key, value)

    async def later(self, key: str) -> str:
        self.ctx.wait_until(self.keep(key, "later"))
        return "at once"

    async def mine(self) -> Any:
        whose.set("the callee's")
        scope = current_scope("test")
        return [sorted(self.env), scope.env is self.env, self.ctx.props]

    async def down(self, levels: int) -> Any:
        return await self.ctx.exports.default.down(levels - 1) if levels else "bottom"

    async def sleep(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            Other.made += 1

    async def cancels_itself(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)


class Named(WorkerEntrypoint):
    """A named entrypoint, without fetch."""

    async def props(self) -> Any:
        self.ctx.props["seen"] = True
        return self.ctx.props


class WithFetch(WorkerEntrypoint):
    async def fetch(self, request: Request) -> str:
        return f"named {request.path}"


async def plain_function(request: Request) -> Response:
    return Response("a function")


class AppEnv(Env):
    OTHER: Fetcher


class Calculator(Fetcher):
    """For whoever reads and checks the program: what OTHER is, is the other Worker's."""

    async def add(self, a: int, b: int) -> int: ...  # type: ignore[empty-body]


class Typed(Env):
    OTHER: Calculator


app = App(AppEnv)


@app.get("/call/{name}")
async def call(request: Request, env: AppEnv) -> Any:
    whose.set("the caller's")
    result = await getattr(env.OTHER, request.params["name"])()
    return [result, whose.get(), request.params]


@app.get("/pass/{rest:path}")
async def passed(request: Request, env: AppEnv) -> Any:
    inner = Request(f"http://other/{request.params['rest']}", request)
    return await env.OTHER.fetch(inner)


@app.get("/exports")
async def exports(request: Request, env: AppEnv, ctx: ExecutionContext) -> Any:
    mine = ctx.exports
    response = await mine.default.fetch("http://me/own")
    return [
        sorted(mine),
        await response.text(),
        await mine.Named.props(),
        await mine.Named(props={"a": 1}).props(),
        await mine["Named"]({"props": {"b": 2}}).props(),
        "Named" in mine,
        hasattr(mine, "Nope"),
    ]


@app.get("/own")
async def own(request: Request) -> str:
    return "own"


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    async with TestClient(app, services={"other": Other}) as client:
        yield client


def service(client: TestClient, entrypoint: str | None = None, **props: Any) -> Any:
    residents = client._isolate._deployment.residents
    return residents["other"].fetcher("test", entrypoint, props)


# Calls ------------------------------------------------------------------------------------------------


async def test_a_method_runs_with_the_env_and_scope_of_its_worker(client: TestClient) -> None:
    result, mine, params = await (await client.get("/call/mine")).json()
    assert result == [["KV"], True, {}]
    assert mine == "the caller's"  # what the callee set was not seen
    assert params == {"name": "mine"}


async def test_a_request_arrives_with_method_headers_and_body(client: TestClient) -> None:
    response = await service(client).fetch(
        "http://u:p@other/echo?q=1#part", method="PUT", body="data", headers={"x-a": "1"}
    )
    assert await response.json() == {
        "method": "PUT",
        "url": "http://other/echo?q=1",
        "headers": {"x-a": "1"},
        "body": "data",
        "params": {},
    }
    assert (response.url, response.redirected) == ("http://u:p@other/echo?q=1", False)


async def test_the_callers_request_is_not_the_callees(client: TestClient) -> None:
    with pytest.raises(WebTypeError, match="immutable"):
        await service(client).fetch("http://other/change")
    request = Request("http://other/echo", method="POST", body="once")
    await service(client).fetch(request)
    assert request.body_used


async def test_only_http_can_be_fetched(client: TestClient) -> None:
    with pytest.raises(WebTypeError, match="Fetch API cannot load: ftp://other/"):
        await service(client).fetch("ftp://other/")


async def test_a_redirect_is_followed_unless_the_request_came_from_outside(
    client: TestClient,
) -> None:
    response = await service(client).fetch("http://other/redirect")
    assert (response.url, response.redirected) == ("http://other/echo", True)
    response = await client.get("/pass/redirect")
    assert response.status == 302


async def test_a_streaming_answer_streams_and_none_goes_to_head(client: TestClient) -> None:
    response = await service(client).fetch("http://other/stream")
    assert [chunk async for chunk in response.body] == [b"0", b"1", b"2"]
    response = await service(client).fetch("http://other/stream")
    await response.body.cancel()
    response = await service(client).fetch("http://other/stream", method="HEAD")
    assert response.body is None


async def test_an_http_error_is_a_response_and_others_are_raised(client: TestClient) -> None:
    response = await service(client).fetch("http://other/http")
    assert (response.status, await response.text()) == (418, "short and stout")
    with pytest.raises(ValueError, match="no answer") as caught:
        await service(client).fetch("http://other/fail")
    assert "in fetch" in caught.value.__notes__[0]


async def test_a_web_socket_goes_through_a_service(client: TestClient) -> None:
    response = await client.get("/pass/socket", headers={"upgrade": "websocket"})
    socket = response.web_socket
    assert socket is not None
    socket.accept()
    socket.send("hello")
    await socket.drain()
    message = await socket.receive()
    assert message == "echo hello"
    socket.close()


async def test_wait_until_of_the_callee_outlives_the_call(client: TestClient) -> None:
    assert await service(client).later("k") == "at once"
    await client.get("/own")  # which waits for what is going on, in all Workers
    assert await client.env_of("other").KV.get("k") == "later"


async def test_a_cancelled_caller_cancels_the_call(client: TestClient) -> None:
    Other.made = 0
    task = asyncio.ensure_future(service(client).sleep())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert Other.made == 1


async def test_a_callee_that_is_cancelled_does_not_cancel_its_caller(client: TestClient) -> None:
    with pytest.raises(ServiceError, match="The Worker 'other' was cancelled"):
        await service(client).cancels_itself()


async def test_workers_go_16_deep(client: TestClient) -> None:
    assert await service(client).down(MAX_DEPTH - 2) == "bottom"
    with pytest.raises(ServiceError, match=r"^Subrequest depth limit exceeded\. .* recursively\."):
        await service(client).down(MAX_DEPTH - 1)


async def test_a_worker_that_has_stopped_cannot_be_called() -> None:
    async with TestClient(app, services={"other": Other}) as client:
        gone = service(client)
    with pytest.raises(ServiceError, match="The Worker 'other' is not running"):
        await gone.add(1, 2)


# Entrypoints ------------------------------------------------------------------------------------------


async def test_named_entrypoints_get_their_props_anew_for_each_call(client: TestClient) -> None:
    named = service(client, "Named", a=1)
    assert await named.props() == {"a": 1, "seen": True}
    assert await named.props() == {"a": 1, "seen": True}
    response = await service(client, "WithFetch").fetch("http://x/y")
    assert await response.text() == "named /y"


async def test_an_entrypoint_without_fetch_says_so(client: TestClient) -> None:
    with pytest.raises(UnsupportedError, match=r"^Handler does not export a fetch\(\) function\.$"):
        await service(client, "Named").fetch("http://x/")


async def test_an_app_and_a_function_answer_requests_but_have_no_methods() -> None:
    beside = {"app": App(), "function": plain_function}
    async with TestClient(App(), services=beside) as client:
        for name in beside:
            resident = client._isolate._deployment.residents[name]
            with pytest.raises(TypeError, match='does not implement the method "handler_of"'):
                await resident.fetcher("test").handler_of()
        response = await resident.fetcher("test").fetch("http://x/")
        assert await response.text() == "a function"


async def test_exports_are_the_workers_own_entrypoints(client: TestClient) -> None:
    names, mine, *rest = await (await client.get("/exports")).json()
    assert {"default", "Named", "Other", "WithFetch"} <= set(names)
    assert mine == "own"
    seen = {"seen": True}
    assert rest == [seen, {"a": 1, **seen}, {"b": 2, **seen}, True, False]


async def test_exports_have_no_others_and_cannot_be_changed(client: TestClient) -> None:
    mine = client._isolate.scope.exports
    with pytest.raises(KeyError):
        mine["Nope"]
    with pytest.raises(AttributeError, match="cannot be changed"):
        mine.default = 1
    assert "Named" in dir(mine)


def test_exports_need_a_running_worker() -> None:
    with pytest.raises(UnsupportedError, match=r"ctx\.exports"):
        ExecutionContext().exports  # noqa: B018


def test_the_exports_of_a_module_are_its_public_entrypoints() -> None:
    assert {"Named", "WithFetch"} <= worker(Other).exports().keys()
    assert "Other" not in worker(Other).exports()  # that one is the default
    assert "WorkerEntrypoint" not in worker(Other).exports()
    assert "Other" in app.exports()


def test_a_class_of_methods_alone_is_a_worker() -> None:
    assert worker(Named).rpc_class is Named
    assert app.rpc_class is None
    with pytest.raises(ConfigError, match="the class has no fetch handler"):
        worker(type("Empty", (WorkerEntrypoint,), {}))


# Configuration ----------------------------------------------------------------------------------------


def project(folder: Path, **file: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "wrangler.json"
    path.write_text(json.dumps(file))
    return path


def beside(first: Path, *others: tuple[Any, Path]) -> Isolate:
    """An isolate of `app` with the configuration `first`, and others beside it."""
    made = App(config=str(first))
    made.beside = [worker(target) for target, _ in others]
    for other, (_, path) in zip(made.beside, others, strict=True):
        other.config = str(path)
    return Isolate(made)


@pytest.fixture
def _in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    monkeypatch.chdir(tmp_path)


KV = [{"binding": "KV", "id": "shared"}]


@pytest.mark.usefixtures("_in_memory")
async def test_services_of_the_configuration_and_one_store_for_all(tmp_path: Path) -> None:
    services = [
        {"binding": "OTHER", "service": "other"},
        {"binding": "NAMED", "service": "other", "entrypoint": "Named", "props": {"from": "first"}},
        {"binding": "ME", "service": "first"},
    ]
    first = project(tmp_path / "a", name="first", services=services, kv_namespaces=KV)
    other = project(tmp_path / "b", name="other", kv_namespaces=KV, vars={"X": 1})
    isolate = beside(first, (Other, other))
    await isolate.start()
    env: Any = isolate.env
    await env.OTHER.keep("k", "v")
    assert await env.KV.get("k") == "v"
    assert "X" not in env
    assert await env.NAMED.props() == {"from": "first", "seen": True}
    assert (await env.ME.fetch("http://x/")).status == 404
    isolate.move()
    await isolate.stop()
    assert not isolate.others["other"].started


@pytest.mark.usefixtures("_in_memory")
async def test_environments_of_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_ENV", "staging")
    services = [{"binding": "OTHER", "service": "other", "environment": "staging"}]
    first = project(tmp_path / "a", name="first", env={"staging": {"services": services}})
    other = project(tmp_path / "b", name="other", kv_namespaces=KV, env={"staging": {}})
    isolate = beside(first, (Named, other))
    await isolate.start()
    env: Any = isolate.env
    assert isolate.others.keys() == {"other-staging"}
    assert await env.OTHER.props() == {"seen": True}
    await isolate.stop()


@pytest.mark.usefixtures("_in_memory")
async def test_a_service_that_is_not_there_is_refused_with_the_way_to_add_it(
    tmp_path: Path,
) -> None:
    first = project(tmp_path, name="first", services=[{"binding": "PAY", "service": "billing"}])
    with pytest.raises(ConfigError) as caught:
        await Isolate(App(config=str(first))).start()
    text = str(caught.value)
    assert text.startswith(f"{first}: services (PAY): there is no Worker 'billing'")
    assert "edgekit dev -c wrangler.jsonc -c ../billing/wrangler.jsonc" in text
    assert 'TestClient(app, services={"billing": its_app})' in text


@pytest.mark.usefixtures("_in_memory")
async def test_an_entrypoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    services = [{"binding": "OTHER", "service": "other", "entrypoint": "Nope"}]
    first = project(tmp_path / "a", name="first", services=services)
    other = project(tmp_path / "b", name="other", kv_namespaces=KV)
    with pytest.raises(ConfigError, match=r"'other' has no entrypoint 'Nope'; there: .*Named"):
        await beside(first, (Other, other)).start()


@pytest.mark.usefixtures("_in_memory")
async def test_the_default_entrypoint_has_two_names(tmp_path: Path) -> None:
    services = [
        {"binding": name.upper(), "service": "other", "entrypoint": name}
        for name in ("default", "Default")
    ]
    first = project(tmp_path / "a", name="first", services=services)
    other = project(tmp_path / "b", name="other", kv_namespaces=KV)
    isolate = beside(first, (Other, other))
    with pytest.raises(ConfigError, match="DEFAULT is already the name"):
        await isolate.start()
    services[1]["binding"] = "AGAIN"
    project(tmp_path / "a", name="first", services=services)
    await isolate.start()
    env: Any = isolate.env
    assert await env.DEFAULT.add(1, 2) == await env.AGAIN.add(1, 2) == 3
    await isolate.stop()


@pytest.mark.usefixtures("_in_memory")
async def test_workers_beside_each_other_need_names_of_their_own(tmp_path: Path) -> None:
    first = project(tmp_path / "a", name="one")
    with pytest.raises(ConfigError, match="two Workers have the name 'one'"):
        await beside(first, (Named, project(tmp_path / "b", name="one"))).start()
    with pytest.raises(ConfigError, match='a Worker beside others needs a "name"'):
        await beside(first, (Named, project(tmp_path / "b"))).start()


@pytest.mark.usefixtures("_in_memory")
async def test_when_one_cannot_start_none_stays(tmp_path: Path) -> None:
    bad = App()

    @bad.on_start
    async def fail() -> None:
        raise ValueError("not today")

    first = project(tmp_path / "a", name="first")
    others = [(Named, project(tmp_path / "b", name="b")), (bad, project(tmp_path / "c", name="c"))]
    isolate = beside(first, *others)
    with pytest.raises(ValueError, match="not today"):
        await isolate.start()
    assert [other.started for other in isolate.others.values()] == [False, False]


@pytest.mark.usefixtures("_in_memory")
async def test_an_override_stands_for_a_service_that_is_not_there(tmp_path: Path) -> None:
    first = project(tmp_path, name="first", services=[{"binding": "PAY", "service": "billing"}])
    async with TestClient(App(config=str(first)), env={"PAY": "a stand-in"}) as client:
        assert client.env["PAY"] == "a stand-in"


async def test_without_a_file_a_service_has_the_name_of_its_binding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    class Declared(Env):
        MY_OTHER: Fetcher

    for name in ("my-other", "MY_OTHER"):
        async with TestClient(App(Declared), services={name: plain_function}) as client:
            response = await client.env["MY_OTHER"].fetch("http://x/")
            assert await response.text() == "a function"
    with pytest.raises(ConfigError, match="MY_OTHER: there is no Worker 'MY_OTHER'"):
        await TestClient(App(Declared)).__aenter__()


async def test_a_service_can_be_declared_with_its_methods(client: TestClient) -> None:
    async with TestClient(App(Typed), services={"other": Other}) as typed:
        env: Any = typed.env
        assert await env.OTHER.add(1, 2) == 3


@pytest.mark.usefixtures("_in_memory")
async def test_a_middleware_takes_other_workers_too(tmp_path: Path) -> None:
    async def answer(request: Request, env: AppEnv) -> Any:
        return {"sum": await env.OTHER.add(1, 2)}

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    made: Worker = worker(answer)
    made.env_class = AppEnv
    middleware = EdgeMiddleware(inner, made, services={"other": Other})
    await middleware._isolate.start()
    env: Any = middleware._isolate.env
    assert await env.OTHER.add(1, 2) == 3
    await middleware._isolate.stop()
