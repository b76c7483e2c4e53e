"""What crosses between Workers, which methods may be called, and how errors come back."""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from edgekit.bindings import services
from edgekit.bindings.fetcher import Fetcher
from edgekit.bindings.services import MAX_BYTES, Home, RpcStub, RpcTarget, call, crossing
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.errors import (
    BindingError,
    BodyUsedError,
    DataCloneError,
    HTTPError,
    ServiceError,
    ServiceTypeError,
)
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream


class Place:
    """A Home that keeps count of what ran in it."""

    here: Home | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs = 0

    def current(self) -> Home | None:
        return Place.here

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        self.runs += 1
        before, Place.here = Place.here, self
        try:
            return await work()
        finally:
            Place.here = before


class NotEnough(Exception):
    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} missing")
        self.missing = missing


class Counter(RpcTarget):
    def __init__(self) -> None:
        self.value = 0

    def inc(self, by: int = 1) -> int:
        self.value += by
        return self.value

    def alarm(self) -> str:
        return "rings"

    def _reset(self) -> None:
        self.value = 0


class Shared:
    def inherited(self) -> str:
        return "of a mixin"


class Api(WorkerEntrypoint, Shared):
    LIMIT = 5

    def __init__(self, ctx: Any = None, env: Any = None) -> None:
        super().__init__(ctx, env)
        self.attached = lambda: 1

    async def echo(self, value: Any) -> Any:
        return value

    def add(self, a: int, b: int) -> int:
        return a + b

    async def options(self, *args: Any) -> Any:
        return list(args)

    async def call(self, function: Any, *args: Any) -> Any:
        return await function(*args)

    async def fail(self, error: str) -> None:
        secret = "in the frame's variables"
        raise {"value": ValueError(secret[:2]), "mine": NotEnough(3), "http": HTTPError(404, "x")}[
            error
        ]

    async def chained(self) -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer") from error

    def counter(self) -> Counter:
        return Counter()

    async def coroutine(self) -> Any:
        return [self.echo(1)]

    async def generator(self) -> Any:
        return (n for n in range(3))

    async def ends(self) -> None:
        raise SystemExit(3)

    @property
    def total(self) -> int:
        return 5

    @staticmethod
    def still() -> str:
        return "static"

    async def alarm(self) -> None: ...

    async def _private(self) -> None: ...


CALLER, CALLEE = Place("caller"), Place("callee")


@pytest.fixture(autouse=True)
def _at_the_caller() -> None:
    Place.here = CALLER
    CALLER.runs = CALLEE.runs = 0


def service() -> Any:
    def calls(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return call(CALLEE, Api, name, args, kwargs)

    async def no_fetch(request: Request) -> Response:
        raise NotImplementedError

    return Fetcher(no_fetch, calls)


# Methods ---------------------------------------------------------------------------------------------


async def test_async_and_sync_methods_are_called() -> None:
    assert await service().echo("x") == "x"
    assert await service().add(1, 2) == 3
    assert await service().inherited() == "of a mixin"
    assert await service().still() == "static"
    assert CALLEE.runs == 4


async def test_keyword_arguments_arrive_as_one_dict_behind_the_others() -> None:
    assert await service().options(1, a=2, b=3) == [1, {"a": 2, "b": 3}]


@pytest.mark.parametrize("name", ["nope", "_private", "env", "ctx", "attached", "getUser", ""])
async def test_what_is_no_public_method_is_not_there(name: str) -> None:
    with pytest.raises(ServiceTypeError) as caught:
        await getattr(service(), name)()
    assert str(caught.value) == f'The RPC receiver does not implement the method "{name}".'
    assert isinstance(caught.value, TypeError | BindingError)


@pytest.mark.parametrize("name", ["total", "LIMIT"])
async def test_attributes_are_no_methods(name: str) -> None:
    with pytest.raises(ServiceTypeError, match=f'"{name}" is not a function.'):
        await getattr(service(), name)()


@pytest.mark.parametrize("name", ["alarm", "dup", "constructor", "webSocketMessage", "connect"])
async def test_reserved_names_are_not_called(name: str) -> None:
    match = f"'{name}' is a reserved method and cannot be called over RPC."
    with pytest.raises(ServiceTypeError, match=match):
        await getattr(service(), name)()


async def test_special_names_of_python_are_no_methods() -> None:
    with pytest.raises(AttributeError):
        service().__copy__  # noqa: B018
    stub = await service().counter()
    with pytest.raises(AttributeError):
        stub.__copy__  # noqa: B018


async def test_the_wrong_number_of_arguments_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'b'"):
        await service().add(1)


async def test_a_fetcher_without_methods_says_so() -> None:
    async def answer(request: Request) -> Response:
        return Response(request.url)

    fetcher = Fetcher(answer)
    assert await (await fetcher.fetch("http://x/")).text() == "http://x/"
    with pytest.raises(ServiceTypeError, match='does not implement the method "add"'):
        await fetcher.add(1)


# Values ----------------------------------------------------------------------------------------------


async def test_arguments_and_results_are_copies_made_at_the_call() -> None:
    given = {"list": [1]}
    waiting = service().echo(given)
    given["list"].append(2)
    result = await waiting
    assert result == {"list": [1]}
    assert result is not given


async def test_what_is_given_twice_arrives_as_one() -> None:
    same = [1]
    first, second = await service().options(same, same)
    assert first is second


async def test_a_function_runs_where_it_came_from() -> None:
    seen = []

    def function(value: int) -> int:
        seen.append((Place.here, value))
        return value + 1

    assert await service().call(function, 4) == 5
    assert seen == [(CALLER, 4)]
    assert CALLER.runs == 1


async def test_an_async_function_and_its_errors_cross_too() -> None:
    async def function() -> None:
        raise NotEnough(2)

    with pytest.raises(NotEnough, match="2 missing") as caught:
        await service().call(function)
    assert caught.value.missing == 2


async def test_a_target_is_passed_by_reference_both_ways() -> None:
    stub = await service().counter()
    assert isinstance(stub, RpcStub)
    assert [await stub.inc(), await stub.inc(5), await stub.alarm()] == [1, 6, "rings"]
    mine = Counter()
    theirs = await service().echo(mine)
    assert await theirs.inc(3) == 3
    assert mine.value == 3
    assert await theirs.dup().inc() == 4
    assert "callee" in repr(stub)


async def test_targets_offer_methods_only() -> None:
    stub = await service().counter()
    for name in ("value", "_reset", "nope"):
        with pytest.raises(ServiceTypeError, match="does not implement"):
            await getattr(stub, name)()
    with pytest.raises(ServiceTypeError, match=r'"\(this\)" is not a function.'):
        await stub()
    function = await service().echo(print)
    with pytest.raises(ServiceTypeError, match='does not implement the method "format"'):
        await function.format()


async def test_functions_inside_data_become_stubs() -> None:
    result = await service().echo({"calls": [lambda: 1]})
    assert await result.calls[0]() == 1


async def test_a_stub_keeps_its_target_alive() -> None:
    stub = await service().counter()
    gc.collect()
    assert await stub.inc() == 1


async def test_what_code_outside_of_all_workers_passes_runs_there() -> None:
    Place.here = None
    assert await service().call(lambda: Place.here is CALLEE) is True


async def test_services_cross_as_they_are() -> None:
    other = service()
    assert await service().echo(other) is other
    stub = await service().counter()
    assert await service().echo(stub) is stub


async def test_requests_responses_and_streams_move() -> None:
    request = Request("http://x/", method="POST", body="data", headers={"x-a": "1"})
    copy = await service().echo(request)
    assert (copy.url, copy.method, copy.headers["x-a"]) == ("http://x/", "POST", "1")
    assert await copy.text() == "data"
    assert request.body_used
    stream = ReadableStream([b"a", b"b"])
    assert await (await service().echo(stream)).read_all() == b"ab"
    with pytest.raises(BodyUsedError):
        await stream.read_all()
    response = await service().echo(Response("r", status=201))
    assert (response.status, await response.text()) == (201, "r")


@pytest.mark.parametrize("value", [object(), Counter, ..., Api()])
async def test_what_is_neither_data_nor_callable_cannot_cross(value: Any) -> None:
    with pytest.raises(DataCloneError, match="Could not serialize object of type"):
        await service().echo(value)


async def test_an_awaitable_is_refused_with_a_hint() -> None:
    with pytest.raises(DataCloneError, match="Await it, and pass its result"):
        await service().coroutine()
    future = asyncio.get_running_loop().create_future()
    with pytest.raises(DataCloneError, match="Await it"):
        await service().echo(future)


async def test_a_generator_cannot_cross() -> None:
    with pytest.raises(DataCloneError, match='of type "generator"'):
        await service().generator()


@pytest.mark.parametrize(
    "value",
    [
        "x" * (MAX_BYTES + 1),
        [b"x" * MAX_BYTES, "y"],
        {"é" * MAX_BYTES: "x"},
        ["\u0100" * (MAX_BYTES // 2), "y"],
    ],
    ids=["text", "bytes", "keys", "wide"],
)
async def test_more_than_32_mib_are_refused(value: Any) -> None:
    with pytest.raises(ServiceError, match="are limited to 32MiB, but the size of this value was"):
        await service().echo(value)


async def test_a_circle_has_a_size_too() -> None:
    circle: list[Any] = []
    circle.append(circle)
    result = await service().echo(circle)
    assert result[0] is result


# Errors ----------------------------------------------------------------------------------------------


async def test_an_error_keeps_class_text_and_attributes() -> None:
    with pytest.raises(NotEnough, match="3 missing") as caught:
        await service().fail("mine")
    assert caught.value.missing == 3
    with pytest.raises(HTTPError) as http:
        await service().fail("http")
    assert (http.value.status, http.value.detail) == (404, "x")


async def test_an_error_is_remote_and_says_where_it_was_raised() -> None:
    with pytest.raises(ValueError, match="in") as caught:
        await service().fail("value")
    assert caught.value.remote is True  # type: ignore[attr-defined]
    (note,) = caught.value.__notes__
    assert note.startswith("In the Worker 'callee':\n  File ")
    assert "in fail" in note


async def test_an_error_brings_no_frames_of_the_other_side() -> None:
    with pytest.raises(ValueError, match="in") as caught:
        await service().fail("value")
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert "fail" not in names
    assert caught.value.__context__ is None


async def test_the_cause_of_an_error_crosses() -> None:
    with pytest.raises(RuntimeError, match="outer") as caught:
        await service().chained()
    assert isinstance(caught.value.__cause__, KeyError)


async def test_an_error_that_was_never_raised_has_no_note() -> None:
    assert not hasattr(crossing(ValueError("x"), CALLEE), "__notes__")


async def test_the_end_of_the_process_is_no_result() -> None:
    with pytest.raises(SystemExit):
        await service().ends()


def test_the_home_of_outsiders_is_nowhere() -> None:
    assert services._NOWHERE.current() is None
