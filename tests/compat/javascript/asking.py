"""Snippets that use `js` and `pyodide`, run here and by CPython 3.14 in Pyodide.

snippets.txt has the bodies of async functions, with a line `---` between; answers.json what Pyodide says
to each. `python -m tests.compat.javascript.asking FOLDER` asks it again; FOLDER is that of
tests/on_workers/conftest.py.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from edgekit.testing.client import TestClient
from edgekit.testing.clock import ManualClock
from tests.compat.loading import loader
from tests.on_workers.places import running, unpack

HERE = Path(__file__).parent
SETTINGS = {"a": [1, None], "b": {"c": True}}
_MINIFLARE = {
    "main": "src/main.py",
    "kvNamespaces": ["KV"],
    "d1Databases": ["DB"],
    "r2Buckets": ["R2"],
    "bindings": {"GREETING": "hi", "SETTINGS": SETTINGS},
    "queueConsumers": {},
}
_WRANGLER: dict[str, Any] = {
    "kv_namespaces": [{"binding": "KV", "id": "kv"}],
    "d1_databases": [{"binding": "DB", "database_id": "db"}],
    "r2_buckets": [{"binding": "R2", "bucket_name": "r2-bucket"}],
    "vars": {"GREETING": "hi", "SETTINGS": SETTINGS},
}


def snippets() -> list[str]:
    """The bodies, in order."""
    return [code.strip("\n") for code in (HERE / "snippets.txt").read_text().split("\n---\n")]


def answers() -> list[Any]:
    """What Pyodide said to each."""
    return list(json.loads((HERE / "answers.json").read_text()))


class _Clock(ManualClock):
    """A clock that goes as fast as somebody waits: a timer is due at once."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def call_later(self, seconds: float, callback: Any) -> Any:
        return asyncio.get_running_loop().call_soon(callback)


async def here(codes: list[str], folder: Path) -> list[Any]:
    """What edgekit says to each."""
    with loader(folder) as load:
        worker = load((HERE / "project" / "main.py").read_text(), **_WRANGLER)
        async with TestClient(worker, clock=_Clock()) as client:
            found = []
            for code in codes:
                answer = await client.fetch("/", method="POST", body=json.dumps([code]))
                found += json.loads(await answer.text())
            return found


def there(codes: list[str], npm: Path, folder: Path) -> list[Any]:
    """What Pyodide says to each."""
    (folder / "src").mkdir(parents=True)
    shutil.copy(HERE / "project" / "main.py", folder / "src")
    (folder / "miniflare.json").write_text(json.dumps(_MINIFLARE))
    unpack(npm / "wheels", ("workers_runtime_sdk",), folder / "python_modules")
    with running("pyodide", folder, npm) as url:
        body = json.dumps(codes).encode()
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST")) as answer:
            return list(json.load(answer))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = there(snippets(), Path(sys.argv[1]), Path(folder) / "project")
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in found)
    (HERE / "answers.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
