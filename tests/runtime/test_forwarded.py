"""Forwarded headers: believed from trusted peers only, and only as far as the chain is trusted."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from edgekit.errors import ConfigError, HTTPError
from edgekit.runtime.forwarded import Trusted

PROXY = "10.0.0.1"
TRUSTED = Trusted(["10.0.0.0/8", "2001:db8:ff::/48", "192.0.2.9"])


def scope_of(*headers: tuple[str, str], peer: str | None = PROXY) -> dict[str, Any]:
    raw = [(b"host", b"inner:8000")] + [
        (n.lower().encode(), v.encode("latin-1")) for n, v in headers
    ]
    return {
        "type": "http",
        "scheme": "http",
        "client": (peer, 5555) if peer is not None else None,
        "headers": raw,
    }


def seen(*headers: tuple[str, str], peer: str | None = PROXY) -> tuple[Any, str, str]:
    """Client, scheme and host as the Worker sees them."""
    scope = TRUSTED.apply(scope_of(*headers, peer=peer))
    hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
    assert len(hosts) == 1
    return scope["client"] and scope["client"][0], scope["scheme"], hosts[0]


FOR = "X-Forwarded-For"


@pytest.mark.parametrize(
    "peer", ["203.0.113.5", "11.0.0.1", "192.0.2.8", "::1", "2001:db8:fe::1", "nonsense"]
)
@pytest.mark.parametrize(
    "headers",
    [
        [(FOR, "1.1.1.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil")],
        [("Forwarded", "for=1.1.1.1;proto=https;host=evil")],
        [("CF-Connecting-IP", "1.1.1.1"), ("CF-IPCountry", "XX")],
    ],
)
def test_other_peers_are_not_believed(peer: str, headers: Any) -> None:
    scope = scope_of(*headers, peer=peer)
    assert TRUSTED.apply(scope) is scope
    assert seen(*headers, peer=peer) == (peer, "http", "inner:8000")


@pytest.mark.parametrize(
    "peer", [PROXY, "192.0.2.9", "2001:db8:ff::2", "::ffff:10.1.2.3", None, ""]
)
def test_trusted_peers_are_believed(peer: str | None) -> None:
    headers = [
        (FOR, "1.1.1.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "example.com"),
    ]
    assert seen(*headers, peer=peer) == ("1.1.1.1", "https", "example.com")


def test_without_such_headers_nothing_changes() -> None:
    scope = scope_of(("x", "1"))
    assert TRUSTED.apply(scope) is scope


def test_the_scope_of_the_server_is_not_changed() -> None:
    scope = scope_of((FOR, "1.1.1.1"), ("X-Forwarded-Host", "a"))
    before = {**scope, "headers": list(scope["headers"])}
    TRUSTED.apply(scope)
    assert scope == before


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["1.1.1.1"], "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1, 10.2.2.2"], "1.1.1.1"),
        (["6.6.6.6", "1.1.1.1, 10.2.2.2", "192.0.2.9"], "1.1.1.1"),
        (["10.2.2.2, 10.3.3.3"], "10.2.2.2"),
        (["1.1.1.1:8080"], "1.1.1.1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["6.6.6.6, 2001:DB8::1, [2001:db8:ff::1]"], "2001:db8::1"),
        ([" 1.1.1.1 , ,"], "1.1.1.1"),
        (["6.6.6.6, unknown"], PROXY),
        (["6.6.6.6, unknown, 10.2.2.2"], "10.2.2.2"),
        (["6.6.6.6, nonsense"], PROXY),
        (["1.1.1.1 2.2.2.2"], PROXY),
        (["999.1.1.1"], PROXY),
        (["1.1.1.1/8"], PROXY),
        (["[1.1.1.1"], "1.1.1.1"),
        ([""], PROXY),
        ([","], PROXY),
        (["\xff"], PROXY),
    ],
)
def test_the_client_is_the_first_address_from_the_end_that_is_not_trusted(
    values: list[str], client: str
) -> None:
    assert seen(*((FOR, value) for value in values))[0] == client


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=1.1.1.1", ("1.1.1.1", "http", "inner:8000")),
        ("For=1.1.1.1;PROTO=HTTPS;Host=a.example", ("1.1.1.1", "https", "a.example")),
        ('for="1.1.1.1:80"; proto=https', ("1.1.1.1", "https", "inner:8000")),
        ('for="[2001:db8::1]:4711"', ("2001:db8::1", "http", "inner:8000")),
        ('for="[2001:db8::1]"', ("2001:db8::1", "http", "inner:8000")),
        ("for=6.6.6.6, for=1.1.1.1", ("1.1.1.1", "http", "inner:8000")),
        ("for=6.6.6.6,for=1.1.1.1 , for=10.2.2.2", ("1.1.1.1", "http", "inner:8000")),
        ('for="1.1.1.\\1"', ("1.1.1.1", "http", "inner:8000")),
        ("by=10.0.0.1;for=1.1.1.1;ext=x", ("1.1.1.1", "http", "inner:8000")),
        ("for=6.6.6.6, for=unknown", (PROXY, "http", "inner:8000")),
        ("for=6.6.6.6, for=_hidden", (PROXY, "http", "inner:8000")),
        ("for=6.6.6.6, proto=https", (PROXY, "https", "inner:8000")),
        ("proto=https", (PROXY, "https", "inner:8000")),
        (",, for=1.1.1.1;", ("1.1.1.1", "http", "inner:8000")),
        ("", (PROXY, "http", "inner:8000")),
    ],
)
def test_forwarded_as_rfc_7239_says(value: str, expected: Any) -> None:
    assert seen(("Forwarded", value)) == expected


def test_forwarded_in_several_lines_is_one_list() -> None:
    assert seen(("Forwarded", "for=6.6.6.6"), ("Forwarded", "for=1.1.1.1"))[0] == "1.1.1.1"


@pytest.mark.parametrize(
    "value",
    [
        'for="1.1.1.1',
        'for=6.6.6.6;x=", for="[2001:db8::1]"',  # a visitor's open quote around what the proxy adds
        'for=6.6.6.6;x="\\", for=1.1.1.1',
        'for="6.6.6.6"x, for=1.1.1.1;',
        "for 6.6.6.6",
        "for=6.6.6.6 for=1.1.1.1",
        "for==6.6.6.6",
        "=6.6.6.6",
    ],
)
def test_a_forwarded_header_with_a_fault_is_not_believed(value: str) -> None:
    assert seen(("Forwarded", value)) == (PROXY, "http", "inner:8000")


@pytest.mark.parametrize(
    "value",
    ['for="' + "\\" * 100_000, '\\"' * 50_000, '"' * 99_999, "for=a;" * 30_000, "=" * 99_999],
)
def test_a_hostile_forwarded_header_is_read_in_one_pass(value: str) -> None:
    assert seen(("Forwarded", value))[0] == PROXY


def test_scheme_and_host_come_from_hops_that_trusted_proxies_added() -> None:
    spoofed = "for=6.6.6.6;proto=https;host=evil"
    assert seen(("Forwarded", f"{spoofed}, for=1.1.1.1"))[1:] == ("http", "inner:8000")
    assert seen(("Forwarded", f"{spoofed}, for=1.1.1.1;host=good"))[1:] == ("http", "good")
    outer = "for=1.1.1.1;proto=https;host=good"
    assert seen(("Forwarded", f"{outer}, for=10.2.2.2;proto=http"))[1:] == ("https", "good")
    assert seen(("Forwarded", f"{spoofed}, {outer}, for=10.2.2.2"))[1:] == ("https", "good")


def test_of_several_x_forwarded_values_the_last_counts() -> None:
    headers = [
        ("X-Forwarded-Proto", "http, https"),
        ("X-Forwarded-Host", "evil"),
        ("X-Forwarded-Host", "good"),
    ]
    assert seen(*headers) == (PROXY, "https", "good")


@pytest.mark.parametrize("proto", ["ftp", "javascript", "HTTPSS", "https://", "ws", ""])
def test_other_schemes_are_ignored(proto: str) -> None:
    assert seen(("X-Forwarded-Proto", proto))[1] == "http"


@pytest.mark.parametrize(
    "host", ["a b", "a/b", "u@a", "a:x", "a\tb", "", "[::1", "a?b", "a#b", "\xe9", "a,"]
)
def test_a_host_that_is_none_is_ignored(host: str) -> None:
    assert seen(("X-Forwarded-Host", host))[2] in ("inner:8000", "a")


@pytest.mark.parametrize(
    "host", ["example.com", "example.com:8443", "[2001:db8::1]:443", "127.0.0.1", "a_b"]
)
def test_hosts_that_are_believed(host: str) -> None:
    assert seen(("X-Forwarded-Host", host))[2] == host


def test_cloudflare_s_header_names_the_client() -> None:
    headers = [
        ("CF-Connecting-IP", "1.1.1.1"),
        (FOR, "6.6.6.6, 1.1.1.1"),
        ("X-Forwarded-Proto", "https"),
    ]
    assert seen(*headers) == ("1.1.1.1", "https", "inner:8000")
    assert seen(("CF-Connecting-IP", "2001:db8::7"))[0] == "2001:db8::7"
    assert seen(("CF-Connecting-IP", "nonsense"), (FOR, "1.1.1.1"))[0] == "1.1.1.1"


LIES = [("CF-Connecting-IP", "1.1.1.1"), (FOR, "2.2.2.2"), ("Forwarded", "for=3.3.3.3")]


@pytest.mark.parametrize("pair", list(itertools.combinations(LIES, 2)))
def test_headers_that_disagree_about_the_client_are_refused(
    pair: tuple[tuple[str, str], ...], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(HTTPError, match="disagree"):
        seen(*pair)
    assert "say which it sets" in caplog.text


@pytest.mark.parametrize(
    ("setting", "client"),
    [("cloudflare", "1.1.1.1"), ("x-forwarded", "2.2.2.2"), ("forwarded", "3.3.3.3")],
)
def test_setting_says_which_header_counts(setting: str, client: str) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in LIES]
    scope = {"client": ("10.0.0.1", 1), "scheme": "http", "headers": raw}
    assert Trusted(["10.0.0.0/8"], setting).apply(scope)["client"] == (client, 0)


def test_the_visitor_s_place_goes_into_cf() -> None:
    headers = [
        ("CF-IPCountry", "DE"),
        ("CF-IPCity", "München".encode().decode("latin-1")),
        ("CF-IPLatitude", "1.5"),
    ]
    scope = TRUSTED.apply(scope_of(*headers))
    assert scope["edgekit.cf"] == {"country": "DE", "city": "München", "latitude": "1.5"}
    assert "edgekit.cf" not in TRUSTED.apply(scope_of(*headers, peer="203.0.113.5"))


@pytest.mark.parametrize("cidr", ["10.0.0.0/33", "nonsense", "", "10.0.0.0/8/8", "*"])
def test_what_is_no_cidr_is_refused_by_name(cidr: str) -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        Trusted([cidr])


def test_single_addresses_and_host_bits_are_fine() -> None:
    assert "10.1.2.3" in Trusted(["10.1.2.3/8"])
    assert "::1" in Trusted(["::1"])
    assert "127.0.0.1" not in Trusted([])
