"""Objects of any size stream through: the memory that they take does not depend on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRANSFER = Path(__file__).with_name("r2_large.py")
MIB = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it")
@pytest.mark.parametrize(
    "size",
    [
        64 * MIB,
        pytest.param(
            1024 * MIB,
            marks=pytest.mark.skipif(
                not (os.environ.get("EDGEKIT_SLOW") or os.environ.get("EDGEKIT_REQUIRE")),
                reason="takes 2 GiB of disk: set EDGEKIT_SLOW=1",
            ),
        ),
    ],
    ids=["64 MiB", "1 GiB"],
)
def test_a_large_object_is_never_in_memory(tmp_path: Path, size: int) -> None:
    command = [sys.executable, str(TRANSFER), str(tmp_path), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 16 * MIB
    left = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["layout"]
