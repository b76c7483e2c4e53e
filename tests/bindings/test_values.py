"""The structured clone: each row of its table, both ways (the copy, and through bytes)."""

from __future__ import annotations

import enum
import math
import os
import shutil
import subprocess
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.bindings.values import clone, deserialize, serialize
from edgekit.errors import DataCloneError, HTTPError, KVError, WebRangeError, WebTypeError
from edgekit.web.blob import Blob, File
from edgekit.web.formdata import FormData
from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Plain
from edgekit.web.streams import ReadableStream
from edgekit.web.url import URL
from edgekit.web.websocket import WebSocketPair

Copy = Callable[[Any], Any]


def through_bytes(value: Any) -> Any:
    return deserialize(serialize(value))


both = pytest.mark.parametrize("copied", [clone, through_bytes])


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class OwnError(ValueError):
    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"no {what}")
        self.code = code


class SpeaksError(Exception):
    def __init__(self, *, status: int) -> None:
        self.status = status

    def __str__(self) -> str:
        return f"status {self.status}"


class SilentError(Exception):
    def __str__(self) -> str:
        raise ValueError


# Plain data ------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -1, 2**31 - 1, -(2**31), 2**31, -(2**31) - 1, 2**53 + 1, -(2**200)),
        *(
            0.0,
            2.0,
            1e300,
            math.inf,
            -math.inf,
            "",
            "a",
            "\xff",
            "é𝄞",
            "\ud800",
            "a\0b",
            b"",
            b"\xff",
        ),
        *(
            [],
            {},
            set(),
            [1, [2, [3]]],
            {"a": {"b": [None]}},
            {1, "a", b"b", None},
            ["𝄞", "x", "𝄞𝄞"],
        ),
    ],
    ids=ascii,
)
def test_plain_values_arrive_as_they_are(copied: Copy, value: Any) -> None:
    arrived = copied(value)
    assert arrived == value
    assert type(arrived) is (Plain if type(value) is dict else type(value))


@both
def test_nan_and_negative_zero_arrive(copied: Copy) -> None:
    assert math.isnan(copied(math.nan))
    assert math.copysign(1, copied(-0.0)) == -1


@both
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (frozenset({1}), {1}),
        (OrderedDict(a=1), {"a": 1}),
        (Level.HIGH, 3),
        (Word.YES, "yes"),
        ({1: "a", 2.0: "b", 1.5: "c", None: "d"}, {"1": "a", "2": "b", "1.5": "c", "null": "d"}),
        ({True: 1, False: 0}, {"true": 1, "false": 0}),
        ({Word.YES: Word.YES}, {"yes": "yes"}),
    ],
    ids=ascii,
)  # fmt: skip
def test_other_containers_and_subclasses_arrive_as_the_plain_type(
    copied: Copy, value: Any, expected: Any
) -> None:
    arrived = copied(value)
    assert arrived == expected
    assert type(arrived) is (Plain if isinstance(expected, dict) else type(expected))


@both
def test_objects_arrive_with_attributes(copied: Copy) -> None:
    arrived = copied({"user": {"firstName": "A"}})
    assert arrived.user.first_name == "A"


@both
def test_copy_shares_nothing_that_can_change(copied: Copy) -> None:
    value = {"list": [1], "set": {1}, "bytes": bytearray(b"a")}
    arrived = copied(value)
    arrived["list"].append(2)
    arrived["set"].add(2)
    value["bytes"][0] = 0
    assert value["list"] == [1]
    assert value["set"] == {1}
    assert arrived["bytes"] == b"a"


@both
def test_shared_references_and_circles_stay(copied: Copy) -> None:
    shared, content = [1], b"x" * 1000
    value: dict[str, Any] = {"a": shared, "b": shared, "c": content, "d": content}
    value["me"] = value
    shared.append(value)
    arrived = copied(value)
    assert arrived["me"] is arrived
    assert arrived["a"] is arrived["b"]
    assert arrived["a"][1] is arrived
    assert arrived["c"] is arrived["d"]


def test_shared_bytes_are_written_once() -> None:
    content = b"x" * 1000
    assert len(serialize([content] * 10)) < 1100


@both
def test_datetime_is_a_moment_in_milliseconds(copied: Copy) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=timezone(timedelta(hours=2)))
    assert copied(moment) == datetime(2026, 1, 2, 1, 4, 5, 678_000, tzinfo=UTC)
    assert copied(moment).tzinfo is UTC
    for edge in (datetime.min, datetime.max, datetime(1969, 12, 31, 23, 59, 59, 1_000)):
        expected = edge.replace(microsecond=edge.microsecond // 1000 * 1000)
        assert copied(edge) == expected
        assert copied(edge).tzinfo is None


@both
@pytest.mark.parametrize("levels", [100, 100_000])
def test_too_deep_nesting_is_a_range_error(copied: Copy, levels: int) -> None:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    if levels == 100:
        assert copied(value) == value
    else:
        with pytest.raises(WebRangeError, match="Maximum call stack size exceeded"):
            copied(value)
    while value:  # taken apart by hand: the interpreter too goes down by recursion
        value = value[0]


# Errors ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        KeyError("k"),
        Exception(),
        Exception("a", 1, [2]),
        OSError(2, "gone", "file"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        StopIteration(3),
        OwnError("luck", 7),
        SpeaksError(status=404),
        KVError("KV GET failed: 400", code=400),
        HTTPError(404, {"a": 1}),
        WebTypeError("x"),
    ],
    ids=repr,
)
def test_error_keeps_type_text_arguments_and_attributes(copied: Copy, error: Exception) -> None:
    arrived = copied(error)
    assert arrived is not error
    assert str(arrived) == str(error)
    if not isinstance(error, SpeaksError):
        assert type(arrived) is type(error)
        assert arrived.args == error.args
        assert getattr(arrived, "filename", None) == getattr(error, "filename", None)
    assert vars(arrived) == vars(error)


@both
def test_error_keeps_cause_notes_and_groups(copied: Copy) -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")
    error.add_note("a note")
    error.own = error  # type: ignore[attr-defined]
    arrived = copied(ExceptionGroup("all", [error]))
    (inner,) = arrived.exceptions
    assert type(arrived) is ExceptionGroup
    assert inner.__notes__ == ["a note"]
    assert type(inner.__cause__) is KeyError
    assert inner.own is inner


@both
def test_error_leaves_behind_what_cannot_be_copied(copied: Copy) -> None:
    half = [1, object()]
    error = OwnError("x", 1)
    error.args = ("no x", half)
    error.code = 2
    error.request = half  # type: ignore[attr-defined]
    arrived = copied(error)
    assert str(arrived) == str(error)
    assert type(arrived) is OwnError
    assert vars(arrived) == {"code": 2}
    with pytest.raises(DataCloneError):
        copied([error, half])


@both
def test_error_whose_text_fails_is_still_an_error(copied: Copy) -> None:
    assert isinstance(copied(SilentError("x")), Exception)


def test_error_none_of_whose_classes_is_loaded_keeps_its_text() -> None:
    data = serialize(ValueError("no")).replace(b"builtins", b"buildins")
    assert repr(deserialize(data)) == "Exception('no')"


def test_error_of_a_class_that_is_not_loaded_is_its_nearest_base() -> None:
    data = serialize(OwnError("luck", 7)).replace(b":OwnError", b":OwnErrox")
    arrived = deserialize(data)
    assert type(arrived) is ValueError
    assert str(arrived) == "no luck"
    assert arrived.code == 7


@both
def test_only_exceptions_are_errors(copied: Copy) -> None:
    with pytest.raises(DataCloneError):
        copied(KeyboardInterrupt())


# What the web brings ----------------------------------------------------------------------------------


@both
async def test_headers_blobs_and_messages_without_body_arrive(copied: Copy) -> None:
    headers = Headers([("a", "1"), ("set-cookie", "x"), ("set-cookie", "é")])
    request = Request(
        "http://a/b?c", method="DELETE", headers=headers, cf={"colo": "X"}, redirect="manual"
    )
    response = Response(None, status=204, headers=headers, status_text="None")
    response.url = "http://a/"
    value = [headers, Blob(["hé"], type="text/plain"), request, response, headers]
    arrived = copied(value)
    assert arrived[0].raw == headers.raw
    assert arrived[0] is arrived[4]
    assert arrived[0] is not headers
    assert await arrived[1].text() == "hé"
    assert arrived[1].type == "text/plain"
    assert (arrived[2].url, arrived[2].method, arrived[2].redirect) == (
        "http://a/b?c",
        "DELETE",
        "manual",
    )
    assert arrived[2].headers.raw == headers.raw
    assert arrived[2].cf.colo == "X"
    assert (arrived[3].status, arrived[3].status_text, arrived[3].url) == (204, "None", "http://a/")
    assert arrived[3].headers.raw == headers.raw
    assert arrived[3].body is None


@both
@pytest.mark.parametrize(
    "value",
    [Response("x"), Request("http://a/", method="POST", body=b"x"), ReadableStream([b"x"])],
    ids=repr,
)
def test_streams_cross_only_by_rpc(copied: Copy, value: Any) -> None:
    with pytest.raises(DataCloneError, match=r"^ReadableStream can only be serialized for RPC\.$"):
        copied({"nested": value})


@both
def test_web_sockets_do_not_cross(copied: Copy) -> None:
    response = Response(None, status=101, web_socket=WebSocketPair()[0])
    with pytest.raises(DataCloneError, match='of type "WebSocket"'):
        copied(response)


async def test_bodies_and_streams_move_by_rpc() -> None:
    stream = ReadableStream([b"a", b"b"])
    request = Request("http://a/", method="PUT", body="text")
    response = Response(ReadableStream([b"c"]), headers={"content-type": "x/y"})
    copied = clone([stream, request, response, stream], by_reference=lambda _: None)
    assert copied[0] is copied[3]
    assert await copied[0].read_all() == b"ab"
    assert await copied[1].text() == "text"
    assert copied[1].headers["content-type"] == "text/plain;charset=UTF-8"
    assert await copied[2].text() == "c"
    assert copied[2].headers["content-type"] == "x/y"
    assert stream.locked
    assert request.body_used
    assert response.body_used
    with pytest.raises(WebTypeError, match="already been used"):
        clone(request, by_reference=lambda _: None)


def test_whatever_is_no_data_is_passed_by_reference_in_rpc() -> None:
    def function() -> None: ...

    copied = clone([function, function], by_reference=lambda value: [value])
    assert copied == [[function], [function]]
    assert copied[0] is copied[1]
    with pytest.raises(DataCloneError, match='of type "function"'):
        clone(function, by_reference=lambda _: None)


async def _coroutine() -> None: ...


@both
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        (lambda: 1, "function"),
        (1j, "complex"),
        (range(3), "range"),
        (uuid.UUID(int=0), "UUID"),
        (FormData(), "FormData"),
        (File(["x"], "n"), "File"),
        (URL("http://a/"), "URL"),
        ({("a", "b"): 1}, "tuple"),
        ({("a", "b")}, "tuple"),
        ({frozenset()}, "frozenset"),
        (int, "type"),
        (iter([]), "list_iterator"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_all_else_is_refused_with_the_platforms_text(copied: Copy, value: Any, name: str) -> None:
    text = f'Could not serialize object of type "{name}". This type does not support serialization.'
    with pytest.raises(DataCloneError) as caught:
        copied([{"deep": value}])
    assert str(caught.value) == text
    assert isinstance(caught.value, TypeError)


# Bytes -----------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(codec=None), max_size=20),
    st.binary(max_size=20),
    st.datetimes().map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
    st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
        st.sets(scalars, max_size=4),
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=300)
@given(value=values)
def test_bytes_say_what_the_copy_says(value: Any) -> None:
    assert through_bytes(value) == clone(value) == value


@settings(deadline=None, max_examples=300)
@given(value=values, data=st.data())
def test_damaged_bytes_are_a_clone_error_or_another_value(value: Any, data: Any) -> None:
    whole = serialize(value)
    with pytest.raises(DataCloneError, match=r"^Unable to deserialize cloned data\.$"):
        deserialize(whole[: data.draw(st.integers(0, len(whole) - 1))])
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= data.draw(st.integers(1, 255))
    try:
        deserialize(bytes(damaged))
    except (DataCloneError, WebRangeError):
        pass


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=50))
def test_any_bytes_are_a_clone_error_or_a_value(data: bytes) -> None:
    try:
        deserialize(b"\xff\x0f" + data)
    except (DataCloneError, WebRangeError):
        pass


def test_bytes_that_go_too_deep_are_a_range_error() -> None:
    with pytest.raises(WebRangeError, match="Maximum call stack size exceeded"):
        deserialize(b"\xff\x0f" + b"A\x01" * 100_000)


@pytest.mark.bridge
def test_bytes_are_v8s() -> None:
    if shutil.which("node") is None:
        if "node" in os.environ.get("EDGEKIT_REQUIRE", "").split(","):
            pytest.fail("node is required")
        pytest.skip("node is not installed")
    shared = ["𝄞", "x", "é𝄞"]
    value = [None, True, 1, -5, 2.5, 2**70, "é", "𝄞", {"a": shared, "b": shared}, {1, 2}]
    value += [datetime(2026, 1, 2, tzinfo=UTC), b"\1\2", -(2**40)]
    script = """
        const value = require("v8").deserialize(Buffer.from(process.argv[1], "hex"));
        const show = (x) => typeof x === "bigint" ? x + "n" : x instanceof Set ? ["set", ...x]
            : x instanceof Uint8Array ? ["bytes", ...x] : x;
        console.log(JSON.stringify(value.map(show)), value[8].a === value[8].b);
    """
    done = subprocess.run(
        ["node", "-e", script, serialize(value).hex()], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        '[null,true,1,-5,2.5,"1180591620717411303424n","é","𝄞",{"a":["𝄞","x","é𝄞"],"b":["𝄞","x","é𝄞"]},'
        '["set",1,2],"2026-01-02T00:00:00.000Z",["bytes",1,2],"-1099511627776n"] true\n'
    )
