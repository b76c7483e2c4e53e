"""What is asked of a project, over HTTP or a web socket, and its answer in a form that can be kept.

An answer is a dict for JSON: `status`, `headers` (pairs, sorted, without those that servers add) and
`text`, or `base64` where the body is no text, `sha256` where it is long, or
`pixels`; of a web socket what was `received`, and how it `closed`.
The address of the server reads as http://HERE in it.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

# Of the server's making or its choice, and a cache's clock.
_SERVERS = frozenset(
    {"age", "connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)
_LONG = 10_000  # bytes, above which only a digest is kept
_PATIENCE = 30.0  # seconds until an event has had its effect
NOT_YET = "not yet"

Answer = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """`what` is a method and a target, as in "GET /path"; WS for a web socket.

    A `body` that is a dict or list is sent as JSON; a web socket sends its items one by one. `again`: ask until the answer is not "not yet". `not_real`: why Pyodide on
    Node cannot be asked this, although real Workers can.
    """

    what: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    again: bool = False
    not_real: str = ""


def ask(host: str, wanted: Ask) -> Answer:
    """The answer of the server at `host` (name:port)."""
    method, _, target = wanted.what.partition(" ")
    if method == "WS":
        return _talk(host, target, wanted)
    deadline = time.monotonic() + _PATIENCE
    while True:
        answer = _ask(host, method, target, wanted)
        if not wanted.again or answer.get("text") != NOT_YET or time.monotonic() > deadline:
            return answer


def _ask(host: str, method: str, target: str, wanted: Ask) -> Answer:
    connection = http.client.HTTPConnection(host, timeout=30)
    body, headers = wanted.body, {"user-agent": "tests", **wanted.headers}
    if isinstance(body, dict | list):
        body = json.dumps(body)
        headers.setdefault("content-type", "application/json")
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    pairs = [(name.lower(), value) for name, value in response.getheaders()]
    kept = sorted([n, _placeless(_tidy(n, v), host)] for n, v in pairs if n not in _SERVERS)
    answer: Answer = {"status": response.status, "headers": kept}
    if ["content-type", "image/png"] in kept:
        return answer | {"pixels": _pixels(raw)}
    if len(raw) > _LONG:
        return answer | {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    try:
        answer["text"] = _placeless(raw.decode(), host)
    except UnicodeDecodeError:
        answer["base64"] = base64.b64encode(raw).decode()
    return answer


def _talk(host: str, target: str, wanted: Ask) -> Answer:
    received: list[Any] = []
    with connect(f"ws://{host}{target}", proxy=None, open_timeout=30) as socket:
        try:
            for message in wanted.body:
                socket.send(message)
                if message != "bye":
                    got = socket.recv(timeout=30)
                    received.append(
                        got if isinstance(got, str) else {"base64": base64.b64encode(got).decode()}
                    )
            socket.recv(timeout=30)
        except ConnectionClosed as error:
            end = error.rcvd
    return {"received": received, "closed": [end.code, end.reason] if end else None}


def _pixels(png: bytes) -> list[Any]:
    """What an image shows; its bytes are up to the libraries that compressed it."""
    from PIL import Image

    image = Image.open(io.BytesIO(png))
    return [*image.size, image.mode, hashlib.sha256(image.tobytes()).hexdigest()]


def _tidy(name: str, value: str) -> str:
    """Flask gives out a set."""
    return ", ".join(sorted(value.split(", "))) if name == "allow" else value


def _placeless(text: str, host: str) -> str:
    return re.sub(rf"{re.escape(host)}|localhost:{host.rpartition(':')[2]}", "HERE", text)


def multipart(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """A form with files, (name, type, bytes), as a browser sends it: its body and its headers."""
    parts = []
    for name, value in fields.items():
        head, content = f'Content-Disposition: form-data; name="{name}"', value
        if isinstance(value, tuple):
            filename, kind, content = value
            head += f'; filename="{filename}"\r\nContent-Type: {kind}'
        else:
            content = value.encode()
        parts.append(b"--limit\r\n%s\r\n\r\n%s\r\n" % (head.encode(), content))
    body = b"".join(parts) + b"--limit--\r\n"
    return body, {"content-type": "multipart/form-data; boundary=limit"}
