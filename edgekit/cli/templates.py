"""The files of a new project. They are what a newcomer reads first: keep them few and plain."""

from __future__ import annotations

from datetime import UTC, datetime

from edgekit import host

_MAIN = '''\
from __future__ import annotations

from edgekit import App, Env, KVNamespace, Request, Response


class AppEnv(Env):
    """What wrangler.jsonc gives this Worker."""

    VISITS: KVNamespace
    GREETING: str = "Hello"


app = App(AppEnv)


@app.get("/")
async def index(request: Request) -> str:
    return "Try /hello/you\\n"


@app.get("/hello/{name}")
async def hello(request: Request, env: AppEnv) -> Response:
    name = request.params["name"]
    visits = int(await env.VISITS.get(name) or 0) + 1
    await env.VISITS.put(name, str(visits))
    return Response.json({"message": f"{env.GREETING}, {name}!", "visits": visits})
'''

_TEST = """\
from __future__ import annotations

import pytest
from edgekit.testing import TestClient

from main import app

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_hello_counts_the_visits_of_a_name() -> None:
    async with TestClient(app) as client:
        await client.get("/hello/ada")
        response = await client.get("/hello/ada")
        assert response.status == 200
        assert await response.json() == {"message": "Hello, ada!", "visits": 2}


async def test_greeting_is_a_variable() -> None:
    async with TestClient(app, env={"GREETING": "Hallo"}) as client:
        response = await client.get("/hello/ada")
        assert (await response.json())["message"] == "Hallo, ada!"
"""

_WRANGLER = """\
{
  "name": "%(name)s",
  "main": "main.py",
  "compatibility_date": "%(date)s",
  "compatibility_flags": ["python_workers"],
  "vars": {
    "GREETING": "Hello"
  },
  "kv_namespaces": [
    { "binding": "VISITS" }
  ]
}
"""

_PYPROJECT = """\
[project]
name = "%(name)s"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["edgekit-asgi"]

[dependency-groups]
dev = ["pytest"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
"""

_README = """\
# %(name)s

    pip install edgekit-asgi pytest      # or: uv sync

    edgekit dev                          # http://localhost:8787, reloads when you save
    python -m pytest
    edgekit serve --workers 2            # production

`main.py` is the Worker, `wrangler.jsonc` its configuration. Secrets belong into `.dev.vars`, as
`NAME=value` lines; in production into the environment.

Values that the Worker keeps can be read and written from outside, also while it runs:

    edgekit kv key list --binding VISITS
    edgekit kv key put --binding VISITS ada 41
"""

_GITIGNORE = """\
.edgekit/
.wrangler/
.dev.vars*
.env*
.venv/
__pycache__/
.pytest_cache/
"""


def project(name: str) -> dict[str, str]:
    """The files of a project called `name`: path -> text."""
    words = {"name": name, "date": datetime.fromtimestamp(host.now(), UTC).date().isoformat()}
    return {
        "main.py": _MAIN,
        "tests/test_main.py": _TEST,
        "wrangler.jsonc": _WRANGLER % words,
        "pyproject.toml": _PYPROJECT % words,
        "README.md": _README % words,
        ".gitignore": _GITIGNORE,
    }
