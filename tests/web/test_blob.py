"""Blob and File: in memory, and on disk."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import host
from edgekit.errors import WebTypeError
from edgekit.testing.clock import ManualClock
from edgekit.web.blob import CHUNK, SPOOL_LIMIT, Blob, File, Spool, spooled


async def test_blob_joins_text_bytes_and_blobs() -> None:
    inner = Blob(["ü", b"\xff"])
    blob = Blob(["a", bytearray(b"b"), inner, memoryview(b"c"), inner])
    assert await blob.bytes() == await blob.array_buffer() == b"ab\xc3\xbc\xffc\xc3\xbc\xff"
    assert blob.size == 9
    assert await blob.text() == "abü\ufffdcü\ufffd"


@pytest.mark.parametrize("parts", ["text", b"text", bytearray(b"text"), Blob(["text"])])
async def test_single_part_needs_no_list(parts: Any) -> None:
    assert await Blob(parts).text() == "text"


async def test_blob_of_nothing_is_empty() -> None:
    assert Blob().size == Blob([""]).size == 0
    assert await Blob([]).bytes() == b""
    assert await Blob().stream().read_all() == b""


def test_blob_of_one_blob_has_its_type() -> None:
    assert Blob(Blob("x", type="text/css")).type == "text/css"
    assert Blob([Blob("x", type="text/css")]).type == ""


@pytest.mark.parametrize("part", [1, None, ["a"]])
def test_blob_of_anything_else_is_a_type_error(part: Any) -> None:
    with pytest.raises(WebTypeError):
        Blob([part])


@pytest.mark.parametrize(
    ("given_type", "kept"),
    [
        ("Text/HTML;Charset=x", "text/html;charset=x"),
        ("té", ""),
        ("a\n", ""),
        ("\x7f", ""),
        ("", ""),
    ],
)
def test_type_is_lower_case_or_empty(given_type: str, kept: str) -> None:
    assert Blob([], type=given_type).type == kept


def test_type_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Blob([]).type = "x"  # type: ignore[misc]


async def test_native_endings_are_those_of_text_parts_only() -> None:
    assert await Blob(["a\r\nb\rc\n", b"\r\n"], endings="native").bytes() == b"a\nb\nc\n\r\n"
    assert await Blob(["a\r\nb"]).text() == "a\r\nb"
    with pytest.raises(WebTypeError):
        Blob([], endings="dos")


async def test_text_loses_a_byte_order_mark_and_lone_surrogates() -> None:
    assert await Blob([b"\xef\xbb\xbfx"]).text() == "x"
    assert await Blob(["\ud800"]).text() == "\ufffd"


async def test_options_may_come_as_a_dict_and_in_camel_case() -> None:
    blob: Any = Blob(["abc"], {"type": "text/plain"})  # type: ignore[arg-type]
    assert blob.type == "text/plain"
    assert await blob.arrayBuffer() == b"abc"
    assert blob.slice(1, contentType="x/y").type == "x/y"
    file: Any = File(["abc"], "n", {"type": "a/b", "lastModified": 5})  # type: ignore[arg-type]
    assert (file.type, file.last_modified, file.lastModified) == ("a/b", 5, 5)


async def test_stream_comes_in_chunks() -> None:
    data = bytes(range(256)) * 1024
    chunks = [chunk async for chunk in Blob([data]).stream()]
    assert [len(chunk) for chunk in chunks] == [CHUNK] * 4
    assert b"".join(chunks) == data


ints = st.none() | st.integers(-20, 20)


@given(st.lists(st.binary(max_size=6), max_size=4), ints, ints, ints, ints)
async def test_slices_are_those_of_the_bytes(
    parts: list[bytes], a: int | None, b: int | None, c: int | None, d: int | None
) -> None:
    whole = b"".join(parts)
    spool = Spool(limit=4)
    spool.write(b"..")
    spool.write(whole)
    spool.write(b"..")
    for blob in (
        Blob([Blob([part]) for part in parts]),
        spooled(spool, 2, 2 + len(whole), "n", ""),
    ):
        once = blob.slice(a or 0, b)
        assert await once.bytes() == whole[a or 0 : b]
        assert once.size == len(whole[a or 0 : b])
        assert await once.slice(c or 0, d).bytes() == whole[a or 0 : b][c or 0 : d]


def test_slice_has_the_type_it_is_given() -> None:
    blob = Blob("abc", type="text/plain")
    assert blob.slice().type == ""
    assert blob.slice(0, 1, "Image/PNG").type == "image/png"


def test_file_has_a_name_and_a_time() -> None:
    with host.use_clock(ManualClock(now=1_700_000_000.5)):
        file = File(["abc"], "a\ud800.txt", "text/plain")
    assert (file.name, file.size, file.type) == ("a\ufffd.txt", 3, "text/plain")
    assert file.last_modified == 1_700_000_000_500
    assert File([], "n", last_modified=7).last_modified == 7
    assert isinstance(file, Blob)
    assert not isinstance(file.slice(), File)


def test_representation_names_no_content() -> None:
    assert repr(Blob("secret", type="a/b")) == "Blob(size=6, type='a/b')"
    assert repr(File("secret", "n")) == "File(name='n', size=6, type='')"


async def test_spool_goes_to_disk_when_it_is_long() -> None:
    spool = Spool()
    file_of: Any = spool
    spool.write(b"x" * SPOOL_LIMIT)
    assert not file_of._file._rolled
    file = spooled(spool, 10, SPOOL_LIMIT, "n", "a/b")
    spool.write(b"y" * 5)
    assert file_of._file._rolled
    assert spool.size == SPOOL_LIMIT + 5
    assert await file.slice(-3).bytes() == b"xxx"
    assert await Blob(["<", spooled(spool, SPOOL_LIMIT - 1, SPOOL_LIMIT + 5, "n", "")]).bytes() == (
        b"<xyyyyy"
    )
    assert len(await file.stream().read_all()) == SPOOL_LIMIT - 10


async def test_spool_stays_in_memory_where_there_is_no_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    spool = Spool(limit=1)
    spool.write(b"hello")
    assert isinstance(spool._file, io.BytesIO)
    assert await spooled(spool, 1, 4, "n", "").bytes() == b"ell"


async def test_file_on_disk_lives_as_long_as_its_last_blob() -> None:
    spool = Spool(limit=1)
    spool.write(b"hello")
    part = spooled(spool, 0, 5, "n", "").slice(1, 3)
    file = spool._file
    del spool
    assert await part.bytes() == b"el"
    del part
    assert file.closed


async def test_file_cut_short_is_an_error() -> None:
    spool = Spool(limit=1)
    spool.write(b"hello")
    file = spooled(spool, 0, 6, "n", "")
    with pytest.raises(OSError, match="cut short"):
        await file.bytes()
    spool.close()


def test_small_blob_as_a_body_is_bytes_and_a_large_one_a_stream() -> None:
    assert Blob("x", type="a/b")._as_body() == (b"x", "a/b")
    body, _ = Blob([b"x" * (CHUNK + 1)])._as_body()
    assert not isinstance(body, bytes)
