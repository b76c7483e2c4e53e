from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import pytest

from edgekit import File, FormData
from edgekit.testing import TestClient
from edgekit.web.streams import ReadableStream

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
async def client(load):
    async with TestClient(load("files").app) as client:
        yield client


async def put(client, name="report.pdf", content=CONTENT, **headers):
    response = await client.put("/" + quote(name, safe=""), body=content, headers=headers)
    assert response.status == 201
    answer = await response.json()
    return urlsplit(answer["link"]).path, answer["token"]


async def test_file_comes_back_as_it_was(client):
    path, _ = await put(client, **{"content-type": "application/pdf"})
    response = await client.get(path)
    assert response.status == 200
    assert await response.bytes() == CONTENT
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-length"] == str(len(CONTENT))
    assert response.headers["accept-ranges"] == "bytes"


async def test_upload_is_a_stream(client):
    path, _ = await put(client, content=ReadableStream(iter([CONTENT[:1000], CONTENT[1000:]])))
    assert await (await client.get(path)).bytes() == CONTENT


async def test_empty_file(client):
    path, _ = await put(client, content=b"")
    response = await client.get(path, headers={"range": "bytes=0-"})
    assert await response.bytes() == b""
    assert response.headers["content-length"] == "0"


async def test_form_answers_with_the_link(client):
    form = FormData()
    form.append("file", File([CONTENT], "Über <b>.bin", type="image/png"))
    response = await client.post("/", body=form)
    assert response.status == 201
    html = await response.text()
    assert "<b>" not in html
    link = re.search(r'href="(http://localhost/[^"]+)"', html)
    response = await client.get(urlsplit(link[1]).path)
    assert await response.bytes() == CONTENT
    assert response.headers["content-type"] == "image/png"


async def test_page_has_a_form_and_allows_no_script(client):
    response = await client.get("/")
    assert 'enctype="multipart/form-data"' in await response.text()
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("value", [None, "text"])
async def test_form_without_a_file_is_refused(client, value):
    form = FormData()
    if value:
        form.append("file", value)
    response = await client.post("/", body=form)
    assert (response.status, await response.text()) == (400, "Choose a file.")


@pytest.mark.parametrize("name", ["a b.txt", "ü.txt", 'q".txt', "a;b=c", "../x", "50%"])
async def test_file_keeps_its_name(client, name):
    path, _ = await put(client, name)
    response = await client.get(path)
    disposition = response.headers["content-disposition"]
    assert disposition == f"attachment; filename*=UTF-8''{quote(name)}"


async def test_name_has_a_limit(client):
    response = await client.put("/" + "x" * 256, body=b"")
    assert response.status == 400


async def test_uploads_are_no_pages_of_this_site(client):
    path, _ = await put(client, "x.html", b"<script>", **{"content-type": "text/html"})
    headers = (await client.get(path)).headers
    assert headers["content-disposition"].startswith("attachment;")
    assert headers["content-security-policy"] == "sandbox"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("range", "start", "end"),
    [
        ("0-99", 0, 100),
        ("1000-", 1000, 256_000),
        ("-6", 255_994, 256_000),
        ("255999-999999", 255_999, 256_000),
    ],
)
async def test_part_of_a_file(client, range, start, end):
    path, _ = await put(client)
    response = await client.get(path, headers={"range": f"bytes={range}"})
    assert response.status == 206
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/256000"
    assert response.headers["content-length"] == str(end - start)
    assert await response.bytes() == CONTENT[start:end]


@pytest.mark.parametrize(
    "range", ["bytes=0-255999", "bytes=0-1,5-6", "bytes=256000-", "lines=1-2", "bytes=x"]
)
async def test_whole_file_where_no_single_part_is_asked_for(client, range):
    path, _ = await put(client)
    response = await client.get(path, headers={"range": range})
    assert response.status == 200
    assert await response.bytes() == CONTENT


async def test_resumed_download_gets_its_part_only_of_the_same_file(client):
    path, _ = await put(client)
    etag = (await client.head(path)).headers["etag"]
    part = {"range": "bytes=255000-"}
    assert (await client.get(path, headers={**part, "if-range": etag})).status == 206
    assert (await client.get(path, headers={**part, "if-range": '"other"'})).status == 200


async def test_browser_that_has_it_is_told_so(client):
    path, _ = await put(client)
    etag = (await client.get(path)).headers["etag"]
    response = await client.get(path, headers={"if-none-match": etag})
    assert (response.status, await response.bytes()) == (304, b"")
    assert response.headers["etag"] == etag
    assert (await client.get(path, headers={"if-match": '"other"'})).status == 412
    assert (await client.get(path, headers={"if-match": etag})).status == 200


async def test_head_tells_all_but_the_bytes(client):
    path, _ = await put(client)
    response = await client.head(path)
    assert response.headers["content-length"] == str(len(CONTENT))
    assert await response.bytes() == b""


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_what_is_not_there_is_404(client, method):
    assert (await client.fetch("/nothing/here", method=method)).status == 404


async def test_only_the_token_removes_a_file(client):
    path, token = await put(client)
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer ü"}):
        assert (await client.delete(path, headers=headers)).status == 403
    headers = {"authorization": f"Bearer {token}"}
    assert (await client.delete(path, headers=headers)).status == 204
    assert (await client.get(path)).status == 404


async def test_links_cannot_be_guessed_and_tokens_are_not_kept(client):
    paths = {(await put(client, content=b""))[0] for _ in range(20)}
    assert len(paths) == 20
    assert min(map(len, paths)) > 20
    path, token = await put(client)
    about = await client.env.FILES.head(path.split("/")[1])
    assert token not in str(about.custom_metadata)
