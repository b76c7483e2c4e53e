"""For tests of Workers: run one in process, with real semantics and a clock turned by hand."""

from __future__ import annotations

from edgekit.testing.client import TestClient as TestClient
from edgekit.testing.clock import ManualClock as ManualClock

__all__ = ["ManualClock", "TestClient"]
