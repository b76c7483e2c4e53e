"""What of the platform Node does not have: HTMLRewriter, caches, URLPattern, console, handlers without the SDK."""

from __future__ import annotations

import gzip
import logging

import pytest

from edgekit.compat.javascript.console import console
from edgekit.compat.javascript.convert import view
from edgekit.compat.javascript.errors import JsException
from edgekit.compat.javascript.maps import Map
from edgekit.compat.javascript.proxy import jsnull
from edgekit.compat.javascript.transforms import DecompressionStream
from edgekit.compat.javascript.urlpattern import URLPattern
from edgekit.compat.javascript.values import Array, Object
from edgekit.compat.javascript.web import Response as JsResponse
from edgekit.testing.client import TestClient
from edgekit.web.streams import ReadableStream
from tests.compat.loading import Load, answer

RAW = """
from js import Response, Headers, Object, JSON, console
from pyodide.ffi import to_js

async def on_fetch(request, env, ctx):
    if request.method == "POST":
        data = (await request.json()).to_py()
        await env.KV.put("last", JSON.stringify(to_js(data)))
        return Response.json(to_js({"kept": data["a"], "host": request.headers.get("host")}))
    value = await env.KV.get("last", to_js({"type": "json"}))
    headers = Headers.new({"x-kind": value.constructor.name}.items())
    return Response.new(str(value.a), headers=headers)
"""


async def test_a_handler_without_the_sdk_talks_to_javascripts_objects(load: Load):
    worker = load(
        RAW,
        kv_namespaces=[{"binding": "KV", "id": "kv"}],
        compatibility_flags=["python_workers", "disable_python_no_global_handlers"],
    )
    async with TestClient(worker) as client:
        made = await client.fetch("/", method="POST", body='{"a": 5}')
        assert (await made.json())["kept"] == 5
        read = await client.fetch("/")
        assert (await read.text(), read.headers["x-kind"]) == ("5", "Object")


REWRITE = """
from js import HTMLRewriter
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint

class Links:
    def element(self, element):
        element.setAttribute("href", element.getAttribute("href").upper())
        element.after("<!>", {"html": True})
        element.onEndTag(lambda tag: tag.before("!"))
        self.seen = [list(pair) for pair in element.attributes]

    async def text(self, text):
        if text.lastInTextNode: text.before("?")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        page = Response("<a href=x>t</a><p>old</p><!--c-->", headers={"content-type": "text/html"})
        rewriter = HTMLRewriter.new().on("a", create_proxy(Links()))
        rewriter.on("p", element=lambda p: p.setInnerContent("<n>", html=False))
        rewriter.onDocument({"end": lambda end: end.append("end"), "comments": lambda c: c.remove()})
        return Response(rewriter.transform(page.js_object))
"""


async def test_html_is_rewritten_by_handlers_of_python(load: Load):
    expected = '<a href="X">t?!</a><!><p>&lt;n&gt;</p>end'
    assert await answer(load(REWRITE)) == expected


CACHES = """
from js import caches, Response as JsResponse
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        cache = caches.default
        found = await cache.match("https://example.com/x")
        if found is not None:
            named = await caches.open("other")
            nothing = await named.match("https://example.com/x")
            return Response(await found.text() + str(nothing))
        fresh = {"cache-control": "max-age=60"}.items()
        await cache.put("https://example.com/x", JsResponse.new("kept", headers=fresh))
        return Response("stored")
"""


async def test_caches_keep_responses(load: Load):
    async with TestClient(load(CACHES)) as client:
        assert await (await client.fetch("/")).text() == "stored"
        assert await (await client.fetch("/")).text() == "keptNone"


@pytest.mark.parametrize(
    ("pattern", "url", "groups"),
    [
        ({"pathname": "/a/:id"}, "https://x.com/a/7", {"id": "7"}),
        ({"pathname": "/a/:id"}, "https://x.com/a/7/8", None),
        ({"pathname": "/a/*"}, "https://x.com/a/7/8", {"0": "7/8"}),
        ({"pathname": "/a/:id?"}, "https://x.com/a", {"id": None}),
        ({"pathname": "/a/:rest+"}, "https://x.com/a/b/c", {"rest": "b/c"}),
        ({"pathname": "/a/:rest*"}, "https://x.com/a", {"rest": None}),
        ({"pathname": "/:n(\\d+)"}, "https://x.com/12", {"n": "12"}),
        ({"pathname": "/:n(\\d+)"}, "https://x.com/ab", None),
        ({"pathname": "/x{.html}?"}, "https://x.com/x.html", {}),
        ({"pathname": "/(a|b)"}, "https://x.com/b", {"0": "b"}),
        ({"pathname": "/a\\:b"}, "https://x.com/a:b", {}),
        ({"hostname": ":sub.x.com"}, "https://www.x.com/y", {"0": "/y"}),
        ("https://x.com/:a", "https://x.com/b", {"a": "b"}),
        ("https://x.com/:a", "http://x.com/b", None),
        ("https://*.x.com/", "https://a.b.x.com/", {}),
        # Text is written as in URLs.
        ({"pathname": "/é b/:ü"}, "https://x.com/é b/1", {"ü": "1"}),
        ({"hostname": "BÜCHER.de"}, "https://bücher.de/", {"0": "/"}),
        ({"protocol": "https", "port": "443"}, "https://x.com/", {"0": "/"}),
        ({"pathname": "b", "baseURL": "https://x.com/a/y"}, "https://x.com/a/b", {}),
        ({"pathname": "/b", "baseURL": "https://x.com/a/y"}, "https://u:p@x.com/b", {}),
        ("https://x.com", "https://x.com/a?b", {"0": "/a"}),
        ("https://x.com/:a\\?q=:b", "https://x.com/1?q=2", {"a": "1"}),
        ("https://u:p@x.com/", "https://u:p@x.com/", {}),
        ("https://x.com/:a?", "https://x.com/", None),
    ],
)
def test_url_patterns(pattern: object, url: str, groups: dict[str, str | None] | None):
    made = URLPattern.new(pattern)
    assert made.test(url) is (groups is not None)
    found = made.exec(url)
    assert found is jsnull if groups is None else found.pathname.groups.to_py() == groups


def test_url_patterns_with_a_base_or_a_fault():
    assert (
        URLPattern.new("/x/:a", "https://x.com").exec("https://x.com/x/1").pathname.groups.a == "1"
    )
    assert URLPattern.new({"pathname": "/A"}, {"ignoreCase": True}).test("https://x.com/a")
    assert URLPattern.new({"search": "a=:v"}).test({"search": "a=1"})
    based = URLPattern.new({"hostname": "x.com", "pathname": "/a/b"})
    assert based.test({"pathname": "b", "baseURL": "https://x.com/a/c"})
    assert not based.test({"pathname": "b", "baseURL": "nope"})
    assert not URLPattern.new({}).test("nope")
    for bad in (
        "/x",
        {"pathname": "/{a"},
        {"pathname": "/a}"},
        {"pathname": "/(a"},
        {"pathname": "+"},
    ):
        with pytest.raises(JsException, match="TypeError: Invalid pattern"):
            URLPattern.new(bad)


async def test_a_stream_that_cannot_be_finished_fails_for_who_reads():
    data = gzip.compress(b"hello")
    for cut in (data[:0], data[:-4], data + b"more"):
        stream = view(ReadableStream([cut])).pipeThrough(DecompressionStream.new("gzip"))
        with pytest.raises(JsException, match="TypeError"):
            await JsResponse.new(stream).text()


def test_the_console_writes_to_the_log(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG, "edgekit.console"):
        console.log("a", 1, Object.new(b=Array.new("x", None)), jsnull, Map.new([["k", 1]]))
        console.group("g")
        console.warn("w")
        console.groupEnd()
        console.error(Array.new())
        console.assert_(False, "no")  # noqa: PT009
        console.assert_(True, "yes")  # noqa: PT009
        console.count()
        console.time("t")
        console.timeEnd("t")
        console.trace("here")
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines[:6] == [
        ("INFO", 'a 1 { b: [ "x", undefined ] } null [object Map](1) { "k" }'),
        ("INFO", "g"),
        ("WARNING", "  w"),
        ("ERROR", "[]"),
        ("ERROR", "Assertion failed: no"),
        ("INFO", "default: 1"),
    ]


OF_EVERY_REQUEST = """
from js import JSON, Response, URL, console
from pyodide.ffi import create_once_callable

async def on_fetch(request, env, ctx):
    async def later():
        console.log("later")
    ctx.waitUntil(create_once_callable(later()))
    ctx.waitUntil(5)
    cf = request.cf
    known = [cf.country, cf.colo, getattr(cf, "nothing", "no"), cf.httpProtocol]
    query = URL.new(request.url).searchParams
    body = {"cf": known, "all": cf.to_py(), "text": JSON.stringify(cf), "missing": str(query["b"])}
    return Response.json(body)
"""


async def test_what_handlers_without_the_sdk_find_in_every_request(
    load: Load, caplog: pytest.LogCaptureFixture
):
    worker = load(
        OF_EVERY_REQUEST,
        compatibility_flags=["python_workers", "disable_python_no_global_handlers"],
    )
    with caplog.at_level(logging.INFO):
        async with TestClient(worker) as client:
            told = await (await client.fetch("/?a=1")).json()
    # What the platform tells of every request is undefined where nobody knows it, but no error.
    assert told["cf"] == [None, None, "no", "HTTP/1.1"]
    assert told["all"]["httpProtocol"] == "HTTP/1.1"
    assert '"httpProtocol":"HTTP/1.1"' in told["text"]
    assert told["missing"] == "jsnull"
    assert "later" in caplog.text


async def test_a_body_that_is_none_is_text():
    for given, text in ((ValueError("no"), "no"), ({1}, "{1}"), ({"a": 1}, "{'a': 1}"), (5, "5")):
        assert await JsResponse.new(given).text() == text
