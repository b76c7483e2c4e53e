from __future__ import annotations

import pytest

from edgekit.bindings.hyperdrive import Hyperdrive
from edgekit.errors import ConfigError, UnsupportedError


def test_parts_are_those_of_the_connection_string():
    text = "postgres://us%40er:p%2Fw@db.example.com:6432/da%20ta?sslmode=require"
    db = Hyperdrive(text)
    assert db.connection_string == db.connectionString == text
    assert (db.host, db.port, db.user, db.password, db.database) == (
        "db.example.com",
        6432,
        "us@er",
        "p/w",
        "da ta",
    )


@pytest.mark.parametrize(
    ("scheme", "port"), [("postgres", 5432), ("postgresql", 5432), ("mysql", 3306)]
)
def test_port_is_the_scheme_s_unless_given(scheme: str, port: int):
    db = Hyperdrive(f" {scheme}://u:p@[::1]/db\n")
    assert (db.scheme, db.host, db.port) == (scheme, "::1", port)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "must be a URL that begins with postgres://"),
        ("db.example.com/x", "must be a URL"),
        ("http://u:secret@h/db", "must be a URL"),
        ("postgres://u:secret@/db", "must be a URL"),
        ("postgres:///db", "must have a hostname"),
        ("postgres://u:secret@h", "must have a database name"),
        ("postgres://u:secret@h/", "must have a database name"),
        ("postgres://h/db", "must have a username"),
        ("postgres://secret@h/db", "must have a password"),
    ],
)
def test_string_that_lacks_a_part_is_refused_and_not_shown(text: str, what: str):
    with pytest.raises(ConfigError, match=what) as caught:
        Hyperdrive(text)
    assert "secret" not in str(caught.value)


def test_repr_shows_nothing():
    assert repr(Hyperdrive("postgres://user:secret@h/db")) == "<Hyperdrive>"


def test_connect_says_what_to_do_instead():
    with pytest.raises(UnsupportedError, match=r"asyncpg\.connect\(env\.DB\.connection_string\)"):
        Hyperdrive("postgres://u:p@h/db").connect()
