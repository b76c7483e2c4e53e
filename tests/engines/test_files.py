"""Blobs as files: crashes, locks, cancellation, full disks."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgekit.engines.blobs import Piece, keeping, sweep
from edgekit.engines.files import FileBlobs, FileBlobWriter
from edgekit.engines.memory import MemoryRecords
from edgekit.engines.open import open_store
from edgekit.errors import ConfigError, StorageError

NOW = 1000.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
async def blobs(root: Path) -> AsyncIterator[FileBlobs]:
    engine = FileBlobs(root, durable=True)
    yield engine
    await engine.close()


@pytest.fixture
async def records() -> AsyncIterator[MemoryRecords]:
    engine = MemoryRecords()
    yield engine
    await engine.close()


def files(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.name != "layout"
    )


async def finished(blobs: FileBlobs, data: bytes = b"x") -> FileBlobWriter:
    writer = blobs.create()
    await writer.write(data)
    await writer.finish()
    return writer


async def test_a_file_moves_to_its_place_when_it_is_kept(root: Path, blobs: FileBlobs) -> None:
    writer = await finished(blobs)
    assert files(root) == [f"incoming/{writer.name}"]
    await writer.keep()
    assert files(root) == [f"{writer.name[:2]}/{writer.name}"]
    assert root.stat().st_mode & 0o777 == 0o700
    [path] = [root / each for each in files(root)]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_what_is_being_written_is_left_alone_by_a_sweep(
    root: Path, blobs: FileBlobs, records: MemoryRecords
) -> None:
    writer = await finished(blobs)
    other = FileBlobs(root, durable=False)
    await sweep(records, other, now=NOW)
    await sweep(records, blobs, now=NOW)
    assert files(root) == [f"incoming/{writer.name}"]
    await writer.keep()
    await other.close()


async def test_what_a_dead_writer_has_left_is_removed_unless_a_record_names_it(
    root: Path, blobs: FileBlobs, records: MemoryRecords
) -> None:
    named = await finished(blobs, b"named")
    await records.apply(keeping(named.name), now=NOW)
    unnamed = await finished(blobs)
    name = named.name
    del named, unnamed  # as if their process had died: nobody holds their locks any more
    gc.collect()
    await sweep(records, blobs, now=NOW)
    assert files(root) == [f"{name[:2]}/{name}"]
    reader = await blobs.open([Piece(name, 5)], 0, 5)
    assert reader is not None
    assert [chunk async for chunk in reader] == [b"named"]


async def test_any_number_of_abandoned_files_is_removed(
    root: Path, blobs: FileBlobs, records: MemoryRecords
) -> None:
    for number in range(250):
        (root / "incoming" / f"{number:032x}").write_bytes(b"x")
    await sweep(records, blobs, now=NOW)
    assert files(root) == []


async def test_a_blob_that_was_dropped_before_it_was_kept_is_gone(
    root: Path, blobs: FileBlobs
) -> None:
    writer = await finished(blobs)
    assert await blobs.delete([writer.name])
    await writer.keep()
    assert files(root) == []


async def test_a_run_is_not_deleted_while_its_first_blob_is_being_moved(
    root: Path, blobs: FileBlobs
) -> None:
    first, second = await finished(blobs), await finished(blobs)
    assert not await blobs.delete([first.name, second.name])
    await first.keep()
    await second.keep()
    assert await blobs.delete([first.name, second.name])
    assert files(root) == []


async def test_a_run_that_is_being_read_waits_for_its_reader(root: Path, blobs: FileBlobs) -> None:
    pieces = []
    for number in range(3):
        writer = await finished(blobs, bytes([number]) * 10)
        await writer.keep()
        pieces.append(Piece(writer.name, 10))
    names = [piece.name for piece in pieces]
    other = FileBlobs(root, durable=False)
    reader = await other.open(pieces, 5, 30)
    assert reader is not None
    assert not await blobs.delete(names)
    assert len(b"".join([chunk async for chunk in reader])) == 25
    assert await blobs.delete(names)
    await other.close()


async def test_a_run_whose_first_blob_is_gone_is_gone(root: Path, blobs: FileBlobs) -> None:
    first, second = await finished(blobs), await finished(blobs)
    await first.keep()
    await second.keep()
    await blobs.delete([first.name])
    assert await blobs.open([Piece(first.name, 1), Piece(second.name, 1)], 0, 2) is None
    assert await blobs.delete([first.name, second.name])


async def test_a_run_that_is_deleted_between_finding_and_locking_is_gone(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = []
    for _ in range(2):
        writer = await finished(blobs)
        await writer.keep()
        pieces.append(Piece(writer.name, 1))
    flock, remove = fcntl.flock, blobs.remove

    def late(file: int, operation: int) -> None:
        if operation == fcntl.LOCK_SH:
            for piece in pieces:
                remove(piece.name)
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    assert await blobs.open(pieces, 0, 2) is None


async def test_a_run_that_lacks_a_piece_is_an_error_while_it_is_read(blobs: FileBlobs) -> None:
    first, second = await finished(blobs), await finished(blobs)
    await first.keep()
    await second.keep()
    await blobs.delete([second.name])
    reader = await blobs.open([Piece(first.name, 1), Piece(second.name, 1)], 0, 2)
    assert reader is not None
    assert await anext(reader) == b"x"
    with pytest.raises(StorageError, match="missing"):
        await anext(reader)


@pytest.mark.parametrize("size", [10, 200_000])
async def test_a_file_that_was_cut_short_is_an_error(
    root: Path, blobs: FileBlobs, size: int
) -> None:
    writer = await finished(blobs, b"x" * (size - 5))
    await writer.keep()
    with pytest.raises(StorageError, match="cut short"):  # noqa: PT012
        reader = await blobs.open([Piece(writer.name, size)], 0, size)
        assert reader is not None
        async for _ in reader:
            pass


async def test_a_writer_whose_file_was_recovered_before_it_was_locked_begins_anew(
    root: Path, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, left = fcntl.flock, [True]

    def late(file: int, operation: int) -> None:
        if left and left.pop():
            for path in (root / "incoming").iterdir():
                path.unlink()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    writer = await finished(blobs, b"again")
    await writer.keep()
    assert len(files(root)) == 1


async def test_a_file_that_vanishes_while_it_is_recovered_is_no_error(
    root: Path, blobs: FileBlobs, records: MemoryRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "incoming" / "abc").write_bytes(b"x")
    real = os.open

    def gone(path: Any, *args: Any) -> int:
        if str(path).endswith("abc"):
            raise FileNotFoundError(path)
        return real(path, *args)

    monkeypatch.setattr(os, "open", gone)
    await sweep(records, blobs, now=NOW)


class Stalled:
    """Writes that wait until they may go on, or fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail: OSError | None = None) -> None:
        import threading

        self.begun, self.go = threading.Event(), threading.Event()
        write = os.write

        def stalled(file: int, data: Any) -> int:
            if file < 10:  # not one of ours, such as that of a pipe or an event loop
                return write(file, data)
            self.begun.set()
            self.go.wait()
            if fail is not None:
                raise fail
            return write(file, data[:100_000])  # short writes are no error

        monkeypatch.setattr(os, "write", stalled)


async def test_an_upload_that_is_cancelled_in_the_middle_leaves_no_file(
    root: Path, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors = [os.dup(0) for _ in range(12)]  # so that ours are recognised
    stalled = Stalled(monkeypatch)
    writer = blobs.create("md5")

    async def upload() -> None:
        try:
            while True:
                await writer.write(b"x" * 1_000_000)
        except BaseException:
            await writer.discard()
            raise

    task = asyncio.create_task(upload())
    while not stalled.begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # nor does another one keep it from cleaning up
    stalled.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(root) == []
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.mark.parametrize("size", [10, 3_000_000])
async def test_a_full_disk_is_an_error_that_leaves_no_file(
    root: Path, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    def full(file: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.write
    monkeypatch.setattr(os, "write", full)
    writer = blobs.create("md5")
    with pytest.raises(StorageError, match=r"blobs: No space left on device"):  # noqa: PT012
        for _ in range(3):
            await writer.write(b"x" * (size // 2))
        await writer.finish()
    monkeypatch.setattr(os, "write", real)
    await writer.discard()
    assert files(root) == []


async def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"EDGEKIT_BLOBS: .*/file/blobs cannot be a folder"):
        FileBlobs(tmp_path / "file" / "blobs", durable=True)


async def test_a_folder_of_a_later_layout_is_refused(root: Path, blobs: FileBlobs) -> None:
    (root / "layout").write_text("edgekit blobs 2\n")
    with pytest.raises(ConfigError, match="newer edgekit"):
        FileBlobs(root, durable=True)


async def test_a_name_that_is_none_never_becomes_a_path(blobs: FileBlobs) -> None:
    for name in ("../x", "a/b", "", "."):
        with pytest.raises(StorageError, match="is not the name of a blob"):
            await blobs.open([Piece(name, 1)], 0, 1)
        with pytest.raises(StorageError, match="is not the name of a blob"):
            await blobs.delete([name])


async def test_a_file_that_cannot_be_opened_is_an_error(
    root: Path, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await finished(blobs, b"x" * 200_000)
    await writer.keep()
    reader = await blobs.open([Piece(writer.name, 200_000)], 0, 200_000)
    assert reader is not None

    def broken(*args: Any) -> Any:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", broken)
    with pytest.raises(StorageError, match="Input/output error"):
        await anext(reader)
    monkeypatch.undo()
    monkeypatch.setattr(os, "open", broken)
    with pytest.raises(StorageError, match="Input/output error"):
        await blobs.open([Piece(writer.name, 200_000)], 0, 200_000)
    with pytest.raises(StorageError, match="Input/output error"):
        await blobs.delete([writer.name, writer.name])


async def test_what_is_durable_is_synchronised_before_it_is_finished(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{file}")))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    for durable in (False, True):
        blobs = FileBlobs(root, durable=durable)
        writer = await finished(blobs)
        assert synced == ([writer.name, "incoming"] if durable else [])
        await writer.discard()
        await blobs.close()


async def test_a_reader_that_is_closed_while_it_reads_waits_for_the_read(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    writer = await finished(blobs, b"x" * 200_000)
    await writer.keep()
    reader = await blobs.open([Piece(writer.name, 200_000)], 0, 200_000)
    assert reader is not None
    begun, go, read = threading.Event(), threading.Event(), os.read

    def slow(file: int, count: int) -> bytes:
        if count < 100_000:
            return read(file, count)
        begun.set()
        go.wait()
        return read(file, count)

    monkeypatch.setattr(os, "read", slow)
    task = asyncio.create_task(anext(reader))  # type: ignore[arg-type]
    while not begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    closing = asyncio.create_task(reader.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    go.set()
    await closing


def test_a_store_in_memory_or_elsewhere_keeps_its_blobs_where_it_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        elsewhere = open_store("memory:", f"file:{tmp_path}/elsewhere", durable=False)
        assert isinstance(elsewhere.blobs(), FileBlobs)
        beside = open_store(f"sqlite:{tmp_path}/state", durable=False)
        beside.blobs()
        with pytest.raises(
            ConfigError, match=r"EDGEKIT_BLOBS: there are no blobs of the kind 's3:'"
        ):
            open_store("memory:", "s3://user:secret@host", durable=False).blobs()
        await elsewhere.close()
        await beside.close()

    asyncio.run(run())
    assert (tmp_path / "elsewhere" / "layout").exists()
    assert (tmp_path / "state" / "blobs" / "layout").exists()


def test_memory_brings_no_engine_of_files() -> None:
    code = (
        "import sys; from edgekit.engines.open import open_store;"
        "open_store('memory:', durable=False).blobs();"
        "sys.exit('edgekit.engines.files' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
