"""WebSocketPair: both ends, and a pump."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import WebRangeError, WebSyntaxError, WebTypeError
from edgekit.web import websocket
from edgekit.web.websocket import CloseEvent, WebSocket, WebSocketPair


def pair(**options: Any) -> tuple[WebSocket, WebSocket]:
    one, two = WebSocketPair()
    one.accept(**options)
    two.accept(**options)
    return one, two


def coupled() -> tuple[WebSocket, WebSocket]:
    """An end for a pump, and an accepted one."""
    end, server = WebSocketPair()
    end.couple()
    server.accept()
    return end, server


async def until_blocked(task: asyncio.Task[Any]) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()


async def test_messages_arrive_in_order_as_what_they_were() -> None:
    one, two = pair()
    for message in ("text", b"bytes", bytearray(b"array"), memoryview(b"view"), "", b"", "\ud800"):
        one.send(message)
    one.close()
    assert [m async for m in two] == ["text", b"bytes", b"array", b"view", "", b"", "\ufffd"]


async def test_messages_sent_before_the_other_end_accepts_wait_for_it() -> None:
    one, two = WebSocketPair()
    one.accept()
    one.send("early")
    with pytest.raises(WebTypeError, match=r"accept\(\)"):
        await two.receive()
    two.accept()
    two.accept()
    assert await two.receive() == "early"


def test_pair_can_be_unpacked_and_indexed() -> None:
    both = WebSocketPair()
    one, two = both
    assert both[0] is one
    assert both[1] is two
    assert one.ready_state == WebSocket.OPEN
    assert (one.url, one.protocol, one.extensions) == (None, None, None)
    assert repr(one) == "WebSocket(ready_state=1)"


@pytest.mark.parametrize("message", [None, 5, ["a"], {"a": 1}])
def test_other_messages_are_a_type_error(message: Any) -> None:
    with pytest.raises(WebTypeError, match="str or bytes"):
        pair()[0].send(message)


def test_use_before_accept_is_refused_in_the_platforms_words() -> None:
    one, _ = WebSocketPair()
    with pytest.raises(WebTypeError, match=r"You must call one of accept\(\)"):
        one.send("x")
    with pytest.raises(WebTypeError, match=r"You must call one of accept\(\)"):
        one.close()


def test_send_after_close_is_refused_and_a_second_close_is_not() -> None:
    one, _ = pair()
    one.close(1000, "bye")
    one.close(1001)
    with pytest.raises(WebTypeError, match=r"Can't call WebSocket send\(\) after close\(\)\."):
        one.send("x")


# Closing ----------------------------------------------------------------------------------------


async def test_close_is_answered_before_its_event_is_told() -> None:
    one, two = pair()
    states: list[int] = []
    two.add_event_listener("close", lambda event: states.append(two.ready_state))
    one.close(3001, "bye")
    assert (one.ready_state, two.ready_state) == (WebSocket.CLOSING, WebSocket.OPEN)
    event = await two.receive()
    assert isinstance(event, CloseEvent)
    assert (event.code, event.reason, event.was_clean) == (3001, "bye", True)
    assert event.target is two
    assert states == [WebSocket.CLOSED]
    answer = await one.receive()
    assert isinstance(answer, CloseEvent)
    assert (answer.code, answer.reason) == (3001, "bye")
    assert (one.ready_state, two.ready_state) == (WebSocket.CLOSED, WebSocket.CLOSED)
    assert await two.receive() is event
    two.close(1000)
    two.send("ignored: the other end has closed")


async def test_half_open_end_answers_a_close_itself() -> None:
    one, two = pair(allow_half_open=True)
    one.close()
    event = await two.receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1005
    assert two.ready_state == WebSocket.CLOSING
    two.send("one more")
    two.close(1000)
    assert await one.receive() == "one more"
    assert isinstance(await one.receive(), CloseEvent)
    assert one.ready_state == two.ready_state == WebSocket.CLOSED


async def test_messages_of_the_other_end_arrive_until_it_has_closed() -> None:
    one, two = pair()
    two.send("sent before")
    one.close(1000)
    two.send("sent after")
    assert await two.receive() == CloseEvent(code=1000)
    assert [m async for m in one] == ["sent before", "sent after"]


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 5000, 0, -1])
def test_reserved_close_code_is_refused(code: int) -> None:
    one, _ = pair()
    with pytest.raises(WebTypeError, match=rf"Invalid WebSocket close code: {code}\."):
        one.close(code)
    assert one.ready_state == WebSocket.OPEN


def test_close_reason_needs_a_code_and_is_short() -> None:
    one, _ = pair()
    with pytest.raises(WebTypeError, match="you must also specify a code"):
        one.close(None, "bye")
    with pytest.raises(WebSyntaxError, match="123 bytes"):
        one.close(1000, "é" * 62)
    one.close(1000, "é" * 61 + "e")


# Listeners --------------------------------------------------------------------------------------


async def test_listeners_run_in_drain_of_the_other_end_sync_or_async() -> None:
    end, server = coupled()
    seen: list[Any] = []

    async def later(event: Any) -> None:
        await asyncio.sleep(0)
        seen.append(("async", event.type, event.data))
        server.send(event.data.upper())

    server.add_event_listener(
        "message", lambda event: seen.append(("sync", event.target is server))
    )
    server.add_event_listener("message", later)
    server.add_event_listener("close", lambda event: seen.append((event.code, event.wasClean)))
    end.send("a")
    end.send("b")
    assert seen == []
    await end.drain()
    assert seen == [
        ("sync", True),
        ("async", "message", "a"),
        ("sync", True),
        ("async", "message", "b"),
    ]
    assert [await end.receive(), await end.receive()] == ["A", "B"]
    seen.clear()
    end.close(1000)
    await end.drain()
    assert seen == [(1000, True)]


async def test_listener_that_fails_fails_whoever_drains() -> None:
    end, server = coupled()

    def broken(event: Any) -> None:
        if event.data == "bad":
            raise ZeroDivisionError

    server.add_event_listener("message", broken)
    end.send("bad")
    end.send("good")
    with pytest.raises(ZeroDivisionError):
        await end.drain()
    await end.drain()


async def test_listener_may_drain_its_own_end() -> None:
    one, two = pair()
    count = 0

    async def echo(event: Any) -> None:
        nonlocal count
        count += 1
        if count < 10:
            event.target.send(event.data)
            await event.target.drain()

    one.add_event_listener("message", echo)
    two.add_event_listener("message", echo)
    one.send("ball")
    await one.drain()
    assert count == 10


async def test_waiting_in_receive_lets_the_other_ends_listeners_work() -> None:
    one, two = pair()
    two.add_event_listener("message", lambda event: two.send("echo " + event.data))
    task = asyncio.create_task(one.receive())
    await until_blocked(task)
    one.send("x")
    assert await task == "echo x"


async def test_close_listener_alone_is_told_at_once_and_no_message_is_lost() -> None:
    end, server = coupled()
    codes: list[int] = []
    server.add_event_listener("close", lambda event: codes.append(event.code), once=True)
    end.send("unread")
    await end.drain()
    end.close(1001)
    await end.drain()
    assert codes == [1001]
    assert server.ready_state == WebSocket.CLOSED
    assert [m async for m in server] == ["unread"]
    assert codes == [1001]


async def test_messages_wait_until_there_is_somebody_to_take_them() -> None:
    end, server = coupled()
    end.send("x")
    await end.drain()
    seen: list[Any] = []
    server.add_event_listener("message", lambda event: seen.append(event.data))
    await end.drain()
    assert seen == ["x"]


async def test_messages_that_are_iterated_are_told_to_listeners_too() -> None:
    one, two = pair()
    seen: list[Any] = []
    two.add_event_listener("message", lambda event: seen.append(event.data))
    one.send("x")
    assert await two.receive() == "x"
    assert seen == ["x"]


# Bounds -----------------------------------------------------------------------------------------


async def test_message_over_the_platforms_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 8)
    one, _ = pair()
    one.send("é" * 4)
    one.send(b"x" * 8)
    with pytest.raises(WebRangeError, match="9 bytes exceeds limit of 8"):
        one.send(b"x" * 9)
    with pytest.raises(WebRangeError, match="10 bytes"):
        one.send("é" * 5)


async def test_send_raises_when_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_WAITING", 1000)
    one, two = pair()
    one.send(b"x" * 2000)  # a single one always goes
    with pytest.raises(WebRangeError, match="drain"):
        one.send("y")
    await two.receive()
    for _ in range(3):
        one.send("")
    with pytest.raises(WebRangeError, match="drain"):
        one.send("")
    one.close()
    two.close()


async def test_sends_to_an_end_that_has_closed_never_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_WAITING", 1000)
    one, two = pair()
    two.close(1000)
    for _ in range(5):
        one.send(b"x" * 500)
    await one.drain()


async def test_drain_waits_until_the_other_end_has_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "DRAINED", 600)
    end, server = coupled()
    for _ in range(4):
        end.send("")
    task = asyncio.create_task(end.drain())
    await until_blocked(task)
    await server.receive()
    await until_blocked(task)
    await server.receive()
    await task


@pytest.mark.parametrize("ending", ["close", "disconnect"])
async def test_drain_does_not_outlive_the_other_end(
    monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(websocket, "DRAINED", 0)
    end, server = coupled()
    end.send("x")
    task = asyncio.create_task(end.drain())
    await until_blocked(task)
    getattr(server, ending)()
    await task


async def test_second_drainer_goes_on_when_the_first_ones_listener_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "DRAINED", 0)
    end, server = coupled()
    fail = asyncio.Event()
    taken: list[Any] = []

    async def listener(event: Any) -> None:
        if not taken:
            taken.append(event.data)
            await fail.wait()
            raise ZeroDivisionError
        taken.append(event.data)

    server.add_event_listener("message", listener)
    end.send("a")
    end.send("b")
    first = asyncio.create_task(end.drain())
    await until_blocked(first)
    second = asyncio.create_task(end.drain())
    await until_blocked(second)
    fail.set()
    with pytest.raises(ZeroDivisionError):
        await first
    await second
    assert taken == ["a", "b"]


# Pumps ------------------------------------------------------------------------------------------


async def test_end_in_a_response_is_used_once_and_not_accepted() -> None:
    end, server = coupled()
    with pytest.raises(WebTypeError, match="already used in a response"):
        end.accept()
    with pytest.raises(WebTypeError, match="already used in a response"):
        end.couple()
    with pytest.raises(WebTypeError, match=r"after calling accept\(\)"):
        server.couple()


async def test_pump_answers_a_close_by_what_the_network_says() -> None:
    end, server = coupled()
    server.close(1000, "done")
    event = await end.receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1000
    assert server.ready_state == WebSocket.CLOSING
    end.close(1000)
    assert [m async for m in server] == []
    assert server.ready_state == WebSocket.CLOSED


async def test_lost_connection_is_a_close_1006_for_both_ends() -> None:
    end, server = coupled()
    seen: list[Any] = []
    server.add_event_listener("error", lambda event: seen.append(event.message))
    server.add_event_listener("close", lambda event: seen.append((event.code, event.was_clean)))
    server.send("undeliverable")
    end.send("still there")
    end.disconnect(OSError("reset"))
    end.disconnect()
    await end.drain()
    assert seen == ["reset", (1006, False)]
    assert server.ready_state == WebSocket.CLOSED
    server.send("goes nowhere")
    server.close(1000)
    assert [m async for m in server] == ["still there"]
    event = await end.receive()
    assert isinstance(event, CloseEvent)
    assert event.reason == "WebSocket disconnected without sending Close frame."
    assert not event.was_clean


async def test_connection_lost_after_a_close_is_told_as_that_close() -> None:
    end, server = coupled()
    end.close(1001)
    end.disconnect()
    event = await server.receive()
    assert isinstance(event, CloseEvent)
    assert event.code == 1001


async def test_waiting_receivers_are_woken_by_a_lost_connection() -> None:
    end, server = coupled()
    tasks = [asyncio.create_task(end.receive()), asyncio.create_task(server.receive())]
    await until_blocked(tasks[0])
    end.disconnect()
    assert [getattr(await task, "code", None) for task in tasks] == [1006, 1006]


async def test_cancelled_receive_loses_nothing() -> None:
    one, two = pair()
    task = asyncio.create_task(two.receive())
    await until_blocked(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    one.send("x")
    assert await two.receive() == "x"


async def test_pump_carries_a_conversation_both_ways() -> None:
    end, server = coupled()
    network: asyncio.Queue[Any] = asyncio.Queue()

    async def handler() -> None:
        async for message in server:
            server.send(f"got {message!r}")
        server.close()

    async def inwards() -> None:
        for message in ("a", b"b"):
            end.send(message)
            await end.drain()
        end.close(1000, "bye")
        await end.drain()

    async def outwards() -> None:
        while True:
            message = await end.receive()
            network.put_nowait(message)
            if isinstance(message, CloseEvent):
                return

    async with asyncio.TaskGroup() as tasks:
        for work in (handler, inwards, outwards):
            tasks.create_task(work())
    assert network.get_nowait() == "got 'a'"
    assert network.get_nowait() == "got b'b'"
    assert network.get_nowait().code == 1000


def test_camel_case_is_understood() -> None:
    one: Any = WebSocketPair()[0]
    one.accept({"allowHalfOpen": True})
    one.addEventListener("close", print)
    one.removeEventListener("close", print)
    assert one.readyState == 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(["send", "drain", "receive", "close", "disconnect", "listen"]),
        ),
        max_size=25,
    )
)
async def test_no_sequence_of_calls_loses_or_reorders_messages(
    calls: list[tuple[int, str]],
) -> None:
    def taker(got: list[Any]) -> Any:
        return lambda event: got.append(event.data)

    ends = pair()
    sent: tuple[list[Any], list[Any]] = ([], [])  # by each end
    got: tuple[list[Any], list[Any]] = ([], [])  # at each end
    lost = False
    for step, (which, call) in enumerate(calls):
        end = ends[which]
        if call == "send":
            if end.ready_state == WebSocket.OPEN:
                end.send(str(step))
                sent[which].append(str(step))
        elif call == "receive":
            if end._inbox:
                message = await end.receive()
                if not end._listeners and not isinstance(message, CloseEvent):
                    got[which].append(message)
        elif call == "listen":
            if not end._listeners:
                end.add_event_listener("message", taker(got[which]))
        elif call == "drain":
            await end.drain()
        elif call == "close":
            end.close()
        else:
            lost = True
            end.disconnect()
    for which, end in enumerate(ends):
        waiting = [m for m in end._inbox if not isinstance(m, CloseEvent)]
        everything = sent[1 - which]
        if not lost:
            assert got[which] + waiting == everything
        else:
            assert got[which] == everything[: len(got[which])]
            assert end.ready_state == WebSocket.CLOSED
        assert end._waiting == sum(len(m) + websocket._OVERHEAD for m in waiting)
