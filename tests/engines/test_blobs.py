"""The protocol Blobs: one suite, run on every engine."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgekit.engines.base import Put, Records
from edgekit.engines.blobs import Blobs, Piece, dropping, keeping, settled, sweep, undropping
from edgekit.engines.files import FileBlobs
from edgekit.engines.memory import MemoryRecords
from edgekit.engines.memory_blobs import MemoryBlobs
from edgekit.errors import StorageError

NOW = 1000.0


@pytest.fixture(params=["memory", "files"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    engine: Blobs
    if request.param == "memory":
        engine = MemoryBlobs()
    else:
        engine = FileBlobs(tmp_path / "blobs", durable=True)
    yield engine
    await engine.close()


@pytest.fixture
async def records() -> AsyncIterator[Records]:
    engine = MemoryRecords()
    yield engine
    await engine.close()


async def kept(blobs: Blobs, *chunks: bytes) -> Piece:
    writer = blobs.create()
    for chunk in chunks:
        await writer.write(chunk)
    await writer.finish()
    await writer.keep()
    return Piece(writer.name, writer.size)


async def read(blobs: Blobs, pieces: list[Piece], start: int = 0, stop: int = 10**9) -> bytes:
    reader = await blobs.open(pieces, start, stop)
    assert reader is not None
    return b"".join([chunk async for chunk in reader])


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
async def test_a_blob_is_read_as_it_was_written(blobs: Blobs, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    chunks = [data[:size][at : at + 100_000] for at in range(0, size, 100_000)]
    piece = await kept(blobs, *chunks)
    assert piece.size == size
    assert await read(blobs, [piece]) == data[:size]


async def test_digests_are_those_of_all_that_was_written(blobs: Blobs) -> None:
    writer = blobs.create("md5", "sha512")
    whole = b""
    for number in range(40):
        chunk = bytes([number]) * 70_000
        whole += chunk
        await writer.write(chunk)
    digests = await writer.finish()
    assert digests == {name: hashlib.new(name, whole).digest() for name in ("md5", "sha512")}
    await writer.discard()


async def test_a_part_is_read_without_the_rest(blobs: Blobs) -> None:
    data = bytes(range(250)) * 4000
    piece = await kept(blobs, data)
    for start, stop in [(0, 1), (5, 70_000), (999_999, 1_000_000), (300_000, 900_000), (7, 7)]:
        assert await read(blobs, [piece], start, stop) == data[start:stop]


async def test_pieces_are_read_one_after_the_other(blobs: Blobs) -> None:
    parts = [b"a" * 100_000, b"", b"b" * 3, b"c" * 300_000]
    pieces = [await kept(blobs, part) for part in parts]
    whole = b"".join(parts)
    for start, stop in [(0, 10**9), (99_999, 100_004), (100_001, 100_002), (100_003, 200_000)]:
        assert await read(blobs, pieces, start, stop) == whole[start:stop]


async def test_a_blob_that_was_finished_can_be_read_before_it_is_kept(blobs: Blobs) -> None:
    writer = blobs.create()
    await writer.write(b"early")
    await writer.finish()
    assert await read(blobs, [Piece(writer.name, 5)]) == b"early"
    await writer.keep()
    assert await read(blobs, [Piece(writer.name, 5)]) == b"early"


async def test_what_was_discarded_is_gone(blobs: Blobs) -> None:
    writer = blobs.create("md5")
    await writer.write(b"x" * 2_000_000)
    await writer.discard()
    assert await blobs.open([Piece(writer.name, 2_000_000)], 0, 10) is None
    finished = blobs.create()
    await finished.write(b"y")
    await finished.finish()
    await finished.discard()
    await finished.discard()
    assert await blobs.open([Piece(finished.name, 1)], 0, 10) is None
    await blobs.create().discard()


async def test_what_was_kept_is_not_discarded(blobs: Blobs) -> None:
    writer = blobs.create()
    await writer.write(b"x")
    await writer.finish()
    await writer.keep()
    await writer.discard()
    assert await read(blobs, [Piece(writer.name, 1)]) == b"x"


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(blobs: Blobs) -> None:
    pieces = [await kept(blobs, b"a"), await kept(blobs, b"b")]
    names = [piece.name for piece in pieces]
    assert await blobs.delete(names)
    assert await blobs.delete(names)
    assert await blobs.open(pieces, 0, 2) is None
    assert await blobs.open(pieces[:1], 0, 1) is None


@pytest.mark.parametrize("size", [10, 2_000_000])
async def test_a_reader_reads_on_when_its_blob_is_deleted(blobs: Blobs, size: int) -> None:
    piece = await kept(blobs, b"x" * size)
    reader = await blobs.open([piece], 0, size)
    assert reader is not None
    assert await blobs.delete([piece.name])
    assert b"".join([chunk async for chunk in reader]) == b"x" * size


async def test_a_reader_of_several_pieces_reads_on_when_they_are_deleted(blobs: Blobs) -> None:
    pieces = [await kept(blobs, bytes([number]) * 400_000) for number in range(3)]
    names = [piece.name for piece in pieces]
    reader = await blobs.open(pieces, 0, 10**9)
    assert reader is not None
    first = await anext(reader)
    gone = await blobs.delete(names)  # either they are, and can be read on, or they wait
    rest = b"".join([chunk async for chunk in reader])
    assert first + rest == b"".join(bytes([number]) * 400_000 for number in range(3))
    assert gone or await blobs.delete(names)
    assert await blobs.open(pieces, 0, 10) is None


async def test_a_reader_that_is_closed_lets_go(blobs: Blobs) -> None:
    pieces = [await kept(blobs, b"x" * 400_000) for _ in range(2)]
    names = [piece.name for piece in pieces]
    reader = await blobs.open(pieces, 0, 10**9)
    assert reader is not None
    await anext(reader)
    await reader.aclose()
    assert await blobs.delete(names)
    assert [chunk async for chunk in reader] == []


async def test_a_reader_that_is_forgotten_lets_go(blobs: Blobs) -> None:
    pieces = [await kept(blobs, b"x" * 400_000) for _ in range(2)]
    reader = await blobs.open(pieces, 0, 10**9)
    del reader
    gc.collect()
    assert await blobs.delete([piece.name for piece in pieces])


async def test_a_closed_engine_says_so(blobs: Blobs) -> None:
    piece = await kept(blobs, b"x")
    await blobs.close()
    await blobs.close()
    with pytest.raises(StorageError, match="closed"):
        blobs.create()
    with pytest.raises(StorageError, match="closed"):
        await blobs.open([piece], 0, 1)
    with pytest.raises(StorageError, match="closed"):
        await blobs.delete([piece.name])


# What the records say -----------------------------------------------------------------------------


async def test_a_sweep_removes_what_was_dropped_when_it_is_due(
    blobs: Blobs, records: Records
) -> None:
    one, two, three = [await kept(blobs, b"x") for _ in range(3)]
    every = [op for piece in (one, two, three) for op in keeping(piece.name)]
    later = dropping([two.name], at=NOW + 60)
    await records.apply([*every, *dropping([one.name], at=NOW), *later], now=NOW)
    await sweep(records, blobs, now=NOW)
    assert await blobs.open([one], 0, 1) is None
    assert await read(blobs, [two]) == await read(blobs, [three]) == b"x"
    assert len(await records.list("blobs", now=NOW, limit=10)) == 2
    await sweep(records, blobs, now=NOW + 61)
    assert await blobs.open([two], 0, 1) is None
    assert await read(blobs, [three]) == b"x"
    assert [each.key.decode() for each in await records.list("blobs", now=NOW, limit=10)] == [
        three.name
    ]
    assert await records.list("blobs/dropped", now=NOW, limit=10) == []


async def test_what_was_undropped_stays(blobs: Blobs, records: Records) -> None:
    piece = await kept(blobs, b"x")
    await records.apply([*keeping(piece.name), *dropping([piece.name], at=NOW)], now=NOW)
    await records.apply(undropping([piece.name], at=NOW), now=NOW)
    await sweep(records, blobs, now=NOW + 1)
    assert await read(blobs, [piece]) == b"x"


async def test_a_sweep_removes_any_number(blobs: Blobs, records: Records) -> None:
    ops: list[Put] = []
    for number in range(250):
        ops += dropping([f"none{number}"], at=NOW)  # type: ignore[arg-type]
    await records.apply(ops, now=NOW)
    await sweep(records, blobs, now=NOW)
    assert await records.list("blobs/dropped", now=NOW, limit=10) == []


async def test_nothing_is_dropped_without_names() -> None:
    assert dropping([], at=NOW) == []


async def test_settled_work_ends_before_the_cancellation_is_raised() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> int:
        begun.set()
        await may_end.wait()
        ended.append(True)
        return 7

    task = asyncio.create_task(settled(work()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
    begun.clear()
    assert await settled(work()) == 7


async def test_settled_work_that_fails_under_a_cancellation_is_cancelled() -> None:
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        raise ZeroDivisionError

    task = asyncio.create_task(settled(work()))
    await asyncio.sleep(0)
    task.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ZeroDivisionError):
        await settled(work())
