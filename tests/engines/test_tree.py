"""A folder of files: what a scan finds, and what happens to files that change under our hands."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.engines.tree import PIECE, SMALL, File, OpenFile, Part, Tree
from edgekit.errors import StorageError

LATER = time.time() + 3600  # a file of today has long been settled by then


def tree(root: Path, ignored: Callable[[str], bool] = lambda name: False, **options: Any) -> Tree:
    settings: dict[str, Any] = {"now": LATER, "most": 1000, "largest": 2**20, **options}
    return Tree(
        root,
        ignored,
        too_many=lambda number: OverflowError(number),
        too_large=lambda path, size: OverflowError(path, size),
        **settings,
    )


async def opened(file: File, now: float = LATER) -> OpenFile:
    found = await file.open(now=now)
    assert found is not None
    return found


async def whole(file: File) -> bytes:
    found = await opened(file)
    content = found.content(0, found.size)
    return content if isinstance(content, bytes) else b"".join([chunk async for chunk in content])


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_files_are_found_in_all_folders(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ("x", "a/y", "a/b/z"):
        (tmp_path / name).write_text(name)
    assert sorted(tree(tmp_path).files) == ["/a/b/z", "/a/y", "/x"]


def test_what_is_ignored_is_not_found_and_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "no").mkdir()
    (tmp_path / "no/x").touch()
    (tmp_path / "y").touch()
    asked: list[str] = []

    def ignored(name: str) -> bool:
        asked.append(name)
        return name == "/no/"

    assert list(tree(tmp_path, ignored).files) == ["/y"]
    assert asked == ["/no/", "/y"]


def test_links_are_followed_inside_and_not_to_the_outside(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-beside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    (root / "folder/file").write_text("in")
    (outside / "secret").write_text("out")
    (root / "link").symlink_to("folder/file")
    (root / "folder-link").symlink_to("folder")
    (root / "out").symlink_to(outside / "secret")
    (root / "folder-out").symlink_to(outside)
    (root / "absolute").symlink_to("/etc")
    (root / "dangling").symlink_to("nothing")
    found = tree(root)
    assert sorted(found.files) == ["/folder-link/file", "/folder/file", "/link"]
    assert [note.split(" ")[0] for note in found.notes] == [
        str(root / "absolute"),
        str(root / "folder-out"),
        str(root / "out"),
    ]
    assert tree(root, lambda name: "out" in name or name == "/absolute").notes == []


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/self").symlink_to(tmp_path)
    (tmp_path / "a/file").touch()
    assert list(tree(tmp_path).files) == ["/a/file"]


def test_a_folder_behind_a_link_can_be_the_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/x").touch()
    (tmp_path / "current").symlink_to("real")
    assert list(tree(tmp_path / "current").files) == ["/x"]


def test_only_regular_files_count(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "x").touch()
    assert list(tree(tmp_path).files) == ["/x"]


def test_a_name_that_is_no_utf8_is_passed_over(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff")).touch()
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    found = tree(tmp_path)
    assert not found.files
    assert "no UTF-8" in found.notes[0]


def test_too_many_and_too_large_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(10))
    (tmp_path / "y").touch()
    assert len(tree(tmp_path, most=2, largest=10).files) == 2
    with pytest.raises(OverflowError):
        tree(tmp_path, most=1)
    with pytest.raises(OverflowError):
        tree(tmp_path, largest=9)


def test_a_root_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tree(tmp_path / "none")


def test_what_vanishes_during_the_scan_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    def ignored(name: str) -> bool:
        if name == "/folder/":
            (tmp_path / "folder").rmdir()
        if name == "/file":
            (tmp_path / "file").unlink()
        return False

    assert not tree(tmp_path, ignored).files


def test_additions_removals_and_renames_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").touch()

    def settled() -> Tree:
        for folder in (tmp_path, tmp_path / "a"):
            os.utime(folder, (1, 1))
        return tree(tmp_path)

    before = settled()
    assert not before.changed()
    (tmp_path / "a/y").touch()
    assert before.changed()
    before = settled()
    (tmp_path / "a/y").rename(tmp_path / "a/z")
    assert before.changed()
    before = settled()
    (tmp_path / "a/x").unlink()
    (tmp_path / "a/z").unlink()
    (tmp_path / "a").rmdir()
    assert before.changed()


def test_a_folder_that_has_just_changed_is_looked_at_again(tmp_path: Path) -> None:
    # A second change within a tick of the file system's clock would leave no other trace.
    assert tree(tmp_path, now=time.time()).changed()


def test_what_is_known_of_a_file_is_kept_by_the_next_scan(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    before = tree(tmp_path)
    assert tree(tmp_path, before=before).files["/x"] is before.files["/x"]
    (tmp_path / "x").rename(tmp_path / "y")
    (tmp_path / "x").symlink_to("y")
    assert tree(tmp_path, before=before).files["/x"] is not before.files["/x"]


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, PIECE, 3 * PIECE + 7])
async def test_a_file_is_read_as_it_is(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "x").write_bytes(data)
    file = tree(tmp_path).files["/x"]
    assert await whole(file) == data
    found = await opened(file)
    part = found.content(size // 3, size // 2)
    assert isinstance(part, Part) == (size > SMALL)
    got = part if isinstance(part, bytes) else b"".join([chunk async for chunk in part])
    assert got == data[size // 3 : size // 2]


async def test_a_tag_tells_contents_apart_and_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text("one")
    (tmp_path / "same").write_text("one")
    files = tree(tmp_path).files
    tag = (await opened(files["/x"])).tag
    assert len(tag) == 32
    assert (await opened(files["/same"])).tag == tag
    (tmp_path / "x").write_text("two")
    other = (await opened(files["/x"])).tag
    assert other != tag
    monkeypatch.setattr(OpenFile, "digest", lambda self: pytest.fail("it was known"))
    assert (await opened(files["/x"])).tag == other


async def test_the_tag_of_a_file_that_has_just_changed_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("one")
    file = tree(tmp_path).files["/x"]
    now = time.time()
    status = path.stat()
    tag = (await opened(file, now)).tag
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # within one tick of the clock
    assert (await opened(file, now)).tag != tag


async def test_a_file_that_was_replaced_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    data = os.urandom(3 * PIECE)
    (tmp_path / "x").write_bytes(data)
    file = tree(tmp_path, largest=2**30).files["/x"]
    content = (await opened(file)).content(0, len(data))
    assert isinstance(content, Part)
    got = await anext(content)
    (tmp_path / "new").write_bytes(bytes(len(data)))
    (tmp_path / "new").rename(tmp_path / "x")
    assert got + b"".join([chunk async for chunk in content]) == data
    assert await whole(file) == bytes(len(data))


@pytest.mark.parametrize("change", ["overwrite", "truncate", "append"])
async def test_a_file_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, change: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(3 * PIECE))
    file = tree(tmp_path, largest=2**30).files["/x"]
    content = (await opened(file)).content(0, 3 * PIECE)
    assert isinstance(content, Part)
    await anext(content)
    if change == "truncate":
        os.truncate(path, PIECE)
    else:
        with path.open("r+b" if change == "overwrite" else "ab") as changing:
            changing.write(b"x")
    os.utime(path, ns=(1, 1))
    with pytest.raises(StorageError, match=r"x (changed|became shorter) while it was read"):
        async for _ in content:
            pass
    await content.aclose()


async def test_a_small_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("one")
    found = await opened(tree(tmp_path).files["/x"])
    path.write_text("three")
    with pytest.raises(StorageError, match="changed while it was read"):
        found.content(0, found.size)


async def test_what_is_in_a_files_place_is_not_opened(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a/x").write_text("in")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x").write_text("out")
    file = tree(root).files["/a/x"]
    (root / "a/x").unlink()
    assert await file.open(now=LATER) is None
    assert file.changed_ns() == 0
    (root / "a/x").symlink_to(secret / "x")
    assert await file.open(now=LATER) is None
    (root / "a/x").unlink()
    (root / "a/x").mkdir()
    assert await file.open(now=LATER) is None
    (root / "a/x").rmdir()
    os.mkfifo(root / "a/x")
    assert await file.open(now=LATER) is None
    (root / "a/x").unlink()
    (root / "a").rmdir()
    (root / "a").symlink_to(secret)
    assert await file.open(now=LATER) is None
    (root / "a").unlink()
    (root / "a").touch()
    assert await file.open(now=LATER) is None


async def test_a_file_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").touch()
    file = tree(tmp_path).files["/x"]

    def refuse(*args: Any) -> int:  # root may read anything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match=r"x cannot be read: Permission denied"):
        await file.open(now=LATER)


async def test_a_link_that_is_a_file_again_is_gone_for_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").touch()
    file = tree(tmp_path).files["/x"]

    def was_a_link(*args: Any) -> int:
        raise OSError(errno.ELOOP, "Too many levels of symbolic links")

    monkeypatch.setattr(os, "open", was_a_link)
    assert await file.open(now=LATER) is None


async def test_files_are_closed_by_whoever_lets_go_of_them(tmp_path: Path) -> None:
    (tmp_path / "small").touch()
    (tmp_path / "large").write_bytes(bytes(2 * PIECE))
    files = tree(tmp_path, largest=2**30).files
    await whole(files["/large"])  # starts the thread
    gc.collect()
    before = descriptors()
    for name in files:
        await whole(files[name])
        (await opened(files[name])).close()
        await opened(files[name])  # and nobody holds it
    begun = (await opened(files["/large"])).content(0, 2 * PIECE)
    assert isinstance(begun, Part)
    await anext(begun)
    await begun.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(begun)
    gc.collect()
    assert descriptors() == before


async def test_reading_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pread")
    data = os.urandom(2 * PIECE + 3)
    (tmp_path / "x").write_bytes(data)
    assert await whole(tree(tmp_path, largest=2**30).files["/x"]) == data


async def test_many_read_the_same_file_at_once(tmp_path: Path) -> None:
    data = os.urandom(2 * PIECE)
    (tmp_path / "x").write_bytes(data)
    file = tree(tmp_path, largest=2**30).files["/x"]
    assert await asyncio.gather(*(whole(file) for _ in range(20))) == [data] * 20


async def test_a_file_that_is_replaced_while_it_is_opened_is_still_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    file = tree(tmp_path).files["/x"]
    open_ = os.open

    def replacing(*args: Any) -> int:
        descriptor = open_(*args)
        (tmp_path / "new").write_text("new")
        (tmp_path / "new").rename(path)
        return descriptor

    monkeypatch.setattr(os, "open", replacing)
    assert await whole(file) == b"old"


def test_a_root_that_goes_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    before = tree(tmp_path / "root")
    (tmp_path / "root").rmdir()
    assert before.changed()


async def test_a_folder_that_became_a_link_is_seen_without_proc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root/a").mkdir(parents=True)
    (tmp_path / "root/a/x").write_text("in")
    file = tree(tmp_path / "root").files["/a/x"]

    def missing(path: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr("edgekit.engines.tree.os.readlink", missing)
    assert await whole(file) == b"in"
    monkeypatch.undo()
    (tmp_path / "root/a").rename(tmp_path / "out")
    (tmp_path / "root/a").symlink_to(tmp_path / "out")
    real = os.readlink
    monkeypatch.setattr(
        "edgekit.engines.tree.os.readlink",
        lambda path, **more: missing(path) if "/fd/" in str(path) else real(path, **more),
    )
    assert await file.open(now=LATER) is None
