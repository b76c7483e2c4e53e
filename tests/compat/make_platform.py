"""Makes edgekit/compat/platform.json from the pyodide-lock.json files of two npm packages.

npm pack pyodide@0.28.3 && npm pack pyodide@314.0.7      # and unpack package/pyodide-lock.json of each
python tests/compat/make_platform.py 0.28.3=LOCK 314.0.7=LOCK
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

OUT = Path(__file__).parents[2] / "edgekit" / "compat" / "platform.json"


def main(arguments: list[str]) -> None:
    found = {}
    for argument in arguments:
        version, _, path = argument.partition("=")
        lock = json.loads(Path(path).read_text())
        python = ".".join(lock["info"]["python"].split(".")[:2])
        packages = {}
        for name, entry in sorted(lock["packages"].items()):
            # Tests and shared libraries are no packages of Python's.
            if entry["package_type"] == "shared_library" or not entry["imports"]:
                continue
            imports = [each for each in entry["imports"] if "." not in each]
            compiled = not entry["file_name"].endswith("-none-any.whl")
            packages[name] = [entry["version"], compiled, imports or [name]]
        found[python] = {
            "source": f"pyodide-lock.json of npm pyodide@{version}",
            "packages": packages,
        }
    lines = ["{"]
    for at, (python, facts) in enumerate(found.items()):
        lines += [
            f" {json.dumps(python)}: {{",
            f'  "source": {json.dumps(facts["source"])},',
            '  "packages": {',
        ]
        rows = [f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in facts["packages"].items()]
        lines += [",\n".join(rows), "  }", " }" + "," * (at < len(found) - 1)]
    OUT.write_text("\n".join([*lines, "}", ""]))


main(sys.argv[1:])
