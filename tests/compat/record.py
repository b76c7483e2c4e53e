"""`python -m tests.compat.record [--here] [NAME ...]`: records the answers of projects, in answers/.

From Pyodide with the platform's SDK where that can run the project, unless `--here`; otherwise from
`edgekit serve`. EDGEKIT_NPM_WORKERS is the folder of tests/on_workers/conftest.py.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from tests.compat import places
from tests.compat.asking import Answer, ask
from tests.compat.catalogue import ANSWERS, PROJECTS, Project


def written(project: Project) -> Path:
    """The file of a project's answers."""
    return ANSWERS / f"{project.name.replace('/', '_')}.json"


def answers(project: Project, host: str, *, real: bool = False) -> list[Answer | None]:
    """Ask all there is to ask, each answer with what was asked; None for what a real place is not."""
    return [
        None if real and each.not_real else {"ask": each.what, **ask(host, each)}
        for each in project.asks
    ]


def main() -> None:
    """Record."""
    arguments = sys.argv[1:]
    npm = Path(os.environ.get("EDGEKIT_NPM_WORKERS", "."))
    for name in [each for each in arguments if each != "--here"] or PROJECTS:
        project = PROJECTS[name]
        found: list[Answer | None] = [None] * len(project.asks)
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent)
            if "--here" not in arguments and not project.not_real:
                node = places.node_for(project, npm)
                wheels = npm / "wheels-compat" / metadata.version("pydantic_core")
                with places.real(project, folder / "real", npm, wheels, node) as host:
                    found = answers(project, host, real=True)
            if None in found:
                with places.here("uvicorn", project, folder) as host:
                    here = answers(project, host)
                found = [there or answer for there, answer in zip(found, here, strict=True)]
        lines = [json.dumps(each, ensure_ascii=False) for each in found]
        written(project).write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")
        print(f"{name}: {len(found)} answers", flush=True)


if __name__ == "__main__":
    main()
