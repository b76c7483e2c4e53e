"""KV, as every place must answer. The functions take the Worker's env; they raise where it does not."""

from __future__ import annotations

from typing import Any

from edgekit import BindingError


async def test_a_value_comes_back_in_every_type(env: Any) -> None:
    await env.KV.put("types", '{"a": [1, null]}')
    assert await env.KV.get("types") == '{"a": [1, null]}'
    assert await env.KV.get("types", "json") == {"a": [1, None]}
    assert await env.KV.get("types", type="bytes") == b'{"a": [1, null]}'
    assert await env.KV.get("types", {"type": "arrayBuffer"}) == b'{"a": [1, null]}'
    stream = await env.KV.get("types", "stream")
    assert await stream.read_all() == b'{"a": [1, null]}'


async def test_what_is_not_there_is_none(env: Any) -> None:
    for type in ("text", "json", "bytes", "stream"):
        assert await env.KV.get("never-put", type) is None
    found = await env.KV.get_with_metadata("never-put")
    assert (found.value, found.metadata) == (None, None)


async def test_metadata_is_kept_beside_the_value(env: Any) -> None:
    await env.KV.put("meta", "v", metadata={"a": None, "b": [1, {"c": True}]})
    found = await env.KV.get_with_metadata("meta")
    assert found.value == "v"
    assert found.metadata == {"a": None, "b": [1, {"c": True}]}


async def test_both_spellings_and_a_trailing_dict_do(env: Any) -> None:
    await env.KV.put("spelled", "v", {"expirationTtl": 60, "metadata": 1})
    await env.KV.put("spelled", "v", expirationTtl=60, metadata=1)
    found = await env.KV.getWithMetadata("spelled", "text")
    assert found["metadata"] == 1


async def test_bytes_and_streams_are_values(env: Any) -> None:
    from edgekit import ReadableStream

    await env.KV.put("bytes", bytes(range(256)))
    assert await env.KV.get("bytes", "bytes") == bytes(range(256))
    await env.KV.put("stream", ReadableStream([b"ab", b"cd"]))
    assert await env.KV.get("stream") == "abcd"


async def test_lists_go_page_by_page(env: Any) -> None:
    for name in ("page/a", "page/b", "page/é"):
        await env.KV.put(name, "v", metadata=name)
    first = await env.KV.list(prefix="page/", limit=2)
    assert [key.name for key in first.keys] == ["page/a", "page/b"]
    assert first.keys[0].metadata == "page/a"
    assert not first.list_complete
    rest = await env.KV.list(prefix="page/", cursor=first.cursor)
    assert [key["name"] for key in rest["keys"]] == ["page/é"]
    assert rest.list_complete


async def test_deleting_twice_is_fine(env: Any) -> None:
    await env.KV.put("gone", "v")
    await env.KV.delete("gone")
    await env.KV.delete("gone")
    assert await env.KV.get("gone") is None


async def test_refusals_have_the_platforms_texts(env: Any) -> None:
    for call, text in (
        (lambda: env.KV.get(""), "Key name cannot be empty."),
        (lambda: env.KV.put("k", "v", expiration_ttl=1), "Expiration TTL must be at least 60"),
        (lambda: env.KV.get("k" * 513), "exceeds key length limit of 512"),
    ):
        try:
            await call()
        except BindingError as error:
            assert text in str(error), error
        else:
            raise AssertionError(f"nothing was raised, where {text!r} belongs")
