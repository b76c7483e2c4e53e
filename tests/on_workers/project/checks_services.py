"""Services: requests and calls of another Worker's methods, as every place must answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from edgekit import ReadableStream, Request


async def test_a_request_is_answered(env: Any) -> None:
    response = await env.OTHER.fetch("https://other/a/b?c", method="POST", body="text")
    assert (response.status, await response.text()) == (201, "text")
    assert (response.headers["x-method"], response.headers["x-path"]) == ("POST", "/a/b")


async def test_a_stream_is_passed_on(env: Any) -> None:
    body = ReadableStream([b"ab", b"cd"])
    request = Request("https://other/", method="PUT", body=body, headers={"x-given": "v"})
    response = await env.OTHER.fetch(request)
    assert await response.bytes() == b"abcd"
    assert response.headers["x-given"] == "v"


async def test_a_handlers_error_is_raised(env: Any) -> None:
    try:
        response = await env.OTHER.fetch("https://other/fails")
    except ValueError as error:
        assert "it fails" in str(error)
    else:
        # Outside of workerd a service answers as a server does.
        assert response.status == 500


async def test_methods_are_called(env: Any) -> None:
    assert await env.OTHER.add(1, 2) == 3
    assert await env.OTHER.named(one=1, two=None) == ["one", "two"]


async def test_values_come_back_as_they_went(env: Any) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    for value in (None, True, 1, 1.5, "é", [1, None, "a"], {"a": None, "b": [{"c": 1}]}, 2**40):
        found = await env.OTHER.echo(value)
        assert found == value, f"{value!r} came back as {found!r}"
    assert await env.OTHER.echo(b"\x00\xff") == b"\x00\xff"
    assert await env.OTHER.echo(moment) == moment
    found = await env.OTHER.echo({"none": None, "bytes": b"\x00", "at": [moment]})
    assert found == {"none": None, "bytes": b"\x00", "at": [moment]}
    assert found.none is None


async def test_a_methods_error_is_raised(env: Any) -> None:
    for kind, expected in (("TypeError", TypeError), ("RangeError", ValueError)):
        try:
            await env.OTHER.refuse(kind)
        except expected as error:
            assert f"no {kind}" in str(error)
        else:
            raise AssertionError(f"{kind} was not raised")


async def test_a_method_that_is_not_there_is_a_type_error(env: Any) -> None:
    try:
        await env.OTHER.missing()
    except TypeError as error:
        assert "missing" in str(error)
    else:
        raise AssertionError("it was there")


async def test_functions_are_passed_by_reference(env: Any) -> None:
    async def triple(number: int) -> int:
        return 3 * number

    assert await env.OTHER.twice(triple) == 9
    add = await env.OTHER.adder(40)
    assert await add(2) == 42


async def test_targets_keep_their_state(env: Any) -> None:
    counter = await env.OTHER.counter()
    assert await counter.add(2) == 2
    assert await counter.add(3) == 5
