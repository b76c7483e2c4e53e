"""Mistakes that mypy and pyright must find: an ignore that is not needed is an error in both.

Not run by pytest.
"""

from __future__ import annotations

from edgekit import App, Env, HTTPError, KVNamespace, Request, Response, worker
from edgekit.testing import TestClient


class AppEnv(Env):
    VISITS: KVNamespace
    GREETING: str = "Hello"


app = App(AppEnv)


@app.get("/sync")  # type: ignore[type-var]
def sync(request: Request) -> Response:
    return Response("no handler may be sync")


app.get(b"/bytes")  # type: ignore[arg-type]
App(AppEnv())  # type: ignore[arg-type]
app.mount("/x", "not an app")  # type: ignore[arg-type]
app.route("/x", methods=[1])  # type: ignore[list-item]
HTTPError("404")  # type: ignore[arg-type]


async def env_names(env: AppEnv) -> None:
    env.VISIT  # type: ignore[attr-defined]  # noqa: B018
    await env.GREETING.get("x")  # type: ignore[attr-defined]


async def kv(env: AppEnv) -> None:
    value: str = await env.VISITS.get("k")  # type: ignore[assignment]
    data: str | None = await env.VISITS.get("k", "bytes")  # type: ignore[assignment]
    await env.VISITS.get("k", "xml")  # type: ignore[call-overload]
    await env.VISITS.get_or_none("k")  # type: ignore[attr-defined]
    await env.VISITS.put("k")  # type: ignore[call-arg]
    await env.VISITS.put("k", 5)  # type: ignore[arg-type]
    await env.VISITS.put("k", "v", ttl=60)  # type: ignore[call-arg]
    print(value, data)


async def requests(request: Request) -> None:
    request.url = "http://elsewhere"  # type: ignore[misc]
    text: bytes = await request.text()  # type: ignore[assignment]
    name: str = request.query.get("name")  # type: ignore[assignment]
    request.text().upper()  # type: ignore[attr-defined]
    print(text, name)


async def responses(response: Response) -> None:
    Response.json()  # type: ignore[call-arg]
    Response("x", statsu=200)  # accepted: the options of the platform that edgekit does not know
    response.json().get("x")  # type: ignore[attr-defined]
    Response.redirect("/", "303")  # type: ignore[arg-type]


async def client() -> None:
    with TestClient(app):  # type: ignore[attr-defined]
        pass


fetch = worker(app)
fetch.nothing()  # type: ignore[attr-defined]
