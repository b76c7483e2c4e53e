"""ReadableStream: one reader, chunks of bytes, backpressure, tee, cancel."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncIterator, Iterator

import pytest

from edgekit.errors import BodyUsedError, WebTypeError
from edgekit.web.streams import TEE_LIMIT, ReadableStream


class Source:
    """An async iterator of chunks that counts what was asked of it."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks = list(chunks)
        self.error = error
        self.asked = 0
        self.closed = 0

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.chunks:
            return self.chunks.pop(0)
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


async def drain(stream: ReadableStream) -> list[bytes]:
    return [chunk async for chunk in stream]


async def drain_into(got: list[bytes], stream: ReadableStream) -> None:
    async for chunk in stream:
        got.append(chunk)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# What a stream is made of ---------------------------------------------------------------------------


async def numbers() -> AsyncIterator[bytes]:
    yield b"1"
    yield b"2"


def letters() -> Iterator[bytes]:
    yield b"1"
    yield b"2"


@pytest.mark.parametrize(
    "source",
    [
        numbers,
        letters,
        lambda: [b"1", b"2"],
        lambda: (b"1", b"2"),
        lambda: ["1", "2"],
        lambda: [bytearray(b"1"), memoryview(b"2")],
        lambda: Source(b"1", b"2"),
        lambda: ReadableStream([b"1", b"2"]),
    ],
)
async def test_reads_async_and_sync_iterables(source) -> None:
    assert await drain(ReadableStream(source())) == [b"1", b"2"]


@pytest.mark.parametrize(
    "source", ["é", "é".encode(), bytearray("é".encode()), memoryview("é".encode())]
)
async def test_one_piece_is_one_chunk(source) -> None:
    assert await drain(ReadableStream(source)) == ["é".encode()]


async def test_empty_chunks_are_left_out() -> None:
    assert await drain(ReadableStream([b"", b"1", b"", ""])) == [b"1"]
    assert await drain(ReadableStream(Source(b"", b"1", b""))) == [b"1"]
    assert await drain(ReadableStream(b"")) == []


@pytest.mark.parametrize("source", [None, 5, object()])
def test_what_is_not_iterable_is_no_source(source) -> None:
    with pytest.raises(WebTypeError):
        ReadableStream(source)


@pytest.mark.parametrize("chunk", [None, 5, {"a": 1}])
async def test_chunks_that_are_not_bytes_are_an_error(chunk) -> None:
    with pytest.raises(WebTypeError, match="chunks are bytes"):
        await drain(ReadableStream([chunk]))


async def test_read_all_joins() -> None:
    assert await ReadableStream([b"a", b"b"]).read_all() == b"ab"
    assert await ReadableStream([]).read_all() == b""
    one = b"one"
    assert await ReadableStream([one]).read_all() is one


# One reader -----------------------------------------------------------------------------------------


async def test_a_second_use_raises_body_used() -> None:
    stream = ReadableStream([b"a"])
    await drain(stream)
    for use in (stream.__aiter__, stream.get_reader, stream.tee):
        with pytest.raises(BodyUsedError, match="locked"):
            use()
    with pytest.raises(BodyUsedError):
        await stream.read_all()


def test_locked_and_disturbed() -> None:
    stream = ReadableStream([b"a"])
    assert (stream.locked, stream.disturbed) == (False, False)
    stream.get_reader()
    assert (stream.locked, stream.disturbed) == (True, False)
    aiter(other := ReadableStream([b"a"]))
    assert (other.locked, other.disturbed) == (True, True)


async def test_the_source_is_asked_only_for_what_is_read() -> None:
    source = Source(b"1", b"2", b"3")
    stream = ReadableStream(source)
    await turns()
    assert source.asked == 0
    reader = stream.get_reader()
    await turns()
    assert source.asked == 0
    await reader.read()
    await turns()
    assert source.asked == 1


async def test_reading_to_the_end_closes_the_source() -> None:
    source = Source(b"1")
    await drain(ReadableStream(source))
    assert source.closed == 1


async def test_leaving_the_loop_closes_the_source() -> None:
    source = Source(b"1", b"2")
    async for _ in ReadableStream(source):
        break
    await turns()
    assert source.closed == 1


async def test_an_error_of_the_source_reaches_the_reader() -> None:
    stream = ReadableStream(Source(b"1", error=ZeroDivisionError("x")))
    got: list[bytes] = []
    with pytest.raises(ZeroDivisionError):
        await drain_into(got, stream)
    assert got == [b"1"]


# get_reader -----------------------------------------------------------------------------------------


async def test_a_reader_gives_done_and_value_as_on_workers() -> None:
    reader = ReadableStream([b"a"]).getReader()
    first = await reader.read()
    assert (first.done, first.value, dict(first)) == (False, b"a", {"done": False, "value": b"a"})
    for _ in range(2):
        assert await reader.read() == {"done": True, "value": None}


async def test_a_released_reader_leaves_the_rest_to_the_next() -> None:
    source = Source(b"1", b"2", b"3")
    stream = ReadableStream(source)
    reader = stream.get_reader()
    await reader.read()
    reader.releaseLock()
    reader.release_lock()
    assert (stream.locked, stream.disturbed, source.closed) == (False, True, 0)
    assert await drain(stream) == [b"2", b"3"]
    with pytest.raises(WebTypeError, match="released"):
        await reader.read()
    with pytest.raises(WebTypeError, match="released"):
        await reader.cancel()


async def test_a_reader_released_unread_leaves_everything() -> None:
    stream = ReadableStream([b"1"])
    stream.get_reader().release_lock()
    assert not stream.disturbed
    assert await drain(stream) == [b"1"]


async def test_a_failed_stream_stays_failed() -> None:
    reader = ReadableStream(Source(b"1", error=ZeroDivisionError("x"))).get_reader()
    await reader.read()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await reader.read()


async def test_after_a_cancelled_read_the_stream_does_not_look_complete() -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"1"
        await asyncio.Event().wait()

    reader = ReadableStream(stuck()).get_reader()
    await reader.read()
    task = asyncio.ensure_future(reader.read())
    await turns()
    task.cancel()
    await asyncio.wait([task])
    with pytest.raises(WebTypeError, match="cancelled"):
        await reader.read()


async def test_overlapping_reads_are_answered_in_order() -> None:
    reader = ReadableStream(Source(b"1", b"2")).get_reader()
    results = await asyncio.gather(*(reader.read() for _ in range(3)))
    assert [r.value for r in results] == [b"1", b"2", None]


# cancel ---------------------------------------------------------------------------------------------


async def test_cancel_closes_a_source_that_nobody_read() -> None:
    source = Source(b"1")
    stream = ReadableStream(source)
    await stream.cancel("not needed")
    assert (source.closed, source.asked, stream.disturbed) == (1, 0, True)


async def test_cancel_closes_a_half_read_generator() -> None:
    closed = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            closed.append(True)

    generator = source()
    await anext(generator)
    await ReadableStream(generator).cancel()
    assert closed == [True]


async def test_cancel_closes_a_sync_generator_and_a_stream_inside() -> None:
    closed = []

    def source() -> Iterator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            closed.append(True)

    generator = source()
    next(generator)
    await ReadableStream(ReadableStream(generator)).cancel()
    assert closed == [True]


async def test_a_cancelled_stream_is_at_its_end() -> None:
    stream = ReadableStream([b"1"])
    await stream.cancel()
    await stream.cancel()
    assert await drain(stream) == []


async def test_a_locked_stream_is_cancelled_by_its_reader_only() -> None:
    source = Source(b"1", b"2")
    stream = ReadableStream(source)
    reader = stream.get_reader()
    with pytest.raises(WebTypeError, match="locked"):
        await stream.cancel()
    await reader.read()
    await reader.cancel()
    assert source.closed == 1
    assert (await reader.read()).done


async def test_a_reader_cancels_a_stream_that_nobody_read() -> None:
    source = Source(b"1")
    reader = ReadableStream(source).get_reader()
    await reader.cancel()
    assert source.closed == 1
    assert (await reader.read()).done


# tee ------------------------------------------------------------------------------------------------


async def test_tee_gives_both_everything() -> None:
    source = Source(b"1", b"2")
    stream = ReadableStream(source)
    first, second = stream.tee()
    assert stream.locked
    assert await drain(first) == [b"1", b"2"]
    assert await drain(second) == [b"1", b"2"]
    assert (source.asked, source.closed) == (3, 1)


async def test_tee_read_at_the_same_time() -> None:
    first, second = ReadableStream(Source(b"1", b"2", b"3")).tee()
    assert await asyncio.gather(drain(first), drain(second)) == [[b"1", b"2", b"3"]] * 2


async def test_tee_of_a_tee() -> None:
    first, rest = ReadableStream(Source(b"1", b"2")).tee()
    second, third = rest.tee()
    results = await asyncio.gather(drain(first), drain(second), drain(third))
    assert results == [[b"1", b"2"]] * 3


def test_tee_waits_at_8_mib() -> None:
    assert TEE_LIMIT == 8 * 1024 * 1024


async def test_the_faster_reader_waits_at_the_limit() -> None:
    source = Source(*[b"x" * 4] * 10)
    fast, slow = ReadableStream(source).tee(limit=8)
    task = asyncio.ensure_future(drain(fast))
    await turns()
    assert source.asked == 2
    reader = slow.get_reader()
    await reader.read()
    await turns()
    assert source.asked == 3
    reader.release_lock()
    assert len(await drain(slow)) == 9
    assert len(await task) == 10


async def test_a_reader_that_cancels_frees_the_other() -> None:
    source = Source(*[b"x" * 4] * 10)
    fast, slow = ReadableStream(source).tee(limit=8)
    task = asyncio.ensure_future(drain(fast))
    await turns()
    await slow.cancel()
    assert len(await task) == 10


async def test_a_reader_that_is_forgotten_frees_the_other() -> None:
    fast, slow = ReadableStream(Source(*[b"x" * 4] * 10)).tee(limit=8)
    task = asyncio.ensure_future(drain(fast))
    await turns()
    del slow
    gc.collect()
    assert len(await task) == 10


async def test_a_reader_that_stops_half_way_frees_the_other() -> None:
    fast, slow = ReadableStream(Source(*[b"x" * 4] * 10)).tee(limit=8)
    async for _ in slow:
        break
    assert len(await drain(fast)) == 10


async def test_the_source_is_closed_when_both_branches_are() -> None:
    source = Source(b"1", b"2")
    first, second = ReadableStream(source).tee()
    await first.cancel()
    assert source.closed == 0
    await second.cancel()
    assert source.closed == 1


async def test_an_error_of_the_source_reaches_both_after_what_came_before() -> None:
    first, second = ReadableStream(Source(b"1", error=ZeroDivisionError("x"))).tee()
    for stream in (first, second):
        got: list[bytes] = []
        with pytest.raises(ZeroDivisionError):
            await drain_into(got, stream)
        assert got == [b"1"]


async def test_a_branch_that_is_cancelled_leaves_the_other_be() -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"1"
        await go_on.wait()
        yield b"2"

    first, second = ReadableStream(slow()).tee()
    task = asyncio.ensure_future(drain(first))
    await turns()
    task.cancel()
    await asyncio.wait([task])
    go_on.set()
    assert await drain(second) == [b"1", b"2"]


async def test_tee_goes_on_after_a_pull_that_was_cancelled_before_it_began() -> None:
    first, second = ReadableStream(numbers()).tee()
    task = asyncio.ensure_future(drain(first))
    others = asyncio.all_tasks() - {task}
    await asyncio.sleep(0)
    for pull in asyncio.all_tasks() - others - {task}:
        pull.cancel()
    assert await task == await drain(second) == await drain(ReadableStream(numbers()))


async def test_the_source_of_a_tee_has_one_context() -> None:
    variable: contextvars.ContextVar[bytes] = contextvars.ContextVar("variable")

    async def source() -> AsyncIterator[bytes]:
        token = variable.set(b"2")
        yield b"1"
        yield variable.get()
        variable.reset(token)

    first, second = ReadableStream(source()).tee()
    assert await asyncio.gather(drain(first), drain(second)) == [[b"1", b"2"]] * 2


@pytest.mark.parametrize("how", ["cancelled", "closed", "dropped"])
async def test_the_source_is_closed_when_both_branches_go_while_it_is_waited_for(how: str) -> None:
    closed: list[str] = []

    async def stuck() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            closed.append("closed")

    first, second = ReadableStream(stuck()).tee()
    if how == "cancelled":
        tasks = [asyncio.ensure_future(drain(each)) for each in (first, second)]
        await turns()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    else:
        reader = first.get_reader()
        task = asyncio.ensure_future(reader.read())
        await turns()
        if how == "closed":
            await second.cancel()
            await reader.cancel()
        else:
            task.cancel()
            await asyncio.wait([task])
            del first, second, reader, task
            gc.collect()
    await turns()
    assert closed == ["closed"]
    assert len(asyncio.all_tasks()) == 1


async def test_what_is_read_is_not_held() -> None:
    big = [bytes(10)]
    stream = ReadableStream(big.copy())
    iterator = aiter(stream)
    await anext(iterator)
    assert stream._source == ()


@pytest.mark.parametrize("reads", [1, 3])
async def test_a_reader_cancels_while_a_read_waits(reads: int) -> None:
    closed: list[str] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed.append("closed")

    reader = ReadableStream(source()).get_reader()
    assert (await reader.read())["value"] == b"a"
    waiting = [asyncio.ensure_future(reader.read()) for _ in range(reads)]
    await asyncio.sleep(0)
    await asyncio.gather(reader.cancel(), reader.cancel("again"))
    assert [dict(await each) for each in waiting] == [{"done": True, "value": None}] * reads
    assert closed == ["closed"]
    assert (await reader.read())["done"]
    assert asyncio.current_task().cancelling() == 0


async def test_who_is_cancelled_while_his_reader_is_stays_cancelled() -> None:
    reader = ReadableStream(never_ending()).get_reader()
    waiting = asyncio.ensure_future(reader.read())
    await asyncio.sleep(0)
    waiting.cancel()
    await reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def never_ending() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""
