"""Whom to believe about the visitor: forwarded headers, from trusted peers only.

A request that comes straight from a trusted proxy gets the client, scheme and host that the proxy
tells of: by CF-Connecting-IP, by Forwarded (RFC 7239), or by X-Forwarded-For / -Proto / -Host. A
chain is read from its end; the first address that is not itself trusted is the client. What
Cloudflare tells of the visitor's place (CF-IPCountry, CF-IPCity ...) goes into `request.cf`. From
all other peers these headers are left as they came and mean nothing.

A proxy sets one of these and passes on what a visitor has written into the others. The setting
`forwarded` says which one it sets; with "any", headers that disagree about the client are refused
by 400, since one of them is a lie.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable

from edgekit.asgi import Scope
from edgekit.errors import ConfigError, HTTPError

logger = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?").fullmatch
# One parameter and what ends it; possessive, so that no header takes more than one pass.
_PAIR = re.compile(
    r'\s*+(?:([A-Za-z]++)=(?:"((?:[^"\\]|\\.)*+)"|([^\s;,"=]*+)))?\s*+([;,]|$)'
).match


class Trusted:
    """The peers whose word counts, as networks (CIDRs), and which headers are theirs.

    `forwarded` is "x-forwarded", "forwarded", "cloudflare", or "any" of them.
    """

    def __init__(self, cidrs: Iterable[str], forwarded: str = "any") -> None:
        self._read = _READ[forwarded]
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
            if name in self._read:
                seen.setdefault(name, []).append(value.decode("latin-1"))
        if not seen:
            return scope
        direct = [{"for": address} for address in seen.get(b"cf-connecting-ip", ())[-1:]]
        told = [
            self._follow(hops)
            for hops in (
                direct,
                _elements(",".join(seen.get(b"forwarded", ()))),
                _listed_hops(seen),
            )
        ]
        clients = {client for client, _, _ in told if client is not None}
        if len(clients) > 1:
            logger.warning(
                "a trusted proxy's headers disagree about the client (%s); say which it sets by "
                '"edgekit": {"forwarded": "x-forwarded"}, "forwarded" or "cloudflare"',
                ", ".join(sorted(clients)),
            )
            raise HTTPError(400, "The forwarded headers disagree about the client")
        # Who names no client, while another does, is not the proxy that sets these headers.
        named = [one for one in told if one[0] is not None] or told
        schemes = {scheme.lower() for _, scheme, _ in named if scheme is not None}
        hosts = {host.lower() for _, _, host in named if host is not None}
        if len(schemes) > 1 or len(hosts) > 1:
            raise HTTPError(400, "The forwarded headers disagree about the host or the scheme")
        scheme, host = next(iter(schemes), None), next(iter(hosts), None)
        scope = dict(scope)
        for client in clients:
            scope["client"] = (client, 0)
        # Cloudflare writes cities as UTF-8.
        place = {
            key: seen[name][-1].encode("latin-1").decode("utf-8", "replace")
            for name, key in _PLACE.items()
            if name in seen
        }
        if place and (direct or not clients):  # another proxy than Cloudflare does not set them
            scope["edgekit.cf"] = place
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        if host is not None and _HOST(host):
            headers = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [(b"host", host.encode("latin-1")), *headers]
        return scope

    def _follow(self, hops: list[dict[str, str]]) -> tuple[str | None, str | None, str | None]:
        """The client, scheme and host at the end of a chain, as far as it can be believed."""
        client = scheme = host = None
        for hop in reversed(hops):
            # The peer added the last hop; one before it counts if a trusted proxy added it.
            scheme, host = hop.get("proto", scheme), hop.get("host", host)
            address = _address(hop.get("for", ""))
            client = address or client
            if address is None or address not in self:
                break
        return client, scheme, host


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
_X_FORWARDED = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}
_CLOUDFLARE = {b"cf-connecting-ip", *_PLACE}
_READ: dict[str, frozenset[bytes]] = {
    "any": frozenset({*_X_FORWARDED, *_CLOUDFLARE, b"forwarded"}),
    # Cloudflare tells the scheme by X-Forwarded-Proto, and appends to X-Forwarded-For.
    "cloudflare": frozenset({*_CLOUDFLARE, b"x-forwarded-proto"}),
    "forwarded": frozenset({b"forwarded"}),
    "x-forwarded": frozenset(_X_FORWARDED),
}


def _listed_hops(seen: dict[bytes, list[str]]) -> list[dict[str, str]]:
    """What X-Forwarded-For, -Proto and -Host tell of each proxy on the way, the nearest last."""
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
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
