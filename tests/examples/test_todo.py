from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.testing import TestClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "todo"


@pytest.fixture
async def client(load):
    async with TestClient(load("todo").app) as client:
        for file in sorted((EXAMPLE / "migrations").glob("*.sql")):  # as `d1 migrations apply` does
            for statement in file.read_text().strip().removesuffix(";").split(";\n"):
                await client.env.DB.prepare(statement).run()
        yield client


async def add(client, title="Task", **fields):
    response = await client.post("/api/tasks", json={"title": title, **fields})
    assert response.status == 201
    return await response.json()


async def change(client, id, **fields):
    response = await client.patch(f"/api/tasks/{id}", json=fields)
    return response.status, await response.json()


async def titles(client):
    listed = await (await client.get("/api/tasks")).json()
    return [task["title"] for task in listed["tasks"]]


async def test_added_task_is_listed(client):
    task = await add(client, " Write \n the  report ", due="2026-12-01")
    assert task == {"id": 1, "title": "Write the report", "done": False, "due": "2026-12-01"}
    assert (await (await client.get("/api/tasks")).json()) == {"tasks": [task]}


async def test_tasks_to_do_come_first_and_the_most_urgent_on_top(client):
    done = await add(client, "done", due="2020-01-01")
    await change(client, done["id"], done=True)
    await add(client, "some day")
    await add(client, "later", due="2026-12-02")
    await add(client, "soon", due="2026-12-01")
    assert await titles(client) == ["soon", "later", "some day", "done"]


async def test_only_what_is_named_changes(client):
    task = await add(client, "a", due="2026-12-01")
    assert await change(client, task["id"], done=True) == (200, {**task, "done": True})
    changed = {**task, "title": "b", "done": True, "due": None}
    assert await change(client, task["id"], title="b", due=None) == (200, changed)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"title": 5}, "$.title"),
        ({}, "$"),
        ({"title": "a", "due": "tomorrow"}, "$.due"),
    ],
)
async def test_body_of_another_shape_is_422(client, fields, path):
    response = await client.post("/api/tasks", json=fields)
    assert (response.status, (await response.json())["path"]) == (422, path)


@pytest.mark.parametrize("title", ["", " \n", "x" * 201])
async def test_title_has_limits(client, title):
    for call in (
        client.post("/api/tasks", json={"title": title}),
        client.patch("/api/tasks/1", json={"title": title}),
    ):
        response = await call
        assert response.status == 422
        assert (await response.json())["error"] == "A title has 1 to 200 characters."
    assert await add(client, "x" * 200)


async def test_nothing_to_change_is_422(client):
    assert (await change(client, 1))[0] == 422


async def test_title_is_text_to_the_database(client):
    title = "'); DROP TABLE tasks; --"
    await add(client, title)
    assert await titles(client) == [title]


async def test_deleted_task_is_gone(client):
    task = await add(client)
    for status in (204, 404):
        assert (await client.delete(f"/api/tasks/{task['id']}")).status == status
    assert await titles(client) == []


@pytest.mark.parametrize("id", ["7", "99999999999"])
async def test_task_that_is_not_there_is_404(client, id):
    assert (await change(client, id, done=True))[0] == 404
    assert (await client.delete(f"/api/tasks/{id}")).status == 404


async def test_clearing_removes_what_is_done_and_says_what_is_left(client):
    for n in range(3):
        await add(client, str(n))
    await change(client, 1, done=True)
    response = await client.post("/api/tasks/clear")
    assert await response.json() == {"removed": 1, "left": 2}
    assert await titles(client) == ["1", "2"]


@pytest.mark.parametrize(
    ("path", "type"),
    [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css")],
)
async def test_page_is_served_with_its_policy(client, path, type):
    response = await client.get(path)
    assert response.status == 200
    assert response.headers["content-type"].startswith(type)
    assert (
        response.headers["content-security-policy"] == "default-src 'self'; frame-ancestors 'none'"
    )
    assert response.headers["etag"]


async def test_page_has_what_its_script_asks_for(client):
    html = await (await client.get("/")).text()
    script = await (await client.get("/app.js")).text()
    for id in ("new", "tasks", "problem", "task", "clear"):
        assert f'id="{id}"' in html
        assert f'"#{id}"' in script
    assert "innerHTML" not in script


@pytest.mark.parametrize(
    "path", ["/_headers", "/main.py", "/../main.py", "/wrangler.jsonc", "/api"]
)
async def test_nothing_else_is_served(client, path):
    assert (await client.get(path)).status == 404
