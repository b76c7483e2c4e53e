"""Following redirects without a network. The rules are Fetch's; the texts the platform's."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.errors import WebTypeError
from edgekit.web.redirects import MAX_REDIRECTS, follow
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream

SECRET = {"authorization": "a", "cookie": "c", "proxy-authorization": "p", "x-kept": "k"}


class Site:
    """Answers `redirects` in order, then 200; `seen` are the requests."""

    def __init__(self, *redirects: tuple[int, str]) -> None:
        self.redirects = list(redirects)
        self.seen: list[tuple[str, str, dict[str, str], str]] = []

    async def __call__(self, request: Request) -> Response:
        body = await request.text()
        self.seen.append((request.method, request.url, dict(request.headers), body))
        if not self.redirects:
            return Response("end")
        status, location = self.redirects.pop(0)
        return Response(None, status=status, headers={"location": location} if location else {})


async def followed(site: Site, url: str = "http://a/x", **init: Any) -> Response:
    return await follow(site, Request(url, **init))


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ],
)
async def test_the_method_of_the_next_request(status: int, method: str, becomes: str) -> None:
    site = Site((status, "/y"))
    response = await followed(site, method=method, body="data")
    assert (response.url, response.redirected) == ("http://a/y", True)
    (_, _, _, first), (again, url, headers, second) = site.seen
    assert (again, url, first) == (becomes, "http://a/y", "data")
    assert second == ("" if becomes == "GET" else "data")
    assert ("content-type" in headers) is (becomes != "GET")


async def test_a_head_request_stays_one() -> None:
    site = Site((303, "/y"))
    await followed(site, method="HEAD")
    assert site.seen[1][0] == "HEAD"


async def test_secrets_go_to_the_same_origin_only() -> None:
    site = Site((302, "/y"), (302, "http://b/z"))
    await followed(site, headers=SECRET)
    assert [sorted(headers) for _, _, headers, _ in site.seen] == [
        sorted(SECRET),
        sorted(SECRET),
        ["x-kept"],
    ]


async def test_an_answer_without_a_place_to_go_is_the_answer() -> None:
    for redirect in ((302, ""), (304, "/y")):
        response = await followed(Site(redirect))
        assert (response.status, response.redirected) == (redirect[0], False)


async def test_manual_and_error() -> None:
    response = await followed(Site((302, "/y")), redirect="manual")
    assert (response.status, response.url) == (302, "http://a/x")
    with pytest.raises(WebTypeError, match='redirect is "error"'):
        await followed(Site((302, "/y")), redirect="error")


async def test_too_many_are_refused() -> None:
    assert (await followed(Site(*[(302, "/y")] * MAX_REDIRECTS))).status == 200
    with pytest.raises(WebTypeError, match=r"Too many redirects\."):
        await followed(Site(*[(302, "/y")] * (MAX_REDIRECTS + 1)))


async def test_one_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(WebTypeError, match="Invalid Location header; unable to follow redirect"):
        await followed(Site((302, "http://[")))


async def test_a_streamed_body_is_not_sent_twice() -> None:
    stream = ReadableStream([b"data"])
    with pytest.raises(WebTypeError, match="one-time-use body"):
        await followed(Site((307, "/y")), method="POST", body=stream)
    site = Site((303, "/y"))
    await followed(site, method="POST", body=ReadableStream([b"data"]))
    assert site.seen[1][0] == "GET"


async def test_the_answers_url_has_no_fragment() -> None:
    assert (await followed(Site(), "http://a/x#part")).url == "http://a/x"
