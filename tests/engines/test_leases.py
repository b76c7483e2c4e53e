"""Every rule of the protocol `Leases`, held by every engine; in SQLite across processes and kills too."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.engines.base import Lease, Put, lease_fence
from edgekit.engines.open import Store, open_store
from edgekit.errors import FencedOut, StorageError

NOW = 1000.0


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'state'}"
    opened = open_store(url, durable=False)
    yield opened
    await opened.close()


async def test_a_lease_is_one_holders_until_it_is_over(store: Store) -> None:
    token = await store.leases.acquire("cron", "a", ttl=10, now=NOW)
    assert token is not None
    assert await store.leases.acquire("cron", "b", ttl=10, now=NOW + 9.9) is None
    assert await store.leases.lookup("cron", now=NOW + 9.9) == Lease("a", token, NOW + 10)
    later = await store.leases.acquire("cron", "b", ttl=10, now=NOW + 10)
    assert later is not None
    assert later > token
    assert await store.leases.lookup("cron", now=NOW + 10) == Lease("b", later, NOW + 20)


async def test_a_lease_that_nobody_has_is_none(store: Store) -> None:
    assert await store.leases.lookup("cron", now=NOW) is None
    await store.leases.acquire("cron", "a", ttl=10, now=NOW)
    assert await store.leases.lookup("cron", now=NOW + 10) is None


async def test_names_are_apart(store: Store) -> None:
    one = await store.leases.acquire("one", "a", ttl=10, now=NOW)
    two = await store.leases.acquire("two", "b", ttl=10, now=NOW)
    assert one is not None
    assert two is not None
    assert two > one


async def test_who_has_it_gets_the_same_token_and_more_time(store: Store) -> None:
    first = await store.leases.acquire("cron", "a", ttl=10, now=NOW)
    await store.leases.acquire("other", "a", ttl=10, now=NOW)
    assert await store.leases.acquire("cron", "a", ttl=10, now=NOW + 5) == first
    assert await store.leases.acquire("cron", "b", ttl=10, now=NOW + 14) is None
    third = await store.leases.acquire("third", "a", ttl=10, now=NOW)
    assert third is not None
    assert first is not None
    assert third == first + 2  # the old token did not bring the count back


async def test_renewing_gives_more_time(store: Store) -> None:
    token = await store.leases.acquire("cron", "a", ttl=10, now=NOW)
    assert token is not None
    assert await store.leases.renew("cron", token, ttl=10, now=NOW + 9)
    assert await store.leases.lookup("cron", now=NOW + 18) == Lease("a", token, NOW + 19)


async def test_what_is_lost_is_not_renewed(store: Store) -> None:
    token = await store.leases.acquire("cron", "a", ttl=10, now=NOW)
    assert token is not None
    assert not await store.leases.renew("never", token, ttl=10, now=NOW)
    assert not await store.leases.renew("cron", token, ttl=10, now=NOW + 10)  # over
    await store.leases.acquire("cron", "b", ttl=10, now=NOW + 11)
    assert not await store.leases.renew("cron", token, ttl=100, now=NOW + 12)  # another's
    assert await store.leases.acquire("cron", "c", ttl=10, now=NOW + 21) is not None


async def test_what_is_released_is_the_next_ones(store: Store) -> None:
    token = await store.leases.acquire("cron", "a", ttl=10, now=NOW)
    assert token is not None
    await store.leases.release("cron", token, now=NOW + 1)
    assert await store.leases.lookup("cron", now=NOW + 1) is None
    later = await store.leases.acquire("cron", "b", ttl=10, now=NOW + 1)
    assert later is not None
    await store.leases.release("cron", token, now=NOW + 2)  # too late: it is b's
    assert await store.leases.lookup("cron", now=NOW + 2) == Lease("b", later, NOW + 11)


async def test_tokens_rise_when_everything_is_over_and_swept(store: Store) -> None:
    last = 0
    for turn in range(5):
        now = NOW + 100 * turn
        token = await store.leases.acquire("cron", "a", ttl=10, now=now)
        assert token is not None
        assert token > last
        last = token
        await store.records.sweep(now=now + 50)
        assert await store.records.list("leases", now=NOW, limit=10) == []


async def test_a_write_that_depends_on_a_lease_is_refused_without_it(store: Store) -> None:
    old = await store.leases.acquire("object", "a", ttl=10, now=NOW)
    assert old is not None
    put = [Put("s", b"k", b"a")]
    await store.records.apply(put, now=NOW + 9, fence=lease_fence("object", old))
    with pytest.raises(FencedOut):  # over, though nobody else has it yet
        await store.records.apply(put, now=NOW + 10, fence=lease_fence("object", old))
    new = await store.leases.acquire("object", "b", ttl=10, now=NOW + 10)
    assert new is not None
    with pytest.raises(FencedOut):
        await store.records.apply(put, now=NOW + 11, fence=lease_fence("object", old))
    await store.records.apply(put, now=NOW + 11, fence=lease_fence("object", new))


async def test_of_many_who_ask_at_once_one_gets_it(store: Store) -> None:
    async def ask(holder: int) -> int | None:
        return await store.leases.acquire("cron", str(holder), ttl=10, now=NOW)

    tokens = await asyncio.gather(*map(ask, range(50)))
    assert len([token for token in tokens if token is not None]) == 1


async def test_many_leases_at_once_have_tokens_of_their_own(store: Store) -> None:
    async def ask(name: int) -> int | None:
        return await store.leases.acquire(str(name), "a", ttl=10, now=NOW)

    tokens = await asyncio.gather(*map(ask, range(200)))
    assert sorted(map(str, tokens)) == sorted(map(str, range(1, 201)))


async def test_names_and_holders_are_any_text(store: Store) -> None:
    for name in ("", "ünï/../\0'; DROP TABLE records --", "n" * 5000):
        token = await store.leases.acquire(name, name, ttl=10, now=NOW)
        assert token is not None
        assert await store.leases.lookup(name, now=NOW) == Lease(name, token, NOW + 10)


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.leases.acquire("cron", "a", ttl=10, now=NOW)
    with pytest.raises(StorageError, match="closed"):
        await store.leases.lookup("cron", now=NOW)
    with pytest.raises(StorageError, match="closed"):
        await store.leases.release("cron", 1, now=NOW)


steps = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "renew", "release", "wait", "sweep"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 15),
    ),
    max_size=40,
)


@given(steps)
async def test_both_engines_do_what_a_plain_model_does(steps) -> None:
    store = open_store("memory:", durable=False)
    held: dict[str, tuple[str, int, float]] = {}
    given: dict[str, int] = {}  # the last token that each holder saw
    last, now = 0, NOW
    for action, name, holder, seconds in steps:
        live = held.get(name)
        live = live if live and live[2] > now else None
        if action == "wait":
            now += seconds
        elif action == "sweep":
            await store.records.sweep(now=now)
        elif action == "acquire":
            expected = None
            if live is None or live[0] == holder:
                expected = live[1] if live else last + 1
                last = max(last, expected)
                held[name] = (holder, expected, now + seconds)
                given[holder] = expected
            assert await store.leases.acquire(name, holder, ttl=seconds, now=now) == expected
        else:
            token = given.get(holder, 0)
            mine = live is not None and live[1] == token
            if action == "renew":
                assert await store.leases.renew(name, token, ttl=seconds, now=now) == mine
                if mine and live:
                    held[name] = (live[0], token, now + seconds)
            else:
                await store.leases.release(name, token, now=now)
                if mine:
                    del held[name]
    await store.close()


# Several processes

CONTENDER = """
import asyncio, sys
from edgekit.engines.base import Put, lease_fence
from edgekit.engines.open import open_store
from edgekit.errors import FencedOut

async def main(folder, me, rounds):
    store = open_store(f"sqlite:{folder}", durable=False)
    print("ready", flush=True)
    sys.stdin.readline()
    for now in range(rounds):
        token = await store.leases.acquire("turn", me, ttl=0.5, now=now)
        if token is not None:
            put = Put("taken", b"%d" % now, me.encode())
            await store.records.apply([put], now=now, fence=lease_fence("turn", token))
            print(now, token, flush=True)
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def contender(folder: Path, name: str, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CONTENDER, str(folder), name, str(rounds)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_several_processes_one_gets_each_turn(tmp_path: Path) -> None:
    rounds = 300
    processes = [contender(tmp_path / "state", f"p{n}", rounds) for n in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outputs = [process.communicate("go\n", timeout=60)[0] for process in processes]
    won = [tuple(map(int, line.split())) for text in outputs for line in text.splitlines()]
    # `now` differs from process to process, so not each round has a winner; none has two.
    assert len({now for now, _ in won}) == len(won)
    assert len({token for _, token in won}) == len(won)
    assert len(won) > 10


HOLDER = """
import asyncio, sys
from edgekit.engines.open import open_store

async def main(folder, now):
    store = open_store(f"sqlite:{folder}", durable=True)
    while True:
        now += 10
        print(await store.leases.acquire(f"name {now % 7}", f"holder {now}", ttl=1, now=now), flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.kills
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
async def test_a_killed_holder_is_followed_by_a_higher_token(tmp_path: Path) -> None:
    highest = 0
    for turn in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path / "state"), str(turn * 1_000_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(5 + turn)]
        os.kill(process.pid, signal.SIGKILL)
        seen += [int(line) for line in process.communicate()[0].splitlines() if line]
        assert seen == list(range(seen[0], seen[0] + len(seen)))
        assert seen[0] > highest
        highest = seen[-1]
    store = open_store(f"sqlite:{tmp_path / 'state'}", durable=True)
    token = await store.leases.acquire("name 0", "after", ttl=1, now=1e9)
    assert token is not None
    assert token > highest
    await store.close()
