"""Endpoints that make events by hand, in development only: what `wrangler dev` has, at its paths.

`/cdn-cgi/handler/scheduled?cron=&time=` (also /cdn-cgi/local/scheduled, as newer wranglers call it, and
`/__scheduled`) runs the scheduled handler to its end and answers with the outcome, `ok` or `exception`;
with `format=json` as `{"outcome": ..., "noRetry": ...}`. `time` is in milliseconds since 1970.
POST `/cdn-cgi/handler/email?from=&to=` gives its body to the email handler; with `format=json` the answer
says what the handler did with it.
As with wrangler they, and all under /cdn-cgi/, are for this machine alone: another Host, or the Origin
of another page, is 403.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from edgekit import host
from edgekit.bindings.scheduled import ScheduledController
from edgekit.context import ExecutionContext
from edgekit.errors import HTTPError, UnsupportedError
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.worker import Dispatch

logger = logging.getLogger(__name__)

_HANDLERS = "/cdn-cgi/handler/"
_SCHEDULED = ("/cdn-cgi/handler/scheduled", "/cdn-cgi/local/scheduled", "/cdn-cgi/mf/scheduled")
_EMAIL = ("/cdn-cgi/handler/email", "/cdn-cgi/local/email")
_HERE = frozenset(["localhost", "127.0.0.1", "[::1]"])

Run = Callable[[str, Any], Awaitable[Any]]  # Isolate.run_to_end


def in_front(dispatch: Dispatch, run: Run, smtp: str | None) -> Dispatch:
    """`dispatch`, and these endpoints before it. `smtp` is how the configuration lets email leave."""

    async def answer(request: Request, env: Any, ctx: ExecutionContext) -> Any:
        path = request.path
        if path == "/__scheduled":
            _check_place(request)
            await _scheduled(request, run)
            return "Ran scheduled event"
        if not path.startswith("/cdn-cgi/"):
            return await dispatch(request, env, ctx)
        _check_place(request)
        if path in _SCHEDULED:
            return await _scheduled(request, run)
        if path in _EMAIL:
            from edgekit.runtime.dev_email import handle_email

            return await handle_email(request, lambda mail: _outcome_of("email", mail, run), smtp)
        if path.startswith(_HANDLERS):
            known = f'"{_SCHEDULED[0]}" or "{_EMAIL[0]}"'
            text = f'"{path}" is not a valid handler. Did you mean to use {known}?'
            return Response(text, status=404)
        return await dispatch(request, env, ctx)

    return answer


async def _scheduled(request: Request, run: Run) -> Response:
    query = request.query
    moment: float | None = None
    if time := query.get("time"):
        number = re.match(r"\s*([+-]?[0-9]{1,16})", time)
        if number is None or abs(int(number[1])) > 8_640_000_000_000_000:
            text = "TypeError: The value cannot be converted because it is not a valid Date."
            return Response(text, status=500)
        moment = int(number[1])
    controller = ScheduledController(query.get("cron") or "", moment)
    outcome = await _outcome_of("scheduled", controller, run)
    status = 200 if outcome == "ok" else 500
    if query.get("format") == "json":
        return Response.json({"outcome": outcome, "noRetry": controller._no_retry}, status=status)
    return Response(outcome, status=status)


async def _outcome_of(kind: str, subject: Any, run: Run) -> str:
    """Run a handler to its end: "ok" or "exception", which is logged."""
    try:
        await run(kind, subject)
    except Exception as error:
        expected = isinstance(error, UnsupportedError)
        logger.error("the %s event failed: %s", kind, error, exc_info=None if expected else error)
        return "exception"
    return "ok"


def _check_place(request: Request) -> None:
    """Nobody else's page may use these: a browser would let it send such a request."""
    for name in ("Host", "Origin"):
        value = request.headers.get(name)
        if value is None:
            continue
        url = host.parse_url(value if name == "Origin" else f"http://{value}")
        if url is None or url.hostname not in _HERE:
            raise HTTPError(403, f"Invalid {name} header")
    # What another page links to, or shows as an image, is asked for without an Origin.
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise HTTPError(403, "Invalid Sec-Fetch-Site header")
