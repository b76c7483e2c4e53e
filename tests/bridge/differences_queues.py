"""Where edgekit's Queues answer otherwise than the real platform, and why. See differences.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.bridge.bridge import Call, Failure, Repeat


def _of_the_broker(call: Call, real: Any, here: Any) -> bool:
    return (
        real == Failure("Error", "Unknown Internal Error (15000)")
        and isinstance(here, Failure)
        and here.name == "Error"
        and re.match(r"Queue send(Batch)? failed: \w", here.message) is not None
    )


def _parts(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, list | tuple | type({}.values())):
        for item in value:
            yield from _parts(item)


def _lone_surrogate(call: Call, real: Any, here: Any) -> bool:
    return (
        isinstance(here, Failure)
        and here.message.startswith("The message body has no JSON form")
        and any(
            isinstance(part, str) and re.search("[\ud800-\udfff]", part) is not None
            for part in _parts(call.args)
        )
    )


def _not_of_json(call: Call, real: Any, here: Any) -> bool:
    return any(
        isinstance(part.unit if isinstance(part, Repeat) else part, bytes | set | datetime)
        for part in _parts(call.args)
    )


def _no_objects(call: Call, real: Any, here: Any) -> bool:
    return (
        call.method == "send_batch"
        and here
        == Failure(
            "TypeError", "Incorrect type: the provided value is not of type 'MessageSendRequest'."
        )
        and any(item is None or isinstance(item, list) for item in call.args[0])
    )


def _none(call: Call, real: Any, here: Any) -> bool:
    said = Failure("TypeError", "Unsupported queue message content type: null")
    return real == said != here and None in _parts([call.args, call.options])


def _asked_again(call: Call, real: Any, here: Any) -> bool:
    return call.method == "run" and any(
        round["fails"] or any(method == "retryAll" for _, method, _ in round["steps"])
        for round in call.args[1]
    )


QUEUES: list[tuple[str, str, tuple[Call, ...], Any]] = [
    (
        "the text of the error for a message, batch or delay beyond its limit",
        "the platform's broker says it, and its runtime does not pass it on; here it is told",
        (Call("send", (Repeat("x", 128_001),), {"content_type": "text"}),),
        _of_the_broker,
    ),
    (
        "json bodies with bytes, datetimes or sets in them",
        "JSON.stringify makes objects of indexes, text with milliseconds and {} of them; msgspec base64,"
        " ISO 8601 and lists",
        (Call("echo", ({"at": datetime(2026, 1, 2, tzinfo=UTC)},)),),
        _not_of_json,
    ),
    (
        "json bodies with a lone surrogate",
        "it has no UTF-8, so msgspec cannot write it; the platform writes an escape",
        (Call("send", ("\ud800",)),),
        _lone_surrogate,
    ),
    (
        "text bodies with a NUL character",
        "the platform's runtime cuts them there",
        (Call("echo", ("a\0b",), {"content_type": "text"}),),
        lambda call, real, here: isinstance(here, str) and real == here.partition("\0")[0],
    ),
    (
        "an option that is None",
        "Python's way to leave an option out; to the platform null is a content type",
        (Call("send", (1,), {"content_type": None}),),
        _none,
    ),
    (
        "messages of send_batch that are None or lists",
        "the platform names a C++ class, or takes the list for an object without body",
        (Call("send_batch", ([None],)),),
        _no_objects,
    ),
    (
        "acknowledged messages when the handler fails or calls retry_all",
        "Miniflare hands out the whole batch again; the platform, by its documentation, not those",
        (
            Call(
                "run",
                (1, [{"steps": [[0, "ack", []]], "fails": True}, {"steps": [], "fails": False}]),
            ),
        ),
        _asked_again,
    ),
]
