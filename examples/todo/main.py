"""Todo: a list of tasks. The page is a static asset, the tasks are in D1, and this is the API between.

Every statement has its values bound, never pasted into the SQL; one that changes a row returns it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from edgekit import App, D1Database, Env, HTTPError, Request, Response

MAX_TITLE = 200  # characters; the table has the same limit


class AppEnv(Env):
    DB: D1Database


class NewTask(msgspec.Struct):
    title: str
    due: date | None = None


class Change(msgspec.Struct):
    """What may be changed; UNSET is what the request did not name."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    done: bool | msgspec.UnsetType = msgspec.UNSET
    due: date | msgspec.UnsetType | None = msgspec.UNSET


app = App(AppEnv)


@app.get("/api/tasks")
async def list_tasks(request: Request, env: AppEnv) -> dict[str, Any]:
    """All tasks: those to do first, the most urgent of them on top."""
    found = await env.DB.prepare(
        "SELECT id, title, done, due FROM tasks ORDER BY done, due IS NULL, due, id"
    ).all()
    return {"tasks": [shown(row) for row in found.results]}


@app.post("/api/tasks")
async def add_task(request: Request, env: AppEnv) -> Response:
    new = await request.json(NewTask)
    added = (
        await env.DB.prepare("INSERT INTO tasks (title, due) VALUES (?, ?) RETURNING *")
        .bind(clean(new.title), text(new.due))
        .first()
    )
    return Response.json(shown(added), status=201)


@app.patch("/api/tasks/{id:int}")
async def change_task(request: Request, env: AppEnv) -> dict[str, Any]:
    change = await request.json(Change)
    values: dict[str, Any] = {}
    if change.title is not msgspec.UNSET:
        values["title"] = clean(change.title)
    if change.done is not msgspec.UNSET:
        values["done"] = change.done
    if change.due is not msgspec.UNSET:
        values["due"] = text(change.due)
    if not values:
        raise HTTPError(422, {"error": "Change title, done or due."})
    # The names are those above, not the client's.
    setting = ", ".join(f"{name} = ?" for name in values)
    changed = (
        await env.DB.prepare(f"UPDATE tasks SET {setting} WHERE id = ? RETURNING *")
        .bind(*values.values(), request.params["id"])
        .first()
    )
    if changed is None:
        raise HTTPError(404, {"error": "There is no such task."})
    return shown(changed)


@app.delete("/api/tasks/{id:int}")
async def delete_task(request: Request, env: AppEnv) -> Response:
    id = request.params["id"]
    result = await env.DB.prepare("DELETE FROM tasks WHERE id = ?").bind(id).run()
    if not result.meta.changes:
        raise HTTPError(404, {"error": "There is no such task."})
    return Response(None, status=204)


@app.post("/api/tasks/clear")
async def clear_done(request: Request, env: AppEnv) -> dict[str, Any]:
    """Remove what is done, and say how much is left: both or neither, and nothing in between."""
    removed, left = await env.DB.batch(
        [
            env.DB.prepare("DELETE FROM tasks WHERE done = 1"),
            env.DB.prepare("SELECT count(*) AS tasks FROM tasks"),
        ]
    )
    return {"removed": removed.meta.changes, "left": left.results[0].tasks}


def clean(title: str) -> str:
    title = " ".join(title.split())
    if not 1 <= len(title) <= MAX_TITLE:
        raise HTTPError(422, {"error": f"A title has 1 to {MAX_TITLE} characters."})
    return title


def text(due: date | None) -> str | None:
    return due.isoformat() if due else None


def shown(row: Any) -> dict[str, Any]:
    return {"id": row.id, "title": row.title, "done": bool(row.done), "due": row.due}
