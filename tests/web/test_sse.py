"""Server-sent events: what stands on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgekit.errors import WebTypeError
from edgekit.web.response import Response
from edgekit.web.sse import encode_event


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("hello", "data: hello\n\n"),
        ("", "data: \n\n"),
        ("a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        ("a\u2028b", "data: a\u2028b\n\n"),
        ({"data": {"n": 1}}, 'data: {"n":1}\n\n'),
        ({"data": "x", "event": "add", "id": 7}, "event: add\nid: 7\ndata: x\n\n"),
        ({"retry": 1500}, "retry: 1500\n\n"),
        ({"comment": "still\nhere"}, ": still\n: here\n\n"),
    ],
)
def test_event_is_written_as_the_format_says(event: Any, text: str) -> None:
    assert encode_event(event) == text.encode()


@pytest.mark.parametrize(
    "event",
    [
        {"id": "a\nb"},
        {"event": "a\rb"},
        {"id": "\0"},
        {"retry": "soon"},
        {"retry": -1},
        {"name": 1},
        3,
    ],
)
def test_what_the_format_cannot_carry_is_refused(event: Any) -> None:
    with pytest.raises(WebTypeError):
        encode_event(event)


async def test_response_streams_events_and_names_their_type() -> None:
    async def events() -> AsyncIterator[str]:
        yield "one"
        yield "two"

    response = Response.event_stream(events(), headers={"cache-control": "no-store"})
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-store"
    assert await response.text() == "data: one\n\ndata: two\n\n"
    assert await Response.event_stream(["x"]).text() == "data: x\n\n"
