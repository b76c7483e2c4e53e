"""Listening sockets, opened before any server starts: so a reload or a new worker refuses nobody."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import click

_BACKLOG = 2048
_TRIES = 10  # for one free port on several addresses


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address of `host`; "localhost" is 127.0.0.1 and, where there is IPv6, ::1.

    Port 0 is a free one, the same for all. ClickException when the port is taken.
    """
    addresses = _addresses(host)
    for tries_left in reversed(range(_TRIES)):
        try:
            return _listen(addresses, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port:
                raise click.ClickException(_why(host, port, error)) from error
            if not tries_left:
                raise click.ClickException(f"no free port on {host}") from error
    raise AssertionError("unreachable")


def listen_unix(path: str) -> socket.socket:
    """A socket at `path`, which a proxy of any user may connect to; one left behind is replaced."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        if _left_behind(path):
            os.unlink(path)
        sock.bind(path)
        os.chmod(path, 0o666)  # noqa: S103 the folder decides who reaches it
    except OSError as error:
        sock.close()
        reason = (
            "something else listens there" if error.errno == errno.EADDRINUSE else error.strerror
        )
        raise click.ClickException(f"cannot listen on {path}: {reason}") from error
    sock.listen(_BACKLOG)
    return sock


def url(host: str, sockets: list[socket.socket], scheme: str = "http") -> str:
    """What to type into a browser."""
    port = sockets[0].getsockname()[1]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _addresses(host: str) -> list[tuple[int, str, bool]]:
    """Family, address, and whether to do without it if the machine does not have it."""
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1", False), (socket.AF_INET6, "::1", True)]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise click.ClickException(
            f"{host} is no address of this machine: {error.strerror}"
        ) from error
    return [(family, str(address[0]), False) for family, *_, address in dict.fromkeys(found)]


def _listen(addresses: list[tuple[int, str, bool]], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address, optional in addresses:
            try:
                sockets.append(_bound(family, address, port))
            except OSError as error:
                if not optional or error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
            port = sockets[0].getsockname()[1]
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bound(family: int, address: str, port: int) -> socket.socket:
    sock = socket.socket(family)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken: stop what listens there, or choose another with --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"port {port} of {host} is not allowed to this user: choose one above 1023 with --port"
        )
    return f"cannot listen on port {port} of {host}: {error.strerror}"


def _left_behind(path: str) -> bool:
    """Whether a socket is there that nobody listens on any more."""
    if not Path(path).exists() or not stat.S_ISSOCK(os.stat(path).st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED
