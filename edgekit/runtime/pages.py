"""The page that shows an uncaught error while developing. Never sent in production."""

from __future__ import annotations

import html
import linecache
import traceback

from edgekit.asgi import AsgiRequest
from edgekit.context import ExecutionContext
from edgekit.web.response import Response

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}
h1{font-size:1.3rem;color:#b00020}pre{background:#f6f6f6;padding:.8rem;overflow:auto;border-radius:6px}
.frame{margin:1rem 0}.line{background:#ffe9e9;display:block}small{color:#666}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre{background:#242424}.line{background:#4a2525}}"""


def traceback_page(request: AsgiRequest, ctx: ExecutionContext, error: BaseException) -> Response:
    """Status 500: HTML for a browser, plain text for everybody else."""
    if "text/html" not in (request.headers.get("accept") or ""):
        return Response("".join(traceback.format_exception(error)), status=500)
    frames = []
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        number = frame.lineno or 0
        source = []
        for i in range(max(1, number - 3), number + 4):
            line = linecache.getline(frame.filename, i).rstrip("\n")
            if line or i == number:
                text = html.escape(f"{i:5}  {line}")
                source.append(f'<span class="line">{text}</span>' if i == number else text + "\n")
        frames.append(
            f'<div class="frame">{html.escape(frame.filename)}:{number} in <b>{html.escape(frame.name)}</b>'
            f"<pre>{''.join(source)}</pre></div>"
        )
    title = "".join(traceback.format_exception_only(error)).strip()
    return Response.html(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title[:200])}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1>"
        f"<p>{html.escape(request.method)} {html.escape(request.path)} <small>request {ctx.request_id}; "
        f"this page is shown in development only</small></p>{''.join(frames)}</html>",
        status=500,
    )
