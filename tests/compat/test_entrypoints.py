"""Handlers of a Workers project, in all their forms."""

from __future__ import annotations

import pytest

from edgekit.compat.entrypoints import ProjectWorker
from edgekit.errors import ConfigError, UnsupportedError
from edgekit.testing.client import TestClient
from tests.compat.loading import Load, answer

HEAD = "from workers import *\nfrom workers import Response, WorkerEntrypoint\n"


async def test_class_with_fetch_of_one_argument(load: Load):
    worker = load(
        HEAD
        + """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"{request.method} {self.env.NAME} {type(self.ctx).__name__}")
""",
        vars={"NAME": "you"},
    )
    assert isinstance(worker, ProjectWorker)
    assert await answer(worker, method="POST") == "POST you ExecutionContext"


@pytest.mark.parametrize(
    "parameters",
    ["self, request, env", "self, request, env=None, ctx=None", "self, request, *rest", "self"],
)
async def test_fetch_takes_as_many_arguments_as_it_has_parameters(load: Load, parameters: str):
    worker = load(
        HEAD
        + f"""
class Default(WorkerEntrypoint):
    async def fetch({parameters}):
        given = locals()
        if "rest" in given:
            given["env"] = given["rest"][0]
        return Response(given.get("env", self.env).NAME)
""",
        vars={"NAME": "you"},
    )
    assert await answer(worker) == "you"


@pytest.mark.parametrize(
    "handler",
    [
        "def fetch(self, request):\n        return Response('ok')",
        "def fetch(self, request):\n        return self.later()",
        "async def fetch(self, request):\n        return self.later()",
    ],
)
async def test_fetch_may_be_sync_and_its_result_not_awaited(load: Load, handler: str):
    worker = load(
        HEAD
        + f"""
class Default(WorkerEntrypoint):
    async def later(self):
        return Response("ok")

    {handler}
"""
    )
    assert await answer(worker) == "ok"


async def test_no_response_names_the_method(load: Load):
    worker = load(
        HEAD
        + """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        Response("lost")
"""
    )
    with pytest.raises(TypeError, match=r"main\.Default\.fetch\(\) returned None"):
        await answer(worker)


async def test_inheritance_mixins_and_an_own_constructor(load: Load):
    worker = load(
        HEAD
        + """
class Mixin:
    def greet(self):
        return f"{self.word} {self.env.NAME}"

class Base(WorkerEntrypoint):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.word = "hello"

class Default(Mixin, Base):
    async def fetch(self, request):
        return Response(self.greet())
""",
        vars={"NAME": "you"},
    )
    assert await answer(worker) == "hello you"
    assert list(worker.exports()) == ["Base"]


async def test_one_object_for_each_event(load: Load):
    worker = load(
        HEAD
        + """
class Default(WorkerEntrypoint):
    count = 0

    async def fetch(self, request):
        self.count += 1
        return Response(str(self.count))
"""
    )
    async with TestClient(worker) as client:
        assert [await (await client.get("/")).text() for _ in range(2)] == ["1", "1"]


EVENTS = """
seen = []

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(repr(seen))

    async def scheduled(self, controller{more}):
        seen.append((controller.cron, controller.scheduledTime, {env}.NAME))

    def queue(self, batch{more}):
        for message in batch.messages:
            seen.append((batch.queue, message.body, message.attempts, {env}.NAME))
            message.ack()
"""


@pytest.mark.parametrize(("more", "env"), [("", "self.env"), (", env, ctx", "env")])
async def test_events_get_the_real_env(load: Load, more: str, env: str):
    worker = load(HEAD + EVENTS.replace("{more}", more).replace("{env}", env), vars={"NAME": "x"})
    async with TestClient(worker) as client:
        await client.scheduled("* * * * *", time=60_000)
        result = await client.queue("jobs", [{"a": 1}])
        text = await (await client.get("/")).text()
    assert result.explicitAcks
    assert text == "[('* * * * *', 60000, 'x'), ('jobs', {'a': 1}, 1, 'x')]"


async def test_older_handlers_with_the_decorator(load: Load):
    worker = load(
        HEAD
        + """
seen = []

@handler
async def on_fetch(request, env, ctx):
    return Response(f"{request.headers['x-a']} {env.NAME} {seen}")

@handler
async def on_scheduled(controller, env, ctx):
    seen.append(controller.cron)
""",
        vars={"NAME": "you"},
        compatibility_date="2024-01-01",
    )
    async with TestClient(worker) as client:
        await client.scheduled("1 * * * *")
        response = await client.get("/", headers={"x-a": "b"})
        assert await response.text() == "b you ['1 * * * *']"


async def test_older_handler_of_fewer_arguments(load: Load):
    worker = load(HEAD + "def on_fetch(request):\n    return Response(request.url)\n")
    assert await answer(worker, "http://h/a") == "http://h/a"


def test_older_handlers_of_a_newer_date_run_with_a_warning(
    load: Load, caplog: pytest.LogCaptureFixture
):
    load("def on_fetch(request): ...", compatibility_date="2025-08-14")
    assert "Workers run no such handlers since" in caplog.text
    caplog.clear()
    flags = ["disable_python_no_global_handlers"]
    load(
        "def on_fetch(request): ...",
        apart="b",
        compatibility_date="2025-09-01",
        compatibility_flags=flags,
    )
    assert not caplog.records


def test_a_class_and_an_older_handler_are_one_too_many(load: Load):
    with pytest.raises(ConfigError, match="Cannot define multiple default entrypoints"):
        load(HEAD + "class Default(WorkerEntrypoint): ...\ndef on_fetch(request): ...")


async def test_a_project_without_fetch(load: Load):
    worker = load(HEAD + "class Other(WorkerEntrypoint):\n    async def hi(self): ...\n")
    async with TestClient(worker) as client:
        with pytest.raises(UnsupportedError, match="does not export a fetch"):
            await client.get("/")


async def test_named_entrypoints_by_their_own_name_and_all(load: Load):
    worker = load(
        HEAD
        + """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(await self.ctx.exports.Hidden.hi())

class Hidden(WorkerEntrypoint):
    async def hi(self):
        return f"hi {self.env.NAME}"

other_name = Hidden
""",
        vars={"NAME": "you"},
    )
    assert list(worker.exports()) == ["Hidden"]
    assert await answer(worker) == "hi you"


def test_classes_of_later_issues_can_be_imported_and_subclassed(load: Load):
    load(
        "from workers import DurableObject, WorkflowEntrypoint, WorkerEntrypoint\n"
        "class Room(DurableObject):\n    async def fetch(self, request): ...\n"
        "class Flow(WorkflowEntrypoint): ...\n"
        "class Default(WorkerEntrypoint): ...\n"
    )


def test_their_bindings_are_refused_by_name(load: Load):
    bindings = {"bindings": [{"name": "ROOM", "class_name": "Room"}]}
    with pytest.raises(ConfigError, match=r"durable_objects \(ROOM\)"):
        load("", durable_objects=bindings)


@pytest.mark.parametrize(("date", "is_none"), [("2025-09-28", True), ("2025-09-29", False)])
async def test_null_is_none_up_to_python_312(load: Load, date: str, is_none: bool):
    worker = load(
        HEAD
        + """
from edgekit.compat.javascript.values import null

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(str(null() is None))
""",
        compatibility_date=date,
    )
    assert await answer(worker) == str(is_none)


async def test_handlers_of_other_events_are_driven_where_run_sync_is_used(load: Load):
    worker = load(
        HEAD
        + """
import asyncio
seen = []

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        from edgekit.compat.greenlets import run_sync
        return Response(str(seen) + run_sync(self.later()))

    async def later(self):
        await asyncio.sleep(0)
        return "!"

    def scheduled(self, controller):
        from edgekit.compat.greenlets import run_sync
        seen.append(run_sync(self.later()))
"""
    )
    async with TestClient(worker) as client:
        await client.scheduled("* * * * *")
        assert await (await client.get("/")).text() == "['!']!"
