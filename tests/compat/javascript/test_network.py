"""`js.fetch` and `pyodide.http.pyfetch`: outgoing requests, with the errors and answers of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgekit import client
from edgekit.compat import pyfetch as http
from edgekit.compat.http import HttpStatusError
from edgekit.compat.javascript.convert import to_js
from edgekit.compat.javascript.errors import JsException
from edgekit.compat.javascript.events import AbortController
from edgekit.compat.javascript.misc import fetch, navigator
from edgekit.compat.javascript.values import Object
from edgekit.compat.javascript.web import Headers, Request
from edgekit.errors import FetchError, WebTypeError
from edgekit.web.response import Response

Answer = Callable[[Any, dict[str, Any]], Response]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was sent; each is answered with its body."""
    asked: list[Any] = []

    async def answer(input: Any, init: Any = None, **options: Any) -> Response:
        asked.append((input, {**(init or {}), **options}))
        if "refused" in str(input):
            raise FetchError("GET https://refused/ failed: refused", url="https://refused/")
        if "bad" in str(input):
            raise WebTypeError("Invalid URL")
        made = Response('{"a": 1}', status=404 if "404" in str(input) else 200)
        made.headers.set("X-Kind", "k")
        made.url = str(input)
        return made

    monkeypatch.setattr(client, "fetch", answer)
    return asked


async def test_fetch_takes_options_in_every_form(sent: list[Any]):
    answer = await fetch(
        "https://e.com/", to_js({"method": "POST", "body": "x", "headers": {"a": "b"}})
    )
    assert (await answer.json()).a == 1
    assert answer.headers.get("x-kind") == "k"
    url, options = sent[0]
    assert (url, options["method"], options["body"], options["headers"]["a"]) == (
        "https://e.com/",
        "POST",
        "x",
        "b",
    )
    await fetch(
        Request.new("https://e.com/q", method="PUT"), Object.new(headers=Headers.new(c="d"))
    )
    assert sent[1][0].method == "PUT"
    assert sent[1][1]["headers"]["c"] == "d"
    controller = AbortController.new()
    await fetch("https://e.com/", Object.new(signal=controller.signal))
    assert sent[2][1]["signal"].aborted is False
    assert navigator.sendBeacon("https://e.com/b", "x") is True


async def test_errors_of_fetch_are_javascripts(sent: list[Any]):
    with pytest.raises(JsException, match="TypeError: GET https://refused/ failed: refused"):
        await fetch("https://refused/")
    with pytest.raises(JsException, match="TypeError: Invalid URL"):
        await fetch("https://bad/")


async def test_pyfetch_gives_an_answer_of_pythons(sent: list[Any]):
    answer = await http.pyfetch("https://e.com/", method="POST", body="x", headers={"a": "b"})
    assert sent[0][1] == {"method": "POST", "body": "x", "headers": {"a": "b"}}
    assert (answer.status, answer.ok, answer.url) == (200, True, "https://e.com/")
    assert answer.headers == {"content-type": "text/plain;charset=UTF-8", "x-kind": "k"}
    twin = answer.clone()
    assert await answer.json() == {"a": 1}
    assert (await twin.buffer()).to_bytes() == b'{"a": 1}'
    assert answer.body_used
    answer.raise_for_status()
    answer.abort()


async def test_pyfetch_fails_by_its_own_errors(sent: list[Any]):
    with pytest.raises(http.AbortError, match="refused"):
        await http.pyfetch("https://refused/")
    with pytest.raises(JsException, match="TypeError: Invalid URL"):
        await http.pyfetch("https://bad/")
    answer = await http.pyfetch("https://e.com/404")
    with pytest.raises(HttpStatusError, match="404"):
        answer.raise_for_status()


async def test_pyfetch_asks_another_than_the_network():
    async def fetcher(url: str, **options: Any) -> Response:
        return Response(f"{url} {options['signal'].aborted}")

    signal = AbortController.new().signal
    answer = await http.pyfetch("https://e.com/", fetcher=fetcher, signal=signal)
    assert await answer.string() == "https://e.com/ False"
