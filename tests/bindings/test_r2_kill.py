"""A process is killed while it puts objects: what it acknowledged is there, whole, and no space is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2ObjectBody
from edgekit.engines.open import open_store

from .r2_writer import SPACE, content_of

WRITER = Path(__file__).with_name("r2_writer.py")
ROUNDS = int(os.environ.get("EDGEKIT_KILLS", "5"))


@pytest.mark.kills
@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    lines: list[str] = []
    for life in ("first", "second"):  # the second one starts from what the first one left
        command = [sys.executable, str(WRITER), str(tmp_path), life]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(luck.randrange(1, 150)):
                lines.append(process.stdout.readline())
            process.kill()
            lines += [line for line in process.stdout if line.endswith("\n")]
    acknowledged = dict(line.split() for line in lines)

    store = open_store(f"sqlite:{tmp_path}", durable=True)
    bucket = R2Bucket(store.records, store.blobs(), SPACE)
    # Twice, as two processes that start would.
    await store.sweep(now=time.time())
    await store.sweep(now=time.time() + 8 * 86_400)  # the uploads that nobody will complete
    found: set[str] = set()
    pages = await bucket.list()
    while True:
        found.update(each.key for each in pages.objects)
        if not pages.truncated:
            break
        pages = await bucket.list(cursor=pages.cursor)
    # What came after the last acknowledged operation may have been done, too, but then as a whole.
    for key in found | acknowledged.keys():
        object = await bucket.get(key)
        if object is None:
            continue
        assert isinstance(object, R2ObjectBody)
        content = await object.bytes()
        number = acknowledged.get(key, "-")
        first = 0 if number == "-" else int(number)
        assert any(content == content_of(key, n) for n in range(first, first + 2000)), key
    gone = {key for key, number in acknowledged.items() if number != "-"} - found
    for key in gone:  # each task may have deleted one more than it could tell
        task = key.rsplit("/", 1)[0]
        assert sum(other.startswith(task) for other in gone) <= 1, gone

    stored = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    referenced = await store.records.list("blobs", now=0, limit=10_000)
    names = {path.name for path in stored if path.name != "layout"}
    assert names == {entry.key.decode() for entry in referenced}
    assert not list((tmp_path / "blobs" / "incoming").iterdir())
    assert not await store.records.list("blobs/dropped", now=0, limit=10)
    await store.close()
    con = apsw.Connection(str(tmp_path / "records.sqlite3"))
    assert con.pragma("integrity_check") == "ok"
    con.close()
