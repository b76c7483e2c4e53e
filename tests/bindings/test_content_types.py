"""Content types by extension; all of them are compared in tests/bridge/test_assets.py."""

from __future__ import annotations

import pytest

from edgekit.bindings.content_types import content_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/index.html", "text/html; charset=utf-8"),
        ("/a/b.JS", "text/javascript; charset=utf-8"),
        ("/a.css", "text/css; charset=utf-8"),
        ("/a.json", "application/json"),
        ("/a.svg", "image/svg+xml"),
        ("/a.woff2", "font/woff2"),
        ("/a.wasm", "application/wasm"),
        ("/a.tar.gz", "application/gzip"),
        ("/a.unknown", None),
        ("/a", None),
        ("/.css", None),
        ("/a.", None),
        ("/a.css/b", None),
    ],
)
def test_content_type(name: str, expected: str | None) -> None:
    assert content_type(name) == expected
