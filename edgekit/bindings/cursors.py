"""Cursors of lists: the last key of a page, in base64, as the platform's simulator makes them.

Whoever lists gives one back to get the next page. One that no list has given is never refused.
"""

from __future__ import annotations

import binascii

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def cursor_of(key: bytes) -> str:
    """The cursor of a page whose last key this is."""
    return binascii.b2a_base64(key, newline=False).decode()


def key_of(cursor: str, end: bytes = b"") -> bytes | None:
    """The key that a cursor stands for; None for what stands for none.

    Decoded as the platform does it, which takes anything for base64: what is no digit is skipped,
    what follows the first "=" ignored, and what is not UTF-8 replaced, but for an `end` that marks
    something else than a key.
    """
    digits = cursor.partition("=")[0].replace("-", "+").replace("_", "/")
    data = bytes(c for c in digits.encode("ascii", "ignore") if c in _BASE64)
    if len(data) % 4 == 1:
        data = data[:-1]
    key = binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    stem = key.removesuffix(end)
    return stem.decode("utf-8", "replace").encode() + key[len(stem) :] or None
