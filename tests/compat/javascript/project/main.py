"""Runs snippets of Python that use `js` and `pyodide`, as bodies of async functions, and shows what each gives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import js
from pyodide.ffi import JsException, JsProxy, jsnull
from workers import Response, WorkerEntrypoint


def shown(value: Any) -> Any:
    """A value as JSON that tells Python's types apart, and theirs from JavaScript's."""
    if value is jsnull:
        return "<jsnull>"
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else repr(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{type(value).__name__}:{bytes(value).hex()}"
    if isinstance(value, dict):
        return {"<dict>": [[shown(k), shown(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"<tuple>": [shown(item) for item in value]}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, set):
        return {"<set>": sorted(map(str, value))}
    if isinstance(value, JsProxy):
        name = getattr(getattr(value, "constructor", None), "name", "?")
        return f"<js {name}> {value!s}"[:200]
    return f"<py {type(value).__name__}>"


async def run(code: str, env: Any) -> Any:
    """What a snippet returns or raises."""
    body = "\n".join("    " + line for line in code.splitlines())
    space = {
        "JsException": JsException,
        "JsProxy": JsProxy,
        "asyncio": asyncio,
        "env": env,
        "js": js,
        "jsnull": jsnull,
        "json": json,
    }
    exec("async def snippet():\n" + body, space)
    try:
        return {"ok": shown(await asyncio.wait_for(space["snippet"](), 5))}
    except JsException as error:
        return {"js": [error.name, error.message, str(error)]}
    except (AttributeError, ImportError) as error:
        return {"py": [type(error).__name__]}
    except Exception as error:
        return {"py": [type(error).__name__, str(error)]}


def raw(env: Any) -> Any:
    """The env as handlers without the SDK get it."""
    if hasattr(env, "_env"):
        return env._env
    from edgekit.compat.javascript.convert import view

    return view(env)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        codes = json.loads(await request.text())
        return Response(json.dumps([await run(code, raw(self.env)) for code in codes]))
