"""`pyodide.http`: `pyfetch`, see `edgekit/compat/pyfetch.py`."""

from __future__ import annotations

from edgekit.compat.http import BodyUsedError as BodyUsedError
from edgekit.compat.http import HttpStatusError as HttpStatusError
from edgekit.compat.pyfetch import AbortError as AbortError
from edgekit.compat.pyfetch import FetchResponse as FetchResponse
from edgekit.compat.pyfetch import open_url as open_url
from edgekit.compat.pyfetch import pyfetch as pyfetch
