"""content-encoding on the way out: passed on as it came, or made here."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from edgekit.app import App
from edgekit.context import Background, ExecutionContext
from edgekit.runtime.host import Host
from edgekit.runtime.isolate import Isolate
from edgekit.web.codings import accepts
from edgekit.web.request import Request
from edgekit.web.response import Response

TEXT = "all work and no play " * 200
GZIP = {"content-encoding": "gzip"}


async def raw(app: App, path: str, accept: bytes = b"gzip") -> tuple[dict[bytes, bytes], bytes]:
    """What the server is given: headers and body, not decoded."""
    sent: list[Any] = []
    host = Host(app, isolate=Isolate(app))
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"h"), (b"accept-encoding", accept)],
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await host(scope, receive, send)
    await host.stop()
    return dict(sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])


async def text(request: StarletteRequest) -> PlainTextResponse:
    return PlainTextResponse(TEXT)


def app() -> App:
    made = App()
    zipped = Starlette(routes=[Route("/text", text)], middleware=[Middleware(GZipMiddleware)])

    @made.middleware
    async def look(request: Request, env: Any, next: Any) -> Response:
        response: Response = await next(request)
        if request.path == "/upper/text":
            upper = (await response.text()).upper()
            return Response(upper, headers=response.headers)
        if request.path == "/plain/text":
            response.headers.delete("content-encoding")
        return response

    for prefix in ("/same", "/upper", "/plain"):
        made.mount(prefix, zipped)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(TEXT), 100):
            yield TEXT[at : at + 100].encode()

    @made.get("/made/{how}")
    async def make(request: Request) -> Response:
        match request.params["how"]:
            case "bytes":
                return Response(TEXT, headers=GZIP)
            case "stream":
                return Response(chunks(), headers={**GZIP, "content-length": str(len(TEXT))})
            case "deflate":
                return Response(TEXT, headers={"content-encoding": "deflate"})
            case "manual":
                return Response(gzip.compress(TEXT.encode()), headers=GZIP, encode_body="manual")
            case _:
                return Response("as it is", headers={"content-encoding": "aws-chunked"})

    return made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/same/text", TEXT),
        ("/upper/text", TEXT.upper()),
        ("/made/bytes", TEXT),
        ("/made/stream", TEXT),
        ("/made/manual", TEXT),
    ],
)
async def test_body_under_gzip_is_gzip(path: str, expected: str) -> None:
    headers, body = await raw(app(), path)
    assert headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(body).decode() == expected
    assert int(headers.get(b"content-length", len(body))) == len(body)


async def test_other_codings_and_none() -> None:
    headers, body = await raw(app(), "/made/deflate")
    assert zlib.decompress(body).decode() == TEXT
    headers, body = await raw(app(), "/plain/text")
    assert b"content-encoding" not in headers
    assert body.decode() == TEXT
    assert int(headers.get(b"content-length", len(body))) == len(body)
    assert (await raw(app(), "/made/unknown"))[1] == b"as it is"


async def test_what_an_inner_app_has_coded_is_read_decoded() -> None:
    background = Background()
    made = app()
    request = Request("http://h/same/text", headers={"accept-encoding": "gzip"})
    response = await made.fetch(request, None, ExecutionContext(background.spawn))
    assert response.headers["content-encoding"] == "gzip"
    assert await response.text() == TEXT


def test_encode_body_is_automatic_or_manual() -> None:
    with pytest.raises(TypeError, match="encode_body"):
        Response("x", encode_body="sometimes")


@pytest.mark.parametrize(
    ("header", "coding", "taken"),
    [
        ("gzip, deflate, br", "gzip", True),
        ("GZIP", "gzip", True),
        ("x-gzip", "gzip", True),
        ("*", "br", True),
        ("gzip;q=0.5", "gzip", True),
        ("gzip; q=0", "gzip", False),
        ("gzip;q=0.000, *", "gzip", False),
        ("identity", "gzip", False),
        ("", "gzip", False),
    ],
)
def test_accept_encoding_says_which_codings_a_client_takes(
    header: str, coding: str, taken: bool
) -> None:
    assert accepts(header, coding) is taken


async def test_client_that_takes_no_gzip_gets_the_plain_body() -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        body = gzip.compress(TEXT.encode())
        headers = [(b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    made = App()
    made.mount("/", inner)
    headers, body = await raw(made, "/", accept=b"identity")
    assert body.decode() == TEXT
    assert b"content-encoding" not in headers
    assert headers[b"vary"] == b"accept-encoding"
    assert int(headers.get(b"content-length", len(body))) == len(body)
    assert gzip.decompress((await raw(made, "/"))[1]).decode() == TEXT
