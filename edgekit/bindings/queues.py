"""Queue, MessageBatch, Message: the Queues binding, both ends. Spec: Workers Queues.

Limits, texts and the order of the checks are those of the real platform, against which
`tests/bridge/test_queues.py` runs this file; what differs is listed in `tests/bridge/differences.py`.
When a batch is handed to a handler, and what follows from what it did with it, is
`runtime/consumers.py`.

A body crosses as its content type says: `json` (the default) is what JSON makes of it, with objects
that have attributes; `text` is a str, `bytes` bytes, and `v8` a structured clone (`values.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from edgekit import host
from edgekit.bindings.results import QueueMetrics, QueueSendMetadata, QueueSendResult
from edgekit.bindings.values import deserialize, serialize
from edgekit.bindings.webidl import integer, json_value, string
from edgekit.engines.queues import Sent
from edgekit.errors import QueueError, QueueTypeError, WebSyntaxError
from edgekit.web.body import encode_text
from edgekit.web.spelling import Plain, Spelled, options

if TYPE_CHECKING:
    from edgekit.engines.queues import Backlog, Claimed, Queues

logger = logging.getLogger(__name__)

MAX_MESSAGE = 128_000  # bytes of a body as it is sent
MAX_BATCH = 100  # messages
MAX_BATCH_SIZE = 288_000  # bytes of all bodies of one send_batch
MAX_DELAY = 86_400  # seconds

Number = float | str | None
_MISSING = object()


class Queue(Spelled):
    """A queue to send to. A message is durable when `send` returns.

    A refused call raises QueueError with the platform's text; QueueTypeError where the platform
    raises a TypeError; DataCloneError for a v8 body that has no copy.
    """

    __slots__ = ("_delay", "_ids", "_name", "_queues")

    binding_kind: ClassVar[str] = "queues"

    def __init__(self, queues: Queues, name: str, *, delivery_delay: float | None = None) -> None:
        self._queues = queues
        self._name = name
        self._delay = delivery_delay
        self._ids: list[str] = []  # for messages to come

    @options
    async def send(
        self, body: Any, *, content_type: str | None = None, delay_seconds: Number = None
    ) -> QueueSendResult:
        """Send one message, of up to 128,000 bytes.

        `content_type` is json (the default), text (of str), bytes (of bytes-like objects) or v8.
        `delay_seconds` (0 to 86,400) is how long nobody gets it, in place of the queue's own delay.
        """
        delay = None if delay_seconds is None else integer(delay_seconds, QueueTypeError)
        if isinstance(content_type, str):
            content_type = content_type.lower()  # as in messages of a batch it may not be
        kind, data = _encoded(body, content_type)
        if len(data) > MAX_MESSAGE:
            _refuse(
                "send", 413, f"message length of {len(data)} bytes exceeds limit of {MAX_MESSAGE}"
            )
        _check_delay("send", delay)
        return await self._send([(kind, data, self._delay if delay is None else delay)])

    @options
    async def send_batch(
        self, messages: Iterable[Mapping[str, Any]], *, delay_seconds: Number = None
    ) -> QueueSendResult:
        """Send up to 100 messages, of up to 288,000 bytes together: all of them or none.

        A message is `{"body": ..., "content_type": ..., "delay_seconds": ...}`, the latter two as
        for `send`. `delay_seconds` is for those that have none of their own.
        """
        if isinstance(messages, str | Mapping) or not isinstance(messages, Iterable):
            raise QueueTypeError(
                "Failed to execute 'sendBatch' on 'WorkerQueue': parameter 1 is not of type 'Sequence'."
            )
        requests = [_request(message) for message in messages]
        default = None if delay_seconds is None else integer(delay_seconds, QueueTypeError)
        if not requests:
            raise QueueTypeError("sendBatch() requires at least one message")
        encoded = [_encoded(body, kind) for body, kind, _ in requests]
        sizes = [len(data) for _, data in encoded]
        if len(sizes) > MAX_BATCH:
            _refuse(
                "sendBatch",
                413,
                f"batch message count of {len(sizes)} exceeds limit of {MAX_BATCH}",
            )
        if max(sizes) > MAX_MESSAGE:
            _refuse(
                "sendBatch",
                413,
                f"message in batch has length {max(sizes)} bytes which exceeds single message size"
                f" limit of {MAX_MESSAGE}",
            )
        if sum(sizes) > MAX_BATCH_SIZE:
            _refuse(
                "sendBatch",
                413,
                f"batch size of {sum(sizes)} bytes exceeds limit of {MAX_BATCH_SIZE}",
            )
        for delay in (default, *(delay for _, _, delay in requests)):
            _check_delay("sendBatch", delay)
        standard = self._delay if default is None else default
        return await self._send(
            [
                (kind, data, standard if delay is None else delay)
                for (kind, data), (_, _, delay) in zip(encoded, requests, strict=True)
            ]
        )

    async def metrics(self) -> QueueMetrics:
        """The queue's backlog."""
        return _metrics(await self._queues.backlog(self._name))

    async def _send(self, messages: Sequence[tuple[str, bytes, float | None]]) -> QueueSendResult:
        now = host.now()
        sent = int(now * 1000) / 1000  # as a Date has it
        backlog = await self._queues.send(
            self._name,
            [Sent(self._new_id(), kind, data, sent, delay) for kind, data, delay in messages],
            now=now,
        )
        return QueueSendResult(metadata=QueueSendMetadata(metrics=_metrics(backlog)))

    def _new_id(self) -> str:
        if not self._ids:  # drawn many at once: asking the system is what costs
            drawn = host.random_bytes(64 * 16)
            self._ids = [drawn[at : at + 16].hex() for at in range(0, len(drawn), 16)]
        return self._ids.pop()


class Message(Spelled):
    """One message as a consumer gets it.

    `id` is the queue's name for it, `timestamp` (datetime, UTC) when it was sent, `attempts` how
    often it has been handed out, this time included. Whichever of `ack` and `retry` is called first
    counts, also when the handler fails later, and before what is said for the whole batch.
    """

    __slots__ = ("_batch", "_body", "_delay", "_done", "_read", "attempts", "id", "timestamp")

    def __init__(
        self, id: str, timestamp: datetime, attempts: int, read: Callable[[], Any]
    ) -> None:
        self.id = id
        self.timestamp = timestamp
        self.attempts = attempts
        self._read = read
        self._body: Any = _MISSING
        self._batch: MessageBatch | None = None
        self._done: str | None = None  # "ack" or "retry"
        self._delay: int | None = None

    @property
    def body(self) -> Any:
        """What was sent; read when it is first asked for, so that a body that cannot be is an error
        of this message only.
        """
        if self._body is _MISSING:
            self._body = self._read()
        return self._body

    def ack(self) -> None:
        """It is done with: not to be handed out again."""
        said = "retryAll" if self._batch is not None and self._batch._all == "retry" else self._done
        if said in ("retry", "retryAll"):
            logger.warning(
                "Received a call to ack() on message %s after %s() was already called. Calling ack()"
                " on a message after calling %s() has no effect.",
                *(self.id, said, said),
            )
        elif self._batch is None or self._batch._all is None:
            self._done = "ack"

    @options
    def retry(self, *, delay_seconds: Number = None) -> None:
        """Hand it out again, `delay_seconds` from now or after the queue's `retry_delay`, unless that
        was its last attempt.
        """
        delay = None if delay_seconds is None else integer(delay_seconds, QueueTypeError)
        said = "ackAll" if self._batch is not None and self._batch._all == "ack" else self._done
        if said in ("ack", "ackAll"):
            logger.warning(
                "Received a call to retry() on message %s after %s() was already called. Calling"
                " retry() on a message after calling %s() has no effect.",
                *(self.id, said, said),
            )
        else:
            self._done, self._delay = "retry", delay

    def __repr__(self) -> str:
        return f"Message(id={self.id!r}, attempts={self.attempts})"


class MessageBatch(Spelled):
    """What a `queue` handler is given: `queue` is the queue's name, `messages` a list of up to
    `max_batch_size`, `metadata.metrics` the queue's backlog.

    Returning acknowledges all messages that nothing was said of; raising, also in `wait_until`, hands
    them out again.
    """

    __slots__ = ("_all", "_delay", "messages", "metadata", "queue")

    def __init__(
        self, queue: str, messages: Sequence[Message], metrics: QueueMetrics | None = None
    ) -> None:
        self.queue = queue
        self.messages = list(messages)
        self.metadata = QueueSendMetadata(
            metrics=metrics or QueueMetrics(backlogCount=0, backlogBytes=0)
        )
        self._all: str | None = None  # "ack" or "retry"
        self._delay: int | None = None
        for message in messages:
            message._batch = self

    def ack_all(self) -> None:
        """All messages that nothing was said of are done with, whatever the handler does from now on."""
        if self._all == "retry":
            _warn_of_all("ackAll", "retryAll")
        else:
            self._all = "ack"

    @options
    def retry_all(self, *, delay_seconds: Number = None) -> None:
        """Hand out again all messages that nothing was said of; see Message.retry."""
        delay = None if delay_seconds is None else integer(delay_seconds, QueueTypeError)
        if self._all == "ack":
            _warn_of_all("retryAll", "ackAll")
        else:
            self._all = "retry"
            if delay is not None:
                self._delay = delay

    def __repr__(self) -> str:
        return f"MessageBatch(queue={self.queue!r}, messages={len(self.messages)})"


def batch_of(
    queue: str, claimed: Iterable[Claimed], backlog: Backlog | None = None
) -> MessageBatch:
    """The batch that a handler is given for what an engine has handed out."""
    messages = [
        Message(each.id, _moment(each.sent), each.attempts, _reader(each.kind, each.body))
        for each in claimed
    ]
    return MessageBatch(queue, messages, None if backlog is None else _metrics(backlog))


def retries(batch: MessageBatch, *, failed: bool) -> list[tuple[int, int | None]]:
    """The messages to be handed out again, as (place in the batch, delay if one was given)."""
    again: list[tuple[int, int | None]] = []
    for at, message in enumerate(batch.messages):
        if message._done == "retry":
            delay = batch._delay if message._delay is None else message._delay
            again.append((at, delay))
        elif message._done is None and (batch._all == "retry" or (failed and batch._all is None)):
            again.append((at, batch._delay))
    return again


def outcome(batch: MessageBatch, *, failed: bool) -> Plain:
    """What was said of a batch, in the form in which the platform's runtime tells it."""
    again = [message for message in batch.messages if message._done == "retry"]
    return Plain(
        outcome="exception" if failed else "ok",
        ackAll=batch._all == "ack",
        retryBatch=_with_delay(Plain(retry=batch._all == "retry"), batch._delay),
        explicitAcks=[message.id for message in batch.messages if message._done == "ack"],
        retryMessages=[_with_delay(Plain(msgId=each.id), each._delay) for each in again],
    )


def _with_delay(said: Plain, delay: int | None) -> Plain:
    if delay is not None:
        said["delaySeconds"] = delay
    return said


def _warn_of_all(method: str, said: str) -> None:
    logger.warning(
        "Received a call to %s() after %s() was already called. Calling %s() after calling %s() has no"
        " effect.",
        *(method, said, method, said),
    )


def _refuse(method: str, status: int, text: str) -> NoReturn:
    raise QueueError(f"Queue {method} failed: {text}", code=status)


def _check_delay(method: str, delay: int | None) -> None:
    if delay is not None and not 0 <= delay <= MAX_DELAY:
        _refuse(method, 400, f"message delay {delay} is invalid: it is 0 to {MAX_DELAY} seconds")


def _request(message: Any) -> tuple[Any, Any, int | None]:
    """(body, content type, delay) of one message of a batch."""
    if not isinstance(message, Mapping):
        raise QueueTypeError(
            "Incorrect type: the provided value is not of type 'MessageSendRequest'."
        )
    delay = message.get("delay_seconds", message.get("delaySeconds"))
    if delay is not None:
        delay = integer(delay, QueueTypeError)
    kind = message.get("content_type", message.get("contentType"))
    return message.get("body", _MISSING), kind, delay


def _encoded(body: Any, content_type: Any) -> tuple[str, bytes]:
    """The kind of a body, and its bytes."""
    kind = "json" if content_type is None else string(content_type)
    if body is _MISSING:
        raise QueueTypeError("Message body cannot be undefined")
    if kind == "json":
        try:
            return kind, host.json_encode(json_value(body))
        except (TypeError, ValueError, RecursionError) as error:
            raise QueueTypeError(f"The message body has no JSON form: {error}") from error
    if kind == "text":
        if not isinstance(body, str):
            _wrong_type("text", "string", body)
        return kind, encode_text(body)
    if kind == "bytes":
        if not isinstance(body, bytes | bytearray | memoryview):
            _wrong_type("bytes", "ArrayBufferView", body)
        return kind, bytes(body)
    if kind == "v8":
        return kind, serialize(body)
    raise QueueTypeError(f"Unsupported queue message content type: {kind}")


def _wrong_type(kind: str, wanted: str, body: Any) -> NoReturn:
    raise QueueTypeError(
        f'Content Type "{kind}" requires a value of type {wanted}, but received: {_typeof(body)}'
    )


def _typeof(value: Any) -> str:
    """What JavaScript's typeof says of a value's counterpart there."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "number" if abs(value) < 2**53 else "bigint"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "function" if callable(value) else "object"


def _reader(kind: str, data: bytes) -> Callable[[], Any]:
    if kind == "json":
        return lambda: _json(data)
    if kind == "text":
        return lambda: data.decode("utf-8", "replace")
    if kind == "v8":
        return lambda: deserialize(data)
    return lambda: data


def _json(data: bytes) -> Any:
    try:
        return _with_attributes(host.json_decode(data))
    except host.JSONSyntaxError as error:
        raise WebSyntaxError(f"the message is not JSON: {error}") from None


def _with_attributes(value: Any) -> Any:
    """JSON with objects as `Plain`, as they are in results of the platform."""
    if isinstance(value, dict):
        return Plain({key: _with_attributes(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_with_attributes(item) for item in value]
    return value


def _metrics(backlog: Backlog) -> QueueMetrics:
    metrics = QueueMetrics(backlogCount=backlog.messages, backlogBytes=backlog.size)
    if backlog.oldest is not None:
        metrics["oldestMessageTimestamp"] = _moment(backlog.oldest)
    return metrics


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
