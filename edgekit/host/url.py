"""The parts of a parsed URL, as every host's parser returns them."""

from __future__ import annotations

from typing import NamedTuple


class URLRecord(NamedTuple):
    """A URL parsed and serialised by the WHATWG rules; the parts are as its URL class names them."""

    href: str
    protocol: str
    username: str
    password: str
    host: str
    hostname: str
    port: str
    pathname: str
    search: str
    hash: str
    origin: str
