"""What the random calls on R2 are made of: hypothesis' strategies for keys, contents and options."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from edgekit.web.headers import Headers
from tests.bridge.bridge import Call, Repeat, Result, Sized

CALLS = 40  # in one sequence
PART = 5 * 1024 * 1024  # bytes, of the smallest part that is not the last

# The usual keys are few, so that calls meet; the odd ones are at the limits.

USUAL_KEYS = ["a", "a/b", "a/c", "ab", "é"]
ODD_KEYS = [
    *("a//b", "../x", ".", "..", "", "a/", "/", "b/c/d", "b/c/e", "𝄞", "\uffff", "a b", "a%2Fb"),
    *("a?b#c", "\n", "k" * 1024, "k" * 1025, "é" * 512, "é" * 513, "7", "__proto__", "c\0d"),
    *("a\ud800", "\udc00b", 7, -1, 1.5, 2.0, True, None),
]
ODD_VALUES = ["", None, b"", "\ud800é", b"\xff\0", 5, True, {}, [1], Repeat("x", 100_000)]
HELLO = hashlib.md5(b"hello").hexdigest()
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC)

usual_keys = st.sampled_from(USUAL_KEYS)
keys = st.one_of(usual_keys, usual_keys, st.sampled_from(ODD_KEYS))
contents = st.one_of(
    st.sampled_from(["hello", b"hello", "0123456789", Sized(b"hello")]),
    st.binary(max_size=20),
    st.sampled_from(ODD_VALUES),
)
TAGS = ["x", HELLO, "*", f'"{HELLO}"', f'W/"{HELLO}"', '"', '"x', "", "a, b", "é"]
WRONG = [5, True, [HELLO]]
moments = st.one_of(
    st.sampled_from([PAST, FUTURE, 0, 1e12, 4e12, -5000, 1.5]),
    st.sampled_from(["2020-01-01", True, float("nan"), float("inf"), 1e17, -1e17]),
)


def of(**optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these options, each with one of its values."""
    return st.fixed_dictionaries({}, optional=optional)


tag_parts = st.sampled_from(
    [f'"{HELLO}"', f'W/"{HELLO}"', '"x"', "*", ",", ", ", " ", '"', "W", "/", "W/", "y", '"a,b"']
)
tag_headers = st.lists(tag_parts, max_size=5).map("".join).map(str.strip)
date_headers = st.sampled_from(
    [
        "Wed, 01 Jan 2020 00:00:00 GMT",
        "Wed, 01 Jan 2070 00:00:00 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "rubbish",
        "",
    ]
)


def headers(**names: st.SearchStrategy[str]) -> st.SearchStrategy[Headers]:
    optional = {name.replace("_", "-"): values for name, values in names.items()}
    return st.fixed_dictionaries({}, optional=optional).map(Headers)


conditions = st.one_of(
    of(
        etagMatches=st.sampled_from(TAGS),
        etagDoesNotMatch=st.sampled_from(TAGS),
        uploadedBefore=moments,
        uploadedAfter=moments,
        secondsGranularity=st.booleans(),
    ),
    of(etagMatches=st.sampled_from([*TAGS, *WRONG]), etagDoesNotMatch=st.sampled_from(TAGS)),
    headers(if_match=tag_headers, if_none_match=tag_headers),
    headers(if_none_match=tag_headers, if_modified_since=date_headers),
    headers(if_match=tag_headers, if_unmodified_since=date_headers),
    st.sampled_from([None, 5, "x", True, {}]),
)
numbers = st.one_of(
    st.integers(0, 12),
    st.sampled_from(
        [
            *(-1, 1.5, -1.5, 2.0, "2", "x", "", " 3 ", "0x3", float("nan"), float("inf"), -0.0),
            *(float("-inf"), 1e21, -1e21, 1e-7, 2**53, True, 0.1 + 0.2),
        ]
    ),
)
ranges = st.one_of(
    of(offset=st.integers(0, 9), length=st.integers(1, 12)),
    of(suffix=st.integers(0, 12)),
    of(offset=numbers, length=numbers, suffix=numbers),
    of(offset=numbers, length=numbers),
    st.sampled_from(
        [
            *(
                "bytes=2-4",
                "bytes=2-",
                "bytes=-3",
                "bytes=-10",
                "bytes=-30",
                "bytes=-0",
                "bytes=10-",
            ),
            *("bytes=10-12", "bytes=2-100", "bytes=4-2", "bytes=0-1,4-5", "bytes=", "bytes=-"),
            *("bytes=abc", "lines=0-1", "BYTES=0-1", "", "bytes=0-0", "bytes=00-01"),
        ]
    ).map(lambda text: Headers({"range": text})),
    st.sampled_from([None, 5, "bytes=0-1", {}, Headers()]),
)
texts = st.one_of(st.text(max_size=8), st.sampled_from(["text/plain", "", "é", 5, True, 1.5]))
http_metadata = st.one_of(
    of(
        contentType=st.sampled_from(["text/plain", "", "a/b; c=d", 5]),
        contentLanguage=st.just("de"),
        contentDisposition=st.just("inline"),
        contentEncoding=st.just("gzip"),
        cacheControl=st.sampled_from(["no-store", True]),
        cacheExpiry=moments.filter(lambda value: not isinstance(value, int) or value >= 0),
        other=st.just("x"),
    ),
    headers(content_type=st.sampled_from(["text/html", ""]), expires=date_headers, x=st.just("y")),
    headers(cache_control=st.just("max-age=5"), content_encoding=st.just("br")),
    st.sampled_from([None, 5, "x", True, {}]),
)
custom_metadata = st.one_of(
    st.dictionaries(
        st.text(max_size=4).filter(lambda name: name != "__proto__"), texts, max_size=3
    ),
    st.integers(2040, 2055).map(lambda size: {"a": "x" * size}),
    st.integers(1018, 1028).map(lambda size: {"a": "\u0100" * size}),
    st.integers(508, 516).map(lambda size: {"𝄞": "𝄞" * size}),
    st.integers(2040, 2055).map(lambda size: {"a": "é" * (size // 2), "b": "x" * (size // 2)}),
    st.sampled_from([5, "x", ["p"], {"\ud800": "\ud800"}]),
)


def digests(name: str, size: int) -> st.SearchStrategy[Any]:
    right = hashlib.new(name, b"hello").digest()
    return st.sampled_from(
        [
            *(right, right.hex(), right.hex().upper(), bytes(size), "00" * size),
            *(right[1:], "00", "zz" * size, "", 5, "é" * size),
        ]
    )


DIGESTS = {
    name: digests(name, hashlib.new(name).digest_size)
    for name in ("md5", "sha1", "sha256", "sha384", "sha512")
}


def call(method: str, *args: Any, **optional: Any) -> st.SearchStrategy[Call]:
    spelling = st.sampled_from(["snake", "camel", "dict"])
    return st.builds(Call, st.just(method), st.tuples(*args), of(**optional), spelling)


usual_puts = call(
    "put", usual_keys, contents, http_metadata=http_metadata, custom_metadata=custom_metadata
)
plain_puts = call("put", keys, st.sampled_from(["hello", "0123456789", b""]))
conditional_puts = call("put", usual_keys, st.just("hello"), only_if=conditions)
odd_puts = call(
    "put",
    keys,
    contents,
    only_if=conditions,
    http_metadata=http_metadata,
    custom_metadata=custom_metadata,
    **DIGESTS,
)
digest_puts = st.sampled_from(sorted(DIGESTS)).flatmap(
    lambda name: call("put", usual_keys, st.just("hello"), **{name: DIGESTS[name]})
)
gets = st.one_of(
    call("get", keys, range=ranges),
    call("get", usual_keys, only_if=conditions),
    call("get", usual_keys, only_if=conditions, range=ranges),
)
lists = call(
    "list",
    limit=st.one_of(
        st.integers(1, 5),
        st.sampled_from([0, -1, -2, 1000, 1001, 1.9, "2", "x", float("nan"), 2**31]),
    ),
    prefix=st.sampled_from(["", "a", "a/", "é", "b/c", "\ud800", "k" * 2000, 5]),
    delimiter=st.sampled_from(["", "/", "a", "//", "é", 5]),
    start_after=st.sampled_from(["", "a", "a/b", "a/bb", "é", "b/c/d", 5]),
    cursor=st.one_of(
        st.builds(Result, st.integers(0, CALLS - 1), st.just("cursor")),
        st.sampled_from(["", "YQ==", "YQ", "rubbish!!", "é", "_w==", 5]),
    ),
    include=st.sampled_from(
        [[], ["httpMetadata"], ["customMetadata", "httpMetadata"], ["x"], "httpMetadata", [5]]
    ),
)
plain_lists = call(
    "list", limit=st.integers(1, 5), delimiter=st.just("/"), include=st.just(["httpMetadata"])
)
deletes = st.one_of(
    call("delete", keys),
    call("delete", st.lists(keys, max_size=3)),
    call("delete", st.lists(usual_keys, max_size=3)),
)
calls = st.one_of(
    *(usual_puts, plain_puts, plain_puts, plain_puts, conditional_puts, odd_puts, digest_puts),
    *(gets, gets, gets, call("head", keys), lists, lists, plain_lists, deletes),
)


# Uploads: two of them, of which parts are put, and which are completed with some of them.

UPLOADS = 2
uploads = st.integers(0, UPLOADS - 1)
part_numbers = st.one_of(
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([0, -1, 10_000, 10_001, "2", 1.9, float("nan"), None, True, 2**31]),
)
part_contents = st.sampled_from(
    ["a", "bb", b"", Sized(b"ccc"), None, 5, Repeat(b"x", PART), Repeat(b"y", PART + 1)]
)
small_parts = st.sampled_from(["a", "bb", b"", Sized(b"ccc")])


@st.composite
def upload_sequences(draw: st.DrawFn) -> list[Call]:
    made = [
        draw(
            call(
                "create_multipart_upload",
                usual_keys,
                http_metadata=http_metadata.filter(lambda value: isinstance(value, dict)),
                custom_metadata=st.just({"a": "b"}),
            )
        )
        for _ in range(UPLOADS)
    ]
    parts: list[int] = []
    for at in range(UPLOADS, 20):
        upload = draw(uploads)
        key: Any = Result(upload, "key")
        if draw(st.integers(0, 9)) == 0:
            key = draw(keys)
        named = (key, Result(upload, "uploadId") if draw(st.integers(0, 9)) else "none")
        match draw(st.integers(0, 9)):
            case 0 | 1 | 2 | 3 | 4:
                content = draw(small_parts if draw(st.integers(0, 2)) else part_contents)
                made.append(Call("upload_part", (*named, draw(part_numbers), content)))
                parts.append(at)
            case 5 | 6 | 7:
                some = draw(st.lists(st.sampled_from(parts), max_size=3)) if parts else []
                listed = [
                    {"partNumber": Result(part, "partNumber"), "etag": Result(part, "etag")}
                    for part in some
                ]
                odd = draw(
                    st.sampled_from([[], [], [], [{"partNumber": 1, "etag": "x"}], [5], [{}]])
                )
                made.append(Call("complete", (*named, [*listed, *odd])))
            case 8:
                made.append(Call("abort", named))
            case _:
                made.append(draw(call("get", usual_keys, range=ranges)))
    return [*made, *(Call("get", (key,)) for key in USUAL_KEYS), Call("list")]
