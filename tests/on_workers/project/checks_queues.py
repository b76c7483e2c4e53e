"""Queues, as every place must answer: what a producer may send, and what its consumer gets.

The consumer (main.py) writes what it gets into KV under `got/NAME`.
"""

from __future__ import annotations

from typing import Any

from edgekit import BindingError


async def arrived(env: Any, name: str) -> Any:
    import asyncio

    for _ in range(200):
        found = await env.KV.get(f"got/{name}", "json")
        if found is not None:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"the message {name!r} did not arrive")


async def test_a_message_arrives(env: Any) -> None:
    await env.QUEUE.send({"name": "one", "data": [1, None, "é"]})
    found = await arrived(env, "one")
    assert found == {"name": "one", "data": [1, None, "é"], "attempts": 1, "queue": "jobs"}


async def test_a_batch_arrives(env: Any) -> None:
    await env.QUEUE.send_batch([{"body": {"name": f"many-{n}"}} for n in range(3)])
    for n in range(3):
        assert (await arrived(env, f"many-{n}"))["attempts"] == 1


async def test_what_is_retried_comes_again(env: Any) -> None:
    await env.QUEUE.send({"name": "again", "until": 2})
    assert (await arrived(env, "again"))["attempts"] == 2


async def test_refusals_have_the_platforms_texts(env: Any) -> None:
    for call, text in (
        (lambda: env.QUEUE.send_batch([]), "sendBatch() requires at least one message"),
        (
            lambda: env.QUEUE.send("x", content_type="y"),
            "Unsupported queue message content type: y",
        ),
    ):
        try:
            await call()
        except BindingError as error:
            assert text in str(error), error
        else:
            raise AssertionError(f"nothing was raised, where {text!r} belongs")
