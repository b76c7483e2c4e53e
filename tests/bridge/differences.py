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
from tests.bridge.differences_cache import CACHE
from tests.bridge.differences_d1 import D1
from tests.bridge.differences_queues import QUEUES
from tests.bridge.differences_r2 import R2


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


def _asks(call: Call, name: str) -> bool:
    return name in call.options.get("headers", {})


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
    Difference(
        "RATELIMIT",
        "calls with another period in between",
        "Miniflare then forgets all counts of the namespace; here each period has its own",
        (
            *(Call("limit", ({"key": "a"},)),) * 5,
            Call("limit", ({"key": "a", "period": 10},)),
            Call("limit", ({"key": "a"},)),
        ),
        lambda call, real, here: real == {"success": True} and here == {"success": False},
    ),
    Difference(
        "Assets",
        "a Range is answered by 206 or 416",
        "the platform's server of assets sends the whole file and leaves ranges to the network before it",
        (Call("fetch", ("/digits.txt",), {"headers": {"range": "bytes=2-4"}}),),
        lambda call, real, here: real[0] == 200 and here[0] in (206, 416) and _asks(call, "range"),
    ),
    Difference(
        "Assets",
        "If-None-Match with several tags, or `*`",
        "it is read as RFC 9110 says; the platform compares the whole header with one tag",
        (Call("fetch", ("/digits.txt",), {"headers": {"if-none-match": "*"}}),),
        lambda call, real, here: real[0] == 200 and here[0] == 304 and _asks(call, "if-none-match"),
    ),
    Difference(
        "Assets",
        "`app.js.br` and `app.js.gz` are sent in the place of app.js to who accepts the coding",
        "the platform compresses in the network before it; here whoever builds the files can",
        (Call("fetch", ("/packed.txt",), {"headers": {"accept-encoding": "gzip"}}),),
        lambda call, real, here: (
            here[1].get("vary") == "accept-encoding" and real[::2] == here[::2]
        ),
    ),
    Difference(
        "Assets",
        "`.git`, `.env*`, `.dev.vars*`, `/node_modules` and the project's configuration are no assets",
        "a server may be pointed at a whole project; `.assetsignore` can take them back",
        (Call("fetch", ("/.env",)),),
        lambda call, real, here: real[2] == "SECRET=1" and here[2] == f"worker GET {call.args[0]}",
    ),
    Difference(
        "Assets",
        "links that lead out of the directory are not followed",
        "nothing outside the directory is ever served; Miniflare follows them",
        (Call("fetch", ("/link.txt",)),),
        lambda call, real, here: real[2] == "outside" and here[2] == f"worker GET {call.args[0]}",
    ),
    Difference(
        "Assets",
        "`$&` and the like in what a splat or placeholder has matched",
        "JavaScript's replace() takes them for patterns; here they are text",
        (Call("fetch", ("/s/$&",)),),
        lambda call, real, here: "$" in call.args[0] and real[::2] == here[::2],
    ),
    Difference(
        "Assets",
        "a line of `_headers` that is no legal header",
        "it is ignored with a warning; the platform answers every request it is for with 500",
        (Call("fetch", ("/wrong.txt",)),),
        lambda call, real, here: real[0] == 500 and here[0] == 200,
    ),
    Difference(
        "CALLEE",
        "methods whose name begins with an underscore",
        "in Python they are private; JavaScript has #names for that",
        (Call("_hidden"),),
        lambda call, real, here: call.method.startswith("_") and isinstance(here, Failure),
    ),
    *(Difference("CACHE", *each) for each in CACHE),
    *(Difference("DB", *each) for each in D1),
    *(Difference("QUEUE", *each) for each in QUEUES),
    *(Difference("R2", *each) for each in R2),
]


def explained(binding: str, call: Call, real: Any, here: Any) -> bool:
    """Whether a difference is one of the known ones."""
    return any(
        known.allows(call, real, here) for known in KNOWN_DIFFERENCES if known.binding == binding
    )
