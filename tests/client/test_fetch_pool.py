"""Connections of fetch(): kept, shared by a loop, closed with it or by hand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from edgekit import client, client_pool
from edgekit.app import App
from edgekit.client import fetch
from edgekit.errors import FetchError
from edgekit.runtime.isolate import Isolate

from .origin import Got, Origin, reply


async def test_a_connection_is_used_again(origin: Origin) -> None:
    for _ in range(3):
        await (await fetch(origin.url)).text()
    await fetch(origin.url, method="POST", body="text")
    assert origin.connections == 1


async def test_requests_at_once_have_connections_of_their_own_without_limit(
    origin: Origin,
) -> None:
    together = asyncio.Barrier(150)

    async def wait(got: Got, reader: Any, writer: asyncio.StreamWriter) -> None:
        await together.wait()
        writer.write(reply("all here"))

    origin.answers["/x"] = wait
    responses = await asyncio.gather(*(fetch(origin.url + "/x") for _ in range(150)))
    assert {await response.text() for response in responses} == {"all here"}


async def test_a_get_is_tried_again_when_the_kept_connection_was_closed(origin: Origin) -> None:
    async def once(got: Got, reader: Any, writer: asyncio.StreamWriter) -> None:
        if origin.connections == 1 and len(origin.got) > 1:
            writer.transport.abort()
        else:
            writer.write(reply("here"))

    origin.answers["/"] = once
    await fetch(origin.url)
    assert await (await fetch(origin.url)).text() == "here"
    assert (len(origin.got), origin.connections) == (3, 2)


async def test_first_calls_at_once_share_one_pool(origin: Origin) -> None:
    await asyncio.gather(*(fetch(origin.url) for _ in range(5)))
    loop = asyncio.get_running_loop()
    assert [key for key in client_pool.pools if key is loop] == [loop]


async def test_after_close_there_are_new_connections(origin: Origin) -> None:
    await fetch(origin.url)
    await client.close()
    assert asyncio.get_running_loop() not in client_pool.pools
    await client.close()
    await fetch(origin.url)
    assert origin.connections == 2


async def test_close_ends_what_is_being_read(origin: Origin) -> None:
    async def endless(got: Got, reader: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"one").replace(b"Length: 3", b"Length: 9"))
        await reader.read()

    origin.answers["/x"] = endless
    response = await fetch(origin.url + "/x")
    await client.close()
    with pytest.raises(FetchError, match="Network connection lost"):
        await response.text()


async def once() -> None:
    async with Origin() as origin:
        origin.answers["/"] = reply("", "200 OK", ("Connection", "close"))
        assert (await fetch(origin.url)).ok


def test_a_loop_closes_its_pool_when_it_ends() -> None:
    asyncio.run(once())
    assert client_pool.pools == {}


def test_the_pool_of_a_loop_that_was_closed_without_ceremony_goes_when_the_next_begins() -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(once())
    loop.close()
    assert list(client_pool.pools) == [loop]
    asyncio.run(once())
    assert client_pool.pools == {}


def test_a_script_that_closes_nothing_ends_without_a_word() -> None:
    code = """
import asyncio
import aiohttp  # in debug mode, asyncio would complain of the time that this takes
from edgekit import fetch
from tests.client.origin import Origin

async def main():
    async with Origin() as origin:
        first = await fetch(origin.url)
        second = await fetch(origin.url, method="POST", body="x" * 100_000)
        assert await first.json()
        del second

asyncio.run(main())
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_an_isolate_that_stops_leaves_the_pool_to_the_others_of_its_loop(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    isolate = Isolate(App())
    await isolate.start()
    await fetch(origin.url)
    await isolate.stop()
    assert asyncio.get_running_loop() in client_pool.pools  # it closes with the loop
