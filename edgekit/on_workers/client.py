"""`fetch()` on real Workers: the platform's own, with our Request and Response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import js
from pyodide.ffi import JsException

from edgekit.errors import FetchError
from edgekit.on_workers.convert import text_of
from edgekit.on_workers.http import JsResponse, request_into_js
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.url import URL


async def fetch(
    input: Request | str | URL, init: Mapping[str, Any] | None = None, **options: Any
) -> Response:
    """Send a request; see `edgekit.client.fetch`. FetchError where there is no response."""
    return await fetch_from(js.fetch, input, init, options)


async def fetch_from(
    function: Any,
    input: Request | str | URL,
    init: Mapping[str, Any] | None,
    options: dict[str, Any],
    *,
    failed: Callable[[Any], Exception] | None = None,
) -> Response:
    """As `fetch`, by another function of the platform's: that of a service, an origin, assets.

    `failed` makes of JavaScript's error what is raised instead of a FetchError.
    """
    if not isinstance(input, Request) or init or options:
        input = Request(input, init, **options)
    try:
        return JsResponse(await function(request_into_js(input)))
    except JsException as error:
        if failed is not None:
            raise failed(error) from error
        raise FetchError(text_of(error)[1], url=input.url) from error
