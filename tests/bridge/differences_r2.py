"""Where edgekit's R2 answers otherwise than the real platform, and why. See differences.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from edgekit.web.headers import Headers
from tests.bridge.bridge import Call, Failure, Result, Stream


def _texts(real: str, here: str) -> Callable[[Call, Any, Any], bool]:
    """Both fail, each with its own text (patterns that match the whole of it)."""

    def allows(call: Call, there: Any, ours: Any) -> bool:
        return (
            isinstance(there, Failure)
            and isinstance(ours, Failure)
            and re.fullmatch(real, there.message) is not None
            and re.fullmatch(here, ours.message) is not None
        )

    return allows


def _without_class(value: Any) -> Any:
    return {**value, "storageClass": None} if isinstance(value, dict) else value


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _expiry(value: Any) -> float | None:
    moment = (_field(value, "httpMetadata") or {}).get("cacheExpiry")
    return moment and moment.timestamp()


def _jumped_over(call: Call, real: Any, here: Any) -> bool:
    """A later page of a list with a delimiter, without a prefix that the page before had."""
    options = call.options
    return (
        isinstance(real, dict)
        and isinstance(here, dict)
        and "cursor" in options
        and bool(options.get("delimiter"))
        and set(here["delimitedPrefixes"]) < set(real["delimitedPrefixes"])
    )


def _ours(name: str, text: str) -> Callable[[Call, Any, Any], bool]:
    """Refused here, with this text (a pattern), and not there."""
    return lambda call, real, here: (
        not isinstance(real, Failure)
        and isinstance(here, Failure)
        and here.name == name
        and re.match(text, here.message) is not None
    )


R2: list[tuple[str, str, tuple[Call, ...], Callable[[Call, Any, Any], bool]]] = [
    (
        'the storage class is what was asked for, "Standard" without; another text is refused',
        'Miniflare takes any and answers ""; the platform has two',
        (Call("put", ("a", "x"), {"storage_class": "InfrequentAccess"}),),
        lambda call, real, here: (
            isinstance(real, dict)
            and "storageClass" in real
            and _without_class(real) == _without_class(here)
        ),
    ),
    (
        "ssecKey is refused",
        "edgekit encrypts nothing, and does not let you believe it",
        (Call("put", ("a", "x"), {"ssec_key": "00" * 32}),),
        _ours("Unsupported", r"R2 put: ssecKey"),
    ),
    (
        "a stream need not have a known length",
        "the platform wants the body of a request or of a FixedLengthStream; here any iterator will do",
        (Call("put", ("a", Stream((b"x",)))),),
        lambda call, real, here: isinstance(real, Failure) and "known length" in real.message,
    ),
    (
        "delete([...]) of more than 1000 keys is refused",
        "the platform's documentation says so; Miniflare does not count",
        (Call("delete", ([f"k{number}" for number in range(1001)],)),),
        _ours("Error", r"delete: at most 1000 keys"),
    ),
    (
        "a range that begins at the very end",
        "not satisfiable, as behind the end; Miniflare stumbles over it",
        (Call("put", ("a", "x")), Call("get", ("a",), {"range": {"offset": 1, "length": 1}})),
        _texts(r"get: Unspecified error \(0\)", r"get: The requested range .* \(10039\)"),
    ),
    (
        "a Range header with spaces within, or with several ranges of which one can be had",
        "it is read as RFC 9110 says; in both cases a single range is taken and all else ignored",
        (
            Call("put", ("a", "xyz")),
            Call("get", ("a",), {"range": Headers({"range": "bytes=1 - 1"})}),
        ),
        lambda call, real, here: (
            isinstance(call.options.get("range"), Headers)
            and _field(real, "range") != _field(here, "range")
        ),
    ),
    (
        "a date in a header that is none of HTTP's",
        "JavaScript reads some of them; here they are the first of all dates, as what is no date there",
        (Call("put", ("a", "x"), {"http_metadata": Headers({"expires": "2070-01-01"})}),),
        lambda call, real, here: (
            isinstance(call.options.get("http_metadata"), Headers)
            and _expiry(here) == 0 != _expiry(real)
        ),
    ),
    (
        "a cacheExpiry before 1970",
        "Miniflare reads it back a second or so off",
        (
            Call("put", ("a", "x"), {"http_metadata": {"cacheExpiry": -1500}}),
            Call("head", ("a",)),
        ),
        lambda call, real, here: (_expiry(here) or 0) < 0,
    ),
    (
        "list(prefix=) or list(delimiter=) with a NUL character finds what has it",
        "Miniflare's SQL measures texts to their first NUL",
        (Call("put", ("a\0b", "x")), Call("list", (), {"prefix": "a\0"})),
        lambda call, real, here: any(
            "\0" in str(call.options.get(name)) for name in ("prefix", "delimiter")
        ),
    ),
    (
        "a delimited prefix is on one page only",
        "Miniflare tells of it again when keys with it are put meanwhile behind those it has seen",
        (
            Call("put", ("a/1", "")),
            Call("put", ("b", "")),
            Call("list", (), {"delimiter": "/", "limit": 1}),
            Call("put", ("a/2", "")),
            Call("list", (), {"delimiter": "/", "limit": 1, "cursor": Result(2, "cursor")}),
        ),
        _jumped_over,
    ),
    (
        "an option that is None",
        'Python\'s way to leave an option out; to the platform null is no text, 0, or the text "null"',
        (Call("list", (), {"prefix": None}),),
        lambda call, real, here: "None" in str(call.options) and not isinstance(here, Failure),
    ),
    (
        "objects as keys, and within metadata",
        'JavaScript makes text of them ("[object Object]", "a,b"), which nobody can have meant',
        (Call("put", ("a", "x"), {"custom_metadata": {"a": ["b", "c"]}}),),
        _ours("TypeError", r".* is not of type '"),
    ),
    (
        "custom metadata with the name __proto__",
        "the platform passes it through a JavaScript object, where it is lost",
        (Call("put", ("a", "x"), {"custom_metadata": {"__proto__": "b"}}),),
        lambda call, real, here: "__proto__" in (_field(here, "customMetadata") or ()),
    ),
]
