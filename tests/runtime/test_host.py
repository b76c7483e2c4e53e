"""The ASGI side of a Worker: requests, streams, errors, limits, clients that go away, the lifespan."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgekit.app import App
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.env import Env
from edgekit.errors import ConfigError, HTTPError
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream

from .wire import Connection, ask, turns, until

TEXT = "text/plain;charset=UTF-8"


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


# Simple answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "body", "content_type"),
    [
        ("é", "é", TEXT),
        ("", "", TEXT),
        ({"a": [1]}, '{"a":[1]}', "application/json"),
        ([1], "[1]", "application/json"),
        (b"x", "x", "application/octet-stream"),
    ],
)
async def test_a_value_is_sent_with_its_length_in_two_messages(
    serve, value, body, content_type
) -> None:
    async def fetch(request):
        return value

    got = await ask(serve(fetch))
    assert (got.status, got.text, len(got.sent)) == (200, body, 2)
    assert got.headers == {"content-type": content_type, "content-length": str(len(body.encode()))}
    head = await ask(serve(fetch), method="HEAD")
    assert (head.status, head.headers, head.chunks) == (200, got.headers, [b""])


async def test_a_response_is_sent_as_it_is(serve) -> None:
    async def fetch(request):
        response = Response("x", status=201, headers={"x": "1"})
        response.headers.append("set-cookie", "a=1")
        response.headers.append("set-cookie", "b=2")
        return response

    got = await ask(serve(fetch))
    assert got.status == 201
    assert [v for n, v in got.sent[0]["headers"] if n == b"set-cookie"] == [b"a=1", b"b=2"]


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_statuses_without_a_body(serve, status: int) -> None:
    async def fetch(request):
        return Response(None, status=status)

    got = await ask(serve(fetch))
    assert (got.status, got.chunks, got.complete) == (status, [b""], True)


async def test_the_class_form_is_served(serve) -> None:
    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return f"{request.method} {request.url} {self.ctx.request_id != ''}"

    assert (await ask(serve(Default), "/a?b", "PUT")).text == "PUT http://h/a?b True"


async def test_root_path_is_no_part_of_the_path(serve) -> None:
    app = App()

    @app.get("/a/{x}")
    async def handler(request):
        return [request.path, request.params["x"], request.url]

    got = await ask(serve(app), "/api/a/b%2Fc", root_path="/api")
    assert json.loads(got.text) == ["/a/b/c", "b/c", "http://h/api/a/b%2Fc"]


async def test_a_rebuilt_request_is_routed_below_the_root_path_too(serve) -> None:
    app = App()

    @app.get("/a")
    async def handler(request):
        return [request.path, request.headers["x"], request.client[0]]

    @app.middleware
    async def middleware(request, env, next):
        return await next(Request(request, headers={"x": "1"}))

    assert json.loads((await ask(serve(app), "/api/a", root_path="/api")).text) == [
        "/a",
        "1",
        "192.0.2.1",
    ]


@pytest.mark.parametrize("target", ["secret", "xsecret", "http://h/secret", "*"])
async def test_no_route_takes_a_target_without_a_slash(serve, target: str) -> None:
    app = App()

    @app.get("/secret")
    async def handler(request):
        return "secret"

    @app.get("/")
    async def root(request):
        return "root"

    got = await ask(serve(app), target, "GET")
    assert got.status in (400, 404)


# Streaming ------------------------------------------------------------------------------------------


async def test_a_stream_is_sent_chunk_by_chunk(serve) -> None:
    steps: list[Any] = []

    async def chunks() -> AsyncIterator[bytes]:
        for i in range(3):
            steps.append(i)
            yield b"%d" % i
        steps.append("closed")

    async def fetch(request):
        return Response(chunks())

    got = Connection(serve(fetch)).feed()
    got.open.clear()
    got.start()
    await turns()
    assert steps == []  # the start itself waits
    got.open.set()
    await got.end()
    assert got.chunks == [b"0", b"1", b"2", b""]
    assert got.complete
    assert steps == [0, 1, 2, "closed"]


async def test_a_client_that_does_not_read_slows_the_handler_down(serve) -> None:
    produced = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal produced
        for _ in range(100):
            produced += 1
            yield b"x"

    async def fetch(request):
        return Response(chunks())

    got = Connection(serve(fetch)).feed().start()
    await until(lambda: got.sent)
    got.open.clear()
    await turns()
    before = produced
    await turns(100)
    assert produced == before
    got.open.set()
    await got.end()
    assert produced == 100


async def test_an_upload_is_received_only_as_the_handler_reads(serve) -> None:
    gate = asyncio.Event()

    async def fetch(request):
        reader = request.body.get_reader()
        first = (await reader.read()).value
        await gate.wait()
        rest = b""
        while not (chunk := await reader.read()).done:
            rest += chunk.value
        return first + b"|" + rest

    got = Connection(serve(fetch), method="POST", headers=[("transfer-encoding", "chunked")])
    for i in range(5):
        got.feed(b"%d" % i, more=i < 4)
    got.start()
    await turns()
    assert got.incoming.qsize() == 4
    gate.set()
    assert (await got.end()).text == "0|1234"


async def test_an_echo_streams_both_ways_at_once(serve) -> None:
    async def fetch(request):
        return Response(request.body)

    got = Connection(serve(fetch), method="POST", headers=[("transfer-encoding", "chunked")])
    got.feed(b"a", more=True).start()
    await until(lambda: got.chunks == [b"a"])
    got.feed(b"b", more=True)
    await until(lambda: got.chunks == [b"a", b"b"])
    got.feed()
    assert (await got.end()).text == "ab"


async def test_head_closes_a_stream_unread(serve) -> None:
    class Source:
        closed = False

        def __aiter__(self):
            return self

        async def __anext__(self):
            raise AssertionError

        async def aclose(self):
            self.closed = True

    source = Source()

    async def fetch(request):
        return Response(source, headers={"content-length": "7"})

    got = await ask(serve(fetch), method="HEAD")
    assert (got.chunks, got.headers["content-length"], source.closed) == ([b""], "7", True)


async def test_a_response_is_sent_once(serve, caplog) -> None:
    kept = Response("x")

    async def fetch(request):
        return kept

    app = serve(fetch)
    assert (await ask(app)).status == 200
    assert (await ask(app)).status == 500
    assert "already been used" in caplog.text


@pytest.mark.parametrize("read", [lambda r: r.text(), lambda r: r.body.get_reader().read()])
async def test_a_response_that_was_read_cannot_be_sent(serve, caplog, read) -> None:
    async def fetch(request):
        response = Response(ReadableStream([b"a", b"b"]))
        await read(response)
        return response

    assert (await ask(serve(fetch))).status == 500
    assert "already been used" in caplog.text


async def test_a_network_error_cannot_be_sent(serve, caplog) -> None:
    async def fetch(request):
        return Response.error()

    assert (await ask(serve(fetch))).status == 500
    assert errors(caplog)


# Errors ---------------------------------------------------------------------------------------------


def failing(error: BaseException) -> Any:
    async def fetch(request):
        raise error

    return fetch


async def test_in_production_an_error_tells_nothing_but_an_id_that_is_in_the_log(
    serve, caplog
) -> None:
    got = await ask(serve(failing(KeyError("s3cret"))), "/a", headers=[("accept", "text/html")])
    assert (got.status, got.headers["content-type"]) == (500, TEXT)
    assert "s3cret" not in got.text
    found = re.fullmatch(r"Internal Server Error \(request ([0-9a-f]{16})\)", got.text)
    assert found
    [record] = errors(caplog)
    assert found[1] in record.getMessage()
    assert "/a" in record.getMessage()
    assert "s3cret" in caplog.text


@pytest.mark.parametrize("accept", ["text/html,*/*", "application/json", None])
async def test_in_development_an_error_shows_its_traceback(
    serve, monkeypatch, accept: str | None
) -> None:
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    headers = [("accept", accept)] if accept else []
    got = await ask(serve(failing(KeyError("<b>"))), "/<i>", headers=headers)
    html = accept is not None and "html" in accept
    assert got.status == 500
    assert got.headers["content-type"] == ("text/html;charset=UTF-8" if html else TEXT)
    assert "test_host.py" in got.text
    assert ("&lt;b&gt;" if html else "<b>") in got.text
    assert not html or "<b>" not in got.text.replace(" in <b>", "")


async def test_http_errors_are_answers_not_faults(serve, caplog) -> None:
    got = await ask(serve(failing(HTTPError(403, {"error": "no"}, {"x": "1"}))))
    assert (got.status, got.text, got.headers["x"]) == (403, '{"error":"no"}', "1")
    assert not errors(caplog)


@pytest.mark.parametrize("error", [HTTPError(700), HTTPError(400, {"a": object()})])
async def test_an_http_error_that_cannot_be_sent_is_a_fault(serve, caplog, error) -> None:
    assert (await ask(serve(failing(error)))).status == 500
    assert errors(caplog)


async def test_none_is_a_fault_whose_log_names_the_handler(serve, caplog) -> None:
    async def forgetful(request): ...

    assert (await ask(serve(forgetful))).status == 500
    assert "forgetful() returned None" in caplog.text


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), OSError("the disk")])
async def test_an_error_in_the_middle_of_a_stream_cuts_it_and_is_logged(
    serve, caplog, error
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        raise error

    async def fetch(request):
        return Response(chunks())

    got = await ask(serve(fetch), "/a")
    assert (got.status, got.chunks, got.complete) == (200, [b"a"], False)
    [record] = errors(caplog)
    assert "/a" in record.getMessage()
    assert record.exc_info[1] is error


async def test_raise_errors_lets_everything_through(serve) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        raise ZeroDivisionError

    async def fetch(request):
        if request.path == "/stream":
            return Response(chunks())
        raise KeyError

    app = serve(fetch, raise_errors=True)
    with pytest.raises(KeyError):
        await ask(app)
    with pytest.raises(ZeroDivisionError):
        await ask(app, "/stream")


async def test_a_cancelled_handler_stays_cancelled(serve) -> None:
    async def fetch(request):
        await asyncio.Event().wait()

    got = Connection(serve(fetch)).feed().start()
    await turns()
    got.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await got.task
    assert got.sent == []


async def test_logs_cannot_be_forged_by_the_path(serve, caplog) -> None:
    await ask(serve(failing(KeyError())), "/a%0d%0aERROR%20forged")
    assert all("\n" not in record.getMessage() for record in errors(caplog))


# Limits ---------------------------------------------------------------------------------------------


async def echo(request):
    return await request.bytes()


async def count(request):
    size = 0
    async for chunk in request.body or ():
        size += len(chunk)
    return str(size)


@pytest.fixture
def small(tmp_path: Path, serve) -> None:
    (tmp_path / "wrangler.json").write_text(
        json.dumps({"name": "x", "edgekit": {"max_body_bytes": 10}})
    )


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fetch", [echo, count])
async def test_a_body_above_the_limit_is_a_413_by_length_and_by_counting(serve, fetch) -> None:
    app = serve(fetch)
    chunked = [("transfer-encoding", "chunked")]
    assert (await ask(app, method="POST", body=b"x" * 10)).status == 200
    assert (await ask(app, method="POST", body=b"x" * 11)).status == 413
    assert (await ask(app, method="POST", body=b"x" * 11, headers=chunked)).status == 413
    got = Connection(app, method="POST", headers=chunked)
    got.feed(b"x" * 6, more=True).feed(b"x" * 6)
    assert (await got.start().end()).status == 413


@pytest.mark.usefixtures("small")
async def test_a_length_above_the_limit_is_refused_before_the_body_comes(serve) -> None:
    got = Connection(serve(count), method="POST", headers=[("content-length", "11")])
    assert (await got.start().end()).status == 413


@pytest.mark.usefixtures("small")
async def test_a_body_that_nobody_reads_is_no_matter(serve) -> None:
    async def fetch(request):
        return "ok"

    assert (await ask(serve(fetch), method="POST", body=b"x" * 11)).status == 200


async def test_a_url_above_16_kib_is_a_414(serve) -> None:
    app = serve(echo)
    assert (await ask(app, "/" + "x" * (16 * 1024 - 1))).status == 200
    assert (await ask(app, "/" + "x" * (16 * 1024))).status == 414
    assert (await ask(app, "/?" + "x" * (16 * 1024))).status == 414


@pytest.mark.parametrize("second", ["h", "other"])
async def test_two_host_headers_are_a_400_whatever_they_say(serve, second: str) -> None:
    async def fetch(request):
        raise AssertionError("it is not to be asked")

    assert (await ask(serve(fetch), headers=[("host", second)])).status == 400


async def test_the_authority_of_http_2_may_stand_beside_an_equal_host(serve) -> None:
    async def fetch(request):
        return request.url

    app = serve(fetch)
    assert (await ask(app, headers=[("host", "h")], http_version="2")).text == "http://h/"
    assert (await ask(app, headers=[("host", "other")], http_version="2")).status == 400


async def test_headers_above_128_kib_are_a_431(serve) -> None:
    app = serve(echo)
    assert (await ask(app, headers=[("x", "y" * 120_000)])).status == 200
    assert (await ask(app, headers=[("x", "y" * 130_000), ("z", "y" * 2000)])).status == 431
    assert (await ask(app, headers=[(f"x{i}", "") for i in range(5000)])).status == 431


# The client goes away -------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_sweep")
async def test_a_client_that_goes_cancels_the_handler_and_aborts_its_signal(serve, caplog) -> None:
    seen: list[Any] = []

    async def fetch(request):
        signal = request.signal
        seen.append(signal.aborted)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(signal.aborted)
            raise

    got = Connection(serve(fetch)).feed().start()
    await until(lambda: seen)
    got.leave()
    await got.end()
    assert seen == [False, True]
    assert got.sent == []
    assert not errors(caplog)


@pytest.mark.usefixtures("quick_sweep")
async def test_a_client_that_goes_while_a_stream_is_sent_closes_it(serve, caplog) -> None:
    closed = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def fetch(request):
        return Response(chunks())

    got = Connection(serve(fetch)).feed().start()
    await until(lambda: len(got.sent) == 2)
    got.leave()
    await got.end()
    await asyncio.wait_for(closed.wait(), 10)
    assert not got.complete
    assert not errors(caplog)


async def test_a_send_that_fails_ends_the_stream_quietly(serve, caplog) -> None:
    closed = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                await asyncio.sleep(0)
                yield b"a"
        finally:
            closed.set()

    async def fetch(request):
        return Response(chunks())

    got = Connection(serve(fetch)).feed().start()
    await until(lambda: len(got.sent) > 2)
    got.fails = True
    await got.end()
    await asyncio.wait_for(closed.wait(), 10)
    assert not errors(caplog)


async def test_a_client_that_goes_in_the_middle_of_its_upload_is_no_fault(serve, caplog) -> None:
    for fetch in (echo, count):
        got = Connection(serve(fetch), method="POST", headers=[("content-length", "10")])
        got.feed(b"abc", more=True).start()
        await turns()
        got.leave()
        await got.end()
        assert not errors(caplog)
        assert not got.complete or got.status != 200


@pytest.mark.usefixtures("quick_sweep")
async def test_the_sweeper_does_not_take_the_body_from_its_reader(serve) -> None:
    gate = asyncio.Event()

    async def fetch(request):
        await gate.wait()
        return await request.bytes()

    got = Connection(serve(fetch), method="POST", headers=[("content-length", "4")])
    got.feed(b"ab", more=True).feed(b"cd").start()
    await turns(50)
    assert got.incoming.qsize() == 1  # it reads one message ahead, no more
    gate.set()
    assert (await got.end()).text == "abcd"


@pytest.mark.usefixtures("quick_sweep")
async def test_a_client_that_stays_is_answered(serve) -> None:
    gate = asyncio.Event()

    async def fetch(request):
        await gate.wait()
        return "still here"

    got = Connection(serve(fetch)).feed().start()
    await turns(50)
    gate.set()
    assert (await got.end()).text == "still here"


@pytest.mark.usefixtures("quick_sweep")
async def test_wait_until_goes_on_when_the_client_has_gone(serve) -> None:
    gate, done = asyncio.Event(), []

    async def later():
        await gate.wait()
        done.append(True)

    async def fetch(request, env, ctx):
        ctx.wait_until(later())
        await asyncio.Event().wait()

    app = serve(fetch)
    got = Connection(app).feed().start()
    await turns()
    got.leave()
    await got.end()
    gate.set()
    await app.stop()
    assert done == [True]


@pytest.mark.usefixtures("quick_sweep")
async def test_a_handler_may_clean_up_asynchronously(serve) -> None:
    done = []

    async def fetch(request):
        try:
            await asyncio.Event().wait()
        finally:
            await turns(5)
            done.append(True)

    got = Connection(serve(fetch)).feed().start()
    await turns(50)
    got.leave()
    await got.end()
    assert done == [True]


# wait_until and the end -----------------------------------------------------------------------------


async def test_the_stop_waits_for_wait_until_and_logs_its_errors(serve, caplog) -> None:
    done = []

    async def later():
        await turns(5)
        done.append(True)
        raise ZeroDivisionError

    async def fetch(request, env, ctx):
        ctx.wait_until(later())
        return ctx.request_id

    app = serve(fetch)
    request_id = (await ask(app)).text
    assert done == []
    await app.stop()
    assert done == [True]
    [record] = errors(caplog)
    assert request_id in record.getMessage()
    assert "ZeroDivisionError" in caplog.text


async def test_what_takes_longer_than_30_seconds_is_cancelled_and_counted(
    serve, monkeypatch, caplog
) -> None:
    from edgekit.runtime import isolate

    assert isolate.DRAIN_SECONDS == 30
    monkeypatch.setattr(isolate, "DRAIN_SECONDS", 0)

    async def fetch(request, env, ctx):
        ctx.wait_until(asyncio.Event().wait())
        return ""

    app = serve(fetch)
    await ask(app)
    await app.stop()
    assert "1 wait_until tasks" in caplog.text


# Start and lifespan ---------------------------------------------------------------------------------


class Life:
    """A server's lifespan task."""

    def __init__(self, app: Any) -> None:
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.ensure_future(
            app({"type": "lifespan"}, self.incoming.get, self.sent.put)
        )

    async def tell(self, what: str) -> Any:
        self.incoming.put_nowait({"type": f"lifespan.{what}"})
        return await asyncio.wait_for(self.sent.get(), 10)


def recording(calls: list[str]) -> App:
    app = App()

    @app.on_start
    async def start(env):
        calls.append("start")

    @app.on_stop
    async def stop(env):
        calls.append("stop")

    @app.get("/")
    async def handler(request):
        calls.append("request")
        return ""

    return app


async def test_the_lifespan_starts_and_stops_the_worker(serve) -> None:
    calls: list[str] = []
    app = serve(recording(calls))
    life = Life(app)
    assert (await life.tell("startup"))["type"] == "lifespan.startup.complete"
    assert calls == ["start"]
    await ask(app)
    assert (await life.tell("shutdown"))["type"] == "lifespan.shutdown.complete"
    await life.task
    assert calls == ["start", "request", "stop"]


async def test_without_a_lifespan_the_first_request_starts_the_worker_once(serve) -> None:
    calls: list[str] = []
    app = serve(recording(calls))
    results = await asyncio.gather(*(ask(app) for _ in range(5)))
    assert [got.status for got in results] == [200] * 5
    assert calls == ["start"] + ["request"] * 5


async def test_a_client_that_goes_while_the_worker_starts_stops_the_start_for_nobody(serve) -> None:
    calls: list[str] = []
    go_on = asyncio.Event()
    target = recording(calls)

    @target.on_start
    async def start():
        calls.append("starting")
        await go_on.wait()

    app = serve(target)
    first = Connection(app).start()
    await until(lambda: "starting" in calls)
    second = Connection(app).start()
    first.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first.task
    go_on.set()
    assert (await second.end()).status == 200
    assert calls.count("starting") == 1


async def test_a_worker_may_be_started_again(serve) -> None:
    calls: list[str] = []
    app = serve(recording(calls))
    for _ in range(2):
        life = Life(app)
        await life.tell("startup")
        await ask(app)
        await life.tell("shutdown")
    assert calls == ["start", "request", "stop"] * 2


@pytest.mark.parametrize("error", [ConfigError("line one"), ZeroDivisionError("x")])
async def test_a_start_that_fails_is_told_and_logged(serve, caplog, error) -> None:
    app = App()

    @app.on_start
    async def start(env):
        raise error

    life = Life(serve(app))
    assert (await life.tell("startup"))["type"] == "lifespan.startup.failed"
    await asyncio.wait_for(life.task, 10)
    [record] = errors(caplog)
    assert str(error) in record.getMessage()
    # What the developer can put right needs no traceback.
    assert bool(record.exc_info) is not isinstance(error, ConfigError)


async def test_a_missing_binding_ends_the_start_by_name(serve, caplog) -> None:
    class Needs(Env):
        SECRET: str

    life = Life(serve(App(Needs)))
    assert (await life.tell("startup"))["type"] == "lifespan.startup.failed"
    assert "Needs.SECRET" in caplog.text


async def test_a_start_that_fails_without_a_lifespan_is_raised_and_tried_again(serve) -> None:
    app, tries = App(), []

    @app.on_start
    async def start(env):
        tries.append(1)
        if len(tries) == 1:
            raise ZeroDivisionError

    @app.get("/")
    async def handler(request):
        return ""

    app = serve(app)
    with pytest.raises(ZeroDivisionError):
        await ask(app)
    assert (await ask(app)).status == 200


async def test_a_stop_that_fails_is_told_and_logged(serve, caplog) -> None:
    app = App()

    @app.on_stop
    async def stop(env):
        raise ZeroDivisionError("x")

    life = Life(serve(app))
    await life.tell("startup")
    assert (await life.tell("shutdown"))["type"] == "lifespan.shutdown.failed"
    assert "ZeroDivisionError" in caplog.text


async def test_an_unknown_scope_is_an_error(serve) -> None:
    app = serve(echo)
    with pytest.raises(RuntimeError, match="unknown ASGI scope type 'x'"):
        await app({"type": "x"}, None, None)


async def test_an_app_is_its_own_asgi_app(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    monkeypatch.chdir(tmp_path)
    calls: list[str] = []
    app = recording(calls)
    life = Life(app)
    await life.tell("startup")
    assert (await ask(app)).status == 200
    await life.tell("shutdown")
    assert calls == ["start", "request", "stop"]


# What the host passes on ----------------------------------------------------------------------------


async def test_forwarded_headers_count_from_trusted_peers_only(serve, tmp_path) -> None:
    (tmp_path / "wrangler.json").write_text(
        json.dumps({"name": "x", "edgekit": {"trusted_proxies": ["10.0.0.0/8"]}})
    )

    async def fetch(request):
        return [request.client[0], request.url]

    app = serve(fetch)
    headers = [
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
    ]
    assert json.loads((await ask(app, headers=headers)).text) == ["192.0.2.1", "http://h/"]
    got = await ask(app, headers=headers, client=("10.1.1.1", 5))
    assert json.loads(got.text) == ["1.1.1.1", "https://a.example/"]


@pytest.mark.parametrize(
    ("proto", "url"), [("https", "https://h/"), ("http", "http://h/"), (None, "http://h/")]
)
async def test_a_web_socket_behind_a_proxy_has_the_visitor_s_scheme(
    serve, tmp_path, proto: str | None, url: str
) -> None:
    (tmp_path / "wrangler.json").write_text(
        json.dumps({"name": "x", "edgekit": {"trusted_proxies": ["10.0.0.0/8"]}})
    )
    seen = []

    async def fetch(request):
        seen.append(request.url)
        return Response(None, status=403)

    headers = [("x-forwarded-proto", proto)] if proto else []
    got = Connection(
        serve(fetch), headers=headers, type="websocket", scheme="ws", client=("10.0.0.1", 1)
    )
    got.incoming.put_nowait({"type": "websocket.connect"})
    await got.start().end()
    assert seen == [url]


async def test_by_default_nobody_is_trusted(serve) -> None:
    async def fetch(request):
        return [request.client[0], request.url]

    headers = [
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=1.1.1.1"),
    ]
    got = await ask(serve(fetch), headers=headers, client=("127.0.0.1", 5))
    assert json.loads(got.text) == ["127.0.0.1", "http://h/"]
