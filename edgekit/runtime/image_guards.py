"""Two guards that the platform's router of assets has in front of a Worker, for what it has assets.

Web frameworks have endpoints that fetch an image from the URL in a query, and were abused to serve
pages of others under the site's own name: `/_image?href=//other` is answered by 403, and what comes of
`.../_next/image?url=https://other` must be an image or plain text. What a browser asks for to show
as an image goes through. Source: @cloudflare/workers-shared, and how Miniflare 4.20260730 answers.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from edgekit import host
from edgekit.bindings.assets import path_of
from edgekit.errors import HTTPError
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import aclose
from edgekit.worker import Dispatch, Worker, error_response


def guarded(dispatch: Dispatch, worker: Worker) -> Dispatch:
    """`dispatch`, which ends at the Worker, behind both guards."""

    def guard(request: Request, env: Any, ctx: Any) -> Awaitable[Any]:
        path = path_of(request)
        if path == "/_image":
            return images(request, env, ctx)
        if path.endswith("/_next/image"):
            return next_images(request, env, ctx)
        return dispatch(request, env, ctx)

    async def images(request: Request, env: Any, ctx: Any) -> Any:
        return _blocked() if _of_others(request) else await dispatch(request, env, ctx)

    async def next_images(request: Request, env: Any, ctx: Any) -> Any:
        source = request.query.get("url") or "/"
        if source.startswith("/") or (request.method == "GET" and _is_shown(request)):
            return await dispatch(request, env, ctx)
        try:
            response = await worker.answer(await dispatch(request, env, ctx), request)
        except HTTPError as error:
            response = error_response(error)
        if response.status == 304 or _is_harmless(response.headers.get("content-type") or ""):
            return response
        await aclose(response._take())
        return _blocked()

    return guard


def _blocked() -> Response:
    return Response("Blocked", status=403)


def _is_shown(request: Request) -> bool:
    return request.headers.get("sec-fetch-dest") == "image"


def _of_others(request: Request) -> bool:
    href = request.query.get("href") or ""
    if not href.startswith("//") or href == "//" or _is_shown(request):
        return False
    there, here = host.parse_url(f"https:{href}"), host.parse_url(request.url)
    return there is not None and (here is None or there.hostname != here.hostname)


def _is_harmless(kind: str) -> bool:
    if "," in kind:
        return False
    return kind.startswith("image/") or kind.partition(";")[0] == "text/plain"
