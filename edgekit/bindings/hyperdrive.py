"""Hyperdrive: where a database is, from configuration. Spec: Cloudflare Hyperdrive.

There is no pool and no cache here: a driver such as asyncpg is given the `connection_string`, and
keeps its own pool. What the parts are is as on the platform; there host and port are those of a
local proxy, here they are the database's own.
"""

from __future__ import annotations

import re
from typing import ClassVar, NoReturn
from urllib.parse import unquote

from edgekit import host
from edgekit.errors import ConfigError, UnsupportedError
from edgekit.web.spelling import Spelled

_PORTS = {"postgres": 5432, "postgresql": 5432, "mysql": 3306}
_MISSING = {
    "hostname": "a hostname or IP address",
    "pathname": "a database name as the path component, such as /postgres",
    "username": "a username",
    "password": "a password",
}


class Hyperdrive(Spelled):
    """A PostgreSQL or MySQL database: `asyncpg.connect(env.DB.connection_string)`, or by its parts.

    `str` everywhere but `port` (int); user, password and database are decoded. Its repr shows no part.
    Raises ConfigError, which never shows the string, for one that lacks a part.
    """

    __slots__ = ("connection_string", "database", "host", "password", "port", "scheme", "user")

    binding_kind: ClassVar[str] = "hyperdrive"

    connection_string: str
    host: str
    port: int
    user: str
    password: str
    database: str

    def __init__(self, connection_string: str) -> None:
        url = host.parse_url(connection_string.strip())
        if url is None or (scheme := url.protocol.removesuffix(":")) not in _PORTS:
            raise ConfigError(
                "the connection string must be a URL that begins with postgres://, postgresql:// or"
                " mysql://"
            )
        for part, what in _MISSING.items():
            if getattr(url, part) in ("", "/"):
                raise ConfigError(
                    f"the connection string must have {what};"
                    " it looks like postgres://user:password@database.example.com:5432/name"
                )
        self.connection_string = connection_string.strip()
        self.scheme = scheme
        self.host = re.sub(r"^\[(.*)\]$", r"\1", unquote(url.hostname))  # as drivers take IPv6
        self.port = int(url.port) if url.port else _PORTS[scheme]
        self.user = unquote(url.username)
        self.password = unquote(url.password)
        self.database = unquote(url.pathname.removeprefix("/"))

    def connect(self) -> NoReturn:
        """Not here: raw sockets are CPython's own; give `connection_string` to a driver."""
        raise UnsupportedError(
            "Hyperdrive.connect() is not here: give env's connection_string to a driver, such as"
            " asyncpg.connect(env.DB.connection_string)"
        )

    def __repr__(self) -> str:
        return "<Hyperdrive>"
