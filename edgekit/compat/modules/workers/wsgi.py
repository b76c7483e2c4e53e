"""`workers.wsgi`: see edgekit/compat/wsgi.py."""

from __future__ import annotations

from edgekit.compat.wsgi import Options as Options
from edgekit.compat.wsgi import entrypoint as entrypoint
from edgekit.compat.wsgi import fetch as fetch
