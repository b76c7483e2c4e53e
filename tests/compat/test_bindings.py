"""Bindings as code of a Workers project uses them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from edgekit.compat.bindings import Binding, Function
from edgekit.compat.convert import Buffer, Date, from_user, to_user
from edgekit.compat.rpc import python_from_rpc, python_to_rpc
from edgekit.testing.client import TestClient
from tests.compat.loading import Load

HEAD = "from workers import Response, WorkerEntrypoint\n"
ALL: dict[str, Any] = {
    "kv_namespaces": [{"binding": "KV", "id": "kv"}],
    "r2_buckets": [{"binding": "R2", "bucket_name": "r2-bucket"}],
    "d1_databases": [{"binding": "DB", "database_name": "db", "database_id": "db"}],
    "queues": {"producers": [{"binding": "QUEUE", "queue": "jobs"}]},
}


@pytest.fixture
async def env(load: Load) -> Any:
    worker = load(HEAD + "class Default(WorkerEntrypoint): ...\n", **ALL)
    async with TestClient(worker) as client:
        yield client.env


async def test_kv_in_both_spellings_and_with_options_in_all_forms(env: Any):
    await env.KV.put("a", "text", metadata={"m": 1})
    await env.KV.put("b", b"bytes", {"metadata": {"m": 2}})
    await env.KV.put("c", memoryview(b"view"), None)
    assert (await env.KV.getWithMetadata("a")).metadata.m == 1
    assert (await env.KV.get_with_metadata("b", "text"))["metadata"] == {"m": 2}
    listed = await env.KV.list(prefix="")
    assert [key["name"] for key in listed["keys"]] == ["a", "b", "c"]
    assert await env.KV.get("nothing") is None
    value = await env.KV.get("c", "arrayBuffer")
    assert (type(value), bytes(value)) == (memoryview, b"view")
    stream = await env.KV.get("a", {"type": "stream"})
    assert [chunk.to_bytes() async for chunk in stream] == [b"text"]
    assert await env["KV"]["get"]("a") == "text"


async def test_r2_objects(env: Any):
    put = await env.R2.put("k", "text", {"httpMetadata": {"contentType": "text/x"}})
    assert isinstance(put.uploaded, Date)
    assert put.uploaded.tzinfo is None
    got = await env.R2.get("k")
    assert (got.key, got.size, got.httpMetadata.contentType) == ("k", 4, "text/x")
    assert await got.text() == "text"
    whole = await (await env.R2.get("k")).arrayBuffer()
    assert whole.tobytes() == b"text"
    listed = await env.R2.list()
    assert [each.uploaded.toISOString()[-1] for each in listed.objects] == ["Z"]
    assert await env.R2.get("k", onlyIf={"uploadedAfter": datetime(2000, 1, 1)}) is not None
    part = await env.R2.createMultipartUpload("m")
    uploaded = await part.uploadPart(1, "x")
    assert (await part.complete([uploaded])).size == 1


async def test_d1(env: Any):
    await env.DB.exec("CREATE TABLE t (a INTEGER, b TEXT)")
    insert = env.DB.prepare("INSERT INTO t VALUES (?, ?)")
    results = await env.DB.batch([insert.bind(1, "x"), insert.bind(2, None)])
    assert [each.success for each in results] == [True, True]
    every = await env.DB.prepare("SELECT * FROM t").all()
    assert every.results == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert every.results[0].b == every["results"][0]["b"] == "x"
    assert await env.DB.prepare("SELECT a FROM t").first("a") == 1


async def test_errors_are_their_own_and_javascripts(env: Any):
    from edgekit.compat.javascript import errors

    with pytest.raises(errors.JsException, match="Key name cannot be empty"):
        await env.KV.get("")
    with pytest.raises(TypeError):
        await env.KV.get("")


async def test_queues(env: Any):
    await env.QUEUE.send({"a": (1, 2)}, {"contentType": "json"})
    await env.QUEUE.sendBatch([{"body": 1}])


def test_a_binding_is_itself_whatever_one_does(env: Any):
    assert env.KV.constructor.name == "KvNamespace"
    assert bool(env.KV)
    assert "KVNamespace" in repr(env.KV)
    with pytest.raises(TypeError, match="not iterable"):
        iter(env.KV)
    with pytest.raises(TypeError, match="no len"):
        len(env.KV)
    with pytest.raises(AttributeError):
        env.KV.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        copy.copy(env.KV).nothing  # noqa: B018


async def test_services_answer_with_the_sdks_classes(load: Load):
    other = load(
        HEAD
        + """
from datetime import datetime
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.json({"method": request.method.value})

    async def kinds(self, data, when, options):
        return [type(data).__name__, type(when).__name__, options, b"x", datetime(2020, 1, 1)]

    def each(self, callback):
        return callback(5)
""",
        name="other",
        apart="other",
    )
    first = load(
        HEAD
        + """
from datetime import datetime, UTC
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        answer = await self.env.OTHER.fetch("http://h/", method="PUT")
        *names, options, data, when = await self.env.OTHER.kinds(b"x", datetime.now(UTC), a=1)
        five = await self.env.OTHER.each(lambda n: n + 1)
        return Response.json([type(answer).__name__, await answer.json(), names, options.a, data.tobytes().decode(), when.year, five])
""",
        services=[{"binding": "OTHER", "service": "other"}],
        apart="first",
    )
    async with TestClient(first, services={"other": other}) as client:
        answer = await (await client.get("/")).json()
    assert answer == ["Response", {"method": "PUT"}, ["memoryview", "Date"], 1, "x", 2020, 6]


async def test_what_bindings_return_has_to_py_as_when_it_was_javascripts(env: Any):
    await env.DB.exec("CREATE TABLE t (a INTEGER, b TEXT)")
    await env.DB.prepare("INSERT INTO t VALUES (1, NULL)").run()
    result = await env.DB.prepare("SELECT * FROM t").all()
    row = {"a": 1, "b": None}
    assert (result.results.to_py(), result.results[0].to_py(), result.to_py()["results"]) == (
        [row],
        row,
        [row],
    )
    assert {type(each) for each in result.to_py()["results"]} == {dict}
    assert (await env.DB.prepare("SELECT * FROM t").first()).to_py() == row
    assert result.results.length == len(result.results) == 1
    assert (await env.DB.prepare("SELECT * FROM t").raw()).to_py() == [[1, None]]
    await env.KV.put("k", '{"a": [{"b": 1}]}', metadata={"m": [1]})
    assert (await env.KV.get("k", "json")).to_py() == {"a": [{"b": 1}]}
    assert (await env.KV.list()).to_py()["keys"] == [{"name": "k", "metadata": {"m": [1]}}]
    assert (await env.KV.get_with_metadata("k")).metadata.to_py() == {"m": [1]}
    await env.R2.put("o", b"x", customMetadata={"c": "d"}, httpMetadata={"contentType": "a/b"})
    listed = await env.R2.list()
    assert (listed.objects.length, listed.delimitedPrefixes.to_py()) == (1, [])
    assert listed.objects[0].to_py() is listed.objects[0]
    found = await env.R2.head("o")

    assert (found.customMetadata.to_py(), found.httpMetadata.to_py()) == (
        {"c": "d"},
        {"contentType": "a/b"},
    )


async def test_only_functions_can_be_called(env: Any):
    statement = env.DB.prepare("SELECT 1")
    assert not any(map(callable, (env.KV, env.DB, statement, statement.bind(), env.QUEUE)))
    assert callable(statement.bind)


def test_dates_keep_their_moment():
    moment = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)
    date = to_user(moment)
    assert date.toISOString() == date.toJSON() == "2026-01-31T12:00:00.123Z"
    assert date.getTime() == 1769860800123
    assert from_user(date) == moment
    assert to_user(date) is date
    assert from_user(moment) is moment


def test_values_that_are_the_same_stay_so():
    for value in (None, 1, "a", 1.5, True):
        assert to_user(value) is from_user(value) is value
    assert to_user({"a": [b"x", {1}]}) == {"a": [b"x", {1}]}
    assert to_user({"a": {"b": 1}}).a.b == 1
    assert type(to_user({"a": b"x"})["a"]) is memoryview
    assert from_user((1, {"a": 2})) == [1, {"a": 2}]
    assert python_from_rpc(python_to_rpc({"a": (1,)})) == {"a": [1]}


def test_buffers():
    buffer = Buffer(b"abcd")
    assert (buffer.byteLength, buffer.length, buffer.nbytes) == (4, 4, 4)
    assert (buffer.slice(1, 3), buffer.subarray(2), buffer.buffer) == (b"bc", b"cd", b"abcd")
    assert (buffer.to_string(), buffer.to_memoryview()[0]) == ("abcd", 97)
    assert buffer.constructor.name == "ArrayBuffer"


def test_a_wrapped_function_converts_too():
    binding = Function(lambda *args, **kwargs: [args, kwargs, b"x"])
    result = binding(Date(2020, 1, 1), a=Binding(5))
    assert result[1] == {"a": 5}
    assert result[0][0].tzinfo is not None
    assert type(result[2]) is memoryview
