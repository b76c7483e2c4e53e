"""The Cache API, as every place must answer that has one."""

from __future__ import annotations

from typing import Any

from edgekit import Request, Response, caches

FRESH = {"cache-control": "max-age=60", "x-kept": "yes"}


async def test_a_response_is_kept(env: Any) -> None:
    url = "https://cache.test/kept"
    assert await caches.default.match(url) is None
    await caches.default.put(url, Response("kept", headers=FRESH))
    found = await caches.default.match(url)
    assert found is not None
    assert (found.status, await found.text(), found.headers["x-kept"]) == (200, "kept", "yes")
    assert await caches.default.delete(url) is True
    assert await caches.default.delete(url) is False
    assert await caches.default.match(url) is None


async def test_named_caches_are_apart(env: Any) -> None:
    one, other = await caches.open("one"), await caches.open("other")
    request = Request("https://cache.test/named")
    await one.put(request, Response("one", headers=FRESH))
    assert await other.match(request) is None
    found = await one.match(request)
    assert found is not None
    assert await found.text() == "one"


async def test_what_cannot_be_kept_is_refused(env: Any) -> None:
    wrong = [
        (Request("https://cache.test/w", method="POST"), Response("x", headers=FRESH)),
        ("https://cache.test/w", Response("x", status=206, headers=FRESH)),
        ("https://cache.test/w", Response("x", headers={**FRESH, "vary": "*"})),
    ]
    for request, response in wrong:
        try:
            await caches.default.put(request, response)
        except TypeError as error:
            assert "Cannot cache" in str(error)
            continue
        raise AssertionError("it was kept")


async def test_a_kept_response_knows_what_has_not_changed(env: Any) -> None:
    url = "https://cache.test/etag"
    await caches.default.put(url, Response("etag", headers={**FRESH, "etag": '"e"'}))
    found = await caches.default.match(Request(url, headers={"if-none-match": '"e"'}))
    assert found is not None
    assert found.status == 304
