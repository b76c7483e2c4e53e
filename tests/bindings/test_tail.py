"""What trace items say, and what they do not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from edgekit.bindings.tail import redacted_url, request_info, subject_info
from edgekit.web.request import Request

# As the platform answered, on 2026-11-25.
URLS = {
    "/a/0123456789abcdef0123456789abcdef": "/a/REDACTED",
    "/a/0123456789abcdef0123456789abcde": "/a/0123456789abcdef0123456789abcde",
    "/a/0123-4567-89ab-cdef-0123-4567-89ab-cdef": "/a/REDACTED",
    "/x?t=ABcd12ABcd12ABcd12ABc": "/x?t=REDACTED",
    "/x?t=ABcd12ABcd12ABcd12AB": "/x?t=ABcd12ABcd12ABcd12AB",
    "/x?t=abcdefghijklmnopqrstuvwxyz12": "/x?t=abcdefghijklmnopqrstuvwxyz12",
    "/x?t=aAAbcdefghijklmnopqrstuvwxyz1": "/x?t=aAAbcdefghijklmnopqrstuvwxyz1",
    "/x?t=AAbcdefghijklmnopqrstuvwxyz12": "/x?t=REDACTED",
    "/x?token=short&password=p": "/x?token=short&password=p",
    "/u/6f9619ff-8b86-d011-b42d-00c04fc964ff": "/u/REDACTED",
    "/x?t=AB+cd_12-ABcd12ABcd12ABc": "/x?t=REDACTED",
    "/x?t=-----ABcd12ABcd12ABc_": "/x?t=REDACTED",
    "/x?t=ABcd12.ABcd12ABcd12ABcxx": "/x?t=ABcd12.ABcd12ABcd12ABcxx",
    "/x?q=111111111111111111111111111111111111": "/x?q=REDACTED",
    "/x?q=gggggggggggggggggggggggggggggggggggg": "/x?q=gggggggggggggggggggggggggggggggggggg",
    "/x?q=-+_-+_-+_-+_-+_-+_-+_-+_": "/x?q=-+_-+_-+_-+_-+_-+_-+_-+_",
}
SECRET = (
    *("authorization", "author", "cookie", "set-cookie", "x-api-key", "monkey", "tokens", "jwt"),
    *("cf-access-jwt-assertion", "proxy-authorization", "x-csrf-token", "x-secret"),
)
PLAIN = ("accept", "bearer", "cf-connecting-ip", "cookies", "csrf", "password", "session", "x-foo")


@pytest.mark.parametrize(("url", "shown"), URLS.items())
def test_ids_and_secrets_in_a_url_are_redacted(url: str, shown: str) -> None:
    assert redacted_url(f"http://p.example{url}") == f"http://p.example{shown}"


def test_headers_with_secrets_are_redacted() -> None:
    request = Request("http://x/", headers=dict.fromkeys((*SECRET, *PLAIN), "v"), cf={"colo": "X"})
    info = request_info(request)
    assert {name for name, value in info.headers.items() if value == "REDACTED"} == set(SECRET)
    assert set(info.getUnredacted().headers.values()) == {"v"}
    assert info.cf == {"colo": "X"}


def test_events_that_are_no_requests() -> None:
    batch = SimpleNamespace(queue="jobs", messages=[1, 2])
    assert subject_info("queue", batch) == {"queue": "jobs", "batchSize": 2}
    mail = SimpleNamespace(from_="a@x", to="b@y", raw_size=7)
    assert subject_info("email", mail) == {"mailFrom": "a@x", "rcptTo": "b@y", "rawSize": 7}
    assert subject_info("tail", []) == {}
