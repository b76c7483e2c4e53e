"""KVNamespace: every rule, limit and text, over every engine.

That these are the platform's is what tests/bridge/test_kv.py is for; here they are written down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from edgekit import host
from edgekit.bindings.kv import MAX_VALUE, KVNamespace
from edgekit.engines.base import Records
from edgekit.errors import KVError, KVTypeError, WebSyntaxError
from edgekit.testing.clock import ManualClock
from edgekit.web.streams import ReadableStream

NOT_A_VALUE = (
    "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values."
)
NOT_A_TYPE = (
    'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".'
)
OUT_OF_RANGE = "Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."


async def refused(call: Any) -> tuple[int | None, str]:
    """The code and text with which a call is refused; the code of a TypeError is None."""
    with pytest.raises(KVError) as caught:
        await call
    assert isinstance(caught.value, KVTypeError) is (caught.value.code is None)
    return caught.value.code, str(caught.value)


def names(page: Any) -> list[str]:
    return [key.name for key in page.keys]


# Values


@pytest.mark.parametrize("value", ["", "text", "é𝄞\0\ufeff", "x" * 70_000, "\ufeffé" * 30_000])
async def test_text_comes_back_as_it_was(env: SimpleNamespace, value: str) -> None:
    await env.KV.put("k", value)
    assert await env.KV.get("k") == value
    assert await env.KV.get("k", "text") == value
    assert await env.KV.get("k", "bytes") == value.encode()


@pytest.mark.parametrize(
    "value",
    [b"", b"\0\xff", bytearray(b"ab"), memoryview(b"abcd")[::2], memoryview(b"abcd").cast("H")],
)
async def test_bytes_come_back_as_they_were(env: SimpleNamespace, value: Any) -> None:
    await env.KV.put("k", value)
    for type in ("bytes", "arrayBuffer"):
        data = await env.KV.get("k", type)
        assert data.__class__ is bytes
        assert data == bytes(value)


async def test_a_value_is_a_copy_of_what_was_put(env: SimpleNamespace) -> None:
    value = bytearray(b"before")
    await env.KV.put("k", value)
    value[:] = b"after!"
    assert await env.KV.get("k") == "before"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (1.5, "1.5"),
        (2.0, "2"),
        (1e21, "1e+21"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (True, "true"),
        (None, "null"),
    ],
)
async def test_scalars_are_spelled_as_in_javascript(
    env: SimpleNamespace, value: Any, text: str
) -> None:
    await env.KV.put(value, value)
    assert await env.KV.get(text) == await env.KV.get(value) == text


@pytest.mark.parametrize("value", [{}, {"a": 1}, [], [b"a"], (b"a",), {b"a"}, object()])
async def test_objects_are_refused_as_values(env: SimpleNamespace, value: Any) -> None:
    assert await refused(env.KV.put("k", value)) == (None, NOT_A_VALUE)


async def test_text_that_is_not_utf8_is_replaced(env: SimpleNamespace) -> None:
    await env.KV.put("k", b"a\xffb\xed\xa0\x80")
    assert await env.KV.get("k") == "a\ufffdb\ufffd\ufffd\ufffd"


async def test_surrogates_are_paired_and_a_lone_one_is_three_bytes(env: SimpleNamespace) -> None:
    await env.KV.put("k", "\ud83d\ude00\ud800")
    assert await env.KV.get("k", "bytes") == b"\xf0\x9f\x98\x80\xed\xa0\x80"


async def test_json_is_decoded(env: SimpleNamespace) -> None:
    await env.KV.put("k", '{"a": [1, 2.5, null, "é"]}')
    assert await env.KV.get("k", "json") == {"a": [1, 2.5, None, "é"]}


@pytest.mark.parametrize("value", ["", "{", "\ufeff{}", "[1e999]"])
async def test_value_that_is_not_json_is_a_syntax_error(env: SimpleNamespace, value: str) -> None:
    await env.KV.put("k", value)
    with pytest.raises(WebSyntaxError):
        await env.KV.get("k", "json")


async def test_missing_key_is_none_whatever_the_type(env: SimpleNamespace) -> None:
    for type in ("text", "json", "bytes", "stream", "no such type", None):
        assert await env.KV.get("k", type) is None


@pytest.mark.parametrize("type", ["blob", "TEXT", "", 5])
async def test_unknown_type_is_refused(env: SimpleNamespace, type: Any) -> None:
    await env.KV.put("k", "v")
    assert await refused(env.KV.get("k", type)) == (None, NOT_A_TYPE)


async def test_last_put_wins_and_takes_metadata_and_expiration_with_it(
    env: SimpleNamespace,
) -> None:
    await env.KV.put("k", "1", metadata="m", expiration_ttl=60)
    await env.KV.put("k", "2")
    assert await env.KV.get_with_metadata("k") == {
        "value": "2",
        "metadata": None,
        "cacheStatus": None,
    }
    assert (await env.KV.list())["keys"] == [{"name": "k"}]


async def test_delete_removes_and_may_be_repeated(env: SimpleNamespace) -> None:
    await env.KV.put("k", "v")
    assert await env.KV.delete("k") is None
    assert await env.KV.delete("k") is None
    assert await env.KV.get("k") is None


async def test_namespaces_are_apart(env: SimpleNamespace) -> None:
    await env.KV.put("k", "v")
    assert await env.OTHER.get("k") is None
    assert names(await env.OTHER.list()) == []


async def test_concurrent_puts_all_arrive(env: SimpleNamespace) -> None:
    keys = [f"k{i:03}" for i in range(200)]
    await asyncio.gather(*(env.KV.put(key, key) for key in keys))
    assert names(await env.KV.list()) == keys
    assert await env.KV.get(keys[:100]) == {key: key for key in keys[:100]}


# Streams


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
async def test_streams_come_back_as_streams(env: SimpleNamespace, size: int) -> None:
    value = bytes(i % 251 for i in range(size))
    half = size // 2
    for source in (
        ReadableStream(iter([value[:half], value[half:]])),
        chunks(value[:half], value[half:]),
        (value[i : i + 7_000] for i in range(0, size, 7_000)),
        iter([value]),
    ):
        await env.KV.put("k", source)
        stream = await env.KV.get("k", "stream")
        assert isinstance(stream, ReadableStream)
        assert await stream.read_all() == value == await env.KV.get("k", "bytes")
        (key,) = (await env.KV.list()).keys
        assert key == {"name": "k"}
        await env.KV.delete("k")


async def test_stream_of_something_else_is_a_type_error(env: SimpleNamespace) -> None:
    with pytest.raises(TypeError):
        await env.KV.put("k", iter([1, 2]))
    assert await env.KV.get("k") is None


async def test_stream_is_closed_as_soon_as_it_is_too_long(env: SimpleNamespace) -> None:
    given = 0
    closed = False

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given, closed
        try:
            while True:
                given += 2**20
                yield bytes(2**20)
        finally:
            closed = True

    length = 26 * 2**20
    assert await refused(env.KV.put("k", endless())) == (
        413,
        f"KV PUT failed: 413 Value length of {length} exceeds limit of 26214400.",
    )
    assert closed
    assert given == length
    assert await env.KV.get("k") is None


async def test_stream_is_not_begun_when_another_argument_is_wrong(env: SimpleNamespace) -> None:
    stream = ReadableStream(iter([b"v"]))
    for options in ({"expiration_ttl": 1}, {"metadata": "m" * 1023}):
        await refused(env.KV.put("k", stream, **options))
    assert await stream.read_all() == b"v"


async def test_failing_stream_stores_nothing(env: SimpleNamespace) -> None:
    def failing() -> Iterator[bytes]:
        yield b"a"
        raise OSError("broken")

    await env.KV.put("k", "before")
    with pytest.raises(OSError, match="broken"):
        await env.KV.put("k", failing())
    assert await env.KV.get("k") == "before"


async def test_large_value_is_handed_out_chunk_by_chunk(env: SimpleNamespace) -> None:
    await env.KV.put("k", bytes(1_000_000))
    stream = await env.KV.get("k", "stream")
    sizes = [len(chunk) async for chunk in stream]
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 65_536


@pytest.mark.parametrize(
    "value", ["x" * (MAX_VALUE + 1), bytes(MAX_VALUE + 1), bytearray(MAX_VALUE + 1)], ids=type
)
async def test_value_has_at_most_25_mib(env: SimpleNamespace, value: Any) -> None:
    text = "KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400."
    assert await refused(env.KV.put("k", value)) == (413, text)
    await env.KV.put("k", value[:-1])
    assert len(await env.KV.get("k", "bytes")) == MAX_VALUE


# Keys


@pytest.mark.parametrize(
    "key", ["a", "é𝄞", "a/b", "../x", "...", "a b+c%20?#&", "\0", "\n", "k" * 512, "é" * 256]
)
async def test_any_text_is_a_key(env: SimpleNamespace, key: str) -> None:
    await env.KV.put(key, "v")
    assert await env.KV.get(key) == "v"
    assert await env.KV.get([key]) == {key: "v"}
    assert names(await env.KV.list()) == names(await env.KV.list(prefix=key)) == [key]
    await env.KV.delete(key)
    assert await env.KV.get(key) is None


@pytest.mark.parametrize(
    ("key", "code", "text"),
    [
        ("", None, "Key name cannot be empty."),
        (".", None, '"." is not allowed as a key name.'),
        ("..", None, '".." is not allowed as a key name.'),
        ("k" * 513, 414, "UTF-8 encoded length of 513 exceeds key length limit of 512."),
        ("é" * 257, 414, "UTF-8 encoded length of 514 exceeds key length limit of 512."),
        ("a\ud800", 400, "Could not URL-decode key name"),
    ],
)
async def test_key_is_refused(env: SimpleNamespace, key: str, code: int | None, text: str) -> None:
    for op, call in (
        ("GET", env.KV.get(key)),
        ("GET", env.KV.get_with_metadata(key)),
        ("PUT", env.KV.put(key, "v")),
        ("DELETE", env.KV.delete(key)),
    ):
        expected = text if code is None else f"KV {op} failed: {code} {text}"
        assert await refused(call) == (code, expected)


@pytest.mark.parametrize(
    ("key", "code", "text"),
    [
        ("", 400, "Key names must not be empty"),
        ("..", 400, 'Illegal key name "..". Please use a different name.'),
        ("k" * 513, 414, "UTF-8 encoded length of 513 exceeds key length limit of 512."),
    ],
)
async def test_key_among_several_is_refused(
    env: SimpleNamespace, key: str, code: int, text: str
) -> None:
    expected = (code, f"KV GET_BULK failed: {code} {text}")
    assert await refused(env.KV.get(["a", key])) == expected
    assert await refused(env.KV.get_with_metadata(["a", key])) == expected


async def test_objects_are_refused_as_keys(env: SimpleNamespace) -> None:
    text = "Failed to execute '{}' on 'KvNamespace': parameter 1 is not of type 'string'."
    assert await refused(env.KV.delete(["a", "b"])) == (None, text.format("delete"))
    assert await refused(env.KV.put(["a"], "v")) == (None, text.format("put"))
    assert await refused(env.KV.get(b"a")) == (None, text.format("get"))


# Several keys


async def test_get_of_several_keys_is_a_dict_in_their_order(env: SimpleNamespace) -> None:
    await env.KV.put("7", "seven")
    await env.KV.put("j", "null", metadata={"m": 1})
    assert list((await env.KV.get(["none", "j", "7", "j"])).items()) == [
        ("none", None),
        ("j", "null"),
        ("7", "seven"),
    ]
    assert await env.KV.get_with_metadata(["j", "none", "7"]) == {
        "j": {"value": "null", "metadata": {"m": 1}},
        "none": None,
        "7": {"value": "seven", "metadata": None},
    }


async def test_json_null_among_several_is_none(env: SimpleNamespace) -> None:
    await env.KV.put("k", "null", metadata={"m": 1})
    assert await env.KV.get(["k"], "json") == {"k": None}
    assert await env.KV.get_with_metadata(["k"], "json") == {"k": None}


async def test_byte_order_mark_is_dropped_among_several_only(env: SimpleNamespace) -> None:
    await env.KV.put("k", "\ufeff1")
    assert await env.KV.get("k") == "\ufeff1"
    assert await env.KV.get(["k"]) == {"k": "1"}
    assert await env.KV.get(["k"], "json") == {"k": 1}


@pytest.mark.parametrize(
    ("keys", "type", "text"),
    [
        ([], "text", "You must request a minimum of 1 key"),
        (["a"] * 101, "text", "You can request a maximum of 100 keys"),
        ([], "stream", '"stream" is not a valid type. Use "json" or "text"'),
        (["a"], "bytes", '"bytes" is not a valid type. Use "json" or "text"'),
        (
            ["k", ""],
            "json",
            "At least one of the requested keys corresponds to a non-json value",
        ),
        (["", "k"], "json", "Key names must not be empty"),
    ],
)
async def test_several_keys_are_refused(
    env: SimpleNamespace, keys: list[str], type: str, text: str
) -> None:
    await env.KV.put("k", "{")
    assert await refused(env.KV.get(keys, type)) == (400, f"KV GET_BULK failed: 400 {text}")


async def test_several_values_have_at_most_25_mib_together(env: SimpleNamespace) -> None:
    for i in range(3):
        await env.KV.put(f"k{i}", bytes(MAX_VALUE // 2))
    assert len(await env.KV.get(["k0", "k1"])) == 2
    text = "KV GET_BULK failed: 413 Total size of request exceeds the limit of 25MB"
    assert await refused(env.KV.get(["k0", "k1", "k2"])) == (413, text)


# Expiration


async def test_value_is_gone_when_it_expires(env: SimpleNamespace, clock: ManualClock) -> None:
    await env.KV.put("ttl", "v", expiration_ttl=60)
    await env.KV.put("at", "v", expiration=int(clock.now()) + 61)
    await env.KV.put("ever", "v")
    clock.advance(59)  # to half a second before; the platform counts whole seconds
    assert await env.KV.get(["ttl", "at"]) == {"ttl": "v", "at": "v"}
    clock.advance(0.5)
    assert await env.KV.get("ttl") is None
    assert names(await env.KV.list()) == ["at", "ever"]
    clock.advance(1)
    assert (await env.KV.get_with_metadata("at")).value is None
    assert names(await env.KV.list()) == ["ever"]


async def test_list_says_when_keys_expire(env: SimpleNamespace, clock: ManualClock) -> None:
    now = int(clock.now())
    await env.KV.put("a", "v", expiration=now + 100)
    await env.KV.put("b", "v", expiration=str(now + 100), expiration_ttl="60.9")  # the TTL wins
    await env.KV.put("c", "v", expiration=now + 100.9)
    assert [key.expiration for key in (await env.KV.list()).keys] == [
        now + 100,
        now + 60,
        now + 100,
    ]


@pytest.mark.parametrize(
    ("ttl", "text"),
    [
        (59, "Invalid expiration_ttl of 59. Expiration TTL must be at least 60."),
        (59.9, "Invalid expiration_ttl of 59. Expiration TTL must be at least 60."),
        (0, "Invalid expiration_ttl of 0. Please specify integer greater than 0."),
        (-5, "Invalid expiration_ttl of -5. Please specify integer greater than 0."),
        ("soon", "Invalid expiration_ttl of 0. Please specify integer greater than 0."),
        (float("nan"), "Invalid expiration_ttl of 0. Please specify integer greater than 0."),
        (float("inf"), "Invalid expiration_ttl of 0. Please specify integer greater than 0."),
    ],
)
async def test_expiration_ttl_is_refused(env: SimpleNamespace, ttl: Any, text: str) -> None:
    expected = (400, f"KV PUT failed: 400 {text}")
    assert await refused(env.KV.put("k", "v", expiration_ttl=ttl)) == expected


@pytest.mark.parametrize(("seconds", "past"), [(-1, True), (0, True), (1, False), (59, False)])
async def test_expiration_is_at_least_60_seconds_from_now(
    env: SimpleNamespace, clock: ManualClock, seconds: int, past: bool
) -> None:
    moment = int(clock.now()) + seconds
    why = (
        "Please specify integer greater than the current number of seconds since the UNIX epoch."
        if past
        else "Expiration times must be at least 60 seconds in the future."
    )
    assert await refused(env.KV.put("k", "v", expiration=moment)) == (
        400,
        f"KV PUT failed: 400 Invalid expiration of {moment}. {why}",
    )


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 1e20, "3000000000"])
async def test_numbers_have_32_bits(env: SimpleNamespace, number: Any) -> None:
    for call in (
        env.KV.put("", "v", expiration=number),  # found before the key's name is looked at
        env.KV.put("", "v", expiration_ttl=number),
        env.KV.get("", cache_ttl=number),
        env.KV.get([""], cache_ttl=number),
        env.KV.list(limit=number),
    ):
        assert await refused(call) == (None, OUT_OF_RANGE)


async def test_cache_ttl_is_at_least_30_and_changes_nothing(env: SimpleNamespace) -> None:
    await env.KV.put("k", "1")
    assert await env.KV.get("k", cache_ttl=30) == "1"
    await env.KV.put("k", "2")
    assert await env.KV.get("k", cache_ttl=30) == "2"
    text = "400 Invalid cache_ttl of 29. Cache TTL must be at least 30."
    assert await refused(env.KV.get("none", cache_ttl=29)) == (400, f"KV GET failed: {text}")
    assert await refused(env.KV.get(["k"], cache_ttl=29)) == (400, f"KV GET_BULK failed: {text}")


# Metadata


@pytest.mark.parametrize(
    "metadata", ["", 0, False, [], {}, {"a": [1, None, {"é": 1.5}]}, "\n\x7f\u2028𝄞"]
)
async def test_metadata_comes_back_as_it_was(env: SimpleNamespace, metadata: Any) -> None:
    await env.KV.put("k", "v", metadata=metadata)
    found = await env.KV.get_with_metadata("k")
    assert (found.value, found.metadata, found.cache_status) == ("v", metadata, None)
    assert (await env.KV.list())["keys"] == [{"name": "k", "metadata": metadata}]


async def test_missing_key_has_no_metadata(env: SimpleNamespace) -> None:
    found = await env.KV.get_with_metadata("k")
    assert found == {"value": None, "metadata": None, "cacheStatus": None}


@pytest.mark.parametrize(
    ("metadata", "length"),
    [("m" * 1023, 1025), ("é" * 512, 1026), (["\n"] * 205, 1026), ([1.0] * 512, 1025)],
)
async def test_metadata_has_at_most_1024_bytes_of_json(
    env: SimpleNamespace, metadata: Any, length: int
) -> None:
    text = f"KV PUT failed: 413 Metadata length of {length} exceeds limit of 1024."
    assert await refused(env.KV.put("k", "v", metadata=metadata)) == (413, text)
    await env.KV.put("k", "v", metadata=metadata[:-1])


@pytest.mark.parametrize("metadata", [object(), 1j, "\ud800"])
async def test_metadata_without_a_json_form_is_a_type_error(
    env: SimpleNamespace, metadata: Any
) -> None:
    code, text = await refused(env.KV.put("k", "v", metadata=metadata))
    assert code is None
    assert text.startswith("KV metadata has no JSON form: ")


async def test_metadata_that_holds_itself_is_a_type_error(env: SimpleNamespace) -> None:
    metadata: list[Any] = []
    metadata.append(metadata)
    assert (await refused(env.KV.put("k", "v", metadata=metadata)))[0] is None


async def test_wrong_arguments_are_named_in_the_platforms_order(env: SimpleNamespace) -> None:
    wrong: dict[str, Any] = {
        "key": "",
        "value": {},
        "expiration_ttl": 5,
        "metadata": "m" * 1023,
    }
    right = {"key": "k", "value": "v" * (MAX_VALUE + 1), "expiration_ttl": 60, "metadata": "m"}
    found = []
    for name in wrong:
        found.append((await refused(env.KV.put(**wrong)))[1])
        wrong[name] = right[name]
    found.append((await refused(env.KV.put(**wrong)))[1])
    assert [text.removeprefix("KV PUT failed: ")[:20] for text in found] == [
        "Key name cannot be e",
        NOT_A_VALUE[:20],
        "400 Invalid expirati",
        "413 Metadata length ",
        "413 Value length of ",
    ]


# Lists


async def fill(kv: Any, *keys: str) -> None:
    await asyncio.gather(*(kv.put(key, "v") for key in keys))


async def pages(kv: Any, **options: Any) -> list[list[str]]:
    found = []
    cursor = None
    while True:
        page = await kv.list(cursor=cursor, **options)
        found.append(names(page))
        assert page.list_complete is ("cursor" not in page)
        if page.list_complete:
            return found
        cursor = page.cursor


async def test_list_is_ordered_by_utf8(env: SimpleNamespace) -> None:
    # By UTF-16, as JavaScript sorts, U+FFFF would come last.
    await fill(env.KV, "a\uffff", "a𝄞", "aé", "b", "a", "B", "10", "9")
    assert names(await env.KV.list()) == ["10", "9", "B", "a", "aé", "a\uffff", "a𝄞", "b"]


async def test_list_result_is_a_dict_with_attributes(env: SimpleNamespace) -> None:
    await env.KV.put("k", "v", metadata={"a": 1})
    page = await env.KV.list()
    assert page == {
        "keys": [{"name": "k", "metadata": {"a": 1}}],
        "list_complete": True,
        "cacheStatus": None,
    }
    assert page.keys[0].metadata == page["keys"][0]["metadata"] == {"a": 1}
    assert page.list_complete is page.listComplete is True
    assert dict(page) == {**page} == page
    assert host.json_decode(host.json_encode(page)) == page
    with pytest.raises(AttributeError):
        _ = page.cursor
    with pytest.raises(AttributeError):
        _ = page.keys[0].expiration


async def test_list_stops_at_limit_and_returns_cursor(env: SimpleNamespace) -> None:
    await fill(env.KV, "a", "b", "c", "d")
    assert await pages(env.KV, limit=2) == [["a", "b"], ["c", "d"]]
    assert await pages(env.KV, limit=3) == [["a", "b", "c"], ["d"]]
    assert await pages(env.KV, limit=4) == [["a", "b", "c", "d"]]
    assert await pages(env.KV, limit="1.9") == [["a"], ["b"], ["c"], ["d"]]


async def test_list_with_prefix_has_its_own_pages(env: SimpleNamespace) -> None:
    await fill(env.KV, "a", "b%", "b_", "b/1", "b/2", "c")
    assert await pages(env.KV, prefix="b/", limit=1) == [["b/1"], ["b/2"]]
    assert await pages(env.KV, prefix="b_") == [["b_"]]
    assert await pages(env.KV, prefix="") == [["a", "b%", "b/1", "b/2", "b_", "c"]]
    assert await pages(env.KV, prefix="x") == [[]]


async def test_list_passes_over_expired_keys_without_ending_early(
    env: SimpleNamespace, clock: ManualClock
) -> None:
    for i in range(10):
        await env.KV.put(f"k{i}", "v", expiration_ttl=None if i in (0, 8, 9) else 60)
    first = await env.KV.list(limit=2)
    assert names(first) == ["k0", "k1"]
    clock.advance(60)
    second = await env.KV.list(limit=2, cursor=first.cursor)
    assert names(second) == ["k8", "k9"]
    assert second.list_complete
    assert await pages(env.KV, limit=2) == [["k0", "k8"], ["k9"]]


async def test_list_goes_on_where_it_was_whatever_has_changed(env: SimpleNamespace) -> None:
    await fill(env.KV, "a", "c", "d")
    first = await env.KV.list(limit=2)
    await env.KV.delete("c")
    await fill(env.KV, "b", "c2")
    assert names(await env.KV.list(cursor=first.cursor)) == ["c2", "d"]


@pytest.mark.parametrize("limit", [0, -5, None, float("nan"), 1000])
async def test_list_has_1000_keys_at_most(env: SimpleNamespace, limit: Any) -> None:
    await fill(env.KV, *(f"k{i:04}" for i in range(1001)))
    page = await env.KV.list(limit=limit)
    assert len(page.keys) == 1000
    assert names(await env.KV.list(cursor=page.cursor)) == ["k1000"]


async def test_list_refuses_a_limit_above_1000_before_a_long_prefix(env: SimpleNamespace) -> None:
    text = "Invalid key_count_limit of 1001. Please specify an integer less than 1000."
    expected = (400, f"KV GET failed: 400 {text}")
    assert await refused(env.KV.list(limit=1001, prefix="p" * 513)) == expected
    text = "UTF-8 encoded length of 513 exceeds key length limit of 512."
    assert await refused(env.KV.list(prefix="p" * 513)) == (414, f"KV GET failed: 414 {text}")


@pytest.mark.parametrize("cursor", ["", "!", "é", "Y", "YQ", "YQ==YQ==", "/w==", "\ud800"])
async def test_foreign_cursor_is_not_refused(env: SimpleNamespace, cursor: str) -> None:
    await fill(env.KV, "a", "b")
    assert set(names(await env.KV.list(cursor=cursor))) <= {"a", "b"}


# Spellings


async def test_workers_spelling_is_understood(env: SimpleNamespace, clock: ManualClock) -> None:
    kv = env.KV
    await kv.put("k", '{"a":1}', {"expirationTtl": 60, "metadata": {"m": 1}})
    assert await kv.getWithMetadata("k", {"type": "json", "cacheTtl": 60}) == {
        "value": {"a": 1},
        "metadata": {"m": 1},
        "cacheStatus": None,
    }
    assert await kv.get("k", {"type": "json"}) == await kv.get("k", "json") == {"a": 1}
    assert await kv.get("k", None) == await kv.get("k", {}) == '{"a":1}'
    assert await kv.get(["k"], {"type": "json", "cacheTtl": 30}) == {"k": {"a": 1}}
    assert names(await kv.list({"prefix": "k", "limit": 1})) == ["k"]
    await kv.put("k", "v", None)
    await kv.put("k", "v", expirationTtl=60)
    clock.advance(60)
    assert await kv.get("k") is None
    with pytest.raises(TypeError):
        await kv.put("k", "v", ttl=60)


async def test_namespace_is_made_of_an_engine_and_a_space(records: Records) -> None:
    await KVNamespace(records, "kv/a").put("k", "v")
    assert await KVNamespace(records, "kv/a").get("k") == "v"
    assert await KVNamespace(records, "kv/b").get("k") is None
    assert KVNamespace.binding_kind == "kv_namespaces"
