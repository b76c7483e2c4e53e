"""Values in pieces: what comes in is what goes out, and none of it is held twice."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.bindings.chunks import collected, handed_out
from edgekit.engines.base import CHUNK, chunked
from edgekit.web.streams import ReadableStream

sizes = st.lists(st.sampled_from([0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), max_size=5)


def large(size: int) -> Iterator[bytes]:
    for _ in range(size // 10_000):
        yield bytes(10_000)


@given(sizes)
async def test_stream_is_collected_in_the_engines_chunks(sizes: list[int]) -> None:
    parts = [bytes([at]) * size for at, size in enumerate(sizes)]
    pieces = await collected(ReadableStream(iter(parts)), 10**6, ValueError)
    assert pieces == chunked(b"".join(parts))
    assert await ReadableStream(handed_out(pieces)).read_all() == b"".join(parts)


async def test_limit_is_the_last_length_that_is_accepted() -> None:
    assert await collected(ReadableStream(iter([b"ab", b"c"])), 3, ValueError) == [b"abc"]
    with pytest.raises(ValueError, match="4"):
        await collected(ReadableStream(iter([b"ab", b"cd", b"e"])), 3, ValueError)


async def test_collected_stream_is_not_held_twice() -> None:
    size = 8 * 2**20
    stream = ReadableStream(large(size))
    tracemalloc.start()
    try:
        await collected(stream, size, ValueError)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size * 1.1


def test_handed_out_chunk_is_let_go_and_the_list_stays() -> None:
    tracemalloc.start()
    try:
        chunks = [bytes(CHUNK) for _ in range(100)]
        stream = handed_out(chunks)
        assert len(next(stream)) == CHUNK
        assert len(chunks) == 100
        del chunks
        for _ in stream:
            pass
        assert tracemalloc.get_traced_memory()[0] < 2 * CHUNK
    finally:
        tracemalloc.stop()
