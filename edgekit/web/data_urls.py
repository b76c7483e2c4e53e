"""data: URLs, for fetch(). WHATWG Fetch, "data: URL processor"; what is no base64 is nothing, as on Workers."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf"({_NAME}/{_NAME})[ \t]*(;.*)?", re.DOTALL).fullmatch
_PARAMETER = re.compile(rf';[ \t]*({_NAME})=("(?:\\.|[^"\\])*"|[^;"]*)', re.DOTALL).findall
_BASE64 = re.compile(r";[ ]*base64$", re.IGNORECASE)
_SPACE = re.compile(rb"[ \t\n\f\r]+")


def read(url: str) -> tuple[str, bytes] | None:
    """The content type and the bytes of a normalised data: URL; None where it has no comma."""
    about, comma, data = url.partition("#")[0].removeprefix("data:").partition(",")
    if not comma:
        return None
    about = about.strip(" \t\n\f\r")
    content = unquote_to_bytes(data)
    plain = _BASE64.sub("", about)
    if plain != about:
        content = _decoded(_SPACE.sub(b"", content))
    return _content_type(f"text/plain{plain}" if plain.startswith(";") else plain), content


def _content_type(text: str) -> str:
    found = _TYPE(text.strip())
    if found is None:
        return "text/plain;charset=US-ASCII"
    parameters: dict[str, str] = {}
    for name, value in _PARAMETER(found[2] or ""):
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        parameters.setdefault(name.lower(), value.strip())
    shown = (
        f";{name}={value if re.fullmatch(_NAME, value) else _quoted(value)}"
        for name, value in parameters.items()
        if value.isprintable()
    )
    return found[1].lower() + "".join(shown)


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _decoded(data: bytes) -> bytes:
    if len(data) % 4 == 0:
        data = data.removesuffix(b"=").removesuffix(b"=")
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except binascii.Error:
        return b""
