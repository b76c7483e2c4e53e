"""Following redirects for whoever answers in this process. WHATWG Fetch, "HTTP-redirect fetch".

What goes over a network is `client.py`'s, which has its own way to send a body again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from edgekit import host
from edgekit.errors import WebTypeError
from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.response import REDIRECTS, Response
from edgekit.web.streams import ReadableStream

MAX_REDIRECTS = 20

_OF_BODY = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
)
_SECRET = ("authorization", "cookie", "proxy-authorization")


async def follow(call: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """The answer of `call`, over all redirects that `request` says to follow, 20 at most.

    WebTypeError for more of them, for one that leads nowhere, and for one that asks for a streamed
    body again.
    """
    hops = 0
    while True:
        following = request.redirect == "follow"
        body = request._body if following and not request.body_used else None
        response = await call(request)
        response.url = request.url.partition("#")[0]
        response.redirected = hops > 0
        location = response.headers.get("location")
        if request.redirect == "error" and response.status in REDIRECTS:
            raise WebTypeError(f'answered with status {response.status}, but redirect is "error"')
        if not following or response.status not in REDIRECTS or not location:
            return response
        hops += 1
        if hops > MAX_REDIRECTS:
            raise WebTypeError("Too many redirects.")
        request = _next(request, body, response.status, location)


def _next(
    request: Request, body: bytes | ReadableStream | None, status: int, location: str
) -> Request:
    """The request that a redirect asks for."""
    url = host.parse_url(location, request.url)
    if url is None:
        raise WebTypeError("Invalid Location header; unable to follow redirect.")
    if status != 303 and isinstance(body, ReadableStream):
        raise WebTypeError(
            "A request with a one-time-use body (it was initialized from a stream, not a buffer) "
            "encountered a redirect requiring the body to be retransmitted."
        )
    method, headers = request.method, Headers(request.headers)
    if (status in (301, 302) and method == "POST") or (
        status == 303 and method not in ("GET", "HEAD")
    ):
        method, body = "GET", None
        for name in _OF_BODY:
            headers.delete(name)
    before = host.parse_url(request.url)
    if before is None or before.origin != url.origin:
        for name in _SECRET:
            headers.delete(name)
    following = Request(url.href, method=method, headers=headers, body=body, cf=request.cf)
    following._signal = request._signal
    return following
