"""The guards before a Worker with assets, compared with the platform's router in all that is listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit.app import App
from edgekit.errors import HTTPError
from edgekit.testing.client import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream


def app(folder: Path, *, assets: bool = True, first: bool = False) -> App:
    """It answers with the content type and the status that a request names."""
    (folder / "public").mkdir(exist_ok=True)
    settings = {"directory": "public", "run_worker_first": first, "binding": "ASSETS"}
    config = folder / "wrangler.json"
    config.write_text(json.dumps({"assets": settings} if assets else {}))
    app = App(config=str(config))

    @app.fallback
    async def other(request: Request) -> Response:
        if detail := request.headers.get("x-raise"):
            raise HTTPError(400, json.loads(detail))
        status = int(request.headers.get("x-status") or 200)
        response = Response(None if status == 304 else b"worker", status=status)
        if kind := request.headers.get("x-type"):
            response.headers.set("content-type", kind)
        return response

    return app


async def status(app: App, path: str, method: str = "GET", **headers: str) -> int:
    pairs = {name.replace("_", "-"): value for name, value in headers.items()}
    async with TestClient(app, base_url="http://site.test") as client:
        response = await client.fetch(path, method=method, headers=pairs, redirect="manual")
        assert await response.text() == ("Blocked" if response.status == 403 else "worker")
        return response.status


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/_image", 200),
        ("/_image?href=//other.test/x", 403),
        ("/_image?href=%2F%2Fother.test", 403),
        ("/_image?href=//site.test@other.test/", 403),
        ("/_image?href=///x", 403),
        ("/_image?href=//SITE.test:81/x", 200),
        ("/_image?href=//", 200),
        ("/_image?href=//[", 200),
        ("/_image?href=/x&href=//other.test", 200),
        ("/_image?href=https://other.test/", 200),
        ("/_image/?href=//other.test", 200),
        ("/a/_image?href=//other.test", 200),
        ("/%5Fimage?href=//other.test", 200),
    ],
)
async def test_images_of_other_hosts(tmp_path: Path, path: str, expected: int, first: bool) -> None:
    guarded = app(tmp_path, first=first)
    assert await status(guarded, path) == await status(guarded, path, "POST") == expected
    assert await status(guarded, path, sec_fetch_dest="image") == 200


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("image/png", 200),
        ("text/plain", 200),
        ("text/plain;charset=UTF-8", 200),
        ("", 403),
        ("text/html", 403),
        ("IMAGE/png", 403),
        ("text/plain ;x", 403),
        ("image/png, text/html", 403),
    ],
)
async def test_what_comes_of_a_remote_image_is_an_image_or_text(
    tmp_path: Path, kind: str, expected: int
) -> None:
    guarded, path = app(tmp_path), "/x/_next/image?url=https://other.test/"
    assert await status(guarded, path, x_type=kind) == expected
    assert await status(guarded, path, "POST", x_type=kind, sec_fetch_dest="image") == expected
    assert await status(guarded, path, x_type=kind, sec_fetch_dest="image") == 200


@pytest.mark.parametrize(
    "path",
    [
        "/_next/image",
        "/_next/image?url=",
        "/_next/image?url=/a",
        "/_next/image/?url=https://other.test/",
        "/_next%2Fimage?url=https://other.test/",
    ],
)
async def test_what_is_no_remote_image(tmp_path: Path, path: str) -> None:
    assert await status(app(tmp_path), path, x_type="text/html") == 200


async def test_not_modified_and_errors(tmp_path: Path) -> None:
    guarded, path = app(tmp_path), "/_next/image?url=https://other.test/"
    async with TestClient(guarded) as client:
        assert (await client.get(path, headers={"x-status": "304"})).status == 304
        assert (await client.get(path, headers={"x-raise": '"text"'})).status == 400
        assert (await client.get(path, headers={"x-raise": '{"a": 1}'})).status == 403


async def test_a_body_that_is_blocked_is_closed(tmp_path: Path) -> None:
    guarded = app(tmp_path)
    closed = []

    class Body:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise AssertionError("nobody reads it")

        async def aclose(self):
            closed.append(True)

    @guarded.get("/_next/image")
    async def page(request: Request) -> Response:
        return Response(ReadableStream(Body()), headers={"content-type": "text/html"})

    async with TestClient(guarded) as client:
        assert (await client.get("/_next/image?url=https://other.test/")).status == 403
        assert closed == [True]


async def test_without_assets_there_are_none(tmp_path: Path) -> None:
    bare = app(tmp_path, assets=False)
    assert await status(bare, "/_image?href=//other.test/x") == 200
    assert await status(bare, "/_next/image?url=https://other.test/") == 200
