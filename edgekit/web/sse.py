"""Server-sent events on the wire. WHATWG HTML, "Server-sent events"; text/event-stream."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any

from edgekit import host
from edgekit.errors import WebTypeError
from edgekit.web.body import encode_text

Event = str | Mapping[str, Any]

_FIELDS = frozenset({"comment", "data", "event", "id", "retry"})


async def encode_events(events: AsyncIterable[Event] | Iterable[Event]) -> AsyncIterator[bytes]:
    """The bytes of each event as it comes; see `Response.event_stream`."""
    try:
        if isinstance(events, AsyncIterable):
            async for event in events:
                yield encode_event(event)
        else:
            for event in events:
                yield encode_event(event)
    finally:  # the client may have gone, or an event may have been refused
        if (close := getattr(events, "aclose", None)) is not None:
            await close()
        elif (close := getattr(events, "close", None)) is not None:
            close()


def encode_event(event: Event) -> bytes:
    """One event, with the empty line that ends it.

    A str is its data. A mapping has any of `data` (str, or anything else as JSON), `event`, `id`,
    `retry` (milliseconds) and `comment`. WebTypeError for what the format cannot carry.
    """
    if isinstance(event, str):
        event = {"data": event}
    elif not isinstance(event, Mapping):
        raise WebTypeError(f"an event is a str or a mapping, not {type(event).__name__}")
    if unknown := set(event) - _FIELDS:
        raise WebTypeError(f"an event has no field {', '.join(sorted(map(str, unknown)))}")
    lines = []
    if (comment := event.get("comment")) is not None:
        lines += [f": {line}" for line in _lines(str(comment))]
    for name in ("event", "id"):
        if (value := event.get(name)) is not None:
            text = str(value)
            if "\n" in text or "\r" in text or "\0" in text:
                raise WebTypeError(
                    f"an event's {name} cannot have a line break or NUL: {text!r:.100}"
                )
            lines.append(f"{name}: {text}")
    if (retry := event.get("retry")) is not None:
        if not isinstance(retry, int) or isinstance(retry, bool) or retry < 0:
            raise WebTypeError(f"an event's retry is a number of milliseconds, not {retry!r:.100}")
        lines.append(f"retry: {retry}")
    if (data := event.get("data")) is not None:
        text = data if isinstance(data, str) else host.json_encode(data).decode()
        lines += [f"data: {line}" for line in _lines(text)]
    return encode_text("\n".join(lines) + "\n\n")


def _lines(text: str) -> list[str]:
    # Only these three end a line there; str.splitlines knows more.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
