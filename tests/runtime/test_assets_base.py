"""Assets under a `base_path`: a prefix of the public path, which the folder does not have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit.app import App
from edgekit.config import load
from edgekit.errors import ConfigError
from edgekit.runtime.assets_front import AssetsOnly, make_assets
from edgekit.testing.client import TestClient
from edgekit.web.request import Request

FILES = {"index.html": "home", "foo.html": "foo", "sub/index.html": "sub", "a.txt": "a"}
RULES = {
    "_redirects": """\
/docs/out /elsewhere 301
/docs/%ZZ /malformed 302
/docs/in /docs/a.txt 200
/docs/off /a.txt 200
/other /docs/a.txt 200
/others /elsewhere 301
""",
    "_headers": "/docs/a.txt\n  X-Rule: in\n/other\n  X-Rule: off\n",
}


def configure(root: Path, files: dict[str, str], **assets: Any) -> str:
    (root / "public").mkdir(exist_ok=True)
    for name, text in files.items():
        file = root / "public" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    config = root / "wrangler.json"
    settings = {"directory": "public", "base_path": "/docs", **assets}
    config.write_text(json.dumps({"assets": settings}))
    return str(config)


def client(root: Path, files: dict[str, str], **assets: Any) -> TestClient:
    return TestClient(AssetsOnly(configure(root, files, **assets)))


async def answer(client: TestClient, path: str, method: str = "GET") -> str:
    """The status, then where it leads or what it says."""
    async with client:
        response = await client.fetch(path, method=method, redirect="manual")
        return f"{response.status} {response.headers.get('location') or await response.text()}"


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/docs/a.txt", "200 a"),
        ("/docs/foo", "200 foo"),
        ("/docs/foo.html?q=1", "307 /docs/foo?q=1"),
        ("/docs/foo/", "307 /docs/foo"),
        ("/docs/sub", "307 /docs/sub/"),
        ("/docs/sub/", "200 sub"),
        ("/docs//a.txt", "307 /docs/a.txt"),
        ("/docs%2Fa.txt", "307 /docs/a.txt"),
        ("/%64ocs/a.txt", "307 /docs/a.txt"),
        ("/docs/%FFx", "307 /docs/%25FFx"),
        ("/docs", "307 /docs/"),
        ("/docs?q=1", "307 /docs/?q=1"),
        ("/docs/index.html", "307 /docs/"),
        ("/docs/", "200 home"),
        ("/a.txt", "404 "),
        ("/", "404 "),
        ("/docs-other/a.txt", "404 "),
        ("/docs-", "404 "),
        ("/docs/docs/a.txt", "404 "),
    ],
)
async def test_the_prefix_is_of_the_path_and_not_of_the_folder(
    tmp_path: Path, path: str, answered: str
) -> None:
    assert await answer(client(tmp_path, {**FILES, "%FFx": "odd"}), path) == answered


@pytest.mark.parametrize(
    ("mode", "bare", "slash"),
    [
        ("auto-trailing-slash", "307 /docs/", "200 home"),
        ("force-trailing-slash", "307 /docs/", "200 home"),
        ("drop-trailing-slash", "200 home", "307 /docs"),
        ("none", "404 ", "404 "),
    ],
)
async def test_the_first_page_is_at_one_path(
    tmp_path: Path, mode: str, bare: str, slash: str
) -> None:
    def made(files: dict[str, str]) -> TestClient:
        return client(tmp_path, files, html_handling=mode)

    assert await answer(made({}), "/docs") == await answer(made({}), "/docs/") == "404 "
    assert await answer(made(FILES), "/docs") == bare
    assert await answer(made(FILES), "/docs/") == slash
    assert await answer(made(FILES), "/docs", "HEAD") == bare.replace("home", "")
    found = not bare.startswith("404")
    assert await answer(made(FILES), "/docs", "POST") == ("405 " if found else "404 ")


async def test_the_location_is_percent_encoded(tmp_path: Path) -> None:
    assert await answer(client(tmp_path, FILES, base_path="a/é"), "/a/%C3%A9") == "307 /a/%C3%A9/"


@pytest.mark.parametrize("html", ["none", "auto-trailing-slash"])
async def test_the_not_found_page_is_for_paths_below_only(tmp_path: Path, html: str) -> None:
    keys = {"html_handling": html, "not_found_handling": "single-page-application"}
    assert await answer(client(tmp_path, FILES, **keys), "/docs/missing") == "200 home"
    assert await answer(client(tmp_path, FILES, **keys), "/missing") == "404 "
    keys["not_found_handling"] = "404-page"
    files = {"404.html": "top", "sub/404.html": "in sub"}
    assert await answer(client(tmp_path, files, **keys), "/docs/missing") == "404 top"
    assert await answer(client(tmp_path, files, **keys), "/docs/sub/missing") == "404 in sub"
    assert await answer(client(tmp_path, files, **keys), "/sub/missing") == "404 "


async def test_the_single_page_stands_at_either_path_of_the_root(tmp_path: Path) -> None:
    keys = {"html_handling": "none", "not_found_handling": "single-page-application"}
    for path in ("/docs", "/docs/"):
        assert await answer(client(tmp_path, FILES, **keys), path) == "200 home"


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/docs/out", "301 /elsewhere"),
        ("/docs/%ZZ", "302 /malformed"),
        ("/docs/in", "200 a"),
        ("/docs/off", "404 "),
        ("/other", "404 "),
        ("/others", "404 "),
    ],
)
async def test_rules_are_of_public_paths(tmp_path: Path, path: str, answered: str) -> None:
    assert await answer(client(tmp_path, {**FILES, **RULES}), path) == answered


async def test_off_the_prefix_no_headers_are_added(tmp_path: Path) -> None:
    async with client(tmp_path, {**FILES, **RULES}) as served:
        assert (await served.fetch("/docs/a.txt")).headers.get("x-rule") == "in"
        assert (await served.fetch("/other")).headers.get("x-rule") is None


async def test_a_worker_has_the_rest_and_sees_the_public_path(tmp_path: Path) -> None:
    rules = ["/docs/mine/*"]
    app = App(config=configure(tmp_path, {**FILES, **RULES}, run_worker_first=rules))

    @app.fallback
    async def said(request: Request) -> str:
        return f"worker {request.path}"

    async with TestClient(app) as served:
        for path in ("/docs/mine/a", "/a.txt", "/other", "/docs/missing"):
            assert await (await served.fetch(path)).text() == f"worker {path}"
        assert await (await served.fetch("/docs/a.txt")).text() == "a"
        assert (await served.fetch("/docs/off")).status == 404


@pytest.mark.parametrize("base", ["", "//x.com", "/a%20b"])
def test_what_is_no_path_is_refused(tmp_path: Path, base: str) -> None:
    file = configure(tmp_path, FILES, base_path=base)
    with pytest.raises(ConfigError, match=r"assets\.base_path: "):
        make_assets(load(file, environ={}), AssetsOnly(file))
