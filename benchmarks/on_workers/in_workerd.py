"""The program that is measured inside workerd, from outside: its clock stands still while it works.

GET /import/NAME imports a program, /ask/NAME/PATH/N asks it N times. The SDK is not made for Workers of
that time; what it needs of them, and of `env`, two small modules stand for.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import js


def _stand_ins() -> None:
    class Base:
        def __init__(self, ctx: Any, env: Any) -> None:
            pass

    helper = types.ModuleType("_pyodide_entrypoint_helper")
    workers = types.SimpleNamespace(
        WorkerEntrypoint=Base, DurableObject=Base, WorkflowEntrypoint=Base, env=None
    )
    helper.cloudflareWorkersModule = workers  # type: ignore[attr-defined]
    helper.cloudflareSocketsModule = types.SimpleNamespace()  # type: ignore[attr-defined]
    helper.doAnImport = None  # type: ignore[attr-defined]
    helper.patch_env_helper = None  # type: ignore[attr-defined]
    helper.patchWaitUntil = lambda ctx: None  # type: ignore[attr-defined]
    flags = types.ModuleType("_cloudflare_compat_flags")
    flags.python_request_headers_preserve_commas = True  # type: ignore[attr-defined]
    flags.python_workflows_implicit_dependencies = True  # type: ignore[attr-defined]
    sys.modules[helper.__name__], sys.modules[flags.__name__] = helper, flags


_stand_ins()


async def on_fetch(request: Any, env: Any, ctx: Any) -> Any:
    _, what, name, *rest = request.url.split("//", 1)[1].split("/")
    if what == "import":
        importlib.import_module(name)
        return js.Response.new("done")
    path, count = rest
    main = importlib.import_module(name)
    url = f"https://example.com/{path}"
    response = None
    for _ in range(int(count)):
        asked = js.Request.new(url)
        if name == "sdk_main":
            from workers import Request

            response = await main.Default(ctx, env).fetch(Request(asked))
            response = getattr(response, "js_object", response)
        else:
            response = await main.Default.on_fetch(asked, env, ctx)
    return response
