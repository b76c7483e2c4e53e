"""Sync HTTP clients in async handlers."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from edgekit.compat import greenlets
from edgekit.testing.client import TestClient
from tests.compat.loading import Load

both = threading.Barrier(2, timeout=20)


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/both":  # answers when two have asked
            both.wait()
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in (b"one", b"two"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "ask",
    [
        "urllib3.PoolManager().request('GET', url).data.decode()",
        "requests.get(url).text",
        "urllib.request.urlopen(url).read().decode()",
    ],
)
async def test_other_requests_go_on_while_one_waits(load: Load, origin: str, ask: str):
    library = "urllib.request" if ask.startswith("urllib.") else ask.partition(".")[0]
    worker = load(
        f"""
import {library}
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = self.env.ORIGIN + "/both"
        return Response({ask})
""",
        vars={"ORIGIN": origin},
    )
    async with TestClient(worker) as client:
        answers = await asyncio.gather(client.get("/"), client.get("/"))
        assert [await each.text() for each in answers] == ["onetwo", "onetwo"]


def test_elsewhere_they_work_as_ever(load: Load, origin: str):
    import urllib3
    from urllib3.connectionpool import HTTPConnectionPool

    before = HTTPConnectionPool.ConnectionCls
    load("def on_fetch(r): ...", compatibility_date="2024-01-01")
    assert HTTPConnectionPool.ConnectionCls is not before
    with urllib3.PoolManager() as pool:
        assert pool.request("GET", origin + "/").data == b"onetwo"


def test_a_library_is_adapted_when_it_is_imported(load: Load, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.partition(".")[0] in ("urllib3", "requests")]:
        monkeypatch.delitem(sys.modules, name)
    load("import urllib3\ndef on_fetch(r): ...", compatibility_date="2024-01-01")
    pools = sys.modules["urllib3.connectionpool"]
    for name in ("HTTPConnectionPool", "HTTPSConnectionPool"):
        assert getattr(pools, name).ConnectionCls.__module__ == "edgekit.compat.cooperative"
    for name in [name for name in sys.modules if name.partition(".")[0] == "urllib3"]:
        del sys.modules[name]


def test_without_greenlet_they_block_with_a_warning(
    load: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(greenlets, "enabled", False)
    monkeypatch.setitem(sys.modules, "greenlet", None)
    load("from urllib.request import urlopen\nimport urllib3\ndef on_fetch(r): ...")
    assert "urllib3 will stop other requests while it waits" in caplog.text
    assert "urlopen will stop other requests while it waits" in caplog.text
