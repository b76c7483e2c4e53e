"""`fetch()` on real Workers: the platform's own, with our Request and Response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import js
from pyodide.ffi import JsException

from edgekit.errors import FetchError, WebTypeError
from edgekit.on_workers.convert import into_js, text_of
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
    settings = dict(init or {})
    coding = settings.pop("encodeResponseBody", None) or settings.pop("encode_response_body", None)
    coding = options.pop("encodeResponseBody", None) or coding
    coding = options.pop("encode_response_body", None) or coding
    if coding not in (None, "automatic", "manual"):
        raise WebTypeError(f'encode_response_body is "automatic" or "manual", not {coding!r:.100}')
    if not isinstance(input, Request) or settings or options:
        input = Request(input, settings or None, **options)
    given = request_into_js(input)
    asked = (given,) if coding is None else (given, into_js({"encodeResponseBody": coding}))
    try:
        response = JsResponse(await function(*asked))
    except JsException as error:
        signal = input._signal
        if signal is not None and signal.aborted:
            signal.throw_if_aborted()
        if failed is not None:
            raise failed(error) from error
        raise FetchError(text_of(error)[1], url=input.url) from error
    if coding == "manual":
        response.encode_body = "manual"  # it is in its coding already
    return response
