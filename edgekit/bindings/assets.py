"""Static assets: `env.ASSETS.fetch(request)`, and the answers that a Worker need not give.

What is not here: which requests reach the assets at all (runtime/assets_front.py), which file a path
means (asset_paths.py), `_headers` and `_redirects` (asset_rules.py), and reading files (the engine).
Source: the platform's "Static assets", and how Miniflare 4.20260730 answers.

Where edgekit does more than the platform's own server of assets, which leaves it to the network in
front of it: a Range is answered by 206 or 416 (several ranges by the whole), If-None-Match may be a
list, and `app.js.br` or `app.js.gz` beside app.js, unless it is older, is sent in its place to who
accepts the coding. As there, no Last-Modified is sent and If-Modified-Since counts for nothing: the
time of a file is that of its deployment, on every machine another.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote

from edgekit import host
from edgekit.bindings.asset_paths import (
    Found,
    HTMLHandling,
    NotFoundHandling,
    below,
    decode_path,
    encode_path,
    find,
)
from edgekit.bindings.asset_rules import HeaderRules, Redirects
from edgekit.bindings.content_types import content_type
from edgekit.web.codings import Coded, accepts, known
from edgekit.web.conditional import not_modified, parse_range, range_applies
from edgekit.web.headers import Headers, RawHeaders
from edgekit.web.response import REDIRECTS, Response
from edgekit.web.streams import ReadableStream

if TYPE_CHECKING:
    from edgekit.engines.tree import File
    from edgekit.web.request import Request

logger = logging.getLogger(__name__)

MAX_FILES = 100_000
MAX_FILE = 25 * 1024 * 1024  # bytes

_CODINGS = (("br", ".br"), ("gzip", ".gz"))  # the preferred first


class Site(Protocol):
    """The assets as they are: files by decoded path, and the rules that were found beside them."""

    files: dict[str, File]
    headers: HeaderRules
    redirects: Redirects


class Answer(NamedTuple):
    """What a request will be answered with: a file, or only a status (and a location)."""

    site: Site
    path: str
    status: int
    file: File | None = None
    location: str | None = None


class Assets:
    """The assets of a Worker; `env.ASSETS` is a Fetcher of `fetch`.

    `site` gives the files as they are now, which are served under `base`: "" or a decoded path
    without a slash at its end. `navigation`: whether a browser that navigates rather
    gets the not-found page than the Worker (from compatibility date 2025-04-01 on).
    """

    __slots__ = ("_base", "_html_handling", "_navigation", "_not_found_handling", "_site")

    def __init__(
        self,
        site: Callable[[], Site],
        *,
        html_handling: HTMLHandling = "auto-trailing-slash",
        not_found_handling: NotFoundHandling = "none",
        navigation: bool = True,
        base: str = "",
    ) -> None:
        self._site = site
        self._base = base
        self._html_handling = html_handling
        self._not_found_handling = not_found_handling
        self._navigation = navigation

    async def fetch(self, request: Request) -> Response:
        """200 with the file, 304, 307 to the path at which it is served, 404 (with the page that
        `not_found_handling` names), 405 for methods other than GET and HEAD. The host of the URL
        does not matter.
        """
        gone: set[str] = set()
        while (answer := self.find(request, gone=gone)) is not None:
            response = await self.respond(answer, request, gone)
            if response is not None:
                return response
        nothing, path = Response(None, status=404), path_of(request)
        if below(decode_path(path), self._base) is None:
            return nothing
        return _with_rules(nothing, self._site(), path, request)

    def find(
        self,
        request: Request,
        *,
        worker: bool = False,
        static_routing: bool = False,
        gone: Collection[str] = (),
    ) -> Answer | None:
        """What the assets have for a request; None where they have nothing.

        Where a `worker` comes next, the not-found page is its business, except for who navigates
        and with `static_routing` (rules say which paths are the Worker's). `gone` are names of files
        that `respond` did not find where they were.
        """
        site = self._site()
        path = target = path_of(request)
        if self._base and below(decode_path(path), self._base) is None:
            return None
        rewritten = False
        redirect = site.redirects.find(path)
        if redirect is not None:
            status, to = redirect
            there = host.parse_url(to, request.url)
            if there is None:
                logger.error("_redirects: %s is redirected to %r, which is no URL", path, to)
                return Answer(site, path, 500)
            if status != 200:
                here = host.parse_url(request.url)
                assert here is not None
                location = f"{there.search or here.search}{there.hash}"
                if there.origin == here.origin:
                    location = f"{_root(request)}{there.pathname}{location}"
                else:
                    cut = len(there.href) - len(there.search) - len(there.hash)
                    location = there.href[:cut] + location
                return Answer(site, path, status, location=location)
            target, rewritten = there.pathname, True
        asked = decode_path(target)
        name = below(asked, self._base)
        if name is None:
            return Answer(site, path, 404)
        files: Mapping[str, File] = site.files
        if gone:
            files = {each: file for each, file in files.items() if each not in gone}
        found = find(name, files, self._html_handling, "none")
        if found is None and self._not_found_handling != "none":
            ours = not worker or static_routing
            navigates = self._navigation and request.headers.get("sec-fetch-mode") == "navigate"
            if ours or navigates:
                found = find(name, files, "none", self._not_found_handling)
        if found is None:
            return Answer(site, path, 404) if rewritten else None
        if request.method not in ("GET", "HEAD"):
            return Answer(site, path, 405)
        if not isinstance(found, Found):
            asked = self._public(found.path)
        elif name == "/" and found.file is files.get("/index.html"):
            asked = self._public(name, asked)
        canonical = encode_path(asked)
        if canonical != target or not isinstance(found, Found):
            url = host.parse_url(request.url)
            search = url.search if url is not None else ""
            return Answer(site, path, 307, location=f"{_root(request)}{canonical}{search}")
        return Answer(site, path, found.status, file=found.file)

    def _public(self, name: str, asked: str = "/") -> str:
        """The path at which a name in the folder is served; of the first page that depends."""
        if not self._base or name != "/":
            return self._base + name
        if self._html_handling == "none":
            return asked
        return self._base if self._html_handling == "drop-trailing-slash" else f"{self._base}/"

    async def respond(
        self, answer: Answer, request: Request, gone: set[str], *, direct: bool = False
    ) -> Response | None:
        """The response; None when the file is not there any more, or not for the moment: then its
        name is added to `gone`, to look again without it.

        `direct`: it goes to the client as it is, so that nobody here needs to decode it.
        """
        site, path, status, file, location = answer
        if file is not None:
            response = await _with_file(site, file, status, request, direct)
            if response is None:
                gone.add(file.name)
                return None
        else:
            response = Response(None, status=status)
            if location is not None and status in REDIRECTS:
                response.headers.set("location", location)
        return _with_rules(response, site, path, request)


def path_of(request: Request) -> str:
    """The percent-encoded path."""
    path, encoded = request.target()
    if encoded is not None:
        return encoded
    return path if path.isascii() and path.isprintable() and " " not in path else encode_path(path)


def _root(request: Request) -> str:
    return quote(request._root) if request._root else ""


def _with_rules(response: Response, site: Site, path: str, request: Request) -> Response:
    if site.headers:
        url = host.parse_url(request.url)
        site.headers.apply(response.headers, path, url.hostname if url is not None else "")
    return response


async def _with_file(
    site: Site, file: File, status: int, request: Request, direct: bool
) -> Response | None:
    asked = request.headers
    headers: RawHeaders = []
    coding = None
    variants = {
        name: variant
        for name, suffix in _CODINGS
        if (variant := site.files.get(file.name + suffix)) is not None
    }
    span = asked.get("range")
    opened = None
    if variants:
        headers.append((b"vary", b"accept-encoding"))
        accepted = asked.get("accept-encoding", "")
        for name, variant in variants.items():
            # A part is one of the plain bytes. One that is older belongs to an earlier file.
            if (
                span is None
                and accepts(accepted, name)
                and (direct or known(name))
                and variant.changed_ns() >= file.changed_ns()
            ):
                opened = await variant.open(now=host.now())
                coding = name if opened is not None else None
                break
    if opened is None:
        opened = await file.open(now=host.now())
        if opened is None:
            return None
    etag = f'"{opened.tag}"'
    headers.append((b"etag", etag.encode()))
    if (kind := content_type(file.name)) is not None:
        headers.append((b"content-type", kind.encode()))
    if span is None and not asked.has("authorization"):
        headers.append((b"cache-control", b"public, max-age=0, must-revalidate"))
    headers.append((b"cf-cache-status", b"HIT"))
    if not_modified(asked, etag=etag, last_modified=None) and (
        status == 200 or asked.get("if-none-match", "").strip() != "*"
    ):
        opened.close()
        return _response(None, 304, headers)
    if status == 200:
        headers.append((b"accept-ranges", b"bytes"))
    start, end = 0, opened.size
    if span is not None and status == 200 and request.method == "GET":
        spans = None
        if range_applies(asked, etag=etag, last_modified=None):
            spans = parse_range(span, opened.size)
        if spans == []:
            opened.close()
            headers.append((b"content-range", b"bytes */%d" % opened.size))
            return _response(None, 416, headers)
        if spans is not None and len(spans) == 1:
            status, (start, end) = 206, spans[0]
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, opened.size)))
    headers.append((b"content-length", b"%d" % (end - start)))
    if coding is not None:
        headers.append((b"content-encoding", coding.encode()))
    if request.method == "HEAD":
        opened.close()
        return _response(None, status, headers)
    return _response(_body(opened.content(start, end), end - start, coding), status, headers)


def _body(
    content: bytes | AsyncIterator[bytes], length: int, coding: str | None
) -> bytes | ReadableStream:
    if coding is not None and known(coding):
        # Whoever reads it here gets the plain bytes.
        source = (content,) if isinstance(content, bytes) else content
        return ReadableStream(Coded(source, coding, length=length))
    return content if isinstance(content, bytes) else ReadableStream(content, length=length)


def _response(body: bytes | ReadableStream | None, status: int, headers: RawHeaders) -> Response:
    # What has a coding here came in it: it is not to be brought into it once more.
    response = Response(body, status=status, encode_body="manual")
    response._headers = Headers.from_raw(headers)
    return response
