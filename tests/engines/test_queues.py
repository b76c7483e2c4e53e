"""Every rule of the protocol `Queues`, held by every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from edgekit.engines import sqlite_file
from edgekit.engines.base import Put
from edgekit.engines.open import open_store
from edgekit.engines.queues import RETENTION, Backlog, Batch, Queues, Sent, Waiting
from edgekit.engines.sqlite import SQLiteRecords
from edgekit.engines.sqlite_file import QUEUES, SQLiteFile
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.engines.sqlite_queues import SQLiteQueues
from edgekit.errors import StorageError

NOW = 1000.0
UNTIL = 2000.0


@pytest.fixture(params=["memory", "sqlite"])
async def queues(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Queues]:
    if request.param == "memory":
        file: Any = SQLiteMemory((QUEUES,))
    else:
        file = SQLiteFile(tmp_path / "records.sqlite3", durable=False)
    engine = SQLiteQueues(file)
    yield engine
    await engine.close()
    await file.close()


def sent(id: str, body: bytes = b"b", delay: float | None = None, at: float = NOW) -> Sent:
    return Sent(id, "text", body, at, delay)


async def send(queues: Queues, *ids: str, queue: str = "q", **fields: Any) -> Backlog:
    return await queues.send(queue, [sent(id, **fields) for id in ids], now=NOW)


async def claim(queues: Queues, queue: str = "q", **options: Any) -> list[Batch]:
    options = {"limit": 10, "batches": 1, "concurrency": None, "now": NOW, "until": UNTIL} | options
    return await queues.claim(queue, **options)


def ids(batches: list[Batch]) -> list[list[str]]:
    return [[message.id for message in batch.messages] for batch in batches]


# send, backlog


async def test_a_message_comes_out_as_it_was_sent(queues: Queues) -> None:
    backlog = await queues.send("q", [Sent("id", "v8", b"\0body", 999.5)], now=NOW)
    assert backlog == Backlog(1, 5, 999.5)
    [batch] = await claim(queues)
    assert (batch.queue, batch.until, batch.backlog) == ("q", UNTIL, backlog)
    [message] = batch.messages
    assert message[1:] == ("id", "v8", b"\0body", 999.5, 1)


@pytest.mark.parametrize("size", [0, 1, 768, 769, 128_000])
async def test_bodies_of_all_sizes_come_back(queues: Queues, size: int) -> None:
    body = bytes(range(256)) * 500
    await queues.send("q", [sent("a", body[:size]), sent("b", body[:size])], now=NOW)
    [batch] = await claim(queues)
    assert [message.body for message in batch.messages] == [body[:size]] * 2


async def test_batches_are_in_the_order_of_sending(queues: Queues) -> None:
    await send(queues, *"cab")
    await send(queues, *"de")
    assert ids(await claim(queues, limit=2, batches=5)) == [["c", "a"], ["b", "d"], ["e"]]


async def test_queues_are_apart(queues: Queues) -> None:
    await send(queues, "a", queue="one")
    await send(queues, "b", queue="two")
    assert ids(await claim(queues, "one")) == [["a"]]
    assert await queues.backlog("two") == Backlog(1, 1, NOW)
    assert await queues.backlog("none") == Backlog(0, 0, None)


async def test_backlog_counts_what_is_delayed_or_handed_out(queues: Queues) -> None:
    await send(queues, "a")
    await claim(queues)
    await queues.send("q", [sent("b", b"xyz", delay=50.0, at=NOW + 1)], now=NOW)
    assert await queues.backlog("q") == Backlog(2, 4, NOW)


# waiting


async def test_waiting_tells_what_is_due_since_when_and_what_comes(queues: Queues) -> None:
    assert await queues.waiting("q", now=NOW, limit=10) == Waiting(0, NOW, None)
    await queues.send("q", [sent("a"), sent("b"), sent("c", delay=5.0)], now=NOW)
    assert await queues.waiting("q", now=NOW + 1, limit=10) == Waiting(2, NOW, NOW + 5)
    assert await queues.waiting("q", now=NOW + 5, limit=2) == Waiting(2, NOW, None)
    assert await queues.waiting("q", now=NOW + 5, limit=10) == Waiting(3, NOW, None)
    await claim(queues)
    assert await queues.waiting("q", now=NOW + 1, limit=10) == Waiting(0, NOW + 1, NOW + 5)


# delays


async def test_a_delayed_message_is_handed_out_when_it_is_due(queues: Queues) -> None:
    await send(queues, "a", delay=5.0)
    assert await claim(queues, now=NOW + 4.9) == []
    assert ids(await claim(queues, now=NOW + 5)) == [["a"]]


async def test_the_queues_own_delay_is_for_messages_without_one(queues: Queues) -> None:
    await queues.configure("q", delay=7.0, now=NOW)
    await queues.send("q", [sent("a"), sent("b", delay=0.0)], now=NOW)
    assert ids(await claim(queues)) == [["b"]]
    assert ids(await claim(queues, now=NOW + 7)) == [["a"]]


# claim


async def test_what_is_handed_out_is_nobody_elses(queues: Queues) -> None:
    await send(queues, *"ab")
    first, second = await asyncio.gather(claim(queues, limit=1), claim(queues, limit=1))
    assert ids(first) != ids(second)
    assert await claim(queues) == []


async def test_claims_keep_to_the_concurrency(queues: Queues) -> None:
    await send(queues, *"abcd")
    [first, _] = await claim(queues, limit=1, batches=5, concurrency=2)
    assert await claim(queues, limit=1, batches=5, concurrency=2) == []
    await queues.settle(first, now=NOW)
    assert ids(await claim(queues, limit=1, batches=5, concurrency=2)) == [["c"]]
    assert ids(await claim(queues, limit=1, batches=5)) == [["d"]]


async def test_what_was_never_settled_comes_again_when_its_time_is_over(queues: Queues) -> None:
    await send(queues, "a")
    [lost] = await claim(queues, concurrency=1)
    assert await claim(queues, now=UNTIL - 1) == []
    [again] = await claim(queues, now=UNTIL, until=UNTIL + 10, concurrency=1)
    assert [message.attempts for message in again.messages] == [2]
    await queues.settle(lost, now=UNTIL)  # it is no longer its batch
    assert (await queues.backlog("q")).messages == 1


# settle


async def test_settled_messages_are_gone(queues: Queues) -> None:
    await send(queues, *"ab", body=b"x" * 1000)
    [batch] = await claim(queues)
    await queues.settle(batch, now=NOW)
    assert await queues.backlog("q") == Backlog(0, 0, None)
    assert await claim(queues, now=UNTIL + 1) == []


async def test_a_retry_is_due_at_its_moment_and_counted(queues: Queues) -> None:
    await send(queues, *"abc")
    [batch] = await claim(queues)
    numbers = [message.number for message in batch.messages]
    await queues.settle(batch, retry=[(numbers[0], NOW + 5), (numbers[2], NOW)], now=NOW)
    [first] = await claim(queues)
    assert [(message.id, message.attempts) for message in first.messages] == [("c", 2)]
    [second] = await claim(queues, now=NOW + 5)
    assert [(message.id, message.attempts) for message in second.messages] == [("a", 2)]
    assert (await queues.backlog("q")).messages == 2


@pytest.mark.parametrize("size", [10, 1000])
async def test_dead_letters_keep_their_id_time_and_body(queues: Queues, size: int) -> None:
    await send(queues, *"ab", body=b"x" * size)
    [batch] = await claim(queues)
    dead = [batch.messages[1].number]
    await queues.settle(batch, dead=dead, dead_letter_queue="letters", now=NOW + 3)
    assert await queues.backlog("q") == Backlog(0, 0, None)
    assert await queues.backlog("letters") == Backlog(1, size, NOW)
    [letters] = await claim(queues, "letters", now=NOW + 3)
    [letter] = letters.messages
    assert letter[1:] == ("b", "text", b"x" * size, NOW, 1)


async def test_dead_messages_are_forgotten_without_a_dead_letter_queue(queues: Queues) -> None:
    await send(queues, "a")
    [batch] = await claim(queues)
    await queues.settle(batch, dead=[batch.messages[0].number], now=NOW)
    assert await queues.backlog("q") == Backlog(0, 0, None)


# pause, purge, configure, delete, list, sweep


async def test_a_paused_queue_takes_messages_and_hands_out_none(queues: Queues) -> None:
    await queues.configure("q", paused=True, now=NOW)
    await send(queues, "a")
    assert await queues.waiting("q", now=NOW, limit=10) == Waiting(0, NOW, None)
    assert await claim(queues) == []
    await queues.configure("q", paused=False, now=NOW)
    assert ids(await claim(queues)) == [["a"]]


async def test_purge_forgets_all_messages(queues: Queues) -> None:
    for _ in range(3):
        await send(queues, *map(str, range(100)), body=b"x" * 800)
    [batch] = await claim(queues)
    await send(queues, "kept", queue="other")
    assert await queues.purge("q", now=NOW) == 300
    assert await queues.backlog("q") == Backlog(0, 0, None)
    await queues.settle(batch, retry=[(batch.messages[0].number, NOW)], now=NOW)
    assert await claim(queues) == []
    assert (await queues.backlog("other")).messages == 1
    assert await queues.purge("none", now=NOW) == 0


async def test_list_tells_all_of_every_queue(queues: Queues) -> None:
    await queues.configure("b", delay=1.5, retention=60.0, paused=True, now=NOW)
    await send(queues, "1", queue="a", body=b"xy")
    first, second = await queues.list()
    assert first == ("a", NOW, Backlog(1, 2, NOW), False, 0.0, RETENTION)
    assert second == ("b", NOW, Backlog(0, 0, None), True, 1.5, 60.0)


async def test_delete_forgets_the_queue(queues: Queues) -> None:
    await queues.configure("q", paused=True, now=NOW)
    await queues.configure("q", paused=False, now=NOW)
    await send(queues, "a")
    [batch] = await claim(queues)
    assert await queues.delete("q") is True
    assert await queues.delete("q") is False
    assert await queues.list() == []
    await queues.settle(batch, now=NOW)
    await send(queues, "b")
    assert ids(await claim(queues, concurrency=1)) == [["b"]]


async def test_messages_too_old_are_not_handed_out_and_swept(queues: Queues) -> None:
    await queues.configure("q", retention=60.0, now=NOW)
    await send(queues, *map(str, range(150)))
    await queues.send("q", [sent("young")], now=NOW + 30)
    await send(queues, "kept", queue="other")
    assert await queues.sweep(now=NOW + 59) == 0
    assert ids(await claim(queues, now=NOW + 60, limit=100)) == [["young"]]
    assert await queues.sweep(now=NOW + 60, limit=120) == 120
    assert await queues.sweep(now=NOW + 60) == 30
    assert await queues.sweep(now=NOW + RETENTION) == 2
    assert await queues.backlog("other") == Backlog(0, 0, None)


async def test_sweeping_a_queue_that_has_just_been_deleted_is_nothing(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(queues, "a")
    states = await queues.list()
    await queues.delete("q")

    async def before(self: Any) -> Any:
        return states

    monkeypatch.setattr(SQLiteQueues, "list", before)
    assert await queues.sweep(now=NOW + RETENTION) == 0


async def test_recover_leaves_the_living_alone(queues: Queues) -> None:
    await send(queues, "a")
    await claim(queues)
    assert await queues.recover(now=NOW) == 0
    assert await claim(queues) == []


# watch


async def test_watchers_hear_of_what_becomes_due(queues: Queues) -> None:
    heard: list[tuple[float, int]] = []
    end = queues.watch("q", lambda due, count: heard.append((due, count)))
    await queues.send("q", [sent("a", delay=9.0), sent("b", delay=5.0)], now=NOW)
    await queues.configure("q", delay=2.0, now=NOW)
    await send(queues, "c")
    await send(queues, "d", queue="other")
    assert heard == [(NOW + 5, 2), (NOW, 0), (NOW + 2, 1)]
    heard.clear()
    [batch] = await claim(queues, now=NOW + 2)
    await queues.settle(batch, retry=[(batch.messages[0].number, NOW + 8)], now=NOW)
    assert heard == [(NOW + 8, 1)]
    end()
    await send(queues, "e")
    assert len(heard) == 1


async def test_watchers_hear_of_dead_letters(queues: Queues) -> None:
    heard: list[tuple[float, int]] = []
    queues.watch("letters", lambda due, count: heard.append((due, count)))
    await send(queues, "a")
    [batch] = await claim(queues)
    dead = [batch.messages[0].number]
    await queues.settle(batch, dead=dead, dead_letter_queue="letters", now=NOW + 1)
    assert heard == [(NOW + 1, 1)]


# the end


async def test_a_store_from_before_there_were_queues_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite3"
    old = SQLiteFile(path, durable=True, migrations=sqlite_file._MIGRATIONS[:1])
    await SQLiteRecords(old).apply([Put("s", b"k", b"v")], now=NOW)
    await old.close()
    store = open_store(f"sqlite:{tmp_path}", durable=True)
    await send(store.queues(), "a")
    assert ids(await claim(store.queues())) == [["a"]]
    assert (await store.records.get("s", b"k", now=NOW)) is not None
    await store.close()


async def test_closing_gives_back_what_is_handed_out(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}", durable=False)
    await send(store.queues(), "a")
    await claim(store.queues(), concurrency=1)
    await store.close()
    await store.close()
    store = open_store(f"sqlite:{tmp_path}", durable=False)
    [batch] = await claim(store.queues(), concurrency=1)
    assert [message.attempts for message in batch.messages] == [2]
    await store.close()
    assert [path.name for path in tmp_path.iterdir() if "holder" in path.name] == []


async def test_a_closed_store_is_a_storage_error(queues: Queues) -> None:
    engine: Any = queues
    await engine._file.close()
    for call in (
        lambda: send(queues, "a"),
        lambda: queues.backlog("q"),
        lambda: queues.waiting("q", now=NOW, limit=1),
        lambda: queues.list(),
        lambda: queues.purge("q", now=NOW),
    ):
        with pytest.raises(StorageError, match="closed"):
            await call()


async def test_a_full_disk_refuses_a_message_and_loses_none(tmp_path: Path) -> None:
    file = SQLiteFile(tmp_path / "records.sqlite3", durable=True)
    engine = SQLiteQueues(file)
    await send(engine, "a")
    limit = [0]

    def fill(con: apsw.Connection) -> None:
        limit[0] = con.pragma("max_page_count", con.pragma("page_count"))  # type: ignore[assignment]

    await file.write(fill, ops=1, size=0)
    with pytest.raises(StorageError, match="full"):
        await send(engine, "b", body=b"x" * 100_000)
    assert await engine.backlog("q") == Backlog(1, 1, NOW)
    assert ids(await claim(engine)) == [["a"]]
    await engine.close()
    await file.close()


async def test_a_holders_file_that_cannot_be_made_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SQLiteFile(tmp_path / "records.sqlite3", durable=False)
    engine = SQLiteQueues(file)
    await send(engine, "a")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "holder")

    monkeypatch.setattr("edgekit.engines.holders.os.open", full)
    with pytest.raises(StorageError, match="holder: No space left on device"):
        await claim(engine)
    monkeypatch.undo()
    assert ids(await claim(engine)) == [["a"]]
    await engine.close()
    await file.close()
