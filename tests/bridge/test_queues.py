"""edgekit's Queues beside the real ones: what sending answers, what a handler's calls come to, and
which messages are handed out how often. Not compared: ids, times, and how large a backlog is, which
depends on when the consumer comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit import host
from edgekit.bindings.queues import Message, MessageBatch, Queue, outcome
from edgekit.engines.open import open_store
from edgekit.engines.queues import Queues
from edgekit.errors import DataCloneError, QueueError
from edgekit.kinds import QueueConsumerConfig
from edgekit.runtime.consumers import Consumer
from edgekit.testing.clock import ManualClock
from tests.bridge.bridge import Bridge, Call, Repeat, perform
from tests.bridge.comparing import alike, judge, random_calls
from tests.bridge.differences import KNOWN_DIFFERENCES

pytestmark = pytest.mark.bridge

CALLS = 40  # in one sequence

FAILURES: dict[type[Exception], str] = {
    DataCloneError: "DataCloneError",
    TypeError: "TypeError",
    QueueError: "Error",
}
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Local(Queue):
    """edgekit's Queue, with the methods that worker.mjs has for QUEUE besides."""

    def __init__(self, queues: Queues) -> None:
        super().__init__(queues, "bridge")
        self._engine = queues
        self._tasks: set[asyncio.Task[None]] = set()

    async def echo(self, *args: Any, **options: Any) -> Any:
        """The body, as a consumer gets it."""
        await Queue(self._engine, "echo").send(*args, **options)
        seen: list[Any] = []
        await self._consume("echo", seen, [])
        return seen[0][1]

    async def outcome(self, count: int, round: dict[str, Any]) -> Any:
        """What is told of a batch of `count` messages with which a handler does that."""
        messages = [Message(str(at), MOMENT, 1, lambda: None) for at in range(count)]
        batch = MessageBatch("outcome", messages)
        try:
            act(batch, **round)
        except (RuntimeError, TypeError):
            return outcome(batch, failed=True)
        return outcome(batch, failed=False)

    async def run(self, count: int, rounds: list[dict[str, Any]]) -> Any:
        """The batches handed out, in each round of which a handler does what it says."""
        await Queue(self._engine, "work").send_batch([{"body": at} for at in range(count)])
        seen: list[Any] = []
        await self._consume("work", seen, rounds)
        await self._consume("letters", seen, rounds)
        return seen

    async def _consume(self, queue: str, seen: list[Any], rounds: list[dict[str, Any]]) -> None:
        async def handle(kind: str, batch: MessageBatch, ctx: Any) -> None:
            bodies = [[message.body, message.attempts] for message in batch.messages]
            seen.append([batch.queue, bodies[0][0] if queue == "echo" else bodies])
            at = batch.messages[0].attempts - 1
            if queue == "work" and at < len(rounds):
                act(batch, **rounds[at])

        config = QueueConsumerConfig(
            queue=queue, max_batch_timeout=0, max_retries=2, dead_letter_queue="letters"
        )
        consumer = Consumer(config, queues=self._engine, run=handle, spawn=self._spawn)
        await consumer.start()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await consumer.stop()

    def _spawn(self, coroutine: Any, ctx: Any, serving: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def act(batch: MessageBatch, steps: list[Any], fails: bool) -> None:
    """As consumer.mjs does it."""
    for at, method, args in steps:
        target = batch if at < 0 else batch.messages[at] if at < len(batch.messages) else None
        if target is not None:
            getattr(target, method)(*args)
    if fails:
        raise RuntimeError("told to")


class Here:
    """A loop, and an engine for each list of calls."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner

    def call(self, calls: list[Call]) -> list[Any]:
        async def run() -> list[Any]:
            queues = open_store("memory:", durable=False).queues()
            try:
                return await perform(Local(queues), calls, FAILURES)
            finally:
                await queues.close()

        with host.use_clock(ManualClock(time.time())):
            return [normal(result) for result in self.runner.run(run())]


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    with asyncio.Runner() as runner:
        yield Here(runner)


def normal(result: Any) -> Any:
    """An answer without what depends on when the consumer comes."""
    if isinstance(result, dict) and "backlogCount" in result:
        return sorted(result.keys() - {"oldestMessageTimestamp"})
    if isinstance(result, dict) and "metadata" in result:
        return {"metadata": {"metrics": normal(result["metadata"]["metrics"])}}
    return result


def compare(real: Bridge, here: Here, calls: list[Call]) -> None:
    """Make the calls on both sides; fail at the first answer that differs in an unknown way."""
    expected = [normal(result) for result in real.call("QUEUE", calls)]
    judge("QUEUE", "memory", calls, expected, here.call(calls))


# What calls are made of.

keys = st.text(max_size=5).filter(lambda key: key != "$")  # which is the bridge's own
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(),
        st.text(max_size=10),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)
sizes = st.sampled_from(
    [1, 86_999, 96_000, 96_001, 127_991, 127_994, 127_995, 127_998, 127_999, 128_000, 128_001]
)
bodies = st.one_of(
    json_values,
    st.text(max_size=10),
    st.binary(max_size=10),
    st.builds(Repeat, st.sampled_from(["x", "é", "𝄞", b"x"]), sizes),
    st.sampled_from([{1, 2}, MOMENT, "\ud800", ["\udfff"]]),
)
kinds = st.sampled_from(
    ["text", "json", "bytes", "v8", "v8", "JSON", "xml", "", 5, None, True, "text ", "Text"]
)
delays = st.sampled_from(
    [
        *(0, 1, 60, 86_400, 86_401, -1, 1.9, -0.5, "2", "x", "", True, False),
        *(2**31, -(2**31) - 1, 1e20, float("nan"), float("inf")),
    ]
)
spellings = st.sampled_from(["snake", "camel", "dict"])


def of(**optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


requests = st.one_of(
    st.fixed_dictionaries(
        {"body": bodies}, optional={"contentType": kinds, "delaySeconds": delays}
    ),
    st.fixed_dictionaries({"body": json_values}),
    st.just({}),
    st.sampled_from([1, "a", True, None, []]),
)
batches = st.one_of(
    st.lists(st.fixed_dictionaries({"body": json_values}), min_size=1, max_size=4),
    st.lists(requests, max_size=4),
    st.builds(
        lambda count, size: [{"body": Repeat("x", size), "contentType": "text"}] * count,
        st.sampled_from([1, 2, 3, 4]),
        sizes,
    ),
    st.sampled_from([99, 100, 101]).map(lambda count: [{"body": 1}] * count),
    st.sampled_from([None, 5, "ab", "", {}, {"body": 1}, True]),
)
sends = st.builds(
    Call,
    st.just("send"),
    st.tuples(bodies),
    of(content_type=kinds, delay_seconds=delays),
    spellings,
)
calls = st.one_of(
    sends,
    sends,
    st.builds(Call, st.just("send_batch"), st.tuples(batches), of(delay_seconds=delays), spellings),
    st.just(Call("metrics")),
)


@random_calls(CALLS)
@given(sequence=st.lists(calls, min_size=CALLS, max_size=CALLS))
def test_random_calls_answer_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    compare(real, here, sequence)


# What a handler's calls come to

options = st.one_of(
    st.just([]),
    st.just([]),
    st.sampled_from([[None], [{}]]),
    delays.map(lambda delay: [{"delaySeconds": delay}]),
)
steps = st.one_of(
    st.tuples(st.integers(0, 3), st.just("ack"), st.just([])),
    st.tuples(st.integers(0, 3), st.just("retry"), options),
    st.tuples(st.just(-1), st.just("ackAll"), st.just([])),
    st.tuples(st.just(-1), st.just("retryAll"), options),
)
rounds = st.fixed_dictionaries(
    {"steps": st.lists(steps.map(list), max_size=5), "fails": st.booleans()}
)
outcomes = st.builds(Call, st.just("outcome"), st.tuples(st.integers(1, 4), rounds))


@random_calls(CALLS)
@given(sequence=st.lists(outcomes, min_size=CALLS, max_size=CALLS))
def test_what_a_handler_says_of_a_batch_comes_to_the_same_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    compare(real, here, sequence)


# Which messages are handed out, how often


def tame(round: dict[str, Any]) -> dict[str, Any]:
    """A round in which Miniflare too hands out nothing that was acknowledged, and without delays."""
    again = round["fails"] or any(method == "retryAll" for _, method, _ in round["steps"])
    kept = [
        [at, method, []]
        for at, method, _ in round["steps"]
        if not (again and method in ("ack", "ackAll"))
    ]
    return {"steps": kept, "fails": round["fails"]}


@settings(random_calls(50))  # each takes as long as many calls
@given(
    count=st.integers(1, 6),
    plan=st.lists(rounds.map(tame), min_size=1, max_size=3),
)
def test_messages_are_handed_out_as_often_as_on_the_platform(
    real: Bridge, here: Here, count: int, plan: list[dict[str, Any]]
) -> None:
    compare(real, here, [Call("run", (count, plan))])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *((body, "json") for body in (None, True, 5, 1.5, 2.0, -0.0, "é", "", [], {})),
        ({"a": [1, {"b": None}], "": float("nan")}, "json"),
        *((text, "text") for text in ("", "é𝄞", "a\0b", "a\ud800b", "\ud83d\ude00")),
        *((data, "bytes") for data in (b"", b"\0\xff")),
        *((value, "v8") for value in (None, "\ud800", 2.5, {1, 2}, [MOMENT], {"a": b"x"}, 7)),
    ],
    ids=ascii,
)
def test_a_body_arrives_as_on_the_platform(real: Bridge, here: Here, body: Any, kind: str) -> None:
    compare(real, here, [Call("echo", (body,), {"content_type": kind}, "dict")])


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "QUEUE"],
    ids=lambda difference: difference.what,
)
def test_known_difference_still_is_one(real: Bridge, here: Here, difference: Any) -> None:
    sequence = list(difference.example)
    there = normal(real.call("QUEUE", sequence)[-1])
    ours = here.call(sequence)[-1]
    assert not alike(there, ours)
    assert difference.allows(sequence[-1], there, ours)
