"""`workers.workflows`."""

from __future__ import annotations

from edgekit.compat.rpc import NonRetryableError as NonRetryableError
