"""`workers.gateway`: what the two adapters have in common."""

from __future__ import annotations

from edgekit.compat.asgi import BaseOptions as BaseOptions
from edgekit.compat.asgi import EncodeBody as EncodeBody
