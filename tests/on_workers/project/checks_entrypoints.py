"""Classes as entrypoints: this Worker's own, called by `ctx.exports`."""

from __future__ import annotations

from typing import Any

from edgekit import (
    Env,
    HTTPError,
    KVNamespace,
    Request,
    Response,
    WorkerEntrypoint,
    WorkerVersionMetadata,
)


class AdminEnv(Env):
    KV: KVNamespace
    VERSION: WorkerVersionMetadata
    GREETING: str


class Mixin:
    async def shared(self) -> str:
        return "from the mixin"


class Admin(Mixin, WorkerEntrypoint):
    """Its methods call each other as Python's do; others get copies."""

    env: AdminEnv

    async def fetch(self, request: Request) -> Response:
        if request.path == "/refused":
            raise HTTPError(403, "no")
        greeting = self.env.GREETING
        return Response.json({"path": request.path, "props": self.ctx.props, "greeting": greeting})

    def plain(self, number: int) -> int:
        return number + 1

    async def sum(self, numbers: list[int]) -> dict[str, Any]:
        return {"sum": sum(map(self.plain, numbers)), "none": None, "raw": b"\x00"}

    async def kept(self, name: str) -> str | None:
        found: str | None = await self.env.KV.get(name)
        return found

    async def refuse(self) -> None:
        raise TypeError("not this way")

    async def _hidden(self) -> str:
        return "hidden"


async def test_a_request_is_answered_with_props(env: Any, ctx: Any) -> None:
    response = await ctx.exports.Admin(props={"who": "me"}).fetch("https://any/a")
    assert await response.json() == {"path": "/a", "props": {"who": "me"}, "greeting": "Howdy"}
    response = await ctx.exports.Admin.fetch("https://any/refused")
    assert (response.status, await response.text()) == (403, "no")


async def test_methods_are_called(env: Any, ctx: Any) -> None:
    admin = ctx.exports.Admin
    assert await admin.plain(1) == 2
    assert await admin.sum([1, 2]) == {"sum": 5, "none": None, "raw": b"\x00"}
    assert await admin.shared() == "from the mixin"
    await env.KV.put("entrypoint", "v")
    assert await admin.kept("entrypoint") == "v"
    assert await admin.kept("no such") is None


async def test_what_others_may_not_call_is_not_there(env: Any, ctx: Any) -> None:
    for name in ("_hidden", "no_such"):
        try:
            await getattr(ctx.exports.Admin, name)()
        except TypeError:
            continue
        raise AssertionError(f"{name} was called")


async def test_errors_come_back(env: Any, ctx: Any) -> None:
    try:
        await ctx.exports.Admin.refuse()
    except TypeError as error:
        assert "not this way" in str(error)
    else:
        raise AssertionError("it was not refused")


async def test_the_default_one_is_there_too(env: Any, ctx: Any) -> None:
    response = await ctx.exports.default.fetch("https://any/text")
    assert await response.text() == "Hello, Wörld!"
    assert "Admin" in ctx.exports
