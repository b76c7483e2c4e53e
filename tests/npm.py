"""npm's packages, as a package-lock.json pins them, for the tests that run the real platform."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def installed(folder: Path, source: Path, unavailable: Callable[[str], NoReturn]) -> Path:
    """`folder`, whose node_modules has what `source` pins, installed if need be.

    Where that cannot be, `unavailable` is called with the reason, and raises.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        unavailable("node or npm is not installed")
    pinned, lock = folder / "package-lock.json", source / "package-lock.json"
    done = (folder / "node_modules" / ".package-lock.json").exists()  # npm writes it last
    if not done or not pinned.exists() or pinned.read_bytes() != lock.read_bytes():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, folder / name)
        # No package needs its scripts: the platform's program lies in a package of its own.
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            unavailable(f"npm ci failed: {ran.stderr[-500:]}")
    return folder
