from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlencode

import pytest

from edgekit.testing import TestClient

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def client(load):
    async with TestClient(load("guestbook").app) as client:
        yield client


def sign(client, name="Ada", message="I was here.", **headers):
    body = urlencode({"name": name, "message": message})
    return client.post("/", body=body, headers={**FORM, **headers})


async def page(client, path="/"):
    response = await client.get(path)
    assert response.status == 200
    return await response.text()


async def entries(client, query=""):
    return await (await client.get(f"/api/entries{query}")).json()


async def test_empty_book_says_so_and_has_its_configured_title(client):
    html = await page(client)
    assert "<title>Guestbook</title>" in html
    assert "Nobody has written here yet" in html
    assert (await entries(client)) == {"entries": [], "cursor": None}


async def test_signing_leads_to_the_new_entry_by_a_get(client):
    response = await sign(client, "Ada", "one\r\ntwo")
    assert response.status == 303
    path, _, entry = response.headers["location"].partition("#")
    html = await page(client, path)
    assert f'id="{entry}"' in html
    assert "one\ntwo" in html


async def test_whatever_visitors_write_is_shown_as_text(client):
    await sign(client, '<b>"Mallory"</b>', "</textarea><script>alert('&amp;')</script>")
    html = await page(client)
    assert "<script" not in html
    assert "&lt;b&gt;&quot;Mallory&quot;&lt;/b&gt;" in html
    assert "&lt;/textarea&gt;&lt;script&gt;alert(&#x27;&amp;amp;&#x27;)&lt;/script&gt;" in html


@pytest.mark.parametrize(
    ("name", "message", "problem"),
    [
        ("", "Hello", "Please tell us your name."),
        ("Ada", " \r\n\x00 ", "Please write a message."),
        ("A" * 41, "Hello", "Please shorten your name to 40 characters; it has 41."),
        (
            "Ada",
            "\N{GRINNING FACE}" * 501,
            "Please shorten your message to 500 characters; it has 501.",
        ),
    ],
)
async def test_faulty_form_comes_back_with_what_was_typed_and_the_reason(
    client, name, message, problem
):
    response = await sign(client, name, message)
    html = await response.text()
    assert response.status == 422
    assert problem in html
    assert 'aria-invalid="true"' in html
    assert f'value="{name}"' in html
    assert message.strip("\r\n\x00 ") in html
    assert (await entries(client))["entries"] == []


async def test_faulty_form_is_escaped_too(client):
    html = await (await sign(client, '"><script>', "")).text()
    assert "<script" not in html


async def test_older_entries_follow_the_newest_page_by_page(client):
    for n in range(25):
        await sign(client, message=f"number {n}.")
    first = await page(client)
    assert re.findall(r"number (\d+)\.", first) == [str(n) for n in range(24, 4, -1)]
    link = re.search(r'href="(/\?cursor=[^"]+)"', first)
    assert link is not None
    second = await page(client, link[1])
    assert re.findall(r"number (\d+)\.", second) == ["4", "3", "2", "1", "0"]
    assert "cursor=" not in second
    assert "Newest entries" in second


async def test_form_of_another_site_is_refused(client):
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ):
        assert (await sign(client, **headers)).status == 403
    assert (await entries(client))["entries"] == []


async def test_own_form_is_taken_by_old_browsers_too(client):
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": "http://localhost"}):
        assert (await sign(client, host="localhost", **headers)).status == 303


async def test_policy_of_the_page_allows_its_own_style_and_nothing_else(client):
    response = await client.get("/")
    html = await response.text()
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', html)


async def test_api_takes_and_gives_typed_entries(client):
    response = await client.post("/api/entries", json={"name": " Ada\nL. ", "message": "Hello\x07"})
    assert response.status == 201
    made = await response.json()
    [entry] = (await entries(client))["entries"]
    assert entry["id"] == made["id"]
    assert (entry["name"], entry["message"]) == ("Ada L.", "Hello")
    assert entry["at"].endswith("Z")


async def test_api_pages_by_cursor(client):
    for n in range(5):
        await client.post("/api/entries", json={"name": "Ada", "message": str(n)})
    seen, query = [], "?limit=2"
    while True:
        found = await entries(client, query)
        seen.append([entry["message"] for entry in found["entries"]])
        if found["cursor"] is None:
            break
        query = "?" + urlencode({"limit": 2, "cursor": found["cursor"]})
    assert seen == [["4", "3"], ["2", "1"], ["0"]]


@pytest.mark.parametrize(
    "limit", ["0", "101", "-1", "1.5", "", "ten", "\N{SUPERSCRIPT TWO}", "9" * 5000]
)
async def test_api_refuses_a_limit_out_of_range(client, limit):
    response = await client.get("/api/entries?" + urlencode({"limit": limit}))
    assert response.status == 400
    assert await response.json() == {"error": "limit is a number from 1 to 100"}


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ("{", 400, "$"),
        ('{"name": "Ada"}', 422, "$"),
        ('{"name": "Ada", "message": 1}', 422, "$.message"),
        ('{"name": "", "message": "Hello"}', 422, "$.name"),
        ('{"name": "Ada", "message": "' + "x" * 501 + '"}', 422, "$.message"),
    ],
)
async def test_api_says_what_is_wrong_and_where(client, body, status, path):
    response = await client.post("/api/entries", body=body)
    assert response.status == status
    assert (await response.json())["path"] == path


async def test_entry_larger_than_the_configured_body_is_refused(client):
    assert (await sign(client, message="x" * 70_000)).status == 413
