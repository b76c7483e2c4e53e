"""No framework: what somebody who knows ASGI writes by hand, and no more than the case asks for."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import msgspec

from benchmarks.apps.models import decode, decode_order, encode
from benchmarks.cases import CHUNK, CHUNKS, ROUTES

Headers = list[tuple[bytes, bytes]]

TEXT = (b"content-type", b"text/plain; charset=utf-8")
JSON = (b"content-type", b"application/json")
BYTES = (b"content-type", b"application/octet-stream")


async def reply(
    send: Any,
    body: bytes,
    media_type: tuple[bytes, bytes],
    status: int = 200,
    more: Headers | None = None,
) -> None:
    headers = [media_type, (b"content-length", b"%d" % len(body))]
    if more is not None:
        headers += more
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Any) -> bytes:
    message = await receive()
    if not message.get("more_body"):
        return message["body"]
    parts = [message["body"]]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


async def not_found(send: Any) -> None:
    await reply(send, b"Not Found", TEXT, 404)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/hello" or scope["method"] != "GET":
        await not_found(send)
        return
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [TEXT, (b"content-length", b"13")],
        }
    )
    await send({"type": "http.response.body", "body": b"Hello, world!"})


async def json(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/json" or scope["method"] != "GET":
        await not_found(send)
        return
    body = encode({"message": "Hello, world!", "ok": True, "items": [1, 2, 3]})
    headers = [JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def params(routes: int) -> Any:
    table = {f"resource{i}": f"route {i}" for i in range(routes)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        _, first, name = scope["path"].split("/", 2)
        if first not in table or scope["method"] != "GET":
            await not_found(send)
            return
        body = name.encode()
        headers = [TEXT, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def inputs(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/search" or scope["method"] != "GET":
        await not_found(send)
        return
    query = {}
    for pair in scope["query_string"].decode("ascii").split("&"):
        key, _, value = pair.partition("=")
        query[key] = unquote_plus(value)
    request_id = session = b""
    for key, value in scope["headers"]:
        if key == b"x-request-id":
            request_id = value
        elif key == b"cookie":
            for cookie in value.split(b"; "):
                if cookie.startswith(b"session="):
                    session = cookie[8:]
    text = f"{query['q']}|{int(query['page'])}|{request_id.decode('latin-1')}|{session.decode('latin-1')}"
    await reply(send, text.encode(), TEXT)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/echo" or scope["method"] != "POST":
        await not_found(send)
        return
    await reply(send, encode(decode(await read(receive))), JSON)


async def typed(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/orders" or scope["method"] != "POST":
        await not_found(send)
        return
    try:
        order = decode_order(await read(receive))
    except msgspec.ValidationError as error:
        await reply(send, str(error).encode(), TEXT, 422)
        return
    await reply(
        send, encode({"id": order.id, "customer": order.customer, "total": order.total}), JSON
    )


FIVE = [(b"x-m%d" % i, b"1") for i in range(1, 6)]


async def five(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/hello" or scope["method"] != "GET":
        await not_found(send)
        return
    await reply(send, b"Hello, world!", TEXT, more=FIVE)


async def download(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/download" or scope["method"] != "GET":
        await not_found(send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [BYTES]})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def upload(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/upload" or scope["method"] != "POST":
        await not_found(send)
        return
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await reply(send, b"%d" % size, TEXT)


APPS = {
    "hello": hello,
    "json": json,
    "param1": params(1),
    "param1000": params(ROUTES),
    "inputs": inputs,
    "echo": echo,
    "typed": typed,
    "five": five,
    "download": download,
    "upload": upload,
}


def build(case: str) -> Any:
    """The callable for `case`. It does not know lifespan: a server sees it fail and goes on."""
    return APPS[case]
