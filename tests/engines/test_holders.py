"""A holder is dead when its process is gone, however that went, and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.engines import holders
from edgekit.engines.holders import Holder
from edgekit.engines.open import open_store
from edgekit.engines.queues import Sent

PROGRAM = """
import sys
from pathlib import Path
from edgekit.engines.holders import Holder
holder = Holder(Path(sys.argv[1]))
holder.hold()
print(holder.id, flush=True)
sys.stdin.read()
"""
NOW = 1000.0


def dead(holder: Holder) -> list[int]:
    with holder.dead() as found:
        return found


def test_a_living_holder_is_not_dead(tmp_path: Path) -> None:
    path = tmp_path / "db"
    one, other = Holder(path), Holder(path)
    one.hold()
    one.hold()
    other.hold()
    assert dead(other) == dead(one) == []
    one.close()
    one.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_is_dead_until_it_has_been_dealt_with(tmp_path: Path) -> None:
    path = tmp_path / "db"
    holder = Holder(path)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        id = int(process.stdout.readline())
        assert dead(holder) == []
        process.kill()

    def fail() -> None:
        with holder.dead() as found:
            assert found == [id]
            assert dead(Holder(path)) == []  # somebody is at it
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert dead(holder) == [id]
    assert dead(holder) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_goes_while_it_is_looked_at_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "db"
    monkeypatch.setattr(Holder, "_others", lambda self: [tmp_path / "db-holder-0123456789abcdef"])
    assert dead(Holder(path)) == []


def test_a_lock_that_cannot_be_had_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(holders.fcntl, "flock", refuse)
    holder = Holder(tmp_path / "db")
    with pytest.raises(OSError, match="No locks"):
        holder.hold()
    assert holder._file is None


def test_without_flock_nobody_is_found_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "db"
    (tmp_path / "db-holder-0123456789abcdef").touch()
    monkeypatch.setattr(holders.sys, "platform", "win32")
    holder = Holder(path)
    holder.hold()
    assert dead(holder) == []
    holder.close()


async def test_what_a_dead_process_had_claimed_is_due_at_once(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from edgekit.engines.open import open_store
from edgekit.engines.queues import Sent
async def main():
    queues = open_store(sys.argv[1], durable=False).queues()
    await queues.send("q", [Sent(str(n), "text", b"", 1.0) for n in range(25)], now=1.0)
    await queues.claim("q", limit=10, batches=2, concurrency=2, now=1.0, until=1e9)
    print("claimed", flush=True)
    sys.stdin.read()
asyncio.run(main())
"""
    url = f"sqlite:{tmp_path}"
    store = open_store(url, durable=False)
    queues = store.queues()
    heard: list[float] = []
    queues.watch("q", lambda due, count: heard.append(due))
    with subprocess.Popen(
        [sys.executable, "-c", program, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        assert await queues.recover(now=NOW) == 0
        assert (await queues.waiting("q", now=NOW, limit=100)).ready == 5
        process.kill()
    assert await queues.recover(now=NOW) == 2
    assert heard == [NOW, NOW]
    assert (await queues.waiting("q", now=NOW, limit=100)).ready == 25
    assert await queues.recover(now=NOW) == 0
    batches = await queues.claim("q", limit=25, batches=1, concurrency=1, now=NOW, until=NOW + 9)
    assert sorted(message.attempts for message in batches[0].messages) == [1] * 5 + [2] * 20
    await queues.send("q", [Sent("x", "text", b"", 1.0)], now=NOW)
    await store.close()
