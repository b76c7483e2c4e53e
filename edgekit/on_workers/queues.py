"""Queues on real Workers; see edgekit.bindings.queues, whose docstrings are the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from edgekit.bindings.results import QueueMetrics, QueueSendResult
from edgekit.errors import QueueError, QueueTypeError
from edgekit.on_workers.calls import Errors, given
from edgekit.on_workers.convert import from_js, into_js
from edgekit.web.spelling import Spelled, camel, options

_ERRORS = Errors(QueueError, TypeError=QueueTypeError)


class Queue(Spelled):
    """See edgekit.bindings.queues.Queue."""

    binding_kind = "queues"

    def __init__(self, queue: Any) -> None:
        self._js = queue

    @options
    async def send(
        self, body: Any, *, content_type: str | None = None, delay_seconds: Any = None
    ) -> QueueSendResult:
        asked = given(content_type=content_type, delay_seconds=delay_seconds)
        return _sent(await _ERRORS.of(self._js.send(into_js(body), asked)))

    @options
    async def send_batch(
        self, messages: Iterable[Mapping[str, Any]], *, delay_seconds: Any = None
    ) -> QueueSendResult:
        array = into_js([{camel(key): value for key, value in each.items()} for each in messages])
        return _sent(
            await _ERRORS.of(self._js.sendBatch(array, given(delay_seconds=delay_seconds)))
        )

    async def metrics(self) -> QueueMetrics:
        return QueueMetrics(from_js(await _ERRORS.of(self._js.metrics())))


def _sent(found: Any) -> QueueSendResult:
    return QueueSendResult(from_js(found) or {})  # nothing, where the platform is older than that


class Message(Spelled):
    """See edgekit.bindings.queues.Message."""

    def __init__(self, message: Any) -> None:
        self._js = message
        self.id = message.id
        self.timestamp = from_js(message.timestamp)
        self.attempts = message.attempts

    @cached_property
    def body(self) -> Any:
        return from_js(self._js.body)

    def ack(self) -> None:
        self._js.ack()

    @options
    def retry(self, *, delay_seconds: Any = None) -> None:
        self._js.retry(given(delay_seconds=delay_seconds))


class MessageBatch(Spelled):
    """See edgekit.bindings.queues.MessageBatch."""

    def __init__(self, batch: Any) -> None:
        self._js = batch
        self.queue = batch.queue
        self.messages = [Message(message) for message in batch.messages]

    @property
    def metadata(self) -> Any:
        return from_js(self._js.metadata)

    def ack_all(self) -> None:
        self._js.ackAll()

    @options
    def retry_all(self, *, delay_seconds: Any = None) -> None:
        self._js.retryAll(given(delay_seconds=delay_seconds))
