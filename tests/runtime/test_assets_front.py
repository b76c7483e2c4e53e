"""Assets in front of a Worker: which of the two answers, what the configuration must say, changes."""

from __future__ import annotations

import gzip
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from edgekit.app import App
from edgekit.asgi import AsgiRequest
from edgekit.bindings.assets import path_of
from edgekit.bindings.fetcher import Fetcher
from edgekit.config import load
from edgekit.context import ExecutionContext
from edgekit.engines.tree import SMALL
from edgekit.env import Env
from edgekit.errors import ConfigError
from edgekit.runtime import assets_front
from edgekit.runtime.assets_front import AssetsOnly, make_assets
from edgekit.testing.client import TestClient
from edgekit.testing.clock import ManualClock
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import worker

Make = Callable[..., TestClient]


# When what a test writes has just been written, and when it has been there for long.
JUST = 0.0
LATER = 4_000_000_000.0


class AppEnv(Env):
    ASSETS: Fetcher


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def configure(root: Path, **keys: Any) -> Path:
    """A wrangler file with these keys of `assets`; others in capitals are the file's own."""
    top = {name.lower(): keys.pop(name) for name in list(keys) if name.isupper()}
    path = root / "wrangler.json"
    path.write_text(json.dumps({**top, "assets": {"directory": "public", **keys}}))
    return path


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A client of a Worker behind assets; the Worker says what it was asked, or asks the binding."""

    def make(
        files: dict[str, str | bytes] | None = None,
        *,
        only: bool = False,
        now: float = LATER,
        **keys: Any,
    ) -> TestClient:
        clock = ManualClock(now)
        write(tmp_path / "public", files or {"index.html": "home", "page.html": "page"})
        config = configure(tmp_path, **({} if only else {"binding": "ASSETS"}), **keys)
        if only:
            return TestClient(AssetsOnly(str(config)), clock=clock)
        app = App(AppEnv, config=str(config))

        @app.fallback
        async def other(request: Request, env: AppEnv, ctx: ExecutionContext) -> Any:
            if request.headers.has("x-via"):
                return await env.ASSETS.fetch(request)
            return f"worker {request.method} {request.path}"

        return TestClient(app, clock=clock)

    return make


async def texts(client: TestClient, *paths: str, **headers: str) -> list[str]:
    pairs = {name.replace("_", "-"): value for name, value in headers.items()}
    return [await (await client.get(path, headers=pairs)).text() for path in paths]


# Who answers --------------------------------------------------------------------------------------


async def test_an_asset_comes_before_the_worker(make: Make) -> None:
    async with make() as client:
        assert await texts(client, "/", "/page", "/api") == ["home", "page", "worker GET /api"]
        response = await client.get("/page.html?x=1")
        assert (response.status, response.headers["location"]) == (307, "/page?x=1")
        assert (await client.post("/page")).status == 405
        assert await (await client.post("/api")).text() == "worker POST /api"


async def test_redirects_come_before_the_worker(make: Make) -> None:
    async with make({"_redirects": "/old /new 301\n/u/* /none 200"}) as client:
        assert (await client.get("/old")).headers["location"] == "/new"
        assert (await client.get("/u/7")).status == 404


async def test_header_rules_are_for_assets_only(make: Make) -> None:
    async with make({"a.txt": "a", "_headers": "/*\n  X: 1"}) as client:
        assert (await client.get("/a.txt")).headers["x"] == "1"
        assert (await client.get("/none")).headers.get("x") is None


async def test_the_binding_answers_also_what_it_does_not_have(make: Make) -> None:
    async with make() as client:
        response = await client.get("/none", headers={"x-via": "1"})
        assert (response.status, await response.text()) == (404, "")
        assert await texts(client, "/page", x_via="1") == ["page"]


@pytest.mark.parametrize("not_found", ["single-page-application", "404-page"])
async def test_what_nobody_has_is_the_workers_unless_a_browser_navigates(
    make: Make, not_found: str
) -> None:
    files: dict[str, str | bytes] = {"index.html": "page", "404.html": "page"}
    async with make(files, not_found_handling=not_found) as client:
        assert await texts(client, "/none") == ["worker GET /none"]
        assert await texts(client, "/none", sec_fetch_mode="cors") == ["worker GET /none"]
        assert await texts(client, "/none", sec_fetch_mode="navigate") == ["page"]
        assert await texts(client, "/none", x_via="1") == ["page"]


@pytest.mark.parametrize(
    ("date", "flags", "page"),
    [
        ("2025-03-31", [], False),
        ("2025-04-01", [], True),
        ("2025-03-31", ["assets_navigation_prefers_asset_serving"], True),
        ("2025-04-01", ["assets_navigation_has_no_effect"], False),
    ],
)
async def test_navigation_counts_from_its_date_on(
    make: Make, date: str, flags: list[str], page: bool
) -> None:
    client = make(
        not_found_handling="single-page-application",
        COMPATIBILITY_DATE=date,
        COMPATIBILITY_FLAGS=flags,
    )
    async with client:
        expected = "home" if page else "worker GET /none"
        assert await texts(client, "/none", sec_fetch_mode="navigate") == [expected]


async def test_the_worker_can_come_first(make: Make) -> None:
    async with make(run_worker_first=True) as client:
        assert await texts(client, "/", "/none") == ["worker GET /", "worker GET /none"]
        assert await texts(client, "/page", x_via="1") == ["page"]


async def test_rules_say_who_comes_first(make: Make) -> None:
    files: dict[str, str | bytes] = {
        "index.html": "home",
        "api/doc.txt": "doc",
        "api/x.txt": "x",
        "b.txt": "b",
    }
    rules = ["/api/*", "!/api/doc*", "/é.txt", "/b.*"]
    async with make(files, run_worker_first=rules) as client:
        assert await texts(client, "/api/x.txt", "/api/doc.txt", "/b.txt", "/") == [
            "worker GET /api/x.txt",
            "doc",
            "worker GET /b.txt",
            "home",
        ]
        # The assets', whether they have it or not.
        assert (await client.get("/api/doc2")).status == 404
        assert await texts(client, "/none") == ["worker GET /none"]


async def test_with_rules_what_nobody_has_is_a_page(make: Make) -> None:
    client = make(run_worker_first=["/api/*"], not_found_handling="single-page-application")
    async with client:
        assert await texts(client, "/none", "/api/x") == ["home", "worker GET /api/x"]


async def test_assets_do_without_a_worker(make: Make) -> None:
    async with make({"a.html": "a", "404.html": "none"}, only=True) as client:
        assert await texts(client, "/a") == ["a"]
        response = await client.get("/x")
        assert (response.status, await response.text()) == (404, "")
    async with make(only=True, not_found_handling="404-page") as client:
        assert await texts(client, "/x") == ["none"]


async def test_without_their_host_assets_alone_are_nothing() -> None:
    assert (await AssetsOnly().fetch("http://x/")).status == 404


async def test_a_precompressed_file_goes_out_as_it_is(make: Make) -> None:
    packed = gzip.compress(b"gz")
    files: dict[str, str | bytes] = {
        "a.js": "plain",
        "a.js.gz": packed,
        "b.js": "b",
        "b.js.br": "?",
    }
    async with make(files) as client:
        response = await client.get("/a.js", headers={"accept-encoding": "gzip"})
        assert response.headers["content-length"] == str(len(packed))
        assert response.headers["content-encoding"] == "gzip"
        # Asked of the binding by somebody who takes no gzip in the end.
        response = await client.get("/a.js", headers={"x-via": "1"})
        assert await response.text() == "plain"


async def test_a_precompressed_file_needs_no_decoder(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekit.web.codings._brotli", lambda: None)
    async with make({"b.js": "b", "b.js.br": "packed"}) as client:
        response = await client.get("/b.js", headers={"accept-encoding": "br"})
        assert response.headers["content-encoding"] == "br"
        assert response.headers["content-length"] == "6"


async def test_a_large_file_is_sent_with_its_length(make: Make) -> None:
    data = os.urandom(20 * SMALL)
    async with make({"a.bin": data}) as client:
        response = await client.get("/a.bin")
        assert response.headers["content-length"] == str(len(data))
        assert await response.bytes() == data


async def test_a_file_that_has_gone_is_the_workers(make: Make, tmp_path: Path) -> None:
    async with make() as client:
        assert await texts(client, "/page") == ["page"]
        (tmp_path / "public/page.html").unlink()
        assert await texts(client, "/page") == ["worker GET /page"]


# What is never an asset ---------------------------------------------------------------------------

HIDDEN = [
    *(
        "_headers",
        "_redirects",
        ".assetsignore",
        ".git/config",
        "a/.git/config",
        ".env",
        ".dev.vars",
    ),
    *(".env.production", "a/.dev.vars.x", "node_modules/x.js", "wrangler.toml", ".edgekit/state/x"),
]


async def test_rules_secrets_and_the_project_are_no_assets(make: Make) -> None:
    async with make({**dict.fromkeys(HIDDEN, ""), "a/node_modules/x.js": "x"}) as client:
        for name in HIDDEN:
            assert await texts(client, f"/{name}") == [f"worker GET /{name}"]
        assert await texts(client, "/a/node_modules/x.js") == ["x"]


async def test_assetsignore_leaves_out_and_takes_back(make: Make) -> None:
    files: dict[str, str | bytes] = {
        ".assetsignore": "*.map\n!.env.example\n",
        "a.js": "a",
        "a.js.map": "",
        ".env.example": "X=1",
    }
    async with make(files) as client:
        assert await texts(client, "/a.js", "/a.js.map", "/.env.example") == [
            "a",
            "worker GET /a.js.map",
            "X=1",
        ]


# Production and development -----------------------------------------------------------------------


async def test_in_production_the_folder_is_scanned_once(make: Make, tmp_path: Path) -> None:
    async with make() as client:
        write(tmp_path / "public", {"new.txt": "new", "page.html": "other"})
        assert await texts(client, "/new.txt", "/page") == ["worker GET /new.txt", "other"]


async def test_in_development_changes_are_seen_at_once(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    public = tmp_path / "public"
    async with make(now=JUST) as client:
        etag = (await client.get("/page")).headers["etag"]
        write(public, {"new/deep.txt": "new", "page.html": "other"})
        assert await texts(client, "/new/deep.txt", "/page") == ["new", "other"]
        assert (await client.get("/page", headers={"if-none-match": etag})).status == 200
        write(public, {"_redirects": "/old /new", "_headers": "/*\n  X: 1", ".assetsignore": "new"})
        assert (await client.get("/old")).headers["x"] == "1"
        assert await texts(client, "/new/deep.txt") == ["worker GET /new/deep.txt"]
        (public / ".assetsignore").unlink()
        (public / "page.html").rename(public / "moved.html")
        assert await texts(client, "/page", "/moved") == ["worker GET /page", "other"]


async def test_in_development_a_settled_folder_is_not_scanned_again(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    client = make()
    os.utime(tmp_path / "public", (1, 1))
    async with client:
        assert await texts(client, "/page") == ["page"]
        monkeypatch.setattr(assets_front, "Tree", lambda *args, **kwargs: pytest.fail("scanned"))
        assert await texts(client, "/page", "/none") == ["page", "worker GET /none"]


async def test_in_development_a_folder_may_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    config = configure(tmp_path, directory="dist")
    async with TestClient(AssetsOnly(str(config)), clock=ManualClock(JUST)) as client:
        assert (await client.get("/a.txt")).status == 404
        write(tmp_path / "dist", {"a.txt": "built"})
        assert await texts(client, "/a.txt") == ["built"]


async def test_in_development_what_cannot_be_served_leaves_things_as_they_were(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    monkeypatch.setattr(assets_front, "MAX_FILE", 10)
    async with make(now=JUST) as client:
        write(tmp_path / "public", {"large.bin": bytes(11), "new.txt": "new"})
        assert await texts(client, "/", "/new.txt") == ["home", "worker GET /new.txt"]
        assert len([r for r in caplog.records if "Asset too large" in r.getMessage()]) == 1
        (tmp_path / "public/large.bin").unlink()
        assert await texts(client, "/new.txt") == ["new"]


async def test_a_warning_is_given_once_while_it_is_true(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    monkeypatch.chdir(tmp_path)
    async with make({"_redirects": "/a", "_headers": "x"}, now=JUST) as client:
        assert [record.getMessage() for record in caplog.records] == [
            "Found 1 invalid header rule:\n▶︎ Expected a path beginning with at least one"
            " forward-slash\n    at public/_headers:1 | x\n\n",
            "Found 1 invalid redirect rule:\n▶︎ Expected exactly 2 or 3 whitespace-separated"
            " tokens. Got 1.\n    at public/_redirects:1 | /a\n\n",
        ]
        caplog.clear()
        await client.get("/")
        await client.get("/")
        assert not caplog.records


# The configuration --------------------------------------------------------------------------------


def fault(root: Path, *, only: bool = False, **keys: Any) -> str:
    async def fetch(request: Request) -> Response:
        raise NotImplementedError

    config = load(configure(root, **keys), environ={})
    with pytest.raises(ConfigError) as caught:
        make_assets(config, AssetsOnly() if only else worker(fetch))
    return str(caught.value)


def test_the_folder_must_be_there(tmp_path: Path) -> None:
    assert fault(tmp_path).startswith(
        'The directory specified by the "assets.directory" field in your configuration file does not'
        " exist:"
    )
    (tmp_path / "public").touch()
    assert "doesn't point to a directory" in fault(tmp_path)
    assert fault(tmp_path, directory="") == "The assets directory cannot be an empty string."
    assert "missing the required `directory` property" in fault(tmp_path, directory=None)


def test_assets_alone_have_no_binding_and_no_worker_to_run_first(tmp_path: Path) -> None:
    assert fault(tmp_path, only=True, binding="ASSETS").startswith(
        "Cannot use assets with a binding in an assets-only Worker."
    )
    for first in (True, ["/x"]):
        assert fault(tmp_path, only=True, run_worker_first=first).startswith(
            "Cannot set run_worker_first without a Worker script."
        )


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "No `run_worker_first` rules were provided; must provide at least 1 rule."),
        (
            [f"/{i}" for i in range(101)],
            "Too many `run_worker_first` rules were provided; 101 rules provided exceeds max of 100.",
        ),
        (
            [*(f"/{i}" for i in range(99)), "/1", "/1"],
            "Too many `run_worker_first` rules were provided; 101 rules provided (99 distinct, 2"
            " duplicate entries) exceeds max of 100.",
        ),
        (
            [*(f"/{i}" for i in range(100)), "/1"],
            "Too many `run_worker_first` rules were provided; 101 rules provided (100 distinct, 1"
            " duplicate entry) exceeds max of 100.",
        ),
        (
            ["!/a"],
            "Only negative `run_worker_first` rules were provided; must provide at least 1"
            " non-negative rule",
        ),
        (["/a", "b"], "'b': rules must start with '/' or '!/'"),
        (["/a", "!b"], "'!b': negative rules must start with '!/'"),
        (["/a", "/a"], "'/a': rule is a duplicate; rules must be unique"),
        (
            ["/" + "x" * 100],
            f"'/{'x' * 100}': all rules must be less than 100 characters in length",
        ),
        (["/a/*", "/a/b"], "'/a/b': rule '/a/*' makes it redundant"),
        (["/a", "!/b*", "!/bc"], "'!/bc': rule '!/b*' makes it redundant"),
    ],
)
def test_rules_of_run_worker_first_are_checked(
    tmp_path: Path, rules: list[str], message: str
) -> None:
    text = fault(tmp_path, run_worker_first=rules)
    assert text in (message, f"Invalid routes in `run_worker_first`:\n{message}")


def test_rules_at_the_limits_are_taken(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    rules = ["/" + "x" * 99, *(f"/{i}" for i in range(99))]
    config = load(configure(tmp_path, run_worker_first=rules), environ={})
    assert make_assets(config, App()) is not None


def test_files_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "public", {"a": "", "b": ""})
    monkeypatch.setattr(assets_front, "MAX_FILES", 1)
    assert fault(tmp_path).startswith(
        "Maximum number of assets exceeded.\nCloudflare Workers supports up to 1 assets in a version."
        " We found 2 files"
    )
    monkeypatch.setattr(assets_front, "MAX_FILES", 100)
    with (tmp_path / "public/c").open("wb") as file:
        file.truncate(25 * 1024 * 1024)
    make_assets(load(configure(tmp_path), environ={}), App())
    with (tmp_path / "public/c").open("wb") as file:
        file.truncate(25 * 1024 * 1024 + 1)
    assert "sizes of up to 25 MiB. We found a file" in fault(tmp_path)


def test_a_folder_that_cannot_be_read_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "public/_headers").mkdir(parents=True)
    assert fault(tmp_path) == f"{tmp_path}/public/_headers cannot be read: Is a directory"


def test_a_program_in_the_folder_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"main.py": ""})
    make_assets(load(configure(tmp_path, directory=".", MAIN="main.py"), environ={}), App())
    [record] = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "main.py lies in the assets directory and is served to everybody" in record.getMessage()


def test_a_worker_that_comes_first_and_cannot_reach_its_assets_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "public").mkdir()
    make_assets(load(configure(tmp_path, run_worker_first=True), environ={}), App())
    assert "run_worker_first=true set without an assets binding" in caplog.text


def test_without_assets_nothing_is_in_front() -> None:
    app = App()
    config = load(environ={}, start=Path("/"))
    assert make_assets(config, app) is None
    assert assets_front.in_front(None, config, app, app.dispatch) == app.dispatch


async def test_under_a_prefix_redirects_keep_it(tmp_path: Path) -> None:
    write(tmp_path / "public", {"page.html": "page", "_redirects": "/old /new 301"})
    site = Starlette(routes=[Mount("/a b", app=AssetsOnly(str(configure(tmp_path))))])
    transport = httpx.ASGITransport(app=site)
    async with httpx.AsyncClient(transport=transport, base_url="http://x.test") as client:
        assert (await client.get("/a%20b/page")).text == "page"
        assert (await client.get("/a%20b/page.html?q")).headers["location"] == "/a%20b/page?q"
        assert (await client.get("/a%20b/old")).headers["location"] == "/a%20b/new"
        assert (await client.get("/a%20b/none")).status_code == 404


async def test_paths_mean_the_same_where_a_server_gives_them_decoded_only() -> None:
    scope = {"type": "http", "method": "GET", "path": "/é x", "query_string": b"", "headers": []}

    async def receive() -> Any:
        raise NotImplementedError

    assert path_of(AsgiRequest(scope, receive)) == "/%C3%A9%20x"
    assert path_of(AsgiRequest({**scope, "path": "/a b"}, receive)) == "/a%20b"
    assert path_of(Request("http://x/a%20b?c")) == "/a%20b"
