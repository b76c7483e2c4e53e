from __future__ import annotations

import socket
import sys
from pathlib import Path

import click
import pytest

from edgekit.cli.sockets import listen, listen_unix, url


def test_localhost_is_both_addresses_at_one_free_port():
    sockets = listen("localhost", 0)
    try:
        names = [sock.getsockname()[:2] for sock in sockets]
        assert names[0][0] == "127.0.0.1"
        assert len({port for _, port in names}) == 1
        assert {name for name, _ in names[1:]} <= {"::1"}
        assert url("localhost", sockets) == f"http://localhost:{names[0][1]}"
        assert url("::", sockets, "https") == f"https://[::]:{names[0][1]}"
    finally:
        for sock in sockets:
            sock.close()


def test_connections_wait_before_anybody_accepts():
    [sock] = listen("127.0.0.1", 0)
    with sock:
        socket.create_connection(sock.getsockname()).close()


def test_taken_port_is_refused_and_nothing_stays_open():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(click.ClickException, match=f"port {port} of localhost is taken"):
            listen("localhost", port)


def test_address_that_is_not_here_is_refused():
    with pytest.raises(click.ClickException, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)
    with pytest.raises(click.ClickException, match="is no address of this machine"):
        listen("no.such.host.invalid", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")
def test_unix_socket_does_not_replace_a_file_or_a_listener(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(click.ClickException, match="something else"):
        listen_unix(str(tmp_path / "file"))
    with listen_unix(str(tmp_path / "s")), pytest.raises(click.ClickException):
        listen_unix(str(tmp_path / "s"))
    with listen_unix(str(tmp_path / "s")):
        assert (tmp_path / "file").read_text() == "mine"
