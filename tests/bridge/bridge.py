"""Python's end of the bridge to the real platform: calls out, results or errors back.

`Bridge.call("KV", [Call("put", ("k", "v"))])` runs on the real binding, by way of bridge.mjs and
worker.mjs. A binding's test gives the same calls to edgekit's class, by `perform`, and compares.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import math
import subprocess
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from edgekit.web.headers import Headers
from edgekit.web.spelling import camel
from edgekit.web.streams import ReadableStream

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Call:
    """One method call. `options` are in snake_case; `spelling` is how edgekit is given them."""

    method: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    spelling: Literal["snake", "camel", "dict"] = "snake"


@dataclass(frozen=True)
class Stream:
    """A ReadableStream of these chunks, as an argument; of one chunk, as a result."""

    chunks: tuple[bytes, ...]


@dataclass(frozen=True)
class Sized:
    """The body of a Response, as an argument: a stream whose length the platform knows."""

    data: bytes


@dataclass(frozen=True)
class Repeat:
    """A large argument: a character or a byte, repeated. Not sent over the bridge as a whole."""

    unit: str | bytes
    count: int


@dataclass(frozen=True)
class Result:
    """A part of what an earlier call of the same list has returned; nothing if it is not there."""

    call: int
    name: str


@dataclass(frozen=True)
class Failure:
    """An error: JavaScript's name for its class, and the text."""

    name: str
    message: str


class Bridge:
    """The real platform, in a process of its own. `folder` is where Miniflare is installed."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["node", str(HERE / "bridge.mjs"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        address = urllib.parse.urlsplit(self._process.stdout.readline().strip())
        if not address.hostname:
            self._process.communicate()
            raise RuntimeError("the real platform did not start; what it wrote is on stderr")
        self._address = (address.hostname, address.port)

    def call(self, binding: str, calls: Sequence[Call], *, clear: bool = True) -> list[Any]:
        """The results, in order, of calls on a binding that is emptied before."""
        chains: list[Any] = [[["$clear", []]]] if clear else []
        shift = len(chains)
        chains += [[[camel(call.method), _arguments(call, shift)]] for call in calls]
        body = json.dumps({"binding": binding, "calls": chains})
        # A connection for each list of calls: the platform closes one that is idle for some seconds.
        with contextlib.closing(http.client.HTTPConnection(*self._address)) as connection:
            connection.request("POST", "/", body, {"content-type": "application/json"})
            answers = json.loads(connection.getresponse().read())
        if clear and "error" in answers[0]:
            raise RuntimeError(f"{binding} could not be emptied: {answers[0]['error']}")
        return [
            Failure(**answer["error"]) if "error" in answer else decode(answer["ok"])
            for answer in answers[-len(calls) :]
        ]

    def close(self) -> None:
        self._process.communicate()


async def perform(
    binding: Any, calls: Sequence[Call], failures: dict[type[Exception], str]
) -> list[Any]:
    """The results of the same calls on an edgekit binding; streams are read to their end.

    `failures` names, as JavaScript does, the classes of errors that are results.
    """
    results: list[Any] = []
    for call in calls:
        args = [_local(argument, results) for argument in call.args]
        options = {name: _local(value, results) for name, value in call.options.items()}
        method = getattr(binding, call.method if call.spelling == "snake" else camel(call.method))
        if call.spelling != "snake":
            options = {camel(name): value for name, value in options.items()}
        if call.spelling == "dict":
            args, options = ([*args, options] if options else args), {}
        try:
            result = await method(*args, **options)
            results.append(await _read(result))
        except tuple(failures) as error:
            name = next(name for kind, name in failures.items() if isinstance(error, kind))
            results.append(Failure(name, str(error)))
    return results


def encode(value: Any, shift: int = 0) -> Any:
    """An argument in the form of worker.mjs; `shift` is added to the numbers of earlier calls."""
    match value:
        case float() if not math.isfinite(value):
            name = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
            return {"$": "number", "value": name}
        case bytes():
            return {"$": "bytes", "value": base64.b64encode(value).decode()}
        case Stream():
            return {"$": "stream", "value": [encode(chunk) for chunk in value.chunks]}
        case Sized():
            return {"$": "body", "value": base64.b64encode(value.data).decode()}
        case Headers():
            return {"$": "headers", "value": list(value.items())}
        case datetime():
            return {"$": "date", "value": round(value.timestamp() * 1000)}
        case Repeat():
            return {"$": "repeat", "value": encode(value.unit), "count": value.count}
        case Result():
            return {"$": "result", "call": value.call + shift, "path": [value.name]}
        case set():
            return {"$": "set", "value": [encode(item, shift) for item in value]}
        case list() | tuple():
            return [encode(item, shift) for item in value]
        case dict():
            return {key: encode(item, shift) for key, item in value.items()}
    return value


def decode(value: Any) -> Any:
    """A result as edgekit would give it; fields that are undefined are left out."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    undefined = {"$": "undefined"}
    match value.get("$"):
        case None:
            return {key: decode(item) for key, item in value.items() if item != undefined}
        case "undefined":
            return None
        case "number":
            return float(value["value"].replace("Infinity", "inf"))
        case "bytes":
            return base64.b64decode(value["value"])
        case "date":
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value["value"])
        case "stream":
            return Stream((base64.b64decode(value["value"]),))
        case "set":
            return set(value["value"])
        case "error":
            return Failure(value["name"], value["message"])
        case "map":
            return {key: decode(item) for key, item in value["value"]}
    raise ValueError(f"no such tag: {value}")


def _arguments(call: Call, shift: int) -> list[Any]:
    options = {camel(name): value for name, value in call.options.items()}
    return [encode(argument, shift) for argument in (*call.args, *([options] if options else ()))]


def _local(value: Any, results: list[Any]) -> Any:
    match value:
        case Stream():
            return ReadableStream(iter(value.chunks))
        case Sized():
            return ReadableStream((value.data,))
        case Repeat():
            return value.unit * value.count
        case list():
            return [_local(item, results) for item in value]
        case dict():
            return {key: _local(item, results) for key, item in value.items()}
        case Result():
            result = results[value.call]
            return result.get(value.name) if isinstance(result, dict) else None
    return value


async def _read(result: Any) -> Any:
    if isinstance(result, ReadableStream):
        return Stream((await result.read_all(),))
    if isinstance(result, dict):
        return {key: await _read(item) for key, item in result.items()}
    return result
