from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.loading import Load, loader


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    with loader(tmp_path) as load:
        yield load
