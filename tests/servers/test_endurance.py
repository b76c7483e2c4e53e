"""Large bodies in constant memory, and thousands of clients that go away. Minutes: EDGEKIT_SLOW=1."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import SERVERS, Server

pytestmark = pytest.mark.skipif(
    not os.environ.get("EDGEKIT_SLOW"), reason="takes minutes: set EDGEKIT_SLOW=1"
)
MEBIBYTES = int(os.environ.get("EDGEKIT_SLOW_MIB", "1024"))
CLIENTS = int(os.environ.get("EDGEKIT_SLOW_CLIENTS", "10000"))
GROWTH = 48 << 20  # bytes that a server may take for its buffers and its allocator


class Endurance(Server):
    module = "endurance:app"

    def resident(self) -> int:
        """Bytes of the server and its children."""
        assert self._process is not None
        total, pids = 0, [self._process.pid]
        while pids:
            pid = pids.pop()
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
            for task in Path(f"/proc/{pid}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        return total


@pytest.fixture(params=SERVERS)
def endurance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endurance]:
    made = Endurance(request.param, tmp_path)
    (tmp_path / "wrangler.jsonc").write_text('{"edgekit": {"max_body_bytes": 4294967296}}')
    made.start()
    yield made
    made.stop()


def chunked(sock: socket.socket, mebibytes: int) -> None:
    piece = bytes(1 << 20)
    for _ in range(mebibytes):
        sock.sendall(b"100000\r\n" + piece + b"\r\n")
    sock.sendall(b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["GET /zeros/{}", "POST /count", "POST /mirror", "POST /through"])
def test_large_bodies_take_no_memory(endurance: Endurance, path: str) -> None:
    method, target = path.format(MEBIBYTES).split()
    with endurance.connect() as warm:  # what a first large body makes the allocator keep
        warm.sendall(b"GET /zeros/8 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        while warm.recv(1 << 20):
            pass
    before = peak = endurance.resident()
    with endurance.connect() as sock:
        sock.settimeout(60)
        head = f"{method} {target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n"
        sender = None
        if method == "POST":
            sock.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
            sender = threading.Thread(target=chunked, args=(sock, MEBIBYTES))
            sender.start()
        else:
            sock.sendall(f"{head}\r\n".encode())
        received, last, looked = 0, b"", 0.0
        while chunk := sock.recv(1 << 20):
            received += len(chunk)
            last = chunk[-64:]
            if time.monotonic() > looked + 0.1:
                looked = time.monotonic()
                peak = max(peak, endurance.resident())
        peak = max(peak, endurance.resident())
        if sender is not None:
            sender.join()
    if target == "/count":
        assert str(MEBIBYTES << 20).encode() in last
    else:
        assert received > MEBIBYTES << 20
    assert peak - before < GROWTH, f"{(peak - before) >> 20} MiB more"


def test_clients_that_go_away_leave_nothing(endurance: Endurance) -> None:
    def tasks() -> int:
        with endurance.connect() as sock:
            sock.sendall(b"GET /tasks HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            answer = b""
            while chunk := sock.recv(4096):
                answer += chunk
        return int(answer.rpartition(b"\n")[2] or answer.split(b"\r\n")[-4])

    def leave(count: int) -> None:
        for _ in range(count // 100):
            socks = [endurance.connect() for _ in range(100)]
            for sock in socks:
                sock.sendall(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
            for sock in socks:
                sock.close()

    def settled(few: int) -> int:
        deadline = time.monotonic() + 30
        while (now := tasks()) > few and time.monotonic() < deadline:
            time.sleep(0.1)
        return now

    few = tasks() + 5
    leave(CLIENTS // 10)  # what a first crowd makes the allocator keep
    assert settled(few) <= few
    before = endurance.resident()
    leave(CLIENTS)
    assert settled(few) <= few
    assert endurance.resident() - before < GROWTH
