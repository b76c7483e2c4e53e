"""Rules about FastAPI, Starlette and edgekit's own App: what they do with threads, and around requests."""

from __future__ import annotations

import ast

from edgekit.compat.check.code import OLDER_HANDLERS
from edgekit.compat.check.program import Scope
from edgekit.compat.check.reading import At, Reader

_APPS = ("fastapi.FastAPI()", "starlette.applications.Starlette()")
_WSGI = ("flask.Flask()", "django.core.wsgi.get_wsgi_application()", "bottle.Bottle()")
_OTHER_APPS = (
    *_WSGI,
    "litestar.Litestar()",
    "quart.Quart()",
    "blacksheep.Application()",
    "falcon.asgi.App()",
    "django.core.asgi.get_asgi_application()",
)
_ROUTERS = (*_APPS, "fastapi.APIRouter()", "fastapi.routing.APIRouter()")
_VERBS = frozenset(
    "get post put patch delete head options trace api_route route exception_handler".split()  # noqa: SIM905
)
_ROUTES = ("starlette.routing.Route", "fastapi.routing.APIRoute")
_DEPENDS = ("fastapi.Depends", "fastapi.Security", "fastapi.params.Depends")
_TASKS = ("starlette.background.BackgroundTask", "fastapi.BackgroundTasks().add_task")
_TASKS_ADDED = (
    "starlette.background.BackgroundTasks().add_task",
    "fastapi.background.BackgroundTasks().add_task",
)
_STREAMS = ("starlette.responses.StreamingResponse", "fastapi.responses.StreamingResponse")
_LIFESPANS = ("lifespan", "on_startup", "on_shutdown")


def check(reader: Reader) -> None:
    """All rules of this file."""
    if reader.is_main:
        _main(reader)
    for at in reader.nodes():
        match at.node:
            case ast.FunctionDef():
                _endpoint(reader, at, at.node)
            case ast.Call():
                dotted = reader.dotted(at.node.func, at.scope)
                if dotted is not None:
                    _called(reader, at.node, dotted, at.scope)
            case ast.arg(annotation=ast.expr() as annotation):
                if reader.dotted(annotation, at.scope) == "fastapi.UploadFile":
                    what = "an uploaded file above 1 MiB is kept in a file, by threads"
                    reader.report("P002", at.node, what, "note")


def _main(reader: Reader) -> None:
    """An app of another framework where Workers look for a Worker."""
    scope = reader.source.scope
    # Where there are older handlers, they are what Workers call.
    if any(map(scope.bound, ("Default", *OLDER_HANDLERS))) or not scope.bound("app"):
        return
    made = scope.bound("app")[-1]
    if not isinstance(made, ast.expr):
        return
    dotted = reader.dotted(made, scope)
    if dotted in (*_APPS, *_OTHER_APPS):
        gateway = "wsgi" if dotted in _WSGI else "asgi"
        reader.report(
            "P031",
            made,
            f"app is {dotted.removesuffix('()')}, which is no Worker",
            remedy=f"Default = workers.{gateway}.entrypoint(app)"
            + ("" if gateway == "wsgi" else ", or mount it in an edgekit.App"),
        )


def _endpoint(reader: Reader, at: At, node: ast.FunctionDef) -> None:
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
            continue
        dotted = reader.dotted(decorator.func, at.scope) or ""
        owner, _, verb = dotted.rpartition(".")
        if owner in _ROUTERS and verb in _VERBS:
            reader.report("P002", node, f"the sync endpoint {node.name}")


def _called(reader: Reader, node: ast.Call, dotted: str, scope: Scope) -> None:
    first = node.args[0] if node.args else None
    if f"{dotted}()" in _APPS:
        for keyword in node.keywords:
            if keyword.arg in _LIFESPANS:
                what = f"{dotted.rpartition('.')[2]}({keyword.arg}=...)"
                reader.report("P024", keyword.value, what)
    elif dotted.rpartition(".")[0] in _ROUTERS and dotted.endswith(".on_event"):
        reader.report("P024", node, "on_event()")
    elif dotted in _DEPENDS or dotted in _TASKS or dotted in _TASKS_ADDED:
        if name := _sync(reader, first, scope):
            kind = "dependency" if dotted in _DEPENDS else "background task"
            reader.report("P002", node, f"the sync {kind} {name}")
    elif dotted in _ROUTES:
        endpoint = node.args[1] if len(node.args) > 1 else None
        if name := _sync(reader, endpoint, scope):
            reader.report("P002", node, f"the sync endpoint {name}")
    elif dotted in _STREAMS:
        if isinstance(first, ast.Call) and (name := _sync(reader, first.func, scope)):
            reader.report("P002", node, f"a stream of the sync generator {name}")
    elif dotted in ("edgekit.App", "edgekit.app.App"):
        for keyword in node.keywords:
            if keyword.arg == "middleware":
                reader.report("P031", keyword.value, "App(middleware=...) is around the ASGI app")


def _sync(reader: Reader, node: ast.expr | None, scope: Scope) -> str | None:
    """The name of the program's own sync function that an expression stands for."""
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    dotted = scope.resolve(node)
    found = reader.program.definition(dotted) if dotted and reader.program.is_own(dotted) else None
    return found.node.name if found and isinstance(found.node, ast.FunctionDef) else None
