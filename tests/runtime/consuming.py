"""A program for test_queue_kills.py: sends to a queue and consumes it, until it is killed.

    python consuming.py FOLDER NAME COUNT

Four tasks send COUNT messages each; when a send has returned, `sent NAME/task/n` is printed. What the
consumer is given is printed as `got NAME/task/n`. With a COUNT of 0 it ends when the queue is empty.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from edgekit.bindings.queues import MessageBatch, Queue
from edgekit.context import Background
from edgekit.engines.open import open_store
from edgekit.kinds import QueueConsumerConfig
from edgekit.runtime.consumers import Consumer


async def main(folder: str, name: str, count: int) -> None:
    store = open_store(f"sqlite:{folder}", durable=True)
    queues = store.queues()
    queue = Queue(queues, "q")
    background = Background()
    config = QueueConsumerConfig(queue="q", max_batch_timeout=0.05)

    async def handle(kind: str, batch: MessageBatch, ctx: Any) -> None:
        for message in batch.messages:
            os.write(1, f"got {message.body['name']}\n".encode())
            if message.body["n"] % 7 == 0 and message.attempts < 3:
                message.retry()
            await asyncio.sleep(0)

    async def send(task: int) -> None:
        for n in range(count):
            text = f"{name}/{task}/{n}"
            # Some bodies are kept apart from their messages.
            await queue.send({"name": text, "n": n, "more": "x" * (n % 5 * 400)})
            os.write(1, f"sent {text}\n".encode())

    consumer = Consumer(config, queues=queues, run=handle, spawn=background.spawn)
    await consumer.start()
    await asyncio.gather(*map(send, range(4)))
    while (await queues.backlog("q")).messages:
        await asyncio.sleep(0.01)
    await consumer.stop()
    await background.drain(10)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
