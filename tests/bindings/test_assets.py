"""`env.ASSETS.fetch`: what is answered with which headers. Files are real ones, in a folder."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgekit.bindings.asset_rules import (
    HeaderRules,
    Redirects,
    parse_headers,
    parse_redirects,
)
from edgekit.bindings.assets import Assets
from edgekit.bindings.fetcher import Fetcher
from edgekit.engines.tree import PIECE, SMALL, File, Tree
from edgekit.errors import StorageError
from edgekit.web.response import Response


@dataclass
class Site:
    files: dict[str, File]
    headers: HeaderRules = field(default_factory=lambda: HeaderRules([]))
    redirects: Redirects = field(default_factory=lambda: Redirects([]))


@dataclass
class Served:
    """A folder, and a Fetcher of what is in it now."""

    root: Path
    site: Site
    fetcher: Fetcher

    async def get(self, path: str, method: str = "GET", **headers: str) -> Response:
        pairs = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.fetcher.fetch(f"http://any.test{path}", method=method, headers=pairs)


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    def make(
        files: dict[str, str | bytes], headers: str = "", redirects: str = "", **options: Any
    ) -> Served:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        tree = Tree(
            tmp_path,
            lambda name: False,
            now=0,
            most=1000,
            largest=2**30,
            too_many=OverflowError,
            too_large=OverflowError,
        )
        site = Site(
            tree.files,
            HeaderRules(parse_headers(headers)[0]),
            Redirects(parse_redirects(redirects, html_handling=True)[0]),
        )
        return Served(tmp_path, site, Fetcher(Assets(lambda: site, **options).fetch))

    return make


async def test_a_file_comes_with_the_headers_of_the_platform(serve: Serve) -> None:
    response = await serve({"a.txt": "hello"}).get("/a.txt")
    headers = dict(response.headers.items())
    assert re.fullmatch('"[0-9a-f]{32}"', headers.pop("etag"))
    assert headers == {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "public, max-age=0, must-revalidate",
        "cf-cache-status": "HIT",
        "accept-ranges": "bytes",
        "content-length": "5",
    }
    assert (response.status, await response.text()) == (200, "hello")


async def test_what_is_asked_with_authorization_is_not_for_public_caches(serve: Serve) -> None:
    response = await serve({"a.txt": "hello"}).get("/a.txt", authorization="Basic x")
    assert response.headers.get("cache-control") is None


async def test_a_file_of_an_unknown_kind_has_no_content_type(serve: Serve) -> None:
    response = await serve({"a.zzz": "hello"}).get("/a.zzz")
    assert response.headers.get("content-type") is None


async def test_head_tells_the_length_without_a_body(serve: Serve) -> None:
    response = await serve({"a.txt": "hello"}).get("/a.txt", "HEAD")
    assert response.headers["content-length"] == "5"
    assert response.body is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"])
async def test_other_methods_are_405_where_something_is(serve: Serve, method: str) -> None:
    served = serve({"a.html": "hello"}, "/*\n  X: 1")
    response = await served.get("/a", method)
    assert (response.status, dict(response.headers.items())) == (405, {"x": "1"})
    assert (await served.get("/a.html", method)).status == 405
    assert (await served.get("/none", method)).status == 404


async def test_the_etag_is_that_of_the_content(serve: Serve) -> None:
    served = serve({"a.txt": "one", "b.txt": "one"})
    etag = (await served.get("/a.txt")).headers["etag"]
    assert (await served.get("/b.txt")).headers["etag"] == etag
    (served.root / "a.txt").write_text("two")
    assert (await served.get("/a.txt")).headers["etag"] != etag


async def test_what_the_client_has_is_answered_by_304(serve: Serve) -> None:
    served = serve({"a.txt": "hello", "404.html": "none"}, not_found_handling="404-page")
    etag = (await served.get("/a.txt")).headers["etag"]
    for header in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        response = await served.get("/a.txt", if_none_match=header)
        assert (response.status, response.body) == (304, None)
        assert response.headers["etag"] == etag
        assert response.headers.get("content-length") is None
        assert response.headers["cache-control"].startswith("public")
    assert (await served.get("/a.txt", "HEAD", if_none_match=etag)).status == 304
    assert (await served.get("/a.txt", if_none_match='"x"')).status == 200
    page = await served.get("/none")
    assert (await served.get("/none", if_none_match=page.headers["etag"])).status == 304
    assert (await served.get("/none", if_none_match="*")).status == 404


async def test_the_time_of_a_file_counts_for_nothing(serve: Serve) -> None:
    served = serve({"a.txt": "hello"})
    response = await served.get("/a.txt", if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT")
    assert response.status == 200
    assert response.headers.get("last-modified") is None


@pytest.mark.parametrize("size", [10, SMALL + 10, 2 * PIECE + 10])
async def test_ranges(serve: Serve, size: int) -> None:
    data = os.urandom(size)
    served = serve({"a.bin": data})
    for header, start, end in [
        ("bytes=2-4", 2, 5),
        ("bytes=3-", 3, size),
        ("bytes=-3", size - 3, size),
        (f"bytes=0-{size * 2}", 0, size),
        (f"bytes={size - 1}-", size - 1, size),
    ]:
        response = await served.get("/a.bin", range=header)
        assert response.status == 206
        assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert response.headers["content-length"] == str(end - start)
        assert response.headers.get("cache-control") is None
        assert await response.bytes() == data[start:end]


@pytest.mark.parametrize(
    "header", ["bytes=0-1,3-4", "bytes=x", "lines=1-2", "bytes=4-2", "bytes=-"]
)
async def test_several_ranges_and_what_is_no_range_give_the_whole(
    serve: Serve, header: str
) -> None:
    response = await serve({"a.txt": "0123456789"}).get("/a.txt", range=header)
    assert (response.status, await response.text()) == (200, "0123456789")


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
async def test_a_range_behind_the_end_is_416(serve: Serve, header: str) -> None:
    response = await serve({"a.txt": "0123456789"}).get("/a.txt", range=header)
    assert (response.status, response.body) == (416, None)
    assert response.headers["content-range"] == "bytes */10"


async def test_a_range_is_of_the_version_that_if_range_names(serve: Serve) -> None:
    served = serve({"a.txt": "0123456789"})
    etag = (await served.get("/a.txt")).headers["etag"]
    for tag, status in ((etag, 206), ('"x"', 200), (f"W/{etag}", 200)):
        response = await served.get("/a.txt", range="bytes=1-2", if_range=tag)
        assert response.status == status


async def test_head_and_404_pages_have_no_ranges(serve: Serve) -> None:
    served = serve({"a.txt": "0123456789", "404.html": "none"}, not_found_handling="404-page")
    response = await served.get("/a.txt", "HEAD", range="bytes=1-2")
    assert (response.status, response.headers["content-length"]) == (200, "10")
    response = await served.get("/x", range="bytes=1-2")
    assert (response.status, await response.text()) == (404, "none")
    assert response.headers.get("accept-ranges") is None


@pytest.mark.parametrize("text", ["hello", "hello" * SMALL])
async def test_a_precompressed_file_is_sent_to_who_accepts_it(serve: Serve, text: str) -> None:
    packed = gzip.compress(text.encode() + os.urandom(SMALL if len(text) > 5 else 0))
    served = serve({"a.js": text, "a.js.gz": packed})
    plain = await served.get("/a.js")
    assert plain.headers["vary"] == "accept-encoding"
    assert plain.headers.get("content-encoding") is None
    response = await served.get("/a.js", accept_encoding="br, gzip")
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-length"] == str(len(packed))
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["vary"] == "accept-encoding"
    etag = response.headers["etag"]
    assert etag != plain.headers["etag"]
    assert await response.bytes() == gzip.decompress(packed)  # read here, it is decoded
    again = await served.get("/a.js", accept_encoding="gzip", if_none_match=etag)
    assert (again.status, again.headers["vary"]) == (304, "accept-encoding")
    assert again.headers.get("content-encoding") is None


async def test_what_is_refused_or_cannot_be_decoded_is_not_chosen(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve({"a.js": "plain", "a.js.gz": gzip.compress(b"gz"), "a.js.br": "br"})

    async def coding(header: str) -> str | None:
        return (await served.get("/a.js", accept_encoding=header)).headers.get("content-encoding")

    assert await coding("gzip;q=0, br;q=0") is None
    assert await coding("identity") is None
    assert await coding("gzip, deflate, br, zstd") == "br"
    assert await coding("gzip") == "gzip"
    monkeypatch.setattr("edgekit.web.codings._brotli", lambda: None)
    assert await coding("br, gzip") == "gzip"
    assert await coding("br") is None


async def test_a_range_is_of_the_plain_bytes(serve: Serve) -> None:
    served = serve({"a.js": "0123456789", "a.js.gz": gzip.compress(b"0123456789")})
    response = await served.get("/a.js", range="bytes=2-3", accept_encoding="gzip")
    assert (response.status, await response.text()) == (206, "23")


async def test_an_older_precompressed_file_belongs_to_an_earlier_file(serve: Serve) -> None:
    served = serve({"a.js": "new", "a.js.gz": gzip.compress(b"old")})
    os.utime(served.root / "a.js.gz", (1, 1))
    response = await served.get("/a.js", accept_encoding="gzip")
    assert (await response.text(), response.headers.get("content-encoding")) == ("new", None)


async def test_a_precompressed_file_that_has_gone_is_done_without(serve: Serve) -> None:
    served = serve({"a.js": "plain", "a.js.gz": gzip.compress(b"gz")})
    (served.root / "a.js.gz").unlink()
    (served.root / "a.js.gz").symlink_to(served.root / "a.js")
    response = await served.get("/a.js", accept_encoding="gzip")
    assert await response.text() == "plain"


async def test_pages_have_precompressed_files_too(serve: Serve) -> None:
    served = serve({"a.html": "page", "a.html.gz": gzip.compress(b"page")})
    response = await served.get("/a", accept_encoding="gzip")
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-type"] == "text/html; charset=utf-8"


async def test_redirects_to_the_page_keep_the_query(serve: Serve) -> None:
    served = serve({"a.html": "hello", "x y.txt": ""})
    response = await served.get("/a.html?x=1&y")
    assert (response.status, response.headers["location"]) == (307, "/a?x=1&y")
    response = await served.get("/x%20%79.txt?q")
    assert (response.status, response.headers["location"]) == (307, "/x%20y.txt?q")


async def test_no_redirect_leads_to_another_site(serve: Serve) -> None:
    served = serve({"evil.test/index.html": ""})
    for path in ("//evil.test", "/%2Fevil.test", "/%2F%2Fevil.test/index.html"):
        assert (await served.get(path)).headers["location"] == "/evil.test/"


@pytest.mark.parametrize(
    ("rule", "path", "status", "location"),
    [
        ("/o /n", "/o", 302, "/n"),
        ("/o /n 301", "/o?q=1", 301, "/n?q=1"),
        ("/o /n?x=2#f 303", "/o?q=1", 303, "/n?x=2#f"),
        ("/o https://x.test/n 308", "/o?q=1", 308, "https://x.test/n?q=1"),
        ("/o https://x.test/n?y=1#f", "/o?q=1", 302, "https://x.test/n?y=1#f"),
        ("/o https://any.test/n", "/o", 302, "https://any.test/n"),
        ("/s/* /t/:splat", "/s/%2F/x", 302, "/t/%2F/x"),
        ("/h/* https://:splat.test/", "/h/%20", 500, None),
    ],
)
async def test_redirects_come_first(
    serve: Serve, rule: str, path: str, status: int, location: str | None
) -> None:
    served = serve({"o": "a file"}, "/o\n  X: 1", rule)
    response = await served.get(path, "POST")
    assert (response.status, response.headers.get("location")) == (status, location)
    assert ("x" in response.headers) == path.startswith("/o")


async def test_a_rewrite_answers_with_another_file(serve: Serve) -> None:
    served = serve(
        {"user.html": "user"}, redirects="/u/* /user 200\n/n/* /none 200\n/h /user.html 200"
    )
    response = await served.get("/u/7")
    assert (response.status, await response.text()) == (200, "user")
    assert (await served.get("/n/7")).status == 404
    assert (await served.get("/h?x")).headers["location"] == "/user?x"


async def test_header_rules_reach_every_answer_of_the_assets(serve: Serve) -> None:
    rules = "/*\n  X: 1\n  Content-Type: text/x\n  ! Cache-Control\nhttps://any.test/a.txt\n  Y: 2"
    served = serve({"a.txt": "hello"}, rules)
    response = await served.get("/a.txt")
    assert response.headers["x"] == "1"
    assert response.headers["y"] == "2"
    assert response.headers["content-type"] == "text/x"
    assert response.headers.get("cache-control") is None
    assert (await served.get("/none")).headers["x"] == "1"


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret", "/%2e%2e/secret", "/..%2fsecret", "/%2e%2e%2fsecret", "/a/../../secret"),
        *("/..\\secret", "/..%5csecret", "/%5c..%5csecret", "//etc/passwd", "/%2fetc%2fpasswd"),
        *("/secret%00", "/a.txt%00.html", "/%00", "/C:/secret", "/C%3A%5Csecret", "/a.txt::$DATA"),
        *(
            "/a.txt.",
            "/a.txt%20",
            "/A.TXT",
            "/link",
            "/folder/secret",
            "/aux",
            "/%c0%ae%c0%ae/secret",
        ),
        *(
            "/%252e%252e/secret",
            "/%25%32%65%25%32%65/secret",
            "/.%2e/secret",
            "/a.txt/../../secret",
        ),
        *(
            "/.../secret",
            "/....//secret",
            "/%uff0e%uff0e/secret",
            "/\uff0e\uff0e/secret",
            "/;/../secret",
        ),
    ],
)
async def test_nothing_outside_the_folder_is_served(
    serve: Serve, tmp_path: Path, path: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    served = serve({"root/a.txt": "hello"})
    root = tmp_path / "root"
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    tree = Tree(
        root,
        lambda name: False,
        now=0,
        most=10,
        largest=100,
        too_many=OverflowError,
        too_large=OverflowError,
    )
    served.site.files = tree.files
    response = await served.get(path)
    assert response.status == 404


async def test_a_file_that_goes_is_not_there_until_it_comes_back(serve: Serve) -> None:
    served = serve({"a.html": "hello", "404.html": "none"}, not_found_handling="404-page")
    assert (await served.get("/a")).status == 200
    (served.root / "a.html").unlink()
    response = await served.get("/a")
    assert (response.status, await response.text()) == (404, "none")
    (served.root / "404.html").unlink()
    assert (await served.get("/a")).status == 404
    (served.root / "a.html").write_text("back")
    assert await (await served.get("/a")).text() == "back"


async def test_a_file_can_be_replaced_at_any_moment(serve: Serve) -> None:
    served = serve({"a.txt": "old"})
    for number in range(50):
        (served.root / "new").write_text(f"{number}")
        (served.root / "new").rename(served.root / "a.txt")
        assert await (await served.get("/a.txt")).text() == f"{number}"


async def test_a_file_that_changes_while_it_is_sent_breaks_the_response(serve: Serve) -> None:
    served = serve({"a.bin": bytes(3 * PIECE)})
    response = await served.get("/a.bin")
    os.truncate(served.root / "a.bin", 10)
    with pytest.raises(StorageError):
        await response.bytes()


async def test_a_request_can_be_a_url_and_its_host_does_not_matter(serve: Serve) -> None:
    served = serve({"a.txt": "hello"})
    for url in ("http://x/a.txt", "https://assets.local:9/a.txt?q"):
        assert await (await served.fetcher.fetch(url)).text() == "hello"
    with pytest.raises(TypeError):
        await served.fetcher.fetch("/a.txt")
