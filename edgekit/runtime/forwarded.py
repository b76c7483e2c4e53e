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
_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*').fullmatch


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
        chain, scheme, host = _forwarded(seen)
        scope = dict(scope)
        if direct := seen.get(b"cf-connecting-ip"):
            chain = [direct[-1].strip()]
        client = self._client(chain)
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
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        if host is not None and _HOST(host):
            headers = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [(b"host", host.encode("latin-1")), *headers]
        return scope

    def _client(self, chain: list[str]) -> str | None:
        client = None
        for text in reversed(chain):
            address = _address(text)
            if address is None:
                break  # "unknown" or an obfuscated name: nothing further back can be believed
            client = address
            if address not in self:
                break
        return client


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


def _forwarded(seen: dict[bytes, list[str]]) -> tuple[list[str], str | None, str | None]:
    """The chain of addresses, nearest last, with the scheme and host the nearest proxy tells of."""
    if elements := ",".join(seen.get(b"forwarded", ())):
        chain, scheme, host = [], None, None
        for element in _split(elements, ","):
            pairs = {}
            for part in _split(element, ";"):
                if pair := _PAIR(part):
                    value = pair[3] if pair[2] is None else re.sub(r"\\(.)", r"\1", pair[2])
                    pairs[pair[1].lower()] = value
            chain.append(pairs.get("for", ""))
            scheme, host = pairs.get("proto", scheme), pairs.get("host", host)
        return chain, scheme and scheme.lower(), host
    chain = [part.strip() for part in ",".join(seen.get(b"x-forwarded-for", ())).split(",")]
    protos = ",".join(seen.get(b"x-forwarded-proto", ())).split(",")
    hosts = ",".join(seen.get(b"x-forwarded-host", ())).split(",")
    return [c for c in chain if c], protos[-1].strip().lower() or None, hosts[-1].strip() or None


def _split(text: str, separator: str) -> list[str]:
    """Split outside of quoted strings."""
    return re.findall(rf'(?:"(?:[^"\\]|\\.)*"|[^{separator}"])+', text)


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
