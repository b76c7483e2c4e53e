"""fetch() and redirects: Fetch, "HTTP-redirect fetch", and where Workers are stricter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgekit.client import MAX_REDIRECTS, fetch
from edgekit.errors import FetchError

from .origin import Got, Origin, reply

PHRASES = {
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
}


def redirect(status: int, *locations: str) -> bytes:
    headers = [("Location", location) for location in locations]
    return reply("elsewhere", f"{status} {PHRASES.get(status, 'Other')}", *headers)


async def stream() -> AsyncIterator[bytes]:
    yield b"one"


@pytest.mark.parametrize("status", PHRASES)
async def test_redirects_are_followed(origin: Origin, status: int) -> None:
    origin.answers["/x"] = redirect(status, "/y?z")
    response = await fetch(origin.url + "/x")
    assert (response.status, response.url, response.redirected) == (200, origin.url + "/y?z", True)
    assert [got.target for got in origin.got] == ["/x", "/y?z"]
    assert origin.connections == 1


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("y", "/a/y"),
        ("../y", "/y"),
        ("?y", "/a/x?y"),
        ("/y#fragment", "/y"),
        ("/ü y", "/%C3%BC%20y"),
        ("///{host}/y", "/y"),
        ("//{host}/y", "/y"),
        ("HTTP://{host}/y", "/y"),
        ("", "/a/x"),
    ],
)
async def test_a_location_is_resolved_as_the_url_standard_says(
    origin: Origin, location: str, target: str
) -> None:
    async def once(got: Got, reader: Any, writer: asyncio.StreamWriter) -> None:
        first = len(origin.got) == 1
        writer.write(redirect(302, location.format(host=host)) if first else reply("there"))

    host = f"127.0.0.1:{origin.port}"
    origin.answers["/a/x"] = once
    response = await fetch(origin.url + "/a/x")
    assert origin.got[-1].target == target
    assert response.url == origin.url + target


async def test_a_location_in_utf_8_is_taken_as_that(origin: Origin) -> None:
    origin.answers["/x"] = redirect(302, "/ü".encode().decode("latin-1"))
    await fetch(origin.url + "/x")
    assert origin.got[1].target == "/%C3%BC"


@pytest.mark.parametrize("status", [300, 305, 306])
async def test_other_statuses_are_no_redirects(origin: Origin, status: int) -> None:
    origin.answers["/x"] = redirect(status, "/y")
    response = await fetch(origin.url + "/x")
    assert (response.status, response.redirected) == (status, False)


async def test_a_redirect_to_nowhere_is_the_response(origin: Origin) -> None:
    origin.answers["/x"] = redirect(302)
    response = await fetch(origin.url + "/x")
    assert (response.status, await response.text()) == (302, "elsewhere")


async def test_manual_gives_the_redirect_itself(origin: Origin) -> None:
    origin.answers["/x"] = redirect(302, "/y")
    response = await fetch(origin.url + "/x", redirect="manual")
    assert (response.status, response.headers["location"]) == (302, "/y")
    assert await response.text() == "elsewhere"


async def test_error_makes_it_an_error(origin: Origin) -> None:
    origin.answers["/x"] = redirect(302, "/y")
    with pytest.raises(FetchError, match=r"/x failed: redirected with status 302"):
        await fetch(origin.url + "/x", redirect="error")


async def test_twenty_redirects_are_followed_and_no_more(origin: Origin) -> None:
    async def hop(got: Got, reader: Any, writer: asyncio.StreamWriter) -> None:
        number = int(got.target.partition("?")[2])
        writer.write(redirect(302, f"?{number - 1}") if number else reply("there"))

    origin.answers["/"] = hop
    response = await fetch(f"{origin.url}?{MAX_REDIRECTS}")
    assert await response.text() == "there"
    with pytest.raises(FetchError, match="Too many redirects"):
        await fetch(f"{origin.url}?{MAX_REDIRECTS + 1}")


@pytest.mark.parametrize("location", ["http://[bad", "ftp://h/", "ws://h/", "data:,x"])
async def test_a_location_that_cannot_be_followed_is_an_error(
    origin: Origin, location: str
) -> None:
    origin.answers["/x"] = redirect(302, location)
    with pytest.raises(FetchError, match=rf"{origin.url}/x failed: cannot follow the redirect"):
        await fetch(origin.url + "/x")


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
async def test_the_method_and_the_body_after_a_redirect(
    origin: Origin, status: int, method: str, then: str
) -> None:
    origin.answers["/x"] = redirect(status, "/y")
    body = None if method == "HEAD" else "text"
    headers = {"content-language": "en", "x-a": "1"}
    await fetch(origin.url + "/x", method=method, body=body, headers=headers)
    got = origin.got[1]
    assert (got.method, got.header("x-a")) == (then, "1")
    if then == method:
        assert got.body == (b"" if body is None else b"text")
        assert got.header("content-language") == "en"
    else:
        assert got.body == b""
        assert got.header("content-language") is got.header("content-type") is None
        assert got.header("content-length") is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_stream_cannot_be_sent_again(origin: Origin, status: int) -> None:
    origin.answers["/x"] = redirect(status, "/y")
    with pytest.raises(FetchError, match="one-time-use body"):
        await fetch(origin.url + "/x", method="POST", body=stream())
    assert len(origin.got) == 1


async def test_a_stream_is_not_needed_again_for_a_303(origin: Origin) -> None:
    origin.answers["/x"] = redirect(303, "/y")
    headers = {"content-length": "3"}
    response = await fetch(origin.url + "/x", method="POST", body=stream(), headers=headers)
    assert response.status == 200
    assert (origin.got[1].method, origin.got[1].header("content-length")) == ("GET", None)


async def test_secrets_stay_within_their_origin(origin: Origin) -> None:
    secrets = {"authorization": "a", "cookie": "b=c", "proxy-authorization": "d"}
    async with Origin() as other:
        origin.answers["/x"] = redirect(302, "/y")
        origin.answers["/y"] = redirect(302, other.url)
        other.answers["/"] = redirect(302, origin.url + "/z")
        await fetch(origin.url + "/x", headers={**secrets, "x-a": "1"})
        assert [origin.got[1].header(name) for name in secrets] == list(secrets.values())
        for got in (other.got[0], origin.got[2]):
            assert [got.header(name) for name in secrets] == [None, None, None]
            assert got.header("x-a") == "1"


async def test_credentials_in_a_location_are_not_used(origin: Origin) -> None:
    origin.answers["/x"] = redirect(302, f"http://user:secret@127.0.0.1:{origin.port}/y")
    response = await fetch(origin.url + "/x")
    assert origin.got[1].header("authorization") is None
    assert response.url == origin.url + "/y"


async def test_resolve_override_is_for_the_first_url_only(origin: Origin) -> None:
    url = f"http://name.example:{origin.port}"
    origin.answers["/x"] = redirect(302, origin.url + "/y")
    await fetch(url + "/x", cf={"resolveOverride": "127.0.0.1"})
    hosts = [got.header("host") for got in origin.got]
    assert hosts == [f"name.example:{origin.port}", f"127.0.0.1:{origin.port}"]


async def test_an_endless_body_of_a_redirect_is_not_waited_for(origin: Origin) -> None:
    async def endless(got: Got, reader: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(redirect(302, "/y").replace(b"Content-Length: 9", b"Content-Length: 999"))
        await reader.read()

    origin.answers["/x"] = endless
    response = await fetch(origin.url + "/x")
    assert response.url == origin.url + "/y"
