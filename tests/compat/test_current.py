"""`env`, `wait_until` and `patch_env` of the `workers` module."""

from __future__ import annotations

import pytest

from edgekit.compat.current import env, import_from_javascript, patch_env
from edgekit.errors import UnsupportedError
from edgekit.testing.client import TestClient
from tests.compat.loading import Load, answer

HEAD = "from workers import *\nfrom workers import env, wait_until\n"


async def test_env_is_that_of_the_running_worker(load: Load):
    worker = load(
        HEAD
        + """
def name():
    with patch_env(NAME="patched", **{"NEW": 1}):
        with patch_env({"NEW": 2}):
            inner = (env.NAME, env["NEW"], "NEW" in env)
        inner += (env.NEW,)
    return [env.NAME, *inner, hasattr(env, "NEW"), hasattr(env, "__len__"), sorted(env), repr(env)]

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.json(name())
""",
        vars={"NAME": "you"},
    )
    expected = '["you", "patched", 2, true, 1, false, false, ["NAME"], "<workers.env>"]'
    assert await answer(worker) == expected


async def test_wait_until_goes_on_after_the_response(load: Load):
    worker = load(
        HEAD
        + """
done = []

async def later(n):
    done.append(n)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("done"):
            return Response(str(done))
        wait_until(later(1))
        waitUntil(later(2))
        self.ctx.waitUntil(later(3))
        return Response(str(done))
"""
    )
    async with TestClient(worker) as client:
        assert await (await client.get("/")).text() == "[]"
        assert await (await client.get("/done")).text() == "[1, 2, 3]"


def test_without_a_worker_there_is_no_env():
    with pytest.raises(UnsupportedError, match=r"workers\.env"):
        env.NAME  # noqa: B018
    with patch_env([("A", 1)]):
        assert env.A == 1


def test_javascript_modules():
    workers = import_from_javascript("cloudflare:workers")
    assert workers.env is env
    email = import_from_javascript("cloudflare:email")
    message = email.EmailMessage.new("a@example.com", "b@example.com", "raw")
    assert message.to == "b@example.com"
    with pytest.raises(ImportError, match="edgekit runs no JavaScript"):
        import_from_javascript("./x.js")
