"""Code for `js` and `pyodide` means here what it means in Pyodide: the same answers to all snippets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compat.javascript import asking
from tests.on_workers.conftest import npm  # noqa: F401 - a fixture

# What differs on purpose, and is better here: each with the reason, and what it gives.
DIFFERENT = {
    "a dict as options, which Pyodide reads the attributes of": (
        'return js.Blob.new(["a"], {"type": "text/x"}).type',
        {"ok": "text/x"},
    ),
    "a dict for headers, which Pyodide takes for its keys": (
        'return js.Headers.new({"a": "b"})["a"]',
        {"ok": "b"},
    ),
    "a dict with functions as the source of a stream": (
        "def start(c):\n    c.enqueue(js.TextEncoder.new().encode('ab'))\n    c.close()\n"
        "return await js.Response.new(js.ReadableStream.new({'start': start})).text()",
        {"ok": "ab"},
    ),
    "coroutines in a Python list, which Pyodide lets go before they are read": (
        "async def later(): return 5\n"
        "return (await js.Promise.all([later(), js.Promise.resolve(2)])).to_py()",
        {"ok": [5, 2]},
    ),
    "a promise's handlers in a chain, where Pyodide gives the first handler's length": (
        "return await js.Promise.resolve(3).then(lambda v: v * 2).finally_(lambda: None)",
        {"ok": 6},
    ),
    "a class can be asked for by isinstance": (
        "return isinstance(js.Headers.new(), js.Headers)",
        {"ok": True},
    ),
    "the place of a match, which Pyodide hides behind the method of lists": (
        'return js.RegExp.new("b").exec("ab").index',
        {"ok": 1},
    ),
    "an exception's own class, where Pyodide wraps it as text": (
        "def pull(c): raise KeyError('k')\n"
        "return await js.Response.new(js.ReadableStream.new(pull=pull)).text()",
        {"py": ["KeyError", "'k'"]},
    ),
    "texts of errors are those of Workers": (
        'return js.Response.new("x", status=900)',
        {
            "js": [
                "RangeError",
                "Responses may only be constructed with status codes in the range 200 to 599, "
                "inclusive; got 900.",
                "RangeError: Responses may only be constructed with status codes in the range 200 "
                "to 599, inclusive; got 900.",
            ]
        },
    ),
}


async def test_each_snippet_gives_here_what_it_gives_in_pyodide(tmp_path: Path):
    codes = asking.snippets()
    found = await asking.here(codes, tmp_path)
    recorded = asking.answers()
    assert len(codes) == len(recorded)
    wrong = [x for x in zip(codes, recorded, found, strict=True) if x[1] != x[2]]
    assert wrong == []


async def test_what_differs_from_pyodide_on_purpose(tmp_path: Path):
    codes = [code for code, _ in DIFFERENT.values()]
    assert await asking.here(codes, tmp_path) == [answer for _, answer in DIFFERENT.values()]


@pytest.mark.workers
def test_pyodide_still_gives_the_recorded_answers(npm: Path, tmp_path: Path):  # noqa: F811
    assert asking.there(asking.snippets(), npm, tmp_path / "project") == asking.answers()
