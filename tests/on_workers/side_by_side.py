"""The examples side by side: the same requests to an ASGI server here and to real Workers.

    python -m tests.on_workers.side_by_side [guestbook] [files] [geo_router]

prints a line for each request, with what each place has answered, and exits with 1 where answers
differ. Packages are those of the tests, see conftest.py; EDGEKIT_NPM_WORKERS names their folder.

What no two places can have in common is left out: ids and times in the answers, and headers that a
server adds by itself.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from edgekit.formats import read_document
from tests.on_workers.places import PLACES, REPOSITORY, project, running
from tests.on_workers.test_app import Answer, ask

EXAMPLES = REPOSITORY / "examples"
# A server's own, or the transport's.
_SERVERS = {"cf-cache-status", "connection", "content-encoding", "date", "keep-alive"} | {
    "server",
    "transfer-encoding",
    "vary",
}
_VOLATILE = (
    (re.compile(r"\d{19}-[0-9a-f]{8}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?"), "<time>"),
    (re.compile(r"\d{1,2} \w+ \d{4}[^<]{0,12}\d\d:\d\d"), "<time>"),
    (re.compile(r'(?<="cursor":)"[^"]+"'), "<cursor>"),
    (re.compile(r"(?<=is not JSON: )[^\"]*"), "<the parser's words>"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"(?<![\w-])[\w-]{22}(?![\w-])"), "<token>"),
)


class Step(NamedTuple):
    """One request. `{name}` in path and headers stands for what a step before has kept under that name
    by a pattern for its answer's body.
    """

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = {}
    keep: dict[str, str] = {}


def _cf(country: str, **more: str) -> dict[str, str]:
    """The headers by which a visitor's place comes in, here and in Miniflare."""
    here = {"cf-ipcountry": country} | {f"cf-ip{name}": value for name, value in more.items()}
    return here | {"mf-cf-blob": json.dumps({"country": country, **more})}


_FORM = {"content-type": "application/x-www-form-urlencoded"}
_JSON = {"content-type": "application/json"}
STEPS = {
    "guestbook": [
        Step("GET", "/"),
        Step("POST", "/", b"name=Ada&message=Hello%0D%0Athere", _FORM),
        Step("POST", "/", b"name=&message=", _FORM),
        Step("POST", "/", b"name=x&message=y", {**_FORM, "sec-fetch-site": "cross-site"}),
        Step("POST", "/api/entries", '{"name": "Zoë", "message": "¡Hola!"}'.encode(), _JSON),
        Step("POST", "/api/entries", b'{"name": "Ada"}', _JSON),
        Step("POST", "/api/entries", b"{", _JSON),
        Step("GET", "/api/entries"),
        Step("GET", "/api/entries?limit=1"),
        Step("GET", "/api/entries?limit=0"),
        Step("GET", "/"),
        Step("HEAD", "/"),
        Step("OPTIONS", "/"),
        Step("DELETE", "/"),
        Step("GET", "/no/such"),
    ],
    "files": [
        Step("GET", "/"),
        Step(
            "PUT",
            "/a%20b.txt",
            bytes(range(256)) * 400,
            {"content-type": "text/plain"},
            {"link": r'"link":"http://[^/]+(/[^"]+)"', "token": r'"token":"([^"]+)"'},
        ),
        Step("GET", "{link}"),
        Step("HEAD", "{link}"),
        Step("GET", "{link}", None, {"range": "bytes=10-19"}),
        Step("GET", "{link}", None, {"range": "bytes=-5"}),
        Step("GET", "{link}", None, {"range": "bytes=0-3", "if-range": '"another"'}),
        Step("GET", "{link}", None, {"if-none-match": "*"}),
        Step("GET", "{link}", None, {"if-match": '"another"'}),
        Step("DELETE", "{link}", None, {"authorization": "Bearer wrong"}),
        Step("DELETE", "{link}", None, {"authorization": "Bearer {token}"}),
        Step("GET", "{link}"),
        Step(
            "POST",
            "/",
            b'--B\r\ncontent-disposition: form-data; name="file"; filename="n.bin"\r\n'
            b"content-type: image/x\r\n\r\n\x00\xff\r\n--B--\r\n",
            {"content-type": "multipart/form-data; boundary=B"},
            {"link": r'href="http://[^/]+(/[\w-]{22}/n\.bin)"'},
        ),
        Step("GET", "{link}"),
        Step("POST", "/", b"", _FORM),
    ],
    "geo_router": [
        Step("GET", "/", None, _cf("DE")),
        Step("GET", "/a/b?c=%20d", None, _cf("US")),
        Step("POST", "/echo", b"\x00\xff" * 5000, {**_cf("JP"), **_FORM}),
        Step("GET", "/", None, _cf("XX", latitude="40.7", longitude="-74")),
        Step("GET", "/", None, _cf("T1")),
        Step("GET", "/moved", None, _cf("FR")),
        Step("DELETE", "/gone", None, _cf("BR")),
        Step("GET", "/claims", None, {**_cf("CA"), "x-real-ip": "1.2.3.4", "x-mine": "kept"}),
    ],
}


@contextmanager
def origin(name: str) -> Iterator[str]:
    """A server that says what it was asked; its address."""

    class Origin(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5  # an idle connection ends

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            chunked = self.headers.get("transfer-encoding") == "chunked"
            body = self.chunks() if chunked else self.rfile.read(length)
            names = ("x-mine", "x-real-ip", "x-forwarded-proto", "cf-ipcountry")
            heard = {each: self.headers.get(each) for each in names}
            said = {"origin": name, "method": self.command, "path": self.path, "heard": heard}
            text = json.dumps({**said, "body": body.hex()}).encode()
            self.send_response(302 if self.path == "/moved" else 200)
            if self.path == "/moved":
                self.send_header("location", "/elsewhere")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.send_header("set-cookie", "a=1")
            self.send_header("set-cookie", "b=2")
            self.end_headers()
            self.wfile.write(text)

        def chunks(self) -> bytes:
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def program(name: str, into: Path, variables: dict[str, str]) -> Path:
    """An example with other variables, in a folder of its own."""
    into.mkdir(parents=True)
    for file in (EXAMPLES / name).iterdir():
        if file.name in ("__pycache__", ".edgekit"):
            continue
        target = into / file.name
        target.symlink_to(file, target_is_directory=file.is_dir())
    config = EXAMPLES / name / "wrangler.jsonc"
    if config.exists() and variables:
        document = read_document(config)
        document["vars"] = {**document.get("vars", {}), **variables}
        (into / "wrangler.jsonc").unlink()
        (into / "wrangler.jsonc").write_text(json.dumps(document))
    return into


def answers(url: str, steps: list[Step]) -> Iterator[dict[str, Any]]:
    """What a place answers to one request after the other, without what is its own."""
    kept: dict[str, str] = {}
    for step in steps:
        headers = {name: _filled(value, kept) for name, value in step.headers.items()}
        found = ask(url + _filled(step.path, kept), step.method, step.body, **headers)
        for name, pattern in step.keep.items():
            match = re.search(pattern, found.body.decode("utf-8", "replace"))
            kept[name] = match[1] if match else f"/no-{name}"
        yield comparable(found)


def _filled(text: str, kept: dict[str, str]) -> str:
    for name, value in kept.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def comparable(found: Answer) -> dict[str, Any]:
    headers = sorted(
        [name.lower(), _steady(value).replace("; charset", ";charset").replace("UTF", "utf")]
        for name, value in found.headers.items()
        if name.lower() not in _SERVERS
    )
    length = [value for name, value in headers if name == "content-length"]
    headers = [pair for pair in headers if pair[0] != "content-length"]
    body = found.body.decode("latin-1")
    if length and int(length[0]) != len(found.body) and found.body:
        body += f" (of {length[0]} bytes)"
    return {"status": found.status, "headers": headers, "body": _steady(body)}


def _steady(text: str) -> str:
    for pattern, name in _VOLATILE:
        text = pattern.sub(name, text)
    return text


@contextmanager
def everywhere(name: str, folder: Path, npm: Path) -> Iterator[dict[str, str]]:
    """An example in every place at once: addresses by place."""
    with ExitStack() as stack:
        variables: dict[str, str] = {}
        if name == "geo_router":
            for side in ("EUROPE", "AMERICA"):
                variables[f"{side}_ORIGIN"] = stack.enter_context(origin(side.lower()))
        source = program(name, folder / "source", variables)
        found = {}
        for place in PLACES:
            made = project(place, folder / place, npm / "wheels", source)
            found[place] = stack.enter_context(running(place, made, npm))
        yield found


def compare(name: str, addresses: dict[str, str]) -> Iterator[tuple[Step, dict[str, Any]]]:
    """Each request with what the places have answered."""
    each = {place: answers(url, STEPS[name]) for place, url in addresses.items()}
    for step in STEPS[name]:
        yield step, {place: next(found) for place, found in each.items()}


def main(names: list[str]) -> int:
    npm = Path(os.environ.get("EDGEKIT_NPM_WORKERS") or REPOSITORY / ".ci/state/npm-workers")
    different = 0
    for name in names or list(STEPS):
        with (
            tempfile.TemporaryDirectory() as folder,
            everywhere(name, Path(folder), npm) as addresses,
        ):
            print(f"{name}\n{'':40}" + "".join(f"{place:14}" for place in addresses))
            for step, found in compare(name, addresses):
                same = all(answer == found["uvicorn"] for answer in found.values())
                different += not same
                said = [f"{a['status']} {len(a['body']):7} B" for a in found.values()]
                line = f"  {step.method} {step.path}"[:38]
                print(f"{line:40}" + "".join(f"{t:14}" for t in said) + "same" * same)
                for place, answer in found.items() if not same else ():
                    print(f"    {place}: {json.dumps(answer)[:600]}")
    print(f"{different} answers differ" if different else "all answers are the same")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
