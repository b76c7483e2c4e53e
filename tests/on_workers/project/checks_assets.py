"""Static assets by their binding, as every place must answer."""

from __future__ import annotations

from typing import Any


async def test_an_asset_is_found(env: Any) -> None:
    response = await env.ASSETS.fetch("https://any/page")
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/html")
    assert await response.text() == "<!doctype html>\n<p>An asset</p>\n"


async def test_what_is_not_there_is_404(env: Any) -> None:
    assert (await env.ASSETS.fetch("https://any/no/such")).status == 404


async def test_an_asset_is_not_sent_again(env: Any) -> None:
    first = await env.ASSETS.fetch("https://any/page")
    await first.bytes()
    again = await env.ASSETS.fetch(
        "https://any/page", headers={"if-none-match": first.headers["etag"]}
    )
    assert again.status == 304


async def test_the_name_of_its_file_leads_to_it(env: Any) -> None:
    response = await env.ASSETS.fetch("https://any/page.html", redirect="manual")
    assert (response.status, response.headers["location"]) == (307, "/page")
