"""Tail consumers: what they are told of each event of another Worker, and that it costs nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgekit.app import App
from edgekit.bindings.tail import TraceItem
from edgekit.context import ExecutionContext
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.errors import ConfigError, HTTPError
from edgekit.runtime import tracing
from edgekit.testing import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import worker

logger = logging.getLogger("tests.producer")


class Collector(WorkerEntrypoint):
    """The tail consumer: it keeps what it gets."""

    items: list[TraceItem] = []

    async def tail(self, events: list[TraceItem]) -> None:
        logger.warning("the consumer's own")
        Collector.items += events


class Failing(WorkerEntrypoint):
    async def tail(self, events: list[TraceItem]) -> None:
        raise ValueError("the consumer failed")


class Producer(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Any:
        logger.debug("not shown")
        match request.path:
            case "/log":
                logger.info("hello %s", "you")
                logger.critical("bad")
                return Response("x", status=201)
            case "/fail":
                raise ValueError("wrong")
            case "/http":
                raise HTTPError(404)
            case "/later":
                self.ctx.wait_until(self.later(self.env.FAIL))
            case "/many":
                for n in range(tracing.MAX_LOGS + 5):
                    logger.info("%d", n)
            case "/faulty":
                logger.info("%d", "no number")
            case "/wait":
                await asyncio.Event().wait()
        return "text"

    async def later(self, fail: bool) -> None:
        await asyncio.sleep(0)
        logger.info("later")
        if fail:
            raise RuntimeError("too late")

    async def scheduled(self, controller: Any) -> None:
        logger.info("cron")
        if controller.cron == "0 0 * * *":
            raise ValueError("no")


class Api(WorkerEntrypoint):
    async def greet(self, name: str) -> str:
        logger.info("greet")
        return f"hello {name}"

    async def fetch(self, request: Request) -> str:
        return "api"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The producer's configuration; tests may change it before they start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKIT_VERSION_ID", "v1")
    Collector.items = []
    return {
        "name": "producer",
        "tail_consumers": [{"service": "collector"}],
        "services": [{"binding": "API", "service": "producer", "entrypoint": "Api"}],
        "vars": {"FAIL": False},
    }


class Started:
    def __init__(self, config: dict[str, Any], **services: Any) -> None:
        Path("wrangler.json").write_text(json.dumps(config))
        self.client = TestClient(
            Producer, services={"collector": Collector, **services}, raise_errors=False
        )

    async def __aenter__(self) -> TestClient:
        logging.getLogger("tests.producer").setLevel(logging.INFO)
        return await self.client.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        logging.getLogger("tests.producer").setLevel(logging.NOTSET)
        await self.client.__aexit__(None, None, None)


@pytest.fixture
async def client(config: dict[str, Any]) -> AsyncIterator[TestClient]:
    async with Started(config) as client:
        yield client


def only() -> TraceItem:
    (item,) = Collector.items
    return item


async def test_a_request_its_response_and_its_logs(client: TestClient) -> None:
    headers = {"cookie": "a=b", "x-a": "1", "authorization": "Bearer t"}
    await client.get("/log?id=0123456789abcdef0123456789abcdef", headers=headers)
    item = only()
    now = round(client.clock.now() * 1000)
    assert item.event.request.url == "http://localhost/log?id=REDACTED"
    assert item.event.request.method == "GET"
    assert item.event.request.headers["cookie"] == "REDACTED"
    assert item.event.request.headers["x-a"] == "1"
    plainly = item.event.request.get_unredacted()
    assert plainly.url.endswith("0123456789abcdef0123456789abcdef")
    assert plainly.headers["authorization"] == "Bearer t"
    assert item.event.response == {"status": 201}
    assert item.logs == [
        {"level": "info", "message": ["hello you"], "timestamp": now},
        {"level": "error", "message": ["bad"], "timestamp": now},
    ]
    assert (item.outcome, item.exceptions) == ("ok", [])
    assert (item.script_name, item.entrypoint, item.event_timestamp) == ("producer", None, now)
    assert item.script_version["id"] == "v1"
    assert item.execution_model == "stateless"


async def test_an_exception_and_its_outcome(client: TestClient) -> None:
    response = await client.get("/fail")
    assert response.status == 500
    item = only()
    assert item.outcome == "exception"
    (exception,) = item.exceptions
    assert (exception.name, exception.message) == ("ValueError", "wrong")
    assert "in fetch" in exception.stack
    assert item.event.response is None


async def test_an_http_error_is_a_response(client: TestClient) -> None:
    await client.get("/http")
    assert (only().outcome, only().event.response) == ("ok", {"status": 404})


async def test_what_is_no_response_yet_is_one_of_200(client: TestClient) -> None:
    response = await client.get("/")
    assert await response.text() == "text"
    assert only().event.response == {"status": 200}


async def test_wait_until_belongs_to_the_event(config: dict[str, Any]) -> None:
    config["vars"]["FAIL"] = True
    async with Started(config) as client:
        await client.get("/later")
    item = only()
    assert [log.message for log in item.logs] == [["later"]]
    assert [each.message for each in item.exceptions] == ["too late"]
    assert item.outcome == "ok"


async def test_crons_are_told_with_what_fired(client: TestClient) -> None:
    await client.scheduled("* * * * *", time=60_000)
    await client.scheduled("0 0 * * *")
    first, second = Collector.items
    assert first.event == {"cron": "* * * * *", "scheduledTime": 60_000}
    assert (first.outcome, second.outcome) == ("ok", "exception")
    assert first.logs[0].message == ["cron"]


async def test_calls_of_methods_and_of_named_entrypoints(client: TestClient) -> None:
    assert await client.env["API"].greet("you") == "hello you"
    await client.env["API"].fetch("http://x/")
    with pytest.raises(TypeError):
        await client.env["API"].nope()
    await client._settle()
    greet, fetch, nope = Collector.items
    assert (greet.event, greet.entrypoint) == ({"rpcMethod": "greet"}, "Api")
    assert greet.logs[0].message == ["greet"]
    assert (fetch.event.request.url, fetch.entrypoint) == ("http://x/", "Api")
    assert (nope.event, nope.outcome) == ({"rpcMethod": "nope"}, "ok")  # the error is the caller's


async def test_a_cancelled_event(client: TestClient) -> None:
    task = asyncio.ensure_future(
        client._isolate.dispatch(Request("http://x/wait"), client.env, ExecutionContext())
    )
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await client._settle()
    assert only().outcome == "canceled"


async def test_too_many_logs_are_cut_and_a_faulty_one_harms_nobody(
    client: TestClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    await client.get("/many")
    assert (len(only().logs), only().truncated) == (tracing.MAX_LOGS, True)
    await client.get("/faulty")
    assert Collector.items[-1].logs == []


async def test_the_consumers_own_logs_are_not_the_producers(client: TestClient) -> None:
    await client.get("/")
    await client.get("/")
    assert [item.logs for item in Collector.items] == [[], []]


async def test_a_consumer_that_fails_harms_nobody(
    config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config["tail_consumers"].append({"service": "failing"})
    async with Started(config, failing=Failing) as client:
        assert (await client.get("/")).status == 200
    assert len(Collector.items) == 1
    assert "the consumer failed" in caplog.text


async def test_a_worker_may_be_its_own_consumer(tmp_path: Path) -> None:
    app, seen = App(config=str(tmp_path / "wrangler.json")), []
    file = {"name": "me", "tail_consumers": [{"service": "me"}]}
    (tmp_path / "wrangler.json").write_text(json.dumps(file))

    @app.get("/")
    async def root(request: Request) -> str:
        return "x"

    @app.tail
    async def tail(events: list[TraceItem]) -> None:
        seen.append(events)

    async with TestClient(app) as client:
        await client.get("/")
        await client.get("/")
    assert len(seen) == 2


async def test_a_consumer_that_is_not_there_or_has_no_handler_is_refused(
    config: dict[str, Any],
) -> None:
    config["tail_consumers"] = [{"service": "nobody"}]
    with pytest.raises(ConfigError, match=r"tail_consumers\[0\]: there is no Worker 'nobody'"):
        await Started(config).__aenter__()
    config["tail_consumers"] = [{"service": "deaf"}]
    with pytest.raises(ConfigError, match="the Worker 'deaf' has no tail handler"):
        await Started(config, deaf=App()).__aenter__()


async def test_a_test_gives_items_to_a_consumer(config: dict[str, Any]) -> None:
    async with TestClient(Collector) as client:
        await client.tail([{"outcome": "ok", "logs": []}])
    assert (only().outcome, only().logs) == ("ok", [])


async def test_without_consumers_nothing_is_traced(config: dict[str, Any]) -> None:
    del config["tail_consumers"]
    async with Started(config) as client:
        isolate = client._isolate
        assert isolate.tracer is None
        assert isolate.dispatch is isolate.worker.dispatch
    assert not any(isinstance(h, tracing._Logs) for h in logging.getLogger().handlers)


async def test_the_handler_of_logs_goes_with_the_worker(config: dict[str, Any]) -> None:
    async with Started(config):
        assert any(isinstance(h, tracing._Logs) for h in logging.getLogger().handlers)
    assert not any(isinstance(h, tracing._Logs) for h in logging.getLogger().handlers)


async def test_a_body_of_an_asgi_app_is_not_waited_for() -> None:
    delivered: list[TraceItem] = []
    tracer = tracing.Tracer(None, None, delivered.append)
    spawned = []
    ctx = ExecutionContext(lambda *args: spawned.append(args))

    async def dispatch(request: Request, env: Any, ctx: ExecutionContext) -> Response:
        coroutine: Any = "stands for one"
        ctx._spawn(coroutine, ctx, True)
        return Response("x")

    await tracer.requests(dispatch)(Request("http://x/"), None, ctx)
    assert len(delivered) == 1
    assert spawned == [("stands for one", ctx, True)]


async def test_an_event_without_a_context_gets_one() -> None:
    delivered: list[TraceItem] = []

    async def fetch(request: Request) -> str:
        return "x"

    dispatch = tracing.Tracer(None, None, delivered.append).requests(worker(fetch).dispatch)
    assert await dispatch(Request("http://x/"), None, None) == "x"  # type: ignore[arg-type]
    assert len(delivered) == 1
