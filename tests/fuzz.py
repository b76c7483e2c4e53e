"""A coverage-guided fuzzer on every parser of what strangers send. By hand, not in CI:

    pip install atheris
    python tests/fuzz.py            # the targets' names
    python tests/fuzz.py multipart -max_total_time=60

A target may raise what it declares to its callers, and nothing else.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["edgekit", "multipart"]):
    from edgekit.asgi import AsgiRequest
    from edgekit.errors import ConfigError, EdgekitError, HTTPError
    from edgekit.formats import read_document, read_dotenv
    from edgekit.routing import Router, split
    from edgekit.runtime.forwarded import Trusted
    from edgekit.web.cookies import parse_cookies
    from edgekit.web.formdata import parse_form
    from edgekit.web.headers import Headers
    from edgekit.web.request import Request
    from edgekit.web.url import URL, URLSearchParams

loop = asyncio.new_event_loop()
folder = Path(tempfile.mkdtemp())
router = Router()
for pattern in ("/", "/a/{x}", "/a/{n:int}/b", "/a/b/c", "/f/{rest:path}"):
    router.add(["GET"], pattern, pattern)
trusted = Trusted(["127.0.0.0/8", "10.0.0.0/8", "::1/128"])


def run(make: Callable[[], Any]) -> None:
    loop.run_until_complete(make())


def scope(data: bytes) -> dict[str, Any]:
    """A connection whose path, query and headers come from the data."""
    parts = (data.split(b"\0") + [b""] * 5)[:5]
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": parts[0].decode("utf-8", "replace"),
        "raw_path": parts[0],
        "query_string": parts[1],
        "root_path": parts[4].decode("latin-1") if parts[4] else "",
        "headers": [
            (b"host", parts[2]),
            (b"cookie", parts[3]),
            (b"content-length", parts[3]),
            (b"forwarded", parts[2]),
            (b"x-forwarded-for", parts[3]),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


def asgi(data: bytes) -> None:
    messages = [data[:7], data[7:]]

    async def receive() -> dict[str, Any]:
        body = messages.pop(0) if messages else b""
        return {"type": "http.request", "body": body, "more_body": bool(messages)}

    request = AsgiRequest(trusted.apply(scope(data)), receive)
    for look in (
        lambda: request.url,
        lambda: request.path,
        lambda: split(*request.target()),
        lambda: request.query,
        lambda: request.cookies,
        lambda: request.headers.items(),
        lambda: request.client,
        lambda: run(request.json),
    ):
        try:
            look()
        except HTTPError:
            pass


def routing(data: bytes) -> None:
    path = "/" + data.decode("latin-1")
    segments = split(path, path if "%" in path else None)
    router.find("GET", segments, [])
    router.allowed(segments)


def form(content_type: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for at in range(0, len(data), 16):
                yield data[at : at + 16]

        run(lambda: parse_form(content_type, chunks()))

    return target


def headers(data: bytes) -> None:
    text = data.decode("latin-1")
    name, _, value = text.partition(":")
    made = Headers([(name, value)])
    assert Headers(made.items()) == made


def document(suffix: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        file = folder / f"wrangler{suffix}"
        file.write_bytes(data)
        read_document(file)

    return target


def dotenv(data: bytes) -> None:
    file = folder / ".env"
    file.write_bytes(data)
    read_dotenv(file)


def query(data: bytes) -> None:
    params = URLSearchParams(data.decode("utf-8", "replace"))
    assert URLSearchParams(str(params)).entries


TARGETS: dict[str, Callable[[bytes], Any]] = {
    "asgi": asgi,
    "content_type": lambda data: form(data.partition(b"\0")[0].decode("latin-1"))(
        data.partition(b"\0")[2]
    ),
    "cookies": lambda data: parse_cookies(data.decode("latin-1")),
    "dotenv": dotenv,
    "headers": headers,
    "jsonc": document(".jsonc"),
    "multipart": form("multipart/form-data; boundary=b"),
    "query": query,
    "request": lambda data: Request(data.decode("utf-8", "replace")),
    "routing": routing,
    "toml": document(".toml"),
    "url": lambda data: URL(data.decode("utf-8", "replace"), "http://base/a/b?c#d"),
    "urlencoded": form("application/x-www-form-urlencoded"),
}
DECLARED = (EdgekitError, ConfigError)


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit("targets: " + " ".join(TARGETS))
    target = TARGETS[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        try:
            target(data)
        except DECLARED:
            pass

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
