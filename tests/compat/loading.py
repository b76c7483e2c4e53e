"""Projects written by tests, loaded as `edgekit dev` does, and forgotten afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgekit import config as configuration
from edgekit.compat import greenlets, project
from edgekit.testing.client import TestClient
from edgekit.worker import Worker

Load = Callable[..., Worker]


@contextmanager
def loader(folder: Path) -> Iterator[Load]:
    """`load(main, **wrangler)`: the Worker of a project in `folder`, whose `files` are written too."""
    opened: list[project.Imported] = []
    enabled = greenlets.enabled

    def load(
        main: str, *, files: dict[str, str] | None = None, apart: str | None = None, **wrangler: Any
    ) -> Worker:
        place = folder / (apart or "project")
        wrangler = {"name": "project", "main": "src/main.py", **wrangler}
        texts = {"src/main.py": main, "wrangler.json": json.dumps(wrangler), **(files or {})}
        for name, text in texts.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        config = configuration.load(place / "wrangler.json")
        one = project.imported("main", place / "src", config, apart=apart)
        opened.append(one)
        worker = project.worker_of(one.module, config) or project.without_default(one.module)
        assert worker is not None
        worker.config = str(place / "wrangler.json")
        return worker

    try:
        yield load
    finally:
        while opened:
            opened.pop().close()
        greenlets.enabled = enabled


async def answer(worker: Worker, url: str = "/", **init: Any) -> str:
    """The text that a Worker answers with."""
    async with TestClient(worker) as client:
        return await (await client.fetch(url, **init)).text()
