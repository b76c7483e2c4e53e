"""Jobs: events are delivered to other people's servers, which are slow, or down, or wrong.

Whoever posts an event is answered at once: it is in a queue. A consumer delivers it. What fails is
tried again, later each time; what fails for good becomes a dead letter, which is kept, and every
hour a cron tries the dead letters once more.

A message may come twice (so is the nature of queues), so each delivery has an id, which the
receiver gets too: it can tell what it has seen.
"""

from __future__ import annotations

import logging
import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec

from edgekit import (
    App,
    Env,
    FetchError,
    HTTPError,
    KVNamespace,
    MessageBatch,
    Queue,
    Request,
    Response,
    ScheduledController,
    fetch,
)

logger = logging.getLogger(__name__)

KEEP = 7 * 86400  # seconds for which a delivery can be looked up
WAITS = (5, 30, 180)  # seconds before each further attempt
DEAD = "dead/"


class AppEnv(Env):
    QUEUE: Queue
    DELIVERIES: KVNamespace
    RECEIVERS: dict[str, str]


app = App(AppEnv)


@app.post("/events/{receiver}")
async def accept(request: Request, env: AppEnv) -> Response:
    """Take an event (any JSON) for one of the receivers, who are known by name: visitors give no URLs."""
    receiver = request.params["receiver"]
    if receiver not in env.RECEIVERS:
        raise HTTPError(404, {"error": f"receivers: {', '.join(env.RECEIVERS)}"})
    delivery = {"id": secrets.token_hex(8), "receiver": receiver, "event": await request.json()}
    await note(env, delivery, "queued")
    await env.QUEUE.send(delivery)
    return Response.json({"id": delivery["id"]}, status=202)


@app.get("/deliveries/{id}")
async def look_up(request: Request, env: AppEnv) -> dict[str, Any]:
    found = await env.DELIVERIES.get(f"delivery/{request.params['id']}", "json")
    if found is None:
        raise HTTPError(404, {"error": "There is no such delivery."})
    return dict(found)


@app.queue("deliveries")
async def deliver(batch: MessageBatch, env: AppEnv) -> None:
    """Each message stands for itself: one that fails does not bring back the others of its batch."""
    for message in batch.messages:
        problem = await send(env, message.body)
        if problem is None:
            await note(env, message.body, "delivered", attempts=message.attempts)
            message.ack()
        else:
            await note(env, message.body, "retrying", attempts=message.attempts, problem=problem)
            message.retry(delay_seconds=WAITS[min(message.attempts, len(WAITS)) - 1])


@app.queue("deliveries-dead")
async def bury(batch: MessageBatch, env: AppEnv) -> None:
    """Keep what could not be delivered, for the cron and for people."""
    for message in batch.messages:
        delivery = message.body
        logger.warning("delivery %s to %s has failed", delivery["id"], delivery["receiver"])
        await env.DELIVERIES.put(DEAD + delivery["id"], encoded(delivery), expiration_ttl=KEEP)
        await note(env, delivery, "dead")


@app.scheduled("0 * * * *")
async def try_again(controller: ScheduledController, env: AppEnv) -> None:
    """Send all dead letters once more. Sent before it is removed: rather twice than never."""
    cursor: str | None = None
    while True:
        page = await env.DELIVERIES.list(prefix=DEAD, cursor=cursor)
        for key in page.keys:
            delivery = await env.DELIVERIES.get(key.name, "json")
            if delivery is not None:
                await env.QUEUE.send(delivery)
                await env.DELIVERIES.delete(key.name)
        if page.list_complete:
            return
        cursor = page.cursor


async def send(env: AppEnv, delivery: Any) -> str | None:
    """Deliver an event; what went wrong, or None."""
    try:
        response = await fetch(
            env.RECEIVERS[delivery["receiver"]],
            method="POST",
            headers={"content-type": "application/json", "idempotency-key": delivery["id"]},
            body=encoded(delivery["event"]),
        )
        await response.bytes()
    except FetchError as error:
        return str(error)
    return None if response.ok else f"the receiver answered {response.status}"


async def note(env: AppEnv, delivery: Any, state: str, **more: Any) -> None:
    """Write down how far a delivery is."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"receiver": delivery["receiver"], "state": state, "at": now, **more}
    await env.DELIVERIES.put(f"delivery/{delivery['id']}", encoded(about), expiration_ttl=KEEP)


def encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)
