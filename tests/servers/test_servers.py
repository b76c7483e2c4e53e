"""The same app on every server, over real sockets."""

from __future__ import annotations

import http.client
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from .conftest import Server

_names = count()


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"n{next(_names)}"


@contextmanager
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        yield made
    finally:
        made.close()


def ask(
    server: Server, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, bytes, Any]:
    with connection(server) as http_:
        http_.request(method, path, body, headers)
        response = http_.getresponse()
        return response.status, response.read(), response.headers


def get(server: Server, path: str) -> str:
    return ask(server, "GET", path)[1].decode()


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


@contextmanager
def quiet(server: Server) -> Iterator[None]:
    """Nothing in here may make the server show a traceback or an error."""
    before = len(server.log())
    yield
    said = server.log()[before:]
    assert "Traceback" not in said, said
    assert "ERROR" not in said, said


# Everyday requests ----------------------------------------------------------------------------------


def test_answers(server: Server) -> None:
    with quiet(server):
        status, body, headers = ask(server, "GET", "/")
        assert (status, body) == (200, b"root")
        assert headers["content-type"] == "text/plain;charset=UTF-8"
        assert headers["content-length"] == "4"
        assert get(server, "/url?a=%C3%A9") == f"http://127.0.0.1:{server.port}/url?a=%C3%A9"
        assert get(server, "/path/a%2Fb/../c%20d") == "c d"
        assert get(server, "/path/a%2Fb/%C3%A9") == "a/b/é"


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    with quiet(server), connection(server) as http_:
        for _ in range(2):
            http_.request("HEAD", "/")
            response = http_.getresponse()
            assert (response.status, response.headers["content-length"], response.read()) == (
                200,
                "4",
                b"",
            )


def test_404_and_405(server: Server) -> None:
    with quiet(server):
        assert ask(server, "GET", "/nothing")[0] == 404
        status, _, headers = ask(server, "GET", "/only")
        assert (status, headers["allow"]) == (405, "OPTIONS, POST")
        status, body, headers = ask(server, "OPTIONS", "/only")
        assert (status, body, headers["allow"]) == (204, b"", "OPTIONS, POST")


def test_a_connection_is_kept_alive(server: Server) -> None:
    with quiet(server), connection(server) as http_:
        sockets = set()
        for method, path, body in [
            ("GET", "/", None),
            ("POST", "/echo", b"x"),
            ("GET", "/nothing", None),
        ] * 3:
            http_.request(method, path, body)
            http_.getresponse().read()
            sockets.add(http_.sock)
        assert len(sockets) == 1


def test_a_mebibyte_comes_back(server: Server) -> None:
    data = bytes(range(256)) * 4096
    with quiet(server):
        assert ask(server, "POST", "/echo", data)[1] == data
        assert ask(server, "POST", "/mirror", data)[1] == data


def test_a_chunked_upload(server: Server) -> None:
    with quiet(server):
        for path in ("/echo", "/mirror"):
            assert (
                ask(server, "POST", path, iter([b"ab", b"", b"c" * 70_000]))[1]
                == b"ab" + b"c" * 70_000
            )


def test_a_response_streams_chunk_by_chunk(server: Server, name: str) -> None:
    with quiet(server), connection(server) as http_:
        http_.request("GET", f"/chunks/{name}")
        response = http_.getresponse()
        assert response.headers["transfer-encoding"] == "chunked"
        assert response.read1() == b"one"
        get(server, f"/gate/{name}")
        assert response.read() == b"two"


def test_an_echo_streams_both_ways_at_once(server: Server) -> None:
    with quiet(server), server.connect() as sock:
        sock.sendall(b"POST /mirror HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        response = b""
        for i in range(3):
            sock.sendall(b"1\r\n%d\r\n" % i)
            while b"1\r\n%d\r\n" % i not in response:
                response += sock.recv(4096)
        sock.sendall(b"0\r\n\r\n")
        while not response.endswith(b"0\r\n\r\n"):
            response += sock.recv(4096)


def test_a_body_that_is_not_read_does_not_disturb_the_next_request(server: Server) -> None:
    with quiet(server), connection(server) as http_:
        for _ in range(2):
            try:
                http_.request("POST", "/unread", b"x" * 200_000)
                assert http_.getresponse().read() == b"not read"
            except (ConnectionError, http.client.RemoteDisconnected):
                http_.close()  # a server may close instead
        assert get(server, "/") == "root"


def test_expect_100_continue(server: Server) -> None:
    with quiet(server), server.connect() as sock:
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert sock.recv(4096).startswith(b"HTTP/1.1 100")
        sock.sendall(b"ab")
        response = b""
        while not response.endswith(b"ab"):
            response += sock.recv(4096)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_http_2(server: Server) -> None:
    if server.name.startswith("uvicorn"):
        pytest.skip("uvicorn has no HTTP/2")

    def curl(path: str, *options: str) -> str:
        url = f"http://127.0.0.1:{server.port}{path}"
        command = ["curl", "-sS", "-m", "5", "--http2-prior-knowledge", *options, url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with quiet(server):
        assert curl("/url?a=1") == f"http://127.0.0.1:{server.port}/url?a=1"
        assert curl("/echo", "-H", "Content-Length:", "--data-binary", "abc") == "abc"
        assert curl("/echo", "-X", "POST", "-w", "%{http_version} %{http_code}") == "2 200"
        assert "content-length: 4" in curl("/", "-I").lower()


# Faults ---------------------------------------------------------------------------------------------


def test_an_error_is_a_500_with_an_id_from_the_log(server: Server) -> None:
    status, body, _ = ask(server, "GET", "/fail")
    assert status == 500
    assert b"s3cret" not in body
    request_id = body.decode().partition("(request ")[2].rstrip(")")
    assert len(request_id) == 16
    until(lambda: request_id in server.log())


def test_an_error_in_the_middle_of_a_response_cuts_it(server: Server) -> None:
    with connection(server) as http_:
        http_.request("GET", "/cut")
        response = http_.getresponse()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()


def reset(sock: socket.socket) -> None:
    """Leave as a client does that dies."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("leave", [reset, socket.socket.close])
@pytest.mark.parametrize(
    ("target", "before", "after"),
    [
        ("GET /wait/", "waiting", "ended, aborted"),
        ("GET /endless/", "sending", "ended"),
        ("GET /endless/?flood", "sending", "ended"),
        ("POST /swallow/", "reading", "ended"),
    ],
)
def test_a_client_that_goes_away_ends_its_handler(
    server: Server, name: str, leave: Any, target: str, before: str, after: str
) -> None:
    path, _, query = target.partition("?")
    with quiet(server):
        sock = server.connect()
        sock.sendall(f"{path}{name}?{query} HTTP/1.1\r\nHost: h\r\n".encode())
        sock.sendall(b"Content-Length: 10\r\n\r\nhalf" if path.startswith("POST") else b"\r\n")
        until(lambda: get(server, f"/fate/{name}") == before)
        leave(sock)
        until(lambda: get(server, f"/fate/{name}") == after, seconds=2)


# What strangers send --------------------------------------------------------------------------------


def raw(server: Server, data: bytes) -> bytes:
    """All that comes back until the server closes, or has nothing more to say."""
    response = b""
    with server.connect() as sock:
        sock.settimeout(0.5)
        try:
            sock.sendall(data)
            while chunk := sock.recv(65536):
                response += chunk
                sock.settimeout(0.1)
        except (TimeoutError, ConnectionError):
            pass
    return response


LONG = b"x" * 200_000
MALFORMED = {
    "no http at all": b"nonsense\r\n\r\n",
    "bytes": bytes(range(256)) + b"\r\n\r\n",
    "bad host": b"GET /url HTTP/1.1\r\nHost: a b\r\n\r\n",
    "bad port": b"GET /url HTTP/1.1\r\nHost: h:99999\r\n\r\n",
    "host with path": b"GET /url HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "host with user": b"GET /url HTTP/1.1\r\nHost: u:p@h\r\n\r\n",
    "two hosts": b"GET /url HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "nul in path": b"GET /path/\0 HTTP/1.1\r\nHost: h\r\n\r\n",
    "nul in header": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
    "space in path": b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n",
    "space before header": b"GET / HTTP/1.1\r\n X: a\r\nHost: h\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n",
    "bad method": b"G\xc3\x89T / HTTP/1.1\r\nHost: h\r\n\r\n",
    "no slash": b"GET root HTTP/1.1\r\nHost: h\r\n\r\n",
    "long url": b"GET /path/" + LONG + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "long query": b"GET /?" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: h\r\nX: " + LONG + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "length not a number": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
    "length negative": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\nabcde",
    "length huge": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "length too large": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n",
    "lengths that differ": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "lengths in one line": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 6\r\n\r\nabcdef",
    "bad chunk size": b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "negative chunk size": b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
    "chunk too long": b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "unknown coding": b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: nonsense\r\n\r\nabc",
}


@pytest.mark.parametrize("shape", MALFORMED)
def test_malformed_requests_are_refused_quietly(server: Server, shape: str) -> None:
    with quiet(server):
        response = raw(server, MALFORMED[shape])
        status = int(response.split()[1]) if response else 400
        assert 400 <= status < 500 or status == 501, response[:200]
        assert get(server, "/") == "root"


@pytest.mark.parametrize(
    "line", [b"GET /", b"GET / HTTP/9.9", b"GET / HTTP/1.0", b"GET http://h/ HTTP/1.1"]
)
def test_odd_request_lines_are_answered_or_refused_quietly(server: Server, line: bytes) -> None:
    with quiet(server):
        response = raw(server, line + b"\r\nHost: h\r\n\r\n")
        assert not response or int(response.split()[1]) < 500, response[:200]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/path/%", b"%"),
        (b"/path/%zz", b"%zz"),
        (b"/path/%00", b"\0"),
        (b"/path/%ff", "\ufffd".encode()),
        (b"/path/%2e%2e/path/a", b"a"),
        (b"/path/a%0d%0ab", b"a\r\nb"),
    ],
)
def test_odd_but_allowed_paths_are_served(server: Server, target: bytes, path: bytes) -> None:
    with quiet(server):
        response = raw(
            server, b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        head, _, body = response.partition(b"\r\n\r\n")
        assert head.split()[1] == b"200"
        assert body == path


INNER = b"GET /gate/%s HTTP/1.1\r\nHost: h\r\n\r\n"
SMUGGLING = {
    "chunked and a length": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length 0": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n%d\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n",
    "signed length": b"Content-Length: +%d\r\n\r\n",
    "underscored length": b"Content-Length: 0_0\r\nX: %d\r\n\r\n",
    "folded coding": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: %d\r\n\r\n",
    "coding with vertical tab": b"Transfer-Encoding: \x0bchunked\r\nContent-Length: %d\r\n\r\n",
    "coding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nX: %d\r\n\r\n0\r\n\r\n",
    "coding before colon": b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n\r\n",
    "bare line feeds": b"X: a\nContent-Length: %d\n\n",
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_what_two_servers_could_read_differently(server: Server, shape: str) -> None:
    """One answer for all of it, or a refusal: the inner request is a body, or is never read."""
    if shape == "chunked and a length" and server.name in ("uvicorn-h11", "hypercorn"):
        pytest.skip(
            "h11 takes the coding and keeps the connection, which RFC 9112, 6.3, discourages"
        )
    inner = INNER % b"smuggled"
    with quiet(server):
        response = raw(
            server, b"POST /echo HTTP/1.1\r\nHost: h\r\n" + SMUGGLING[shape] % len(inner) + inner
        )
        statuses = [
            line.split()[1] for line in response.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")
        ]
        assert b"open" not in response.split(b"\r\n"), response
        assert len(statuses) <= 1 or statuses[0][:1] == b"4", response


# Restart --------------------------------------------------------------------------------------------


def test_a_restart_keeps_the_store_and_waits_for_wait_until(server: Server) -> None:
    assert ask(server, "PUT", "/kept/a", b"value")[0] == 200
    assert ask(server, "POST", "/later/b")[1] == b"later"
    assert ask(server, "GET", "/kept/b")[0] == 404
    server.stop()
    server.start()
    assert get(server, "/kept/a") == "value"
    assert get(server, "/kept/b") == "done"


def test_nothing_was_said_about_tasks_or_resources(server: Server) -> None:
    server.stop()
    log = server.log()
    for text in (
        "never awaited",
        "never retrieved",
        "was destroyed",
        "ResourceWarning",
        "Task exception",
    ):
        assert text not in log
