"""The requests that every framework answers, and the answers that are right.

A case makes its n-th request and says what the n-th answer must be; no two requests of a run are
equal (where they can differ at all), so that no cache flatters anybody. The answers are worked out
here and not taken from an app: a framework that is fast because it is wrong fails the check.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

ROUTES = 1000
CHUNK = bytes(range(256)) * 256  # 64 KiB
CHUNKS = 16
# What a browser sends; a server passes names in lower case.
BROWSER: list[tuple[bytes, bytes]] = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    (b"accept", b"text/html,application/json;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-GB,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"connection", b"keep-alive"),
    (b"sec-fetch-mode", b"navigate"),
    (b"priority", b"u=0, i"),
]


class Request(NamedTuple):
    """One request as a client sends it; `target` is in ASCII and includes the query."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


class Answer(NamedTuple):
    """What must come back. `body` is bytes, or the value that the JSON body must have."""

    status: int
    media_type: str
    body: Any
    headers: dict[str, str] = {}


class Case(NamedTuple):
    """`request(n)` and `answer(n)` belong together; `title` is the row's name in the tables."""

    name: str
    title: str
    request: Callable[[int], Request]
    answer: Callable[[int], Answer]
    refused: Request | None = None  # must be answered with 400 or 422


def _get(target: str, *more: tuple[bytes, bytes]) -> Request:
    return Request("GET", target, [*BROWSER, *more])


def _post(target: str, body: bytes, media_type: bytes = b"application/json") -> Request:
    length = str(len(body)).encode()
    headers = [*BROWSER, (b"content-type", media_type), (b"content-length", length)]
    return Request("POST", target, headers, body)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _text(text: str, **headers: str) -> Answer:
    return Answer(
        200, "text/plain", text.encode(), {k.replace("_", "-"): v for k, v in headers.items()}
    )


def _value(value: Any) -> Answer:
    return Answer(200, "application/json", value)


def _param(routes: int) -> Callable[[int], Request]:
    # A stride that is coprime to 1,000 visits every route and keeps neighbours apart.
    return lambda n: _get(f"/resource{n * 389 % routes}/name-{n}")


def _inputs(n: int) -> Request:
    return _get(
        f"/search?q=blue+shoes%20{n}&page={n % 50}",
        (b"x-request-id", b"req-%d" % n),
        (b"cookie", b"theme=dark; session=s%d; lang=en" % n),
    )


def _document(n: int) -> dict[str, Any]:
    """About 1 KiB of JSON, as an API's clients send it."""
    return {
        "id": n,
        "title": f"Order {n} of the day",
        "active": n % 2 == 0,
        "score": n / 8,
        "tags": [f"tag-{n + i}" for i in range(8)],
        "address": {
            "street": f"{n} Long Road",
            "city": "Łódź",
            "zip": f"{n % 100000:05}",
            "note": None,
        },
        "lines": [
            {
                "sku": f"SKU-{n + i:08}",
                "quantity": i + 1,
                "price": 199 + (n + i) % 1000,
                "gift": i == 2,
            }
            for i in range(10)
        ],
        "comment": "Please leave it with the neighbour at number eleven. " * 3,
    }


def _order(n: int) -> dict[str, Any]:
    return {
        "id": n,
        "customer": f"Customer {n}",
        "express": n % 3 == 0,
        "lines": [
            {"sku": f"SKU-{n + i:08}", "quantity": i + 1, "price": 199 + n % 1000} for i in range(3)
        ],
        "note": None,
    }


def _receipt(n: int) -> dict[str, Any]:
    order = _order(n)
    total = sum(line["quantity"] * line["price"] for line in order["lines"])
    return {"id": n, "customer": order["customer"], "total": total}


def _upload(n: int) -> Request:
    return _post("/upload", n.to_bytes(4) * (1 << 18), b"application/octet-stream")


IN_PROCESS = [
    Case("hello", "hello", lambda n: _get("/hello"), lambda n: _text("Hello, world!")),
    Case(
        "json",
        "JSON",
        lambda n: _get("/json"),
        lambda n: _value({"message": "Hello, world!", "ok": True, "items": [1, 2, 3]}),
    ),
    Case("param1", "parameter, 1 route", _param(1), lambda n: _text(f"name-{n}")),
    Case("param1000", "parameter, 1,000 routes", _param(ROUTES), lambda n: _text(f"name-{n}")),
    Case(
        "inputs",
        "query + header + cookie",
        _inputs,
        lambda n: _text(f"blue shoes {n}|{n % 50}|req-{n}|s{n}"),
    ),
    Case(
        "echo",
        "JSON echo, 1 KiB",
        lambda n: _post("/echo", _json(_document(n))),
        lambda n: _value(_document(n)),
    ),
    Case(
        "typed",
        "typed decode",
        lambda n: _post("/orders", _json(_order(n))),
        lambda n: _value(_receipt(n)),
        refused=_post(
            "/orders", _json({**_order(1), "lines": [{"sku": "S", "quantity": "many", "price": 1}]})
        ),
    ),
    Case(
        "five",
        "five middlewares",
        lambda n: _get("/hello"),
        lambda n: _text("Hello, world!", **{f"x_m{i}": "1" for i in range(1, 6)}),
    ),
]

# Only over a server: in process, their cost is the copying of bytes.
STREAMS = [
    Case(
        "download",
        "1 MiB response in 16 chunks",
        lambda n: _get("/download"),
        lambda n: Answer(200, "application/octet-stream", CHUNK * CHUNKS),
    ),
    Case("upload", "1 MiB upload", _upload, lambda n: _text(str(1 << 20))),
]
