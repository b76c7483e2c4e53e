"""What `import pyodide` means here: `ffi`, `http`, `code`, `webloop`, as Workers projects use them."""

from __future__ import annotations

__version__ = "314.0.7"
