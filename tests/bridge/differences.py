"""Where edgekit's bindings answer otherwise than the real platform, and why: all of it, in one list.

The tests that compare the two allow these differences and no others. `example` is a list of calls
on an empty binding, the last of which is answered differently; a test holds every entry to that, so
that one whose reason has gone is found.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.bridge.bridge import Call, Failure, Stream


class Difference(NamedTuple):
    """`allows(call, real, here)` tells whether two answers to a call differ in this way only."""

    binding: str
    what: str
    reason: str
    example: tuple[Call, ...]
    allows: Callable[[Call, Any, Any], bool]


def _texts(name: str, real: str, here: str) -> Callable[[Call, Any, Any], bool]:
    """Both fail as `name`, each with its own text (patterns that match the whole of it)."""

    def allows(call: Call, there: Any, ours: Any) -> bool:
        return (
            isinstance(there, Failure)
            and isinstance(ours, Failure)
            and there.name == ours.name == name
            and re.fullmatch(real, there.message, re.DOTALL) is not None
            and re.fullmatch(here, ours.message, re.DOTALL) is not None
        )

    return allows


def _lost_in_the_map(call: Call, real: Any, here: Any) -> bool:
    if not (isinstance(real, dict) and isinstance(here, dict)):
        return False
    lost = here.keys() - real.keys()
    return all(
        key == "__proto__" or (key.isdecimal() and str(int(key)) == key) for key in lost
    ) and (real == {key: value for key, value in here.items() if key not in lost})


def _no_json_here(call: Call, real: Any, here: Any) -> bool:
    asked_for_json = "json" in (*call.args[1:], call.options.get("type"))
    return asked_for_json and isinstance(here, Failure) and _beyond_json(real)


def _beyond_json(value: Any) -> bool:
    """Infinity, a lone surrogate, or what Infinity becomes on its way from the platform's store."""
    if isinstance(value, dict | list):
        return any(map(_beyond_json, value.values() if isinstance(value, dict) else value))
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    return value is None or value in (math.inf, -math.inf)


def _prefix_with_nul(call: Call, real: Any, here: Any) -> bool:
    return call.method == "list" and "\0" in str(call.options.get("prefix"))


def _refused_here(call: Call, real: Any, here: Any) -> bool:
    return (
        isinstance(here, Failure)
        and here.name == "TypeError"
        and here.message.endswith("parameter 1 is not of type 'string'.")
        and not isinstance(call.args[0], str)
    )


KNOWN_DIFFERENCES: list[Difference] = [
    Difference(
        "KV",
        "the text of the SyntaxError when a single value is not JSON",
        "it is that of the JSON parser: V8's there, msgspec's here",
        (Call("put", ("k", "{")), Call("get", ("k",), {"type": "json"})),
        _texts("SyntaxError", r".*JSON.*", r".+"),
    ),
    Difference(
        "KV",
        "get([...]) leaves out keys that look like array indexes, and __proto__",
        "the platform passes the values through a JavaScript object; a value that is there is given here",
        (Call("put", ("7", "v")), Call("get", (["7", "a"],))),
        _lost_in_the_map,
    ),
    Difference(
        "KV",
        "JSON with a number beyond 1.8e308, or with an escaped lone surrogate",
        "Infinity and lone surrogates have no JSON form in msgspec: it is refused as not JSON",
        (Call("put", ("k", "[1e999]")), Call("get", ("k",), {"type": "json"})),
        _no_json_here,
    ),
    Difference(
        "KV",
        "list(prefix=) with a NUL character finds nothing",
        "Miniflare's SQL measures the prefix to its first NUL; here it is a prefix as any other",
        (Call("put", ("a\0b", "v")), Call("list", (), {"prefix": "a\0"})),
        _prefix_with_nul,
    ),
    Difference(
        "KV",
        "the length in the text of the error for a stream that is too long",
        "a stream is closed here as soon as it has passed the limit, not read to its end",
        (Call("put", ("k", Stream((bytes(2**20),) * 30))),),
        _texts(
            "Error",
            r"KV PUT failed: 413 Value length of \d+ exceeds limit of 26214400\.",
            r"KV PUT failed: 413 Value length of \d+ exceeds limit of 26214400\.",
        ),
    ),
    Difference(
        "KV",
        "objects as keys",
        'JavaScript makes text of them ("[object Object]", "a,b"), which nobody can have meant',
        (Call("delete", (["a", "b"],)),),
        _refused_here,
    ),
    Difference(
        "KV",
        "an option that is None",
        "Python's way to leave an option out; to the platform null is 0",
        (Call("put", ("k", "v"), {"expiration_ttl": None}),),
        lambda call, real, here: None in call.options.values() and not isinstance(here, Failure),
    ),
    Difference(
        "KV",
        "metadata with a lone surrogate",
        "it has no UTF-8, so msgspec cannot write it; the platform writes an escape",
        (Call("put", ("k", "v"), {"metadata": "\ud800"}),),
        lambda call, real, here: (
            isinstance(here, Failure)
            and here.message.startswith("KV metadata has no JSON form")
            and r"\ud" in json.dumps(call.options.get("metadata"))
        ),
    ),
]


def explained(binding: str, call: Call, real: Any, here: Any) -> bool:
    """Whether a difference is one of the known ones."""
    return any(
        known.allows(call, real, here) for known in KNOWN_DIFFERENCES if known.binding == binding
    )
