"""Bodies of fetch(): streaming both ways, lengths, codings, signals, and what breaks off."""

from __future__ import annotations

import asyncio
import gc
import gzip
import tracemalloc
import zlib
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgekit import host
from edgekit.asgi import response_start
from edgekit.client import fetch
from edgekit.errors import AbortError, AbortTimeout, BodyUsedError, FetchError, WebTypeError
from edgekit.testing.clock import ManualClock
from edgekit.web.abort import AbortController, AbortSignal
from edgekit.web.codings import Coded
from edgekit.web.request import Request
from edgekit.web.response import Response

from .origin import Got, Origin, body_of, read_chunk, reply

LARGE = bytes(3_000_000)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# Sending ------------------------------------------------------------------------------------------


async def test_a_stream_is_sent_in_chunks(origin: Origin) -> None:
    await fetch(origin.url, method="POST", body=chunks(b"one", b"", b"two"))
    got = origin.got[0]
    assert (got.header("transfer-encoding"), got.header("content-length")) == ("chunked", None)
    assert got.body == b"onetwo"


async def test_a_stream_with_a_length_is_sent_in_that_length(origin: Origin) -> None:
    headers = {"content-length": "6"}
    await fetch(origin.url, method="POST", body=chunks(b"one", b"two"), headers=headers)
    got = origin.got[0]
    assert (got.header("transfer-encoding"), got.header("content-length")) == (None, "6")
    assert got.body == b"onetwo"


@pytest.mark.parametrize("length", ["5", "7"])
async def test_a_stream_of_another_length_than_it_says_is_an_error(
    origin: Origin, length: str
) -> None:
    headers = {"content-length": length}
    with pytest.raises(WebTypeError, match="length"):
        await fetch(origin.url, method="POST", body=chunks(b"one", b"two"), headers=headers)


async def test_a_large_body_in_memory_is_sent_whole(origin: Origin) -> None:
    body = bytes(3 * 1024 * 1024)
    await fetch(origin.url, method="POST", body=body)
    assert origin.got[0].body == body


async def test_a_body_that_fails_is_the_error_of_the_call(origin: Origin) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"one"
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await fetch(origin.url, method="POST", body=failing())


async def test_both_bodies_stream_at_once(origin: Origin) -> None:
    async def echo(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(CHUNKED)
        while data := await read_chunk(reader):
            writer.write(chunk(data.upper()))
        writer.write(chunk(b""))

    origin.eager = False
    origin.answers["/echo"] = echo
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def talk() -> AsyncIterator[bytes]:
        yield b"a"
        while len(answer := await heard.get()) < 4:
            yield answer + b"b"

    response = await fetch(origin.url + "/echo", method="POST", body=talk())
    said = []
    assert response.body is not None
    async for data in response.body:
        said.append(data)
        heard.put_nowait(data)
    assert said == [b"A", b"AB", b"ABB", b"ABBB"]


async def test_a_body_that_fails_after_the_response_began_fails_its_reader(origin: Origin) -> None:
    async def begin(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(CHUNKED + chunk(b"begun"))
        await body_of(got, reader)

    begun = asyncio.Event()

    async def failing() -> AsyncIterator[bytes]:
        yield b"one"
        await begun.wait()
        raise ZeroDivisionError("mine")

    origin.eager = False
    origin.answers["/x"] = begin
    response = await fetch(origin.url + "/x", method="POST", body=failing())
    begun.set()
    with pytest.raises(ZeroDivisionError, match="mine"):
        await response.bytes()


async def test_a_response_that_comes_before_the_body_was_sent_is_the_response(
    origin: Origin,
) -> None:
    async def refuse(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(reply("too much", "413 Content Too Large"))
        await reader.readline()  # the rest stays unread

    waiting = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"one"
        try:
            await waiting.wait()
        finally:
            waiting.set()

    origin.eager = False
    origin.answers["/x"] = refuse
    response = await fetch(origin.url + "/x", method="POST", body=endless())
    assert response.status == 413
    assert await response.text() == "too much"
    await waiting.wait()  # the body was closed


async def test_a_stream_is_not_sent_twice_when_a_kept_connection_was_closed(
    origin: Origin,
) -> None:
    async def hang_up(got: Got, reader: Reader, writer: Writer) -> None:
        await read_chunk(reader)
        writer.transport.abort()

    await fetch(origin.url)
    origin.eager = False
    origin.answers["/x"] = hang_up
    with pytest.raises(FetchError):
        await fetch(origin.url + "/x", method="PUT", body=chunks(b"one", b"two"))
    assert [got.target for got in origin.got] == ["/", "/x"]


# Receiving ----------------------------------------------------------------------------------------


async def test_a_body_streams_while_it_comes(origin: Origin) -> None:
    more = asyncio.Event()

    async def slowly(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(CHUNKED + chunk(b"one"))
        await more.wait()
        writer.write(chunk(b"two") + chunk(b""))

    origin.answers["/x"] = slowly
    response = await fetch(origin.url + "/x")
    assert response.body is not None
    reader = response.body.get_reader()
    assert await reader.read() == {"done": False, "value": b"one"}
    more.set()
    assert await reader.read() == {"done": False, "value": b"two"}
    assert (await reader.read())["done"]


async def test_a_body_without_length_ends_with_its_connection(origin: Origin) -> None:
    async def until_the_end(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nthe end")
        await writer.drain()
        writer.close()

    origin.answers["/x"] = until_the_end
    assert await (await fetch(origin.url + "/x")).text() == "the end"


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", CHUNKED], ids=["length", "chunks"]
)
async def test_a_body_that_breaks_off_fails_its_reader(origin: Origin, head: bytes) -> None:
    async def break_off(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(head + chunk(b"one"))
        await writer.drain()
        writer.close()

    origin.answers["/x"] = break_off
    response = await fetch(origin.url + "/x")
    assert response.status == 200
    with pytest.raises(FetchError, match=rf"{origin.url}/x failed: Network connection lost"):
        await response.bytes()


async def test_the_source_waits_for_the_reader(origin: Origin) -> None:
    sent = 0

    async def much(got: Got, reader: Reader, writer: Writer) -> None:
        nonlocal sent
        writer.transport.set_write_buffer_limits(0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(100):
            writer.write(bytes(1024 * 1024))
            await writer.drain()
            sent += 1

    origin.answers["/x"] = much
    response = await fetch(origin.url + "/x")
    assert response.body is not None
    reader = response.body.get_reader()
    size = len((await reader.read())["value"])
    before = -1
    while before != sent:  # until nothing moves any more
        before = sent
        for _ in range(100):
            await asyncio.sleep(0)
    assert sent < 50
    while not (step := await reader.read())["done"]:
        size += len(step["value"])
    assert (size, sent) == (104857600, 100)


async def test_a_large_body_passes_through_in_constant_memory(origin: Origin) -> None:
    """Down and up at once, 200 MiB each: what came in goes out again."""
    total = 200

    async def down(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (total << 20))
        for _ in range(total):
            writer.write(block)
            await writer.drain()

    async def up(got: Got, reader: Reader, writer: Writer) -> None:
        left = total << 20
        while left:
            left -= len(await reader.read(min(left, 1 << 16)))
        writer.write(reply("all"))

    block = bytes(1 << 20)
    origin.eager = False
    origin.answers |= {"/down": down, "/up": up}
    await fetch(origin.url)  # so that aiohttp is there
    tracemalloc.start()
    try:
        source = await fetch(origin.url + "/down")
        headers = {"content-length": source.headers["content-length"]}
        response = await fetch(origin.url + "/up", method="PUT", body=source.body, headers=headers)
        assert await response.text() == "all"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


async def test_a_body_that_is_passed_on_keeps_its_length_and_another_has_its_own(
    origin: Origin,
) -> None:
    origin.answers["/"] = reply(LARGE, "200 OK", ("X-Other", "1"))

    def lengths(response: Response) -> list[bytes]:
        headers = response_start(response)["headers"]
        assert (b"x-other", b"1") in headers
        return [value for name, value in headers if name == b"content-length"]

    async def changed(response: Response) -> AsyncIterator[bytes]:
        async for chunk in response.body or ():
            yield chunk + b"!"

    whole = [b"%d" % len(LARGE)]
    assert lengths(await fetch(origin.url)) == whole
    assert lengths((await fetch(origin.url)).clone()) == whole
    answer = await fetch(origin.url)
    assert lengths(Response(answer.body, headers=answer.headers)) == whole
    answer = await fetch(origin.url)
    assert lengths(Response(changed(answer), headers=answer.headers)) == []


async def test_a_clone_reads_the_same(origin: Origin) -> None:
    origin.answers["/x"] = CHUNKED + chunk(b"one") + chunk(b"two") + chunk(b"")
    response = await fetch(origin.url + "/x")
    twin = response.clone()
    assert await response.text() == await twin.text() == "onetwo"


async def test_a_response_that_nobody_reads_gives_its_connection_back(origin: Origin) -> None:
    gone = asyncio.Event()

    async def endless(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(CHUNKED + chunk(b"one"))
        await reader.read()
        gone.set()

    origin.answers["/x"] = endless
    asyncio.get_running_loop().set_debug(True)  # where aiohttp warns of what is left open
    response = await fetch(origin.url + "/x", signal=AbortController().signal)
    del response
    gc.collect()
    await gone.wait()


async def test_to_cancel_a_body_closes_the_connection(origin: Origin) -> None:
    gone = asyncio.Event()

    async def endless(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(CHUNKED + chunk(b"one"))
        await reader.read()
        gone.set()

    origin.answers["/x"] = endless
    response = await fetch(origin.url + "/x")
    assert response.body is not None
    await response.body.cancel()
    await gone.wait()


# Codings ------------------------------------------------------------------------------------------

TEXT = b"text " * 1000


def coded(coding: str, data: bytes) -> bytes:
    return reply(data, "200 OK", ("Content-Encoding", coding), ("X-A", "1"))


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
    ],
)
async def test_a_coded_body_is_decoded_for_its_reader(
    origin: Origin, coding: str, data: bytes
) -> None:
    origin.answers["/x"] = coded(coding, data)
    response = await fetch(origin.url + "/x")
    assert response.headers["content-encoding"] == coding
    assert response.headers["content-length"] == str(len(data))
    assert await response.bytes() == TEXT


async def test_a_coded_body_that_comes_slowly_is_decoded_as_it_comes(origin: Origin) -> None:
    data = gzip.compress(TEXT)
    more = asyncio.Event()

    async def slowly(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"))
        writer.write(chunk(data[:-10]))
        await more.wait()
        writer.write(chunk(data[-10:]) + chunk(b""))

    origin.answers["/x"] = slowly
    response = await fetch(origin.url + "/x")
    assert response.body is not None
    reader = response.body.get_reader()
    first = (await reader.read())["value"]
    assert TEXT.startswith(first)
    more.set()
    rest = b""
    while not (step := await reader.read())["done"]:
        rest += step["value"]
    assert first + rest == TEXT


async def test_manual_leaves_the_body_as_it_came(origin: Origin) -> None:
    data = gzip.compress(TEXT)
    origin.answers["/x"] = coded("gzip", data)
    response = await fetch(origin.url + "/x", encode_response_body="manual")
    assert response.encode_body == "manual"  # so that it is not coded again when it is passed on
    assert await response.bytes() == data
    assert await (await fetch(origin.url + "/x", {"encodeResponseBody": "manual"})).bytes() == data


@pytest.mark.parametrize("coding", ["identity", "zstd", "gzip, deflate"])
async def test_other_codings_are_left_as_they_came(origin: Origin, coding: str) -> None:
    origin.answers["/x"] = coded(coding, b"data")
    assert await (await fetch(origin.url + "/x")).bytes() == b"data"


async def test_what_is_not_in_its_coding_is_an_error_that_names_the_url(origin: Origin) -> None:
    origin.answers["/bad"] = coded("gzip", b"not gzip")
    origin.answers["/cut"] = coded("gzip", gzip.compress(TEXT)[:-9])
    with pytest.raises(FetchError, match=rf"{origin.url}/bad failed: Gzip decompression failed\."):
        await (await fetch(origin.url + "/bad")).text()
    with pytest.raises(FetchError, match=r"/cut failed: Gzip compressed stream ended prematurely"):
        await (await fetch(origin.url + "/cut")).text()


async def test_an_empty_body_needs_no_coding(origin: Origin) -> None:
    origin.answers["/x"] = coded("gzip", b"")
    assert await (await fetch(origin.url + "/x")).bytes() == b""


async def test_the_bytes_as_they_came_are_at_hand_until_somebody_reads(origin: Origin) -> None:
    data = gzip.compress(TEXT)
    origin.answers["/x"] = coded("gzip", data)
    response = await fetch(origin.url + "/x")
    wrapped = Response(response.body, response)
    assert wrapped.body is not None
    source = wrapped.body._source
    assert isinstance(source, Coded)
    assert await source.source.read_all() == data


# Signals ------------------------------------------------------------------------------------------


async def test_an_aborted_signal_sends_nothing(origin: Origin) -> None:
    with pytest.raises(AbortError):
        await fetch(origin.url, signal=AbortSignal.abort())
    with pytest.raises(ZeroDivisionError):
        await fetch(origin.url, signal=AbortSignal.abort(ZeroDivisionError()))
    with pytest.raises(AbortError, match="why"):
        await fetch(Request(origin.url, signal=AbortSignal.abort("why")))
    assert origin.got == []


async def test_an_abort_ends_the_wait_for_the_response(origin: Origin) -> None:
    controller = AbortController()

    async def never(got: Got, reader: Reader, writer: Writer) -> None:
        controller.abort()
        await reader.read()

    origin.answers["/x"] = never
    with pytest.raises(AbortError):
        await fetch(origin.url + "/x", signal=controller.signal)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    assert controller.signal._listeners == []


async def test_a_timeout_raises_its_own_error(origin: Origin) -> None:
    clock = ManualClock()

    async def never(got: Got, reader: Reader, writer: Writer) -> None:
        clock.advance(5)
        await reader.read()

    origin.answers["/x"] = never
    with host.use_clock(clock), pytest.raises(AbortTimeout):
        await fetch(origin.url + "/x", signal=AbortSignal.timeout(5000))


async def test_cancelling_the_task_is_not_mistaken_for_an_abort(origin: Origin) -> None:
    arrived = asyncio.Event()

    async def never(got: Got, reader: Reader, writer: Writer) -> None:
        arrived.set()
        await reader.read()

    origin.answers["/x"] = never
    signal = AbortController().signal
    task = asyncio.create_task(fetch(origin.url + "/x", signal=signal))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_abort_ends_the_reading_of_the_body(origin: Origin) -> None:
    gone = asyncio.Event()

    async def endless(got: Got, reader: Reader, writer: Writer) -> None:
        writer.write(CHUNKED + chunk(b"one"))
        await reader.read()
        gone.set()

    origin.answers["/x"] = endless
    controller = AbortController()
    response = await fetch(origin.url + "/x", signal=controller.signal)
    assert response.body is not None
    reader = response.body.get_reader()
    assert (await reader.read())["value"] == b"one"
    asyncio.get_running_loop().call_soon(controller.abort)
    with pytest.raises(AbortError):
        await reader.read()
    await gone.wait()


async def test_an_abort_fails_a_body_that_is_read_later(origin: Origin) -> None:
    controller = AbortController()
    response = await fetch(origin.url, signal=controller.signal)
    controller.abort()
    with pytest.raises(AbortError):
        await response.text()


async def test_a_signal_forgets_a_response_that_was_read(origin: Origin) -> None:
    signal = AbortController().signal
    response = await fetch(origin.url, signal=signal)
    await response.text()
    assert signal._listeners == []
    with pytest.raises(BodyUsedError):
        await response.text()


async def test_a_signal_does_not_keep_a_response_alive(origin: Origin) -> None:
    signal: Any = AbortController().signal
    await fetch(origin.url, signal=signal)
    gc.collect()
    await asyncio.sleep(0)
    assert signal._listeners == []
