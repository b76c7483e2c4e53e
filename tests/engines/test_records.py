"""Every rule of the protocol `Records`, held by every engine; and both against a plain dict."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgekit.engines.base import CHUNK, Delete, Entry, Fence, Put, Record, Records, chunked
from edgekit.engines.memory import MemoryRecords
from edgekit.engines.sqlite import SQLiteRecords
from edgekit.engines.sqlite_file import SQLiteFile
from edgekit.errors import FencedOut, StorageError

NOW = 1000.0


@pytest.fixture(params=["memory", "sqlite"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    engine: Records
    if request.param == "memory":
        engine = MemoryRecords()
    else:
        engine = SQLiteRecords(SQLiteFile(tmp_path / "records.sqlite3", durable=False))
    yield engine
    await engine.close()


async def put(records: Records, *keys: bytes, space: str = "s", **fields: Any) -> None:
    await records.apply([Put(space, key, b"v", **fields) for key in keys], now=NOW)


async def keys_of(records: Records, **options: Any) -> list[bytes]:
    options = {"now": NOW, "limit": 1000} | options
    return [entry.key for entry in await records.list("s", **options)]


# get


async def test_get_returns_value_meta_and_expiry(records: Records) -> None:
    await records.apply([Put("s", b"k", b"value", b"meta", NOW + 1)], now=NOW)
    assert await records.get("s", b"k", now=NOW) == Record([b"value"], b"meta", NOW + 1)


async def test_get_of_a_missing_key_is_none(records: Records) -> None:
    await put(records, b"k")
    assert await records.get("s", b"other", now=NOW) is None
    assert await records.get("nowhere", b"k", now=NOW) is None


async def test_spaces_are_apart(records: Records) -> None:
    await records.apply([Put("a", b"k", b"1"), Put("b", b"k", b"2")], now=NOW)
    await records.apply([Delete("a", b"k")], now=NOW)
    assert await records.get("a", b"k", now=NOW) is None
    assert await records.get("b", b"k", now=NOW) == Record([b"2"], b"", None)


@pytest.mark.parametrize(
    "key", [b"", b"\x00", b"\xff\xff", b"a\x00b", "ключ".encode(), b"k" * 2048]
)
async def test_any_bytes_are_a_key(records: Records, key: bytes) -> None:
    await put(records, key)
    assert await records.get("s", key, now=NOW) is not None
    assert await keys_of(records) == [key]


@pytest.mark.parametrize(
    "size", [0, 1, 767, 768, 769, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5]
)
async def test_a_value_comes_back_in_chunks(records: Records, size: int) -> None:
    value = bytes(range(256)) * (size // 256 + 1)
    value = value[:size]
    await records.apply([Put("s", b"k", value)], now=NOW)
    record = await records.get("s", b"k", now=NOW)
    assert record is not None
    assert record.value == chunked(value)
    assert b"".join(record.value) == value
    assert [entry.size for entry in await records.list("s", now=NOW, limit=1)] == [size]


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b""],
        [b"a", b"", b"b"],
        [b"x" * CHUNK, b"y"],
        [b"x" * 1000] * 200,
        (b"z" * 300_000, b"!"),
    ],
)
async def test_a_value_may_be_given_in_pieces(records: Records, pieces: list[bytes]) -> None:
    await records.apply([Put("s", b"k", pieces)], now=NOW)
    record = await records.get("s", b"k", now=NOW)
    assert record is not None
    assert record.value == chunked(b"".join(pieces))


async def test_get_many_keeps_the_order_and_says_none(records: Records) -> None:
    big = b"x" * (CHUNK * 2)
    await records.apply(
        [Put("s", b"a", b"1"), Put("s", b"b", big), Put("s", b"old", b"", b"", NOW)], now=NOW
    )
    found = await records.get_many("s", [b"b", b"none", b"a", b"old", b"b"], now=NOW)
    assert found[0] == found[4] == Record(chunked(big), b"", None)
    assert found[1] is None
    assert found[2] == Record([b"1"], b"", None)
    assert found[3] is None


async def test_get_many_of_nothing_is_nothing(records: Records) -> None:
    assert await records.get_many("s", [], now=NOW) == []


# list


async def test_list_is_in_order_of_bytes(records: Records) -> None:
    keys = [
        b"",
        b"\x00",
        b"a",
        b"a\x00",
        b"a\xff",
        b"aa",
        b"b",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\xff\xff",
    ]
    await put(records, *reversed(keys))
    assert await keys_of(records) == sorted(keys)


async def test_list_returns_entries_without_values(records: Records) -> None:
    await records.apply([Put("s", b"k", b"12345", b"meta", NOW + 9)], now=NOW)
    assert await records.list("s", now=NOW, limit=10) == [Entry(b"k", b"meta", NOW + 9, 5)]


async def test_list_stops_at_limit(records: Records) -> None:
    await put(records, b"a", b"b", b"c")
    assert await keys_of(records, limit=2) == [b"a", b"b"]
    assert await keys_of(records, limit=0) == []
    assert await keys_of(records, limit=-1) == []


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"", [b"a", b"a\xff", b"a\xff\xff", b"b", b"\xff", b"\xff\xff", b"\xff\xff\x01"]),
        (b"a", [b"a", b"a\xff", b"a\xff\xff"]),
        (b"a\xff", [b"a\xff", b"a\xff\xff"]),
        (b"\xff", [b"\xff", b"\xff\xff", b"\xff\xff\x01"]),
        (b"\xff\xff", [b"\xff\xff", b"\xff\xff\x01"]),
        (b"c", []),
    ],
)
async def test_list_keeps_to_the_prefix(
    records: Records, prefix: bytes, expected: list[bytes]
) -> None:
    await put(records, b"a", b"a\xff", b"a\xff\xff", b"b", b"\xff", b"\xff\xff", b"\xff\xff\x01")
    assert await keys_of(records, prefix=prefix) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (b"", [b"pa", b"pb", b"pb\x00", b"pc"]),
        (b"a", [b"pa", b"pb", b"pb\x00", b"pc"]),
        (b"p", [b"pa", b"pb", b"pb\x00", b"pc"]),
        (b"pa", [b"pb", b"pb\x00", b"pc"]),
        (b"pb", [b"pb\x00", b"pc"]),
        (b"pbb", [b"pc"]),
        (b"pc", []),
        (b"q", []),
        (b"\xff\xff", []),
    ],
)
async def test_list_starts_after_a_key_in_or_outside_the_prefix(
    records: Records, after: bytes, expected: list[bytes]
) -> None:
    await put(records, b"o", b"pa", b"pb", b"pb\x00", b"pc", b"q")
    assert await keys_of(records, prefix=b"p", after=after) == expected


async def test_list_skips_thousands_of_expired_records(records: Records) -> None:
    await put(records, *(b"b%04d" % n for n in range(3000)), expires=NOW)
    await put(records, b"a", b"c", b"d")
    assert await keys_of(records, limit=2) == [b"a", b"c"]
    assert await keys_of(records, limit=2, after=b"a") == [b"c", b"d"]


# apply


async def test_apply_makes_its_operations_in_order(records: Records) -> None:
    await records.apply([Put("s", b"k", b"1"), Delete("s", b"k"), Put("s", b"k", b"2")], now=NOW)
    await records.apply([Put("s", b"j", b"1"), Delete("s", b"j")], now=NOW)
    assert await records.get("s", b"k", now=NOW) == Record([b"2"], b"", None)
    assert await keys_of(records) == [b"k"]


async def test_put_replaces_value_meta_and_expiry(records: Records) -> None:
    sizes = [10, 5000, CHUNK * 2, 769, CHUNK * 3, 0]
    for size in sizes:
        value = b"%d" % size * size
        await records.apply([Put("s", b"k", value, b"m%d" % size, NOW + size + 1)], now=NOW)
        record = await records.get("s", b"k", now=NOW)
        assert record == Record(chunked(value), b"m%d" % size, NOW + size + 1)
    await put(records, b"k")
    assert await records.get("s", b"k", now=NOW + 10**9) == Record([b"v"], b"", None)


async def test_delete_of_a_missing_key_does_nothing(records: Records) -> None:
    await records.apply([Delete("s", b"k"), Delete("nowhere", b"k")], now=NOW)
    assert await keys_of(records) == []


async def test_apply_of_nothing_does_nothing(records: Records) -> None:
    await records.apply([], now=NOW)


async def test_a_failing_operation_undoes_the_others(records: Records) -> None:
    await put(records, b"old")
    impossible: Any = [None]
    with pytest.raises(TypeError):
        await records.apply(
            [Put("s", b"a", b"1"), Delete("s", b"old"), Put("s", b"b", impossible)], now=NOW
        )
    assert await keys_of(records) == [b"old"]


async def test_many_operations_are_one_write(records: Records) -> None:
    await put(records, *(b"%04d" % n for n in range(1000)))
    assert len(await keys_of(records)) == 1000


async def test_writes_of_many_callers_all_arrive(records: Records) -> None:
    await asyncio.gather(*(put(records, b"%04d" % n) for n in range(300)))
    assert await keys_of(records) == [b"%04d" % n for n in range(300)]


async def test_writes_are_made_in_the_order_of_the_calls(records: Records) -> None:
    await asyncio.gather(*(records.apply([Put("s", b"k", b"%d" % n)], now=NOW) for n in range(300)))
    assert await records.get("s", b"k", now=NOW) == Record([b"299"], b"", None)


# fences


async def test_a_fenced_write_needs_the_token(records: Records) -> None:
    fence = Fence("leases", b"l", b"7")
    await records.apply([Put("leases", b"l", b"7", b"", NOW + 10)], now=NOW)
    await records.apply([Put("s", b"a", b"")], now=NOW, fence=fence)
    for wrong in (fence._replace(token=b"6"), fence._replace(key=b"x"), fence._replace(space="x")):
        with pytest.raises(FencedOut):
            await records.apply([Put("s", b"b", b""), Delete("s", b"a")], now=NOW, fence=wrong)
    with pytest.raises(FencedOut):  # expired
        await records.apply([Put("s", b"b", b"")], now=NOW + 10, fence=fence)
    assert await keys_of(records) == [b"a"]


async def test_a_fence_of_none_needs_that_there_is_no_record(records: Records) -> None:
    fence = Fence("s", b"a", None)
    first, second = await asyncio.gather(
        records.apply([Put("s", b"a", b"1", b"", NOW + 10)], now=NOW, fence=fence),
        records.apply([Put("s", b"a", b"2")], now=NOW, fence=fence),
        return_exceptions=True,
    )
    assert first is None
    assert isinstance(second, FencedOut)
    await records.apply([Put("s", b"a", b"3")], now=NOW + 10, fence=fence)  # it has expired
    record = await records.get("s", b"a", now=NOW + 10)
    assert record is not None
    assert record.value == [b"3"]


async def test_of_several_fences_all_must_hold(records: Records) -> None:
    await records.apply([Put("s", b"a", b"1")], now=NOW)
    held, free = Fence("s", b"a", b"1"), Fence("s", b"b", None)
    await records.apply([Put("s", b"c", b"")], now=NOW, fence=[held, free])
    for wrong in (Fence("s", b"a", b"2"), Fence("s", b"c", None)):
        with pytest.raises(FencedOut):
            await records.apply([Delete("s", b"a")], now=NOW, fence=(held, free, wrong))
    assert await records.get("s", b"a", now=NOW) is not None


async def test_a_fence_sees_the_writes_before_it(records: Records) -> None:
    taken, given = await asyncio.gather(
        records.apply([Put("leases", b"l", b"8")], now=NOW),
        records.apply([Put("s", b"a", b"")], now=NOW, fence=Fence("leases", b"l", b"8")),
    )
    assert taken is None
    assert given is None
    assert await keys_of(records) == [b"a"]


async def test_a_fenced_out_caller_does_not_disturb_the_others(records: Records) -> None:
    outcomes = await asyncio.gather(
        put(records, b"a"),
        records.apply([Put("s", b"b", b"")], now=NOW, fence=Fence("leases", b"l", b"1")),
        put(records, b"c"),
        return_exceptions=True,
    )
    assert outcomes[0] is outcomes[2] is None
    assert isinstance(outcomes[1], FencedOut)
    assert await keys_of(records) == [b"a", b"c"]


async def test_a_token_may_be_of_any_size(records: Records) -> None:
    token = b"t" * (CHUNK + 1)
    await records.apply([Put("leases", b"l", token)], now=NOW)
    await records.apply([Put("s", b"a", b"")], now=NOW, fence=Fence("leases", b"l", token))
    assert await keys_of(records) == [b"a"]


# expiry


async def test_a_record_is_gone_at_the_moment_it_expires(records: Records) -> None:
    await put(records, b"k", expires=NOW + 1)
    assert await records.get("s", b"k", now=NOW + 0.999) is not None
    assert await keys_of(records, now=NOW + 0.999) == [b"k"]
    assert await records.get("s", b"k", now=NOW + 1) is None
    assert await records.get_many("s", [b"k"], now=NOW + 1) == [None]
    assert await keys_of(records, now=NOW + 1) == []


async def test_a_large_record_expires_too(records: Records) -> None:
    await records.apply([Put("s", b"k", b"x" * CHUNK * 2, b"", NOW + 1)], now=NOW)
    assert await records.get("s", b"k", now=NOW) is not None
    assert await records.get("s", b"k", now=NOW + 1) is None


async def test_sweep_removes_what_has_expired_oldest_first(records: Records) -> None:
    for n in range(5):
        await put(records, b"%d" % n, expires=NOW + 5 - n)
    await put(records, b"stays")
    assert await records.sweep(now=NOW + 3, limit=2) == 2
    # What was removed shows when the clock is read as if it were earlier.
    assert await keys_of(records) == [b"0", b"1", b"2", b"stays"]
    assert await records.sweep(now=NOW + 3, limit=2) == 1
    assert await records.sweep(now=NOW + 3, limit=2) == 0
    assert await keys_of(records) == [b"0", b"1", b"stays"]


async def test_sweep_stops_at_its_limit_and_takes_large_values_too(records: Records) -> None:
    await put(records, *(b"%03d" % n for n in range(450)), expires=NOW)
    await records.apply([Put("s", b"x%d" % n, b"x" * 3_000_000, b"", NOW) for n in range(3)], now=0)
    assert await records.sweep(now=NOW, limit=250) == 250
    assert await records.sweep(now=NOW) == 203
    assert await records.sweep(now=NOW) == 0
    assert await records.sweep(now=NOW, limit=0) == 0


async def test_a_new_expiry_replaces_the_old(records: Records) -> None:
    await put(records, b"later", b"never", b"gone", expires=NOW)
    await put(records, b"later", expires=NOW + 9)
    await put(records, b"never")
    await records.apply([Delete("s", b"gone")], now=NOW)
    assert await records.sweep(now=NOW) == 0
    assert await keys_of(records) == [b"later", b"never"]


# close


async def test_after_close_every_call_is_a_storage_error(records: Records) -> None:
    await put(records, b"k")
    await records.close()
    await records.close()
    with pytest.raises(StorageError, match="closed"):
        await records.get("s", b"k", now=NOW)
    with pytest.raises(StorageError, match="closed"):
        await records.get_many("s", [b"k"], now=NOW)
    with pytest.raises(StorageError, match="closed"):
        await records.list("s", now=NOW, limit=1)
    with pytest.raises(StorageError, match="closed"):
        await put(records, b"k")
    with pytest.raises(StorageError, match="closed"):
        await records.sweep(now=NOW)


# Both engines against a dict

KEYS = st.sampled_from(
    [b"", b"a", b"ab", b"a\x00", b"a\xff", b"b", b"\xff", b"\xff\xff", b"\xff\xffa"]
)
SPACES = st.sampled_from(["s", "t"])
VALUES = st.builds(
    lambda byte, size: bytes([byte]) * size,
    st.integers(0, 255),
    st.sampled_from([0, 1, 768, 769, CHUNK, CHUNK + 1, 2 * CHUNK + 7]),
)
EXPIRES = st.none() | st.integers(1, 12)


class EnginesAgainstADict(RuleBasedStateMachine):
    """Whatever is done, both engines say what a dict of everything would say."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.engines: list[Records] = [
            MemoryRecords(),
            SQLiteRecords(SQLiteFile(Path(self.folder.name) / "records.sqlite3", durable=False)),
        ]
        self.model: dict[tuple[str, bytes], tuple[bytes, bytes, float | None]] = {}
        self.now = 0.0

    def teardown(self) -> None:
        for engine in self.engines:
            self.runner.run(engine.close())
        self.runner.close()
        self.folder.cleanup()

    def live(self, space: str) -> dict[bytes, tuple[bytes, bytes, float | None]]:
        return {
            key: record
            for (place, key), record in self.model.items()
            if place == space and (record[2] is None or record[2] > self.now)
        }

    @rule(
        ops=st.lists(
            st.tuples(SPACES, KEYS, st.none() | VALUES, st.sampled_from([b"", b"m"]), EXPIRES),
            min_size=1,
            max_size=4,
        ),
        fence=st.none() | st.tuples(SPACES, KEYS, VALUES | st.none()),
    )
    def apply(self, ops: list[Any], fence: Any) -> None:
        made: list[Put | Delete] = []
        for space, key, value, meta, expires in ops:
            if value is None:
                made.append(Delete(space, key))
            else:
                due = None if expires is None else self.now + expires
                made.append(Put(space, key, value, meta, due))
        fenced = fence is not None and self.live(fence[0]).get(fence[1], (None,))[0] != fence[2]
        for engine in self.engines:
            write = engine.apply(made, now=self.now, fence=fence and Fence(*fence))
            if fenced:
                with pytest.raises(FencedOut):
                    self.runner.run(write)
            else:
                self.runner.run(write)
        if fenced:
            return
        for op in made:
            self.model.pop((op.space, op.key), None)
            if isinstance(op, Put):
                assert isinstance(op.value, bytes)
                self.model[op.space, op.key] = (op.value, op.meta, op.expires)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def fenced_by_what_is_there(self, data: st.DataObject) -> None:
        space, key = data.draw(st.sampled_from(sorted(self.model)))
        value = self.model[space, key][0]
        self.apply([("s", b"a", b"fenced", b"", None)], (space, key, value))

    @rule(seconds=st.integers(1, 5))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(limit=st.integers(0, 4))
    def sweep(self, limit: int) -> None:
        expired = sorted(
            (record[2], place)
            for place, record in self.model.items()
            if record[2] is not None and record[2] <= self.now
        )
        for _, place in expired[:limit]:
            del self.model[place]
        for engine in self.engines:
            removed = self.runner.run(engine.sweep(now=self.now, limit=limit))
            assert removed == min(limit, len(expired))

    @rule(space=SPACES, prefix=KEYS, after=st.none() | KEYS, limit=st.integers(0, 10))
    def list_some(self, space: str, prefix: bytes, after: bytes | None, limit: int) -> None:
        expected = [
            Entry(key, meta, expires, len(value))
            for key, (value, meta, expires) in sorted(self.live(space).items())
            if key.startswith(prefix) and (after is None or key > after)
        ]
        for engine in self.engines:
            found = engine.list(space, now=self.now, prefix=prefix, after=after, limit=limit)
            assert self.runner.run(found) == expected[:limit]

    @invariant()
    def both_have_what_is_live(self) -> None:
        for space in ("s", "t"):
            live = self.live(space)
            keys = [*sorted(live), b"missing"]
            expected = [
                Record(chunked(live[key][0]), *live[key][1:]) if key in live else None
                for key in keys
            ]
            for engine in self.engines:
                found = self.runner.run(engine.get_many(space, keys, now=self.now))
                assert found == expected
                single = [self.runner.run(engine.get(space, key, now=self.now)) for key in keys]
                assert single == expected


TestEnginesAgainstADict = EnginesAgainstADict.TestCase
TestEnginesAgainstADict.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
