"""`python -m benchmarks.on_workers`: what edgekit costs on real Workers, beside the platform's own SDK.

With the platform's SDK unmodified, as ratios of one run: medians of rounds that take turns. First in
Pyodide 314 on Node, then with Python 3.12 inside workerd, whose clock stands still while a Worker works,
so that there times are those of whoever asks. The program is what `edgekit build` writes.

- import: of a program with edgekit, in milliseconds and as a share of what importing the SDK takes in
  the same process just before, since the platform imports that in any case. Python's bytecode is not
  kept in either case.
- a request: from the platform's call to the response it gets, by an App and by the SDK's class.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.on_workers.places import REPOSITORY, build, download_wheels, running, unpack
from tests.on_workers.test_app import ask

HERE = Path(__file__).parent
PATHS = {"/": "hello", "/json": "JSON", "/kv": "KV get"}
GOALS = {"hello": 1.25, "KV get": 1.1, "import": 1.3}


def measure(npm: Path, site: Path, what: str, *projects: Path) -> Any:
    command = ["node", str(HERE / "measure.mjs"), str(npm), str(site), what, *map(str, projects)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def main(rounds: int) -> None:
    npm = Path(os.environ.get("EDGEKIT_NPM_WORKERS") or REPOSITORY / ".ci/state/npm-workers")
    download_wheels(npm / "wheels")
    with tempfile.TemporaryDirectory() as folder:
        site, built = Path(folder) / "site", Path(folder) / "hello"
        unpack(npm / "wheels", ("workers_runtime_sdk",), site)
        build(HERE / "edgekit_hello", built)
        found = [measure(npm, site, "import", built) for _ in range(rounds)]
        handled = measure(npm, site, ",".join(PATHS), built, HERE / "sdk_hello")
        print(f"Pyodide 314\n{_HEAD}\n{_imports(found)}")
        for path, name in PATHS.items():
            ours, theirs = handled[path]["times"]
            assert len(set(handled[path]["answers"])) == (2 if path == "/json" else 1), path
            print(_row(name, ours, theirs))
        print(f"\nPython 3.12 in workerd\n{_HEAD}")
        in_workerd(npm, site, built, Path(folder) / "workerd", rounds)


_HEAD = "| what | SDK | edgekit | ratio | goal |\n|---|---|---|---|---|"


def _row(name: str, ours: list[float], theirs: list[float]) -> str:
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    goal = GOALS.get(name, "")
    return f"| {name}, us | {median(theirs):.0f} | {median(ours):.0f} | {ratio:.2f} | {goal} |"


def in_workerd(npm: Path, site: Path, built: Path, folder: Path, rounds: int) -> None:
    source = folder / "src"
    shutil.copytree(built / "src", source)
    shutil.copytree(built / "python_modules", source, dirs_exist_ok=True)
    shutil.copytree(site, source, dirs_exist_ok=True)
    (source / "main.py").rename(source / "edgekit_main.py")
    shutil.copyfile(HERE / "sdk_hello" / "src" / "main.py", source / "sdk_main.py")
    shutil.copyfile(HERE / "in_workerd.py", source / "main.py")
    options = {"main": "src/main.py", "kvNamespaces": ["KV"]}
    (folder / "miniflare.json").write_text(json.dumps(options))
    imports: dict[str, list[float]] = {"workers": [], "edgekit_main": []}
    for _ in range(rounds):
        with running("workerd", folder, npm) as url:
            _asked(f"{url}/import/json")
            for name, times in imports.items():
                times.append(_asked(f"{url}/import/{name}"))
    ours, theirs = imports["edgekit_main"], imports["workers"]
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    milliseconds = f"{median(theirs) / 1000:.0f} | {median(ours) / 1000:.0f}"
    print(f"| import, ms | {milliseconds} | {ratio:.2f} | 1.3 |")
    with running("workerd", folder, npm) as url:
        for path, name in PATHS.items():
            found: dict[str, list[float]] = {"edgekit_main": [], "sdk_main": []}
            for at in range(rounds * 4 + 2):
                for program, times in found.items():
                    time = _asked(f"{url}/ask/{program}{path}/{REQUESTS}") / REQUESTS
                    if at >= 2:
                        times.append(time)
            print(_row(name, found["edgekit_main"], found["sdk_main"]))


REQUESTS = 100


def _asked(url: str) -> float:
    """Microseconds until the answer."""
    begin = time.perf_counter()
    answer = ask(url)
    assert answer.status == 200, answer.text
    return (time.perf_counter() - begin) * 1e6


def _imports(found: list[Any]) -> str:
    ours, theirs = (median(each[key] for each in found) / 1000 for key in ("main", "sdk"))
    ratio = median(each["main"] / each["sdk"] for each in found)
    modules = found[0]["modules"]
    return f"| import, ms ({modules} modules) | {theirs:.0f} | {ours:.0f} | {ratio:.2f} | 1.3 |"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 7)
