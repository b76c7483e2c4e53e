"""Content codings: decoding in pieces, and what is left alone."""

from __future__ import annotations

import gzip
import importlib.util
import sys
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import WebTypeError
from edgekit.web import codings
from edgekit.web.codings import PIECE, Coded, acceptable, known, preferred
from edgekit.web.streams import ReadableStream

needs_brotli = pytest.mark.skipif(
    importlib.util.find_spec("brotli") is None, reason="brotli is not installed"
)


def bare(data: bytes) -> bytes:
    """deflate as some servers send it: without zlib's frame."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def brotli(data: bytes) -> bytes:
    import brotli  # type: ignore[import-not-found,unused-ignore]

    result: bytes = brotli.compress(data)
    return result


FORMS = [
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("deflate", zlib.compress, id="deflate"),
    pytest.param("deflate", bare, id="bare deflate"),
    pytest.param("br", brotli, id="br", marks=needs_brotli),
]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def decoded(data: bytes, coding: str, size: int = 1000) -> bytes:
    return await ReadableStream(Coded(cut(data, size), coding)).read_all()


@pytest.mark.parametrize(("coding", "encode"), FORMS)
@given(data=st.binary(max_size=2000), size=st.integers(1, 50))
async def test_what_was_coded_comes_out_again_however_it_is_cut(
    coding: str, encode: Any, data: bytes, size: int
) -> None:
    assert await decoded(encode(data), coding, size) == data


@pytest.mark.parametrize(("coding", "encode"), FORMS)
async def test_a_little_that_becomes_much_comes_in_pieces(coding: str, encode: Any) -> None:
    total = 20 * 1024 * 1024
    stream = ReadableStream(Coded((encode(bytes(total)),), coding))
    size = 0
    async for piece in stream:
        assert len(piece) <= 2 * PIECE
        size += len(piece)
    assert size == total


@pytest.mark.parametrize("length", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize(("coding", "encode"), FORMS)
async def test_pieces_have_no_seams(coding: str, encode: Any, length: int) -> None:
    data = bytes(i * i % 251 for i in range(length))
    assert await decoded(encode(data), coding, length) == data


async def test_several_members_of_gzip_are_one_body() -> None:
    assert await decoded(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip", 5) == b"one two"


async def test_thousands_of_members_in_one_chunk_are_one_body() -> None:
    member = gzip.compress(b"x")
    assert await decoded(member * 10_000, "gzip", len(member) * 10_000) == b"x" * 10_000


@pytest.mark.parametrize(("coding", "encode"), FORMS)
async def test_a_body_that_ends_early_is_an_error(coding: str, encode: Any) -> None:
    with pytest.raises(WebTypeError, match=r"compressed stream ended prematurely\."):
        await decoded(encode(b"text" * 100)[:-5], coding)


@pytest.mark.parametrize(("coding", "encode"), FORMS)
async def test_what_is_not_in_the_coding_is_an_error(coding: str, encode: Any) -> None:
    with pytest.raises(WebTypeError, match=r"decompression failed\."):
        await decoded(b"\x07plain text, of a good length", coding)
    with pytest.raises(WebTypeError, match=r"decompression failed\."):
        await decoded(encode(b"text") + b"garbage", coding)


@pytest.mark.parametrize(("coding", "encode"), FORMS)
async def test_nothing_at_all_is_an_empty_body(coding: str, encode: Any) -> None:
    assert await decoded(b"", coding) == b""


class Source:
    """A source that says when it is closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self.closed = False

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> bytes:
        if not self.chunks:
            raise StopAsyncIteration
        return self.chunks.pop(0)

    async def aclose(self) -> None:
        self.closed = True


async def test_the_source_is_closed_read_or_not() -> None:
    for begun in (False, True):
        source = Source(gzip.compress(b"text"), b"")
        reader = ReadableStream(Coded(source, "gzip")).get_reader()
        if begun:
            await reader.read()
        await reader.cancel()
        assert source.closed


async def test_errors_are_made_by_whoever_knows_the_url() -> None:
    stream = ReadableStream(Coded((b"no gzip",), "gzip", lambda text: LookupError("url: " + text)))
    with pytest.raises(LookupError, match=r"url: Gzip decompression failed\."):
        await stream.read_all()


async def test_until_somebody_reads_the_bytes_are_there_as_they_came() -> None:
    data = gzip.compress(b"text")
    coded = Coded((data,), "gzip")
    assert await coded.source.read_all() == data


def test_names_of_codings() -> None:
    assert known("gzip") == known(" X-GZIP ") == "gzip"
    assert known("Deflate") == "deflate"
    for other in ("", "identity", "zstd", "compress", "gzip, br"):
        assert known(other) is None


@pytest.mark.parametrize(
    ("module", "there"),
    [
        (None, False),
        (SimpleNamespace(Decompressor=object), False),  # older than 1.2
        (SimpleNamespace(Decompressor=SimpleNamespace(can_accept_more_data=1)), True),
    ],
)
def test_br_is_known_where_brotli_is_installed(
    monkeypatch: pytest.MonkeyPatch, module: Any, there: bool
) -> None:
    monkeypatch.setitem(sys.modules, "brotli", module)
    codings._brotli.cache_clear()
    acceptable.cache_clear()
    try:
        assert known("br") == ("br" if there else None)
        assert preferred() == ("gzip, deflate, br" if there else "gzip, deflate")
        assert acceptable(b"br") == (b"br" if there else b"identity")
    finally:
        codings._brotli.cache_clear()
        acceptable.cache_clear()


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (b"gzip, deflate, zstd", b"gzip, deflate"),
        (b"GZIP;q=0.5,zstd;q=1,identity;q=0", b"GZIP;q=0.5, identity;q=0"),
        (b"*", b"identity"),
        (b"", b"identity"),
    ],
)
def test_what_can_be_accepted_is_what_can_be_read(header: bytes, kept: bytes) -> None:
    assert acceptable(header) == kept
