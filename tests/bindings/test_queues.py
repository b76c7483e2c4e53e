"""Queue, MessageBatch and Message: each limit, text and rule, over an engine in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from edgekit import host
from edgekit.bindings.queues import Message, MessageBatch, Queue, batch_of, outcome, retries
from edgekit.engines.open import open_store
from edgekit.errors import (
    DataCloneError,
    QueueError,
    QueueTypeError,
    WebSyntaxError,
)
from edgekit.testing.clock import ManualClock
from edgekit.web.spelling import Plain

NOW = 1_800_000_000.25
MOMENT = datetime.fromtimestamp(NOW, UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[ManualClock]:
    clock = ManualClock(NOW)
    with host.use_clock(clock):
        yield clock


@pytest.fixture
def engine() -> Any:
    return open_store("memory:", durable=False).queues()


@pytest.fixture
def queue(engine: Any) -> Queue:
    return Queue(engine, "q")


async def received(engine: Any, after: float = 0.0) -> list[Message]:
    now = NOW + after
    batches = await engine.claim(
        "q", limit=100, batches=1, concurrency=None, now=now, until=now + 1e6
    )
    return [message for each in batches for message in batch_of("q", each.messages).messages]


# send


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"a": [1, 2.5, None, True, "é"]}, None),
        ("text", "json"),
        (None, "json"),
        ("héllo", "text"),
        ("", "text"),
        (b"\0\xff", "bytes"),
        ({1, 2}, "v8"),
        (2**70, "v8"),
        ([datetime(2026, 1, 1, tzinfo=UTC)], "V8"),
    ],
    ids=repr,
)
async def test_a_body_arrives_as_its_content_type_says(
    engine: Any, queue: Queue, body: Any, kind: Any
) -> None:
    await queue.send(body, content_type=kind)
    [message] = await received(engine)
    assert message.body == body
    assert message.body is message.body
    assert type(message.body) is (Plain if isinstance(body, dict) else type(body))


async def test_json_is_what_json_makes_of_it(engine: Any, queue: Queue) -> None:
    await queue.send({"n": float("nan"), "i": 2.0, "t": (1,), "deep": [{"aB": 1}]})
    [message] = await received(engine)
    assert message.body == {"n": None, "i": 2, "t": [1], "deep": [{"aB": 1}]}
    assert message.body.deep[0].a_b == 1


async def test_text_has_no_lone_surrogates(engine: Any, queue: Queue) -> None:
    await queue.send("a\ud800b", content_type="text")
    [message] = await received(engine)
    assert message.body == "a\ufffdb"


async def test_bytes_are_any_bytes_like_object(engine: Any, queue: Queue) -> None:
    await queue.send(bytearray(b"ab"), content_type="bytes")
    await queue.send(memoryview(b"abcd")[::2], content_type="bytes")
    assert [message.body for message in await received(engine)] == [b"ab", b"ac"]


async def test_a_message_has_id_timestamp_and_attempts(engine: Any, queue: Queue) -> None:
    await queue.send(1)
    [message] = await received(engine)
    assert len(message.id) == 32
    assert (message.timestamp, message.attempts) == (MOMENT, 1)
    assert repr(message) == f"Message(id='{message.id}', attempts=1)"


async def test_sending_answers_the_backlog(queue: Queue, clock: ManualClock) -> None:
    assert await queue.metrics() == {"backlogCount": 0, "backlogBytes": 0}
    await queue.send("ab", content_type="text")
    clock.advance(1)
    result = await queue.send_batch([{"body": "c", "contentType": "text"}])
    metrics = {"backlogCount": 2, "backlogBytes": 3, "oldestMessageTimestamp": MOMENT}
    assert result == {"metadata": {"metrics": metrics}}
    assert result.metadata.metrics.oldest_message_timestamp == MOMENT
    assert await queue.metrics() == metrics


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (1, "xml", "Unsupported queue message content type: xml"),
        (1, "", "Unsupported queue message content type: "),
        (1, 5, "Unsupported queue message content type: 5"),
        ({}, "text", 'Content Type "text" requires a value of type string, but received: object'),
        (None, "text", 'Content Type "text" requires a value of type string, but received: object'),
        (True, "text", 'Content Type "text" requires a value of type string, but received: boolean'),
        (1, "text", 'Content Type "text" requires a value of type string, but received: number'),
        (1.5, "text", 'Content Type "text" requires a value of type string, but received: number'),
        (2**53, "text", 'Content Type "text" requires a value of type string, but received: bigint'),
        (len, "text", 'Content Type "text" requires a value of type string, but received: function'),
        ("a", "bytes", 'Content Type "bytes" requires a value of type ArrayBufferView, but received: string'),
        (object(), "json", "The message body has no JSON form: Encoding objects of type object is unsupported"),
    ],
)  # fmt: skip
async def test_wrong_bodies_are_refused_with_the_platforms_text(
    queue: Queue, body: Any, kind: Any, text: str
) -> None:
    with pytest.raises(QueueTypeError) as caught:
        await queue.send(body, content_type=kind)
    assert str(caught.value) == text
    with pytest.raises(QueueTypeError) as caught:
        await queue.send_batch([{"body": body, "content_type": kind}])
    assert str(caught.value) == text
    assert (await queue.metrics()).backlog_count == 0


async def test_circles_have_no_json_and_functions_no_clone(queue: Queue) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(QueueTypeError, match="has no JSON form"):
        await queue.send(circle)
    with pytest.raises(QueueTypeError, match="has no JSON form"):
        await queue.send("\ud800")
    with pytest.raises(DataCloneError, match='of type "builtin_function_or_method"'):
        await queue.send(len, content_type="v8")


async def test_a_message_has_at_most_128000_bytes(engine: Any, queue: Queue) -> None:
    await queue.send("x" * 128_000, content_type="text")
    await queue.send("x" * 127_998)
    await queue.send("é" * 64_000, content_type="text")
    with pytest.raises(QueueError) as caught:
        await queue.send("x" * 127_999)
    assert str(caught.value) == (
        "Queue send failed: message length of 128001 bytes exceeds limit of 128000"
    )
    assert caught.value.code == 413
    assert not isinstance(caught.value, TypeError)
    assert len(await received(engine)) == 3


# delays


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [(0, 0), (1, 1), (1.9, 1), ("2", 2), ("x", 0), (float("nan"), 0), (True, 1), (86_400, 86_400)],
)
async def test_a_delay_is_a_whole_number_of_seconds(
    engine: Any, queue: Queue, delay: Any, seconds: int
) -> None:
    await queue.send(1, delay_seconds=delay)
    await queue.send_batch([{"body": 2, "delaySeconds": delay}])
    await queue.send_batch([{"body": 3}], {"delaySeconds": delay})
    if seconds:
        assert await received(engine, seconds - 0.5) == []
    assert [message.body for message in await received(engine, seconds)] == [1, 2, 3]


@pytest.mark.parametrize("delay", [-1, 86_401])
async def test_a_delay_has_its_bounds(queue: Queue, delay: int) -> None:
    text = f"message delay {delay} is invalid: it is 0 to 86400 seconds"
    with pytest.raises(QueueError, match=f"^Queue send failed: {text}$") as caught:
        await queue.send(1, delay_seconds=delay)
    assert caught.value.code == 400
    with pytest.raises(QueueError, match=f"^Queue sendBatch failed: {text}$"):
        await queue.send_batch([{"body": 1, "delay_seconds": delay}])
    with pytest.raises(QueueError, match=f"^Queue sendBatch failed: {text}$"):
        await queue.send_batch([{"body": 1}], delay_seconds=delay)
    with pytest.raises(QueueTypeError, match="Value out of range"):
        await queue.send(1, delay_seconds=2**31)
    with pytest.raises(QueueTypeError, match="Value out of range"):
        await queue.send_batch([{"body": 1, "delay_seconds": 2**31}])


async def test_a_messages_delay_beats_the_batches_and_that_the_producers(engine: Any) -> None:
    queue = Queue(engine, "q", delivery_delay=30)
    await queue.send("producer's")
    await queue.send("own", delay_seconds=0)
    batch = [{"body": "batch's"}, {"body": "its own", "delay_seconds": 0}]
    await queue.send_batch(batch, delay_seconds=10)
    await queue.send_batch([{"body": "producer's too"}])
    assert [message.body for message in await received(engine)] == ["own", "its own"]
    assert [message.body for message in await received(engine, 10)] == ["batch's"]
    assert [m.body for m in await received(engine, 30)] == ["producer's", "producer's too"]


# send_batch


async def test_a_batch_is_any_iterable_of_messages(engine: Any, queue: Queue) -> None:
    await queue.send_batch({"body": n} for n in range(3))
    await queue.sendBatch((Plain(body="t", contentType="text"),), None)
    await queue.send_batch([{"body": b"b", "content_type": "bytes"}], {})
    assert [message.body for message in await received(engine)] == [0, 1, 2, "t", b"b"]


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], "sendBatch() requires at least one message"),
        ([{}], "Message body cannot be undefined"),
        ([1], "Incorrect type: the provided value is not of type 'MessageSendRequest'."),
        *(
            (wrong, "Failed to execute 'sendBatch' on 'WorkerQueue': parameter 1 is not of type 'Sequence'.")
            for wrong in (None, 5, "ab", {"body": 1})
        ),
    ],
)  # fmt: skip
async def test_what_is_no_batch_is_refused_with_the_platforms_text(
    queue: Queue, messages: Any, text: str
) -> None:
    with pytest.raises(QueueTypeError) as caught:
        await queue.send_batch(messages)
    assert str(caught.value) == text


async def test_a_batch_keeps_to_its_limits_or_is_refused_as_a_whole(
    engine: Any, queue: Queue
) -> None:
    def text(size: int) -> dict[str, str]:
        return {"body": "x" * size, "content_type": "text"}

    for messages, said in (
        ([text(1)] * 101, "batch message count of 101 exceeds limit of 100"),
        ([text(1), text(128_001)], "message in batch has length 128001 bytes which exceeds single message size limit of 128000"),
        ([text(96_000)] * 2 + [text(96_001)], "batch size of 288001 bytes exceeds limit of 288000"),
    ):  # fmt: skip
        with pytest.raises(QueueError) as caught:
            await queue.send_batch(messages)
        assert str(caught.value) == f"Queue sendBatch failed: {said}"
        assert caught.value.code == 413
    assert (await queue.metrics()).backlog_count == 0
    await queue.send_batch([text(96_000)] * 3)
    await queue.send_batch([text(1)] * 100)


# what a handler says of a batch


def batch(count: int = 3) -> MessageBatch:
    return MessageBatch("q", [Message(str(n), MOMENT, 1, lambda: None) for n in range(count)])


def said(batch: MessageBatch, failed: bool = False) -> dict[str, int | None]:
    """The ids of those that are handed out again, with their delay."""
    return {batch.messages[at].id: delay for at, delay in retries(batch, failed=failed)}


def test_returning_acknowledges_and_raising_retries_all() -> None:
    assert said(batch()) == {}
    assert said(batch(), failed=True) == {"0": None, "1": None, "2": None}


@pytest.mark.parametrize("failed", [False, True])
def test_what_is_said_of_a_message_beats_what_is_said_of_all(failed: bool) -> None:
    acked = batch()
    acked.messages[0].retry(delay_seconds=5)
    acked.ack_all()
    assert said(acked, failed) == {"0": 5}
    retried = batch()
    retried.messages[0].ack()
    retried.messages[1].retry(delay_seconds=1)
    retried.retry_all(delay_seconds=9)
    assert said(retried, failed) == {"1": 1, "2": 9}


def test_an_acknowledged_message_is_not_retried_when_the_handler_fails() -> None:
    some = batch()
    some.messages[1].ack()
    some.messages[2].retry({"delaySeconds": 4})
    assert said(some, failed=True) == {"0": None, "2": 4}


def test_a_delay_of_all_is_for_messages_without_one() -> None:
    some = batch()
    some.messages[0].retry()
    some.retryAll({"delaySeconds": "7.5"})
    assert said(some) == {"0": 7, "1": 7, "2": 7}


def test_the_first_call_on_a_message_wins(caplog: pytest.LogCaptureFixture) -> None:
    some = batch()
    some.messages[0].ack()
    some.messages[0].retry()
    some.messages[1].retry()
    some.messages[1].ack()
    assert said(some) == {"1": None}
    assert [record.getMessage() for record in caplog.records] == [
        "Received a call to retry() on message 0 after ack() was already called. Calling retry() on a"
        " message after calling ack() has no effect.",
        "Received a call to ack() on message 1 after retry() was already called. Calling ack() on a"
        " message after calling retry() has no effect.",
    ]


def test_the_first_call_on_a_batch_wins(caplog: pytest.LogCaptureFixture) -> None:
    acked, retried = batch(), batch()
    acked.ack_all()
    acked.retry_all()
    acked.messages[0].retry()
    acked.messages[1].ack()
    assert said(acked) == {}
    retried.retry_all()
    retried.ack_all()
    retried.messages[0].ack()
    retried.messages[1].retry(delay_seconds=3)
    assert said(retried) == {"0": None, "1": 3, "2": None}
    assert [record.getMessage()[:63] for record in caplog.records] == [
        "Received a call to retryAll() after ackAll() was already called",
        "Received a call to retry() on message 0 after ackAll() was alre",
        "Received a call to ackAll() after retryAll() was already called",
        "Received a call to ack() on message 0 after retryAll() was alre",
    ]
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_the_last_delay_of_several_retries_counts() -> None:
    some = batch()
    some.messages[0].retry(delay_seconds=3)
    some.messages[0].retry(delay_seconds=9)
    some.messages[1].retry(delay_seconds=3)
    some.messages[1].retry()
    assert said(some) == {"0": 9, "1": None}


def test_a_delay_of_all_stays_when_it_is_said_again_without_one() -> None:
    some = batch()
    some.retry_all(delay_seconds=3)
    some.retry_all(delay_seconds=9)
    some.retry_all()
    assert said(some) == {"0": 9, "1": 9, "2": 9}


async def test_a_batchs_content_types_are_in_lower_case(engine: Any, queue: Queue) -> None:
    await queue.send("a", content_type="TEXT")  # the platform is less strict here
    with pytest.raises(QueueTypeError, match=r"^Unsupported queue message content type: TEXT$"):
        await queue.send_batch([{"body": "a", "content_type": "TEXT"}])


def test_a_retrys_delay_is_a_32_bit_number() -> None:
    some = batch()
    with pytest.raises(QueueTypeError, match="Value out of range"):
        some.messages[0].retry(delay_seconds=2**31)
    with pytest.raises(QueueTypeError, match="Value out of range"):
        some.retry_all(delay_seconds=-(2**31) - 1)
    assert said(some) == {}


def test_a_message_by_itself_can_be_acknowledged() -> None:
    message = Message("a", MOMENT, 1, lambda: None)
    message.ack()
    message.retry()
    assert outcome(MessageBatch("q", [message]), failed=False).explicit_acks == ["a"]


def test_outcome_is_told_as_the_platform_tells_it() -> None:
    some = batch()
    some.messages[0].ack()
    some.messages[1].retry(delay_seconds=5)
    some.messages[2].retry()
    some.retry_all(delay_seconds=2)
    assert outcome(some, failed=True) == {
        "outcome": "exception",
        "ackAll": False,
        "retryBatch": {"retry": True, "delaySeconds": 2},
        "explicitAcks": ["0"],
        "retryMessages": [{"msgId": "1", "delaySeconds": 5}, {"msgId": "2"}],
    }


def test_a_batch_has_queue_messages_and_metadata() -> None:
    some = batch(2)
    assert (some.queue, len(some.messages)) == ("q", 2)
    assert some.metadata.metrics.backlog_count == 0
    assert repr(some) == "MessageBatch(queue='q', messages=2)"


async def test_a_damaged_body_is_an_error_of_its_message_only(engine: Any, queue: Queue) -> None:
    await queue.send(1)
    [claimed] = await engine.claim(
        "q", limit=1, batches=1, concurrency=None, now=NOW, until=NOW + 9
    )
    good = claimed.messages[0]
    broken = [good._replace(body=b"{"), good._replace(kind="v8", body=b"?")]
    messages = batch_of("q", [*broken, good], claimed.backlog).messages
    with pytest.raises(WebSyntaxError):
        _ = messages[0].body
    with pytest.raises(DataCloneError):
        _ = messages[1].body
    assert messages[2].body == 1
