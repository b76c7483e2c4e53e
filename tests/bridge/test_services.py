"""edgekit's calls between Workers beside the real ones: what crosses, as what, and how errors come back.

The callee there is callee.mjs, here its twin `Callee`. EDGEKIT_BRIDGE_OPS says how many random calls
are compared, at least.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.app import App
from edgekit.bindings.services import RpcTarget
from edgekit.entrypoints import WorkerEntrypoint
from edgekit.errors import BodyUsedError, DataCloneError, FetchError, WebRangeError
from edgekit.testing.client import TestClient
from edgekit.web.request import Request
from edgekit.web.response import Response
from tests.bridge.bridge import Bridge, Call, Failure, Repeat, perform
from tests.bridge.comparing import judge, random_calls
from tests.bridge.differences import KNOWN_DIFFERENCES

pytestmark = pytest.mark.bridge

CALLS = 50  # in one sequence

FAILURES: dict[type[Exception], str] = {
    DataCloneError: "DataCloneError",
    BodyUsedError: "TypeError",
    TypeError: "TypeError",
    WebRangeError: "RangeError",
    FetchError: "Error",
    Exception: "Error",
}
ERRORS = {"Error": Exception, "TypeError": TypeError, "RangeError": WebRangeError}


class Counter(RpcTarget):
    def __init__(self, start: int) -> None:
        self.value = start

    def inc(self, by: int) -> int:
        self.value += by
        return self.value

    def fail(self, text: str) -> None:
        raise WebRangeError(text)

    @property
    def total(self) -> int:
        return self.value

    def alarm(self) -> str:
        return "no alarm"


class Plain:
    pass


class Callee(WorkerEntrypoint):
    async def echo(self, *values: Any) -> Any:
        return values[0] if values else None

    async def args(self, *values: Any) -> Any:
        return values

    async def change(self, value: Any = None) -> Any:
        if isinstance(value, list):
            value.append(1)
        return value

    async def throw(self, name: str, text: str) -> None:
        raise ERRORS[name](text)

    async def make(self, name: str, text: str) -> Any:
        return ERRORS[name](text)

    def counter(self, start: int) -> Counter:
        return Counter(start)

    async def apply(self, call: Any, *values: Any) -> Any:
        return await call(*values)

    async def nothing(self) -> None:
        pass

    async def _hidden(self) -> str:
        return "not here"

    async def object(self) -> Any:
        return Plain()

    @property
    def total(self) -> int:
        return 5

    async def alarm(self) -> None:
        pass

    async def fetch(self, request: Request) -> Response:
        status = int(request.query.get("status") or "200")
        if request.path == "/throw":
            raise WebRangeError("no answer")
        if 300 <= status < 400:
            location = request.query.get("to") or ""
            return Response(None, status=status, headers={"location": location})
        body = await request.text()
        seen = [[name, value] for name, value in request.headers.items() if name.startswith("x-")]
        data = {"method": request.method, "url": request.url, "body": body, "seen": seen}
        answer = Response.json(data).body
        null = status in (204, 205, 304)
        return Response(None if null else answer, status=status, headers={"x-answer": "1"})


def raising(text: str) -> None:
    raise TypeError(text)


CALLBACKS = {"add": lambda a, b: a + b, "throw": raising, "echo": lambda value: value}


class Calling:
    """The service, with the calls that take several steps."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        async def method(*args: Any) -> Any:
            return plain(await getattr(self._service, name)(*args))

        return method

    async def callback(self, name: str, values: list[Any]) -> Any:
        return await self._service.apply(CALLBACKS[name], *values)

    async def count(self, start: int, steps: list[Any]) -> Any:
        counter = await self._service.counter(start)
        return [await getattr(counter, method)(*values) for method, *values in steps]

    async def request(self, url: str, init: dict[str, Any]) -> Any:
        response = await self._service.fetch(url, init)
        headers = [
            [name, value]
            for name, value in response.headers.items()
            if name.startswith("x-") or name == "location"
        ]
        return {
            "status": response.status,
            "redirected": response.redirected,
            "url": response.url,
            "headers": headers,
            "text": await response.text(),
        }


class Here:
    """edgekit's service, with a loop to run it in."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._client = TestClient(App(), services={"callee": Callee})
        runner.run(self._client.__aenter__())

    def call(self, calls: list[Call]) -> list[Any]:
        return self._runner.run(self._call(calls))

    async def _call(self, calls: list[Call]) -> list[Any]:
        resident = self._client._isolate._deployment.residents["callee"]
        return await perform(Calling(resident.fetcher("test")), calls, FAILURES)

    def close(self) -> None:
        self._runner.run(self._client.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    with asyncio.Runner() as runner:
        made = Here(runner)
        yield made
        made.close()


def plain(value: Any) -> Any:
    """A result in the form of the bridge's: errors as Failures."""
    if isinstance(value, Exception):
        return Failure(name_of(value), str(value))
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def name_of(error: Exception) -> str:
    return next(name for kind, name in FAILURES.items() if isinstance(error, kind))


def shown(value: Any) -> Any:
    """For comparing: not a number is equal to itself."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return value


def compare(real: Bridge, here: Here, calls: list[Call]) -> None:
    expected, results = real.call("CALLEE", calls), here.call(calls)
    judge("CALLEE", "services", calls, [*map(shown, expected)], [*map(shown, results)])


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.integers(-(10**12), 10**13).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", "é", "\U0001d11e", "\ud800", "\udc00\ud800", "\0", "__proto__", "\u2028"]),
)
atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats().map(lambda value: value + 0.0),
    texts,
    st.binary(max_size=12),
    moments,
    st.sets(texts, max_size=3),
)
keys = st.one_of(st.text(max_size=5), st.sampled_from(["1", "01", "constructor", "then", ""]))
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        # "$" is the bridge's own; the methods of dict are no keys of its objects' attributes.
        st.dictionaries(keys.filter(lambda key: key not in ("$", "__proto__")), inner, max_size=4),
    ),
    max_leaves=12,
)
errors = st.sampled_from(sorted(ERRORS))
messages = st.one_of(st.text(max_size=12), st.sampled_from(["", "a: b", "TypeError: x", "\n"]))
numbers = st.integers(-1000, 1000)
methods = st.sampled_from(
    ["nope", "total", "alarm", "dup", "nothing", "object", "webSocketMessage", "env", "ctx"]
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("inc"), numbers),
        st.tuples(st.just("alarm")),
        st.tuples(st.sampled_from(["value", "nope", "total", "fail"]), texts),
    ).map(list),
    max_size=4,
)
paths = st.sampled_from(["/", "/a%20b", "/é?x=%2F", "/throw", "//x", "/a/../b"])
statuses = st.sampled_from([200, 201, 204, 205, 304, 400, 404, 500, 599, 301, 302, 303, 307, 308])
places = st.sampled_from(
    ["/end", "http://other.test/x?status=201", "end", "http://[", "/throw", "/b?status=302&to=/c#d"]
)
redirects = st.sampled_from(["follow", "manual"])
inits = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]),
        "body": st.one_of(st.text(max_size=8), st.none()),
        "headers": st.dictionaries(st.sampled_from(["x-a", "X-B"]), st.just("v"), max_size=2),
        "redirect": redirects,
    },
).filter(lambda init: init.get("body") is None or init.get("method", "GET") not in ("GET", "HEAD"))


def call(method: str, *args: Any) -> st.SearchStrategy[Call]:
    return st.builds(Call, st.just(method), st.tuples(*args))


urls = st.builds(
    lambda path, status, to: (
        f"http://callee.test{path}{'&' if '?' in path else '?'}status={status}&to={to}"
    ),
    paths,
    statuses,
    places.map(lambda to: quote(to, safe="/:")),
)
calls = st.one_of(
    call("echo", values),
    st.builds(Call, st.just("args"), st.lists(values, max_size=3).map(tuple)),
    call("change", values),
    call("throw", errors, messages),
    call("make", errors, messages),
    methods.flatmap(lambda name: call(name)),
    call("callback", st.just("add"), st.lists(numbers, min_size=2, max_size=2)),
    call("callback", st.just("throw"), st.lists(texts, min_size=1, max_size=1)),
    call("callback", st.just("echo"), st.lists(values, min_size=1, max_size=1)),
    call("count", numbers, steps),
    call("request", urls, inits),
)


@random_calls(CALLS)
@given(sequence=st.lists(calls, min_size=CALLS, max_size=CALLS))
def test_random_calls_answer_as_on_the_platform(
    real: Bridge, here: Here, sequence: list[Call]
) -> None:
    compare(real, here, sequence)


def test_calls_of_more_than_32_mib_are_refused_on_both_sides(real: Bridge, here: Here) -> None:
    large = Repeat("x", 33 * 1024 * 1024)
    (there,), (ours,) = (
        real.call("CALLEE", [Call("nothing", (large,))]),
        here.call([Call("nothing", (large,))]),
    )
    start = "Serialized RPC arguments or return values are limited to 32MiB"
    assert there.name == ours.name == "Error"
    assert there.message.startswith(start)
    assert ours.message.startswith(start)


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "CALLEE"],
    ids=lambda each: each.what,
)
def test_known_differences_still_differ(real: Bridge, here: Here, difference: Any) -> None:
    calls = list(difference.example)
    there, ours = real.call("CALLEE", calls)[-1], here.call(calls)[-1]
    assert shown(there) != shown(ours)
    assert difference.allows(calls[-1], there, ours)
