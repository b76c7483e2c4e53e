from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from edgekit import FetchError, Response
from edgekit.testing import TestClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "jobs"


class Receiver:
    """Stands for fetch(): takes every event, unless `answers` has another status, or an error, for it."""

    def __init__(self):
        self.answers = {}
        self.got = []

    async def __call__(self, url, *, method, headers, body):
        self.got.append((url, headers["idempotency-key"], body))
        answer = self.answers.get(url.rpartition("/")[2], 204)
        if isinstance(answer, Exception):
            raise answer
        return Response(None, status=answer)


@pytest.fixture
def main(load):
    return load("jobs")


@pytest.fixture
def receiver(main, monkeypatch):
    receiver = Receiver()
    monkeypatch.setattr(main, "fetch", receiver)
    return receiver


@pytest.fixture
async def client(main, receiver):
    async with TestClient(main.app) as client:
        yield client


async def post(client, event=None, to="crm"):
    response = await client.post(f"/events/{to}", json=event or {"order": 17})
    assert response.status == 202
    return (await response.json())["id"]


async def state(client, id):
    return await (await client.get(f"/deliveries/{id}")).json()


async def test_event_is_taken_at_once_and_delivered_a_second_later(client, receiver):
    id = await post(client)
    assert (await state(client, id))["state"] == "queued"
    assert not receiver.got
    await client.advance(1)
    assert receiver.got == [("http://127.0.0.1:8793/crm", id, b'{"order":17}')]
    found = await state(client, id)
    assert (found["receiver"], found["state"], found["attempts"]) == ("crm", "delivered", 1)


async def test_event_for_nobody_is_refused(client):
    response = await client.post("/events/nobody", json={})
    assert (response.status, await response.json()) == (404, {"error": "receivers: crm, shop"})
    assert (await client.get("/deliveries/nothing")).status == 404


async def test_what_fails_is_tried_again_later_each_time(client, receiver):
    receiver.answers["crm"] = 503
    id = await post(client)
    await client.advance(1)
    found = await state(client, id)
    assert (found["state"], found["problem"]) == ("retrying", "the receiver answered 503")
    for attempts, seconds in ((1, 4), (2, 2), (2, 28), (3, 4)):
        await client.advance(seconds)
        assert len(receiver.got) == attempts
    receiver.answers.clear()
    await client.advance(200)
    found = await state(client, id)
    assert (found["state"], found["attempts"]) == ("delivered", 4)
    assert {key for _, key, _ in receiver.got} == {id}


async def test_one_that_fails_does_not_bring_back_the_others(client, receiver):
    good = await post(client, to="crm")
    bad = await post(client, to="shop")
    receiver.answers["shop"] = FetchError("connection refused", url="")
    await client.advance(20)
    assert [key for _, key, _ in receiver.got].count(good) == 1
    assert (await state(client, good))["state"] == "delivered"
    assert (await state(client, bad))["problem"] == "connection refused"


async def test_what_fails_for_good_is_a_dead_letter(client, receiver, caplog):
    caplog.set_level(logging.WARNING)
    receiver.answers["crm"] = FetchError("connection refused", url="")
    id = await post(client)
    await client.advance(300)
    assert len(receiver.got) == 4
    assert (await state(client, id))["state"] == "dead"
    assert f"delivery {id} to crm has failed" in caplog.text
    assert [key.name for key in (await client.env.DELIVERIES.list(prefix="dead/")).keys] == [
        f"dead/{id}"
    ]


async def test_cron_tries_dead_letters_again_every_hour(client, receiver):
    receiver.answers["crm"] = 500
    ids = {await post(client, {"n": n}) for n in range(3)}
    await client.advance(300)
    assert {(await state(client, id))["state"] for id in ids} == {"dead"}
    receiver.answers.clear()
    receiver.got.clear()
    await client.advance(3600)
    assert {key for _, key, _ in receiver.got} == ids
    assert {(await state(client, id))["state"] for id in ids} == {"delivered"}
    assert not (await client.env.DELIVERIES.list(prefix="dead/")).keys


async def test_cron_by_hand_and_with_many_dead_letters(client, receiver):
    for n in range(1100):
        await client.env.DELIVERIES.put(
            f"dead/{n:04}", f'{{"id":"{n:04}","receiver":"crm","event":1}}'
        )
    result = await client.scheduled("0 * * * *")
    assert result.outcome == "ok"
    await client.advance(120)
    assert len({key for _, key, _ in receiver.got}) == 1100


async def test_batch_by_hand(client, receiver):
    receiver.answers["crm"] = 503
    body = {"id": "1", "receiver": "crm", "event": None}
    result = await client.queue("deliveries", [{"body": body, "id": "m", "attempts": 2}])
    assert result.retryMessages == [{"msgId": "m", "delaySeconds": 30}]


async def test_receiver_takes_every_fourth_event_of_the_shop():
    command = [sys.executable, str(EXAMPLE / "receiver.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = (await asyncio.to_thread(process.stdout.readline)).strip()
            async with aiohttp.ClientSession() as session:

                async def post(path):
                    async with session.post(url + path, data=b"{}") as response:
                        return response.status

                assert [await post("/shop") for _ in range(8)] == [503, 503, 503, 204] * 2
                assert await post("/crm") == 204
                assert await post("/") == 503
        finally:
            process.terminate()
