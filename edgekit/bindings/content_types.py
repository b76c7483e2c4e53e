"""The content type of a file by its name, as the platform's static assets have it. Sniffs nothing.

content_types.txt holds what the platform answers for every extension it knows (asked of Miniflare
4.20260730, whose table is mime-db's); `mimetypes` would answer otherwise on every system. A line is
a type and its extensions.
"""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def _types() -> dict[str, str]:
    lines = Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines()
    pairs = (line.split(" ") for line in lines)
    return {extension: kind for kind, *extensions in pairs for extension in extensions}


def content_type(name: str) -> str | None:
    """Of the name or path of a file; text is said to be UTF-8. None where the extension says nothing."""
    stem, _, extension = name.rpartition("/")[2].lower().rpartition(".")
    kind = _types().get(extension) if stem else None
    return f"{kind}; charset=utf-8" if kind and kind.startswith("text/") else kind
