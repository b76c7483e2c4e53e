"""Whom to believe about the visitor: forwarded headers, from trusted peers only.

A request that comes straight from a trusted proxy gets the client, scheme and host that the proxy
tells of: CF-Connecting-IP, then Forwarded (RFC 7239), then X-Forwarded-For / -Proto / -Host. A
chain is read from its end; the first address that is not itself trusted is the client. What
Cloudflare tells of the visitor's place (CF-IPCountry, CF-IPCity ...) goes into `request.cf`. From
all other peers these headers are left as they came and mean nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from edgekit.asgi import Scope
from edgekit.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?").fullmatch
# One parameter and what ends it; possessive, so that no header takes more than one pass.
_PAIR = re.compile(
    r'\s*+(?:([A-Za-z]++)=(?:"((?:[^"\\]|\\.)*+)"|([^\s;,"=]*+)))?\s*+([;,]|$)'
).match


class Trusted:
    """The peers whose word counts, as networks (CIDRs)."""

    def __init__(self, cidrs: Iterable[str]) -> None:
        self._networks: list[Network] = []
        for cidr in cidrs:
            try:
                self._networks.append(ipaddress.ip_network(cidr, strict=False))
            except ValueError as error:
                raise ConfigError(f"trusted_proxies: {cidr!r} is not a CIDR: {error}") from None

    def __contains__(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        ip = mapped or ip
        return any(ip in network for network in self._networks)

    def apply(self, scope: Scope) -> Scope:
        """The scope as the visitor's own connection would have made it."""
        peer = scope.get("client")
        # No address: a Unix socket, which only a local proxy can reach.
        if peer and peer[0] and peer[0] not in self:
            return scope
        seen: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            if name in _READ:
                seen.setdefault(name, []).append(value.decode("latin-1"))
        if not seen:
            return scope
        client = scheme = host = None
        for hop in reversed(_hops(seen)):
            # The peer added the last hop; one before it counts if a trusted proxy added it.
            scheme, host = hop.get("proto", scheme), hop.get("host", host)
            address = _address(hop.get("for", ""))
            client = address or client
            if address is None or address not in self:
                break
        if direct := seen.get(b"cf-connecting-ip"):
            client = _address(direct[-1]) or client
        scope = dict(scope)
        if client is not None:
            scope["client"] = (client, 0)
        # Cloudflare writes cities as UTF-8.
        place = {
            key: seen[name][-1].encode("latin-1").decode("utf-8", "replace")
            for name, key in _PLACE.items()
            if name in seen
        }
        if place:
            scope["edgekit.cf"] = place
        if scheme is not None and scheme.lower() in ("http", "https"):
            scope["scheme"] = scheme.lower()
        if host is not None and _HOST(host):
            headers = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [(b"host", host.encode("latin-1")), *headers]
        return scope


# Header -> key of request.cf; all values are strings there, coordinates included.
_PLACE = {
    b"cf-ipcountry": "country",
    b"cf-ipcity": "city",
    b"cf-ipcontinent": "continent",
    b"cf-iplatitude": "latitude",
    b"cf-iplongitude": "longitude",
    b"cf-region": "region",
    b"cf-region-code": "regionCode",
    b"cf-metro-code": "metroCode",
    b"cf-postal-code": "postalCode",
    b"cf-timezone": "timezone",
}
_READ = frozenset(_PLACE) | frozenset(
    {
        b"cf-connecting-ip",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
    }
)


def _hops(seen: dict[bytes, list[str]]) -> list[dict[str, str]]:
    """What each proxy on the way has told, the nearest last: "for", "proto" and "host"."""
    if b"forwarded" in seen:
        return _elements(",".join(seen[b"forwarded"]))
    hops = [{"for": address} for address in _listed(seen, b"x-forwarded-for")] or [{}]
    # These are lists too where proxies append, but not one entry for each hop.
    for key, name in (("proto", b"x-forwarded-proto"), ("host", b"x-forwarded-host")):
        for value in _listed(seen, name)[-1:]:
            hops[-1][key] = value
    return hops


def _listed(seen: dict[bytes, list[str]], name: bytes) -> list[str]:
    parts = [part.strip() for part in ",".join(seen.get(name, ())).split(",")]
    return [part for part in parts if part]


def _elements(text: str) -> list[dict[str, str]]:
    """The elements of a Forwarded header; none of one with a fault in it.

    A visitor's open quote would otherwise swallow what the proxy has appended.
    """
    hops: list[dict[str, str]] = []
    hop: dict[str, str] = {}
    at = 0
    while at <= len(text):
        pair = _PAIR(text, at)
        if pair is None:
            return []
        if pair[1] is not None:
            value = pair[3] if pair[2] is None else re.sub(r"\\(.)", r"\1", pair[2])
            hop[pair[1].lower()] = value
        if pair[4] != ";" and hop:
            hops.append(hop)
            hop = {}
        at = pair.end() if pair[4] else len(text) + 1
    return hops


def _address(text: str) -> str | None:
    """The IP address of an element, without its port and brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
