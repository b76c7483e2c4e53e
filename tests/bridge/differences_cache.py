"""Where edgekit's caches answer otherwise than the real platform's; see differences.py.

A call is `steps(name, [step, ...])`, of which the last one is answered differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.bridge.bridge import Call, Stream

URL = "http://known.test/"
LATER = "Sat, 01 Jan 2050 00:00:00 GMT"
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"

# What both read alike: plain directives, once each, of those that both know.
_PLAIN_CONTROL = re.compile(
    r"((max-age|s-maxage)=\d{1,9}|no-cache|no-store|private|public|must-revalidate|no-transform|x-a)"
).fullmatch
_PLAIN_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT"
).fullmatch
_PLAIN_TAG = re.compile(r'(W/)?"[^",]+"').fullmatch


def put(headers: dict[str, str], body: Any = "hello world", status: int = 200) -> dict[str, Any]:
    response = {"status": status, "headers": list(headers.items()), "body": body}
    return {"op": "put", "request": URL, "response": response}


def match(**headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"op": "match", "request": {"url": URL, "headers": named}}


def _last(call: Call) -> Any:
    return call.args[1][-1]


def _asked(call: Call) -> dict[str, str]:
    request = _last(call)["request"]
    return dict(request["headers"]) if isinstance(request, dict) else {}


def _puts(call: Call) -> list[dict[str, str]]:
    return [dict(step["response"]["headers"]) for step in call.args[1] if step["op"] == "put"]


def _kept(call: Call) -> dict[str, str]:
    return _puts(call)[-1] if _puts(call) else {}


def _oddly_described(headers: dict[str, str]) -> bool:
    """Whether a response's words on storing and freshness are such that readers differ."""
    directives = headers.get("cache-control", "max-age=1").split(", ")
    names = [directive.partition("=")[0] for directive in directives]
    return (
        not all(map(_PLAIN_CONTROL, directives))
        or len(set(names)) < len(names)
        or not (_PLAIN_DATE(headers.get("expires", LATER)) and "date" not in headers)
        or not headers.get("age", "0").isdecimal()
    )


def _freshness(call: Call, real: Any, here: Any) -> bool:
    if not any(map(_oddly_described, _puts(call))):
        return False
    if _last(call)["op"] == "delete":
        return real is not here
    if isinstance(real, dict) and isinstance(here, dict):
        return len(_puts(call)) > 1  # and each has kept another one of them
    return (real is None) is not (here is None)


def _differs_in(real: Any, here: Any, *names: str) -> bool:
    """Both answer the same but for these headers."""
    return (
        isinstance(real, dict)
        and isinstance(here, dict)
        and real["status"] == here["status"]
        and real["body"] == here["body"]
        and {name for name, value in real["headers"].items() ^ here["headers"].items()}
        <= set(names)
    )


def _statuses(real: Any, here: Any) -> tuple[int, int]:
    return (
        (real["status"], here["status"])
        if isinstance(real, dict) and isinstance(here, dict)
        else (0, 0)
    )


def _condition(call: Call, real: Any, here: Any) -> bool:
    asked, kept = _asked(call), _kept(call)
    statuses = _statuses(real, here)
    tag, since = asked.get("if-none-match"), asked.get("if-modified-since")
    odd = (
        (tag is not None and (since is not None or not _PLAIN_TAG(tag)))
        or (tag is not None and not _PLAIN_TAG(kept.get("etag", '"a"')))
        or (since is not None and not _PLAIN_DATE(since))
        or (since is not None and not _PLAIN_DATE(kept.get("last-modified", LATER)))
        or ("range" in asked and 416 in statuses)
    )
    return odd and 304 in statuses and statuses[0] != statuses[1]


def _range(call: Call, real: Any, here: Any) -> bool:
    asked = _asked(call)
    if "range" not in asked or not isinstance(real, dict) or not isinstance(here, dict):
        return False
    statuses = _statuses(real, here)
    if statuses == (206, 206):
        return "," in asked["range"] and _differs_in(real, here, "content-length")
    put = [step["response"]["status"] for step in call.args[1] if step["op"] == "put"]
    return statuses[0] in (206, 416) and (
        "if-range" in asked
        or any(status != 200 for status in put)
        or ("," in asked["range"] and statuses == (206, 200))
    )


CACHE: list[tuple[str, str, tuple[Call, ...], Callable[[Call, Any, Any], bool]]] = [
    (
        "for how long, and whether at all, a response is kept whose Cache-Control, Expires, Date or "
        "Age is unusual: other case, quotes, field names, duplicates, wrong numbers and dates, "
        "`proxy-revalidate`, `immutable`, `must-understand`",
        "they are read as RFC 9111 says, which Miniflare's library does in part",
        (
            Call(
                "steps",
                (None, [put({"cache-control": "PRIVATE, max-age=100"}), match()]),
            ),
        ),
        _freshness,
    ),
    (
        "`stale-while-revalidate` and `stale-if-error` do not lengthen it",
        "a cache that is asked by hand revalidates nothing; so says the platform's documentation, too",
        (
            Call(
                "steps",
                (
                    None,
                    [
                        put({"cache-control": "max-age=0, stale-while-revalidate=100"}),
                        match(),
                    ],
                ),
            ),
        ),
        _freshness,
    ),
    (
        "the Cache-Control of an answer is the one that was put",
        "Miniflare cuts `private=set-cookie` out of it, and leaves the comma",
        (
            Call(
                "steps",
                (None, [put({"cache-control": "private=set-cookie, max-age=9"}), match()]),
            ),
        ),
        lambda call, real, here: (
            _differs_in(real, here, "cache-control", "age", "x-a") and _oddly_described(_kept(call))
        ),
    ),
    (
        "fields that Connection names are not kept",
        "RFC 9111, 3.1: they are no part of the response",
        (
            Call(
                "steps",
                (
                    None,
                    [put({"cache-control": "max-age=9", "connection": "x-a", "x-a": "1"}), match()],
                ),
            ),
        ),
        lambda call, real, here: (
            any("connection" in headers for headers in _puts(call))
            and _differs_in(real, here, "x-a", "age")
        ),
    ),
    (
        "If-None-Match decides alone, `*` matches anything, tags may have commas and no quotes; dates "
        "count in all three forms; a condition comes before a range",
        "RFC 9110; otherwise what a client has is called current when it is not",
        (
            Call(
                "steps",
                (
                    None,
                    [
                        put(
                            {"cache-control": "max-age=9", "etag": '"a"', "last-modified": MODIFIED}
                        ),
                        match(if_none_match='"b"', if_modified_since=MODIFIED),
                    ],
                ),
            ),
        ),
        _condition,
    ),
    (
        "If-Range counts; only a 200 has ranges; parts that are more than the whole are answered by "
        "the whole; the length of several parts is that of the answer",
        "RFC 9110; otherwise a download that is resumed mixes two versions",
        (
            Call(
                "steps",
                (
                    None,
                    [
                        put({"cache-control": "max-age=9", "etag": '"a"'}),
                        match(range="bytes=0-1", if_range='"b"'),
                    ],
                ),
            ),
        ),
        _range,
    ),
    (
        "a 204 is kept",
        "Miniflare fails to make a response of it, without a word",
        (Call("steps", (None, [put({"cache-control": "max-age=9"}, None, 204), match()])),),
        lambda call, real, here: (
            any(step["op"] == "put" and step["response"]["status"] == 204 for step in call.args[1])
            and not (isinstance(real, dict) and real["status"] == 204)
        ),
    ),
    (
        "an answer has a Content-Length, also of a body that came as a stream",
        "it is known here by then",
        (
            Call(
                "steps",
                (None, [put({"cache-control": "max-age=9"}, Stream((b"a", b"b"))), match()]),
            ),
        ),
        lambda call, real, here: _differs_in(real, here, "content-length"),
    ),
]
