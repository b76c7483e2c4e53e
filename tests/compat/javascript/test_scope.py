"""The names of `js` and `pyodide`: all there, each once, and refused with a reason where they cannot be."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest

from edgekit.compat import names
from edgekit.compat.javascript import scope
from edgekit.context import ExecutionContext
from edgekit.errors import UnsupportedError
from tests.compat.loading import Load, answer


def test_every_name_of_js_is_there():
    js = scope.Scope()
    for name in names.JS_NAMES:
        getattr(js, name)
    assert set(dir(js)) == names.JS_NAMES
    constants = {"Infinity", "NaN", "globalThis", "self", "undefined"}
    assert set(scope.HOMES) | constants == names.JS_NAMES
    assert not names.JS_NAMES & set(names.REFUSED)


@pytest.mark.parametrize("name", sorted(names.REFUSED))
def test_what_cannot_be_here_says_why(name: str):
    with pytest.raises(UnsupportedError, match=rf"js\.{name}: .+"):
        getattr(scope.Scope(), name)
    assert not hasattr(scope.Scope(), name)


def test_what_javascript_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError):
        _ = scope.Scope().nothing_like_this
    assert not hasattr(scope.Scope(), "nothing_like_this")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("from js import Response, Object, JSON, undefined", "None"),
        (
            "import js; undefined = js.self.Headers.name + js.globalThis.Headers.name",
            "HeadersHeaders",
        ),
        ("from pyodide.ffi import to_js, JsProxy, jsnull as undefined", "jsnull"),
        ("import pyodide.ffi.wrappers, pyodide; undefined = pyodide.__version__", "314.0.7"),
        ("from pyodide.webloop import WebLoop; undefined = WebLoop.__name__", "WebLoop"),
        ("import pyodide_js; undefined = pyodide_js.version", "314.0.7"),
    ],
)
async def test_a_project_imports_them(load: Load, line: str, text: str):
    worker = load(
        f"{line}\nfrom workers import Response as R, WorkerEntrypoint\n"
        "class Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request): return R(str(undefined))\n"
    )
    assert await answer(worker) == text


@pytest.mark.parametrize(
    "call",
    [
        "from pyodide.code import run_js; run_js('1')",
        "from pyodide.http import open_url; open_url('x')",
        "from pyodide.ffi import register_js_module as r; r('a', None)",
        "from pyodide.ffi import unregister_js_module as r; r('a')",
        "import pyodide_js; pyodide_js.loadPackage('x')",
        "import js; js.addEventListener('fetch', None)",
        "import js; js.Intl.DateTimeFormat.new()",
    ],
)
async def test_what_needs_an_engine_is_refused_by_name(load: Load, call: str):
    worker = load(
        "from workers import Response, WorkerEntrypoint\n"
        "class Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request):\n"
        "        try:\n"
        f"            {call}\n"
        "        except Exception as error:\n"
        "            return Response(f'{type(error).__name__}: {error}')\n"
    )
    assert (await answer(worker)).startswith("UnsupportedError: ")


async def test_code_is_not_made_of_text(load: Load):
    from edgekit.compat.javascript.errors import JsException
    from edgekit.compat.javascript.misc import Function

    with pytest.raises(JsException, match="EvalError: Code generation from strings disallowed"):
        Function.new("return 1")


def test_what_needs_an_event_loop_is_refused_at_import():
    from edgekit.compat.javascript.errors import JsException
    from edgekit.compat.javascript.misc import fetch
    from edgekit.compat.javascript.timers import setTimeout

    for call in (lambda: fetch("https://example.com/"), lambda: setTimeout(print, 1)):
        with pytest.raises(JsException, match="Disallowed operation called within global scope"):
            call()


def test_edgekit_itself_imports_neither():
    for module in (
        "convert",
        "web",
        "streams",
        "bindings",
        "sockets",
        "crypto",
        "misc",
        "rewriter",
    ):
        importlib.import_module(f"edgekit.compat.javascript.{module}")
    import sys

    assert not {"js", "pyodide"} & set(sys.modules)


def test_null_is_none_for_projects_of_old_dates():
    from edgekit.compat.javascript.proxy import jsnull, nulls
    from edgekit.compat.javascript.web import Headers

    headers: Any = Headers.new()
    assert headers.get("a") is jsnull
    token = nulls.set(None)
    try:
        assert headers.get("a") is None
    finally:
        nulls.reset(token)


def test_null_in_parsed_json_is_none_for_old_dates_and_null_again_in_json():
    from edgekit.compat.javascript.jsontext import JSON
    from edgekit.compat.javascript.proxy import jsnull, nulls
    from edgekit.compat.javascript.values import Object

    text = '{"a":null,"b":[null,{"c":null}]}'
    token = nulls.set(None)
    try:
        parsed: Any = JSON.parse(text)
        assert (parsed.a, parsed.b[0], parsed.b.at(0), next(iter(parsed.b))) == (None,) * 4
        assert parsed.to_py() == {"a": None, "b": [None, {"c": None}]}
        assert parsed.as_object_map()["a"] is None
        assert next(iter(Object.values(parsed))) is None
        assert JSON.stringify(parsed) == text
        assert (parsed.b.shift(), JSON.parse("[1,null]").pop()) == (None, None)
    finally:
        nulls.reset(token)
    assert parsed.a is jsnull
    assert parsed.to_py()["a"] is jsnull


def test_nothing_in_a_dict_is_null_in_json():
    from edgekit.compat.javascript.jsontext import JSON
    from edgekit.compat.javascript.values import Object

    assert JSON.stringify({"a": None, "b": [None]}) == '{"a":null,"b":[null]}'
    assert JSON.stringify(Object.over({"a": None})) == "{}"


async def test_a_proxy_of_a_coroutine_can_be_awaited_and_waited_for():
    from edgekit.compat.javascript.proxies import create_proxy

    done = []

    async def work() -> int:
        done.append(True)
        return 5

    assert await create_proxy(work()) == 5
    assert await create_proxy(asyncio.ensure_future(work())) == 5
    ExecutionContext().wait_until(create_proxy(work()))
    while len(done) < 3:
        await asyncio.sleep(0)
    assert not hasattr(type(create_proxy(work)), "__await__")


def test_a_proxy_is_known_by_the_name_of_its_type():
    from edgekit.compat.javascript.jsontext import JSON

    for value in (JSON.parse("{}"), JSON.parse("[]")):
        assert type(value).__name__ == "JsProxy"
        assert str(type(value)) == "<class 'pyodide.ffi.JsProxy'>"
    assert JSON.parse("[]").constructor.name == "Array"
