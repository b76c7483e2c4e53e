from urllib.parse import urlparse

from js import HTMLRewriter, Response as JsResponse
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint, fetch

from pages import PAGE


class Meta:
    def __init__(self):
        self.found = {}

    def element(self, element):
        name = element.getAttribute("property") or element.getAttribute("name")
        if name:
            self.found[name.removeprefix("og:")] = element.getAttribute("content")


class Title:
    def __init__(self):
        self.text = ""

    def text_chunk(self, chunk):
        self.text += chunk.text


class Links:
    async def element(self, element):
        href = element.getAttribute("href")
        if href.startswith("http:"):
            element.setAttribute("href", href.replace("http:", "https:", 1))
        element.setAttribute("rel", "noopener")


class Heading:
    def element(self, element):
        element.removeAttribute("class")
        element.prepend("<i>&</i>")
        element.append("<i>!</i>", html=True)
        element.after("<hr>", html=True)


class Comments:
    def comments(self, comment):
        comment.remove()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlparse(request.url).path
        if path == "/page":
            return Response(PAGE, headers={"content-type": "text/html;charset=utf-8"})
        page = await fetch(request.url.replace(path, "/page"))
        if path == "/og":
            meta = Meta()
            rewriter = HTMLRewriter.new().on("head meta", create_proxy(meta))
            await rewriter.transform(page.js_object).text()
            return Response.json(meta.found)
        if path == "/rewrite":
            rewriter = HTMLRewriter.new()
            rewriter.on("a[href]", create_proxy(Links()))
            rewriter.on("h1.big", create_proxy(Heading()))
            rewriter.on("p#lead > b", create_proxy(Bold()))
            rewriter.onDocument(create_proxy(Comments()))
            return rewriter.transform(page.js_object)
        return JsResponse.new("?", status=404)


class Bold:
    def element(self, element):
        element.setInnerContent("pot")
        element.tagName = "strong"
