"""R2, as every place must answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from edgekit import BindingError, Headers, Response


async def test_an_object_comes_back_with_what_it_was_put_with(env: Any) -> None:
    put = await env.R2.put(
        "docs/a.txt",
        "hello",
        http_metadata={"content_type": "text/plain", "cache_control": "max-age=60"},
        custom_metadata={"by": "ada"},
    )
    assert (put.key, put.size, put.etag) == ("docs/a.txt", 5, "5d41402abc4b2a76b9719d911017c592")
    found = await env.R2.get("docs/a.txt")
    assert await found.text() == "hello"
    assert found.http_etag == '"5d41402abc4b2a76b9719d911017c592"'
    assert found.http_metadata == {"contentType": "text/plain", "cacheControl": "max-age=60"}
    assert found.custom_metadata == {"by": "ada"}
    assert found.checksums.to_json() == {"md5": found.etag}
    assert isinstance(found.uploaded, datetime)
    assert found.uploaded.tzinfo is not None
    headers = Headers()
    found.write_http_metadata(headers)
    assert (headers["content-type"], headers["cache-control"]) == ("text/plain", "max-age=60")
    assert found.storage_class == "Standard"


async def test_what_is_not_there_is_none(env: Any) -> None:
    assert await env.R2.get("never-put") is None
    assert await env.R2.head("never-put") is None


async def test_ranges(env: Any) -> None:
    await env.R2.put("digits", b"0123456789")
    for asked, body, offset, length in (
        ({"offset": 2, "length": 3}, b"234", 2, 3),
        ({"offset": 7}, b"789", 7, 3),
        ({"suffix": 4}, b"6789", 6, 4),
    ):
        found = await env.R2.get("digits", range=asked)
        assert await found.bytes() == body
        assert (found.range.offset, found.range.length, found.size) == (offset, length, 10)


async def test_a_range_from_headers(env: Any) -> None:
    await env.R2.put("digits", b"0123456789")
    found = await env.R2.get("digits", range=Headers({"range": "bytes=1-2"}))
    assert await found.bytes() == b"12"


async def test_conditions(env: Any) -> None:
    put = await env.R2.put("conditional", "1")
    same = await env.R2.get("conditional", only_if={"etag_matches": put.etag})
    assert await same.text() == "1"
    other = await env.R2.get("conditional", {"onlyIf": {"etagMatches": "x"}})
    assert other.etag == put.etag
    assert not hasattr(other, "body")
    assert await env.R2.put("conditional", "2", only_if={"etag_matches": "x"}) is None
    assert await (await env.R2.get("conditional")).text() == "1"


async def test_checksums_are_compared(env: Any) -> None:
    await env.R2.put("summed", "hello", md5="5d41402abc4b2a76b9719d911017c592")
    try:
        await env.R2.put("summed", "jello", md5="5d41402abc4b2a76b9719d911017c592")
    except BindingError as error:
        assert "(10037)" in str(error)
    else:
        raise AssertionError("a wrong checksum was accepted")


async def test_lists(env: Any) -> None:
    for key in ("list/a", "list/b/1", "list/b/2", "list/c"):
        await env.R2.put(key, key, custom_metadata={"k": key})
    page = await env.R2.list(prefix="list/", delimiter="/", include=["customMetadata"])
    assert [found.key for found in page.objects] == ["list/a", "list/c"]
    assert page.delimited_prefixes == ["list/b/"]
    assert page.objects[0].custom_metadata == {"k": "list/a"}
    first = await env.R2.list(prefix="list/", limit=3)
    assert first.truncated
    rest = await env.R2.list(prefix="list/", cursor=first.cursor)
    assert [found.key for found in rest.objects] == ["list/c"]
    await env.R2.delete(["list/a", "list/c", "never-put"])
    page = await env.R2.list(prefix="list/", start_after="list/b/1")
    assert [found.key for found in page.objects] == ["list/b/2"]


async def test_a_multipart_upload(env: Any) -> None:
    upload = await env.R2.create_multipart_upload("large", custom_metadata={"a": "b"})
    again = env.R2.resume_multipart_upload("large", upload.upload_id)
    part = await again.upload_part(1, b"x" * 5 * 1024 * 1024)
    last = await upload.upload_part(2, "end")
    done = await upload.complete([part, last])
    assert done.size == 5 * 1024 * 1024 + 3
    assert done.etag.endswith("-2")
    found = await env.R2.get("large", range={"suffix": 5})
    assert await found.text() == "xxend"
    upload = await env.R2.create_multipart_upload("aborted")
    await upload.abort()
    assert await env.R2.head("aborted") is None


async def test_a_body_is_a_response(env: Any) -> None:
    await env.R2.put("body", b"through")
    found = await env.R2.get("body")
    assert await Response(found.body).text() == "through"


async def test_odd_keys_are_kept_as_they_are(env: Any) -> None:
    for key in ("a//b", "../x", "trailing/", "é 𝄞", "?#%2F"):
        await env.R2.put(key, key)
        assert await (await env.R2.get(key)).text() == key
