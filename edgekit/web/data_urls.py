"""data: URLs, for fetch(). WHATWG Fetch, "data: URL processor"; what is no base64 is nothing, as on Workers."""

from __future__ import annotations

import re
from base64 import b64decode
from urllib.parse import unquote_to_bytes

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf"({_NAME}/{_NAME})[ \t]*(;.*)?", re.DOTALL).fullmatch
_PARAMETER = re.compile(rf';[ \t]*({_NAME})=("(?:\\.|[^"\\])*"|[^;"]*)', re.DOTALL).findall
_SPACE = str.maketrans("", "", "\t\n\f\r ")
_IS_BASE64 = re.compile(r";[ ]*base64$", re.IGNORECASE)


def read(url: str) -> tuple[str, bytes] | None:
    """The content type and the bytes of a normalised data: URL; None where it has no comma."""
    about, comma, data = url.partition("#")[0].removeprefix("data:").partition(",")
    if not comma:
        return None
    about = about.strip(" \t\n\f\r")
    content = unquote_to_bytes(data)
    plain = _IS_BASE64.sub("", about)
    if plain != about:
        try:
            content = decode_base64(content.decode("latin-1"))
        except ValueError:
            content = b""
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


def decode_base64(text: str) -> bytes:
    """What base64 says, with white space in it, or without the padding; ValueError for what is none.

    WHATWG Infra, "forgiving-base64 decode": also of atob().
    """
    data = text.translate(_SPACE)
    if len(data) % 4 == 0:
        data = data.removesuffix("=").removesuffix("=")
    if "=" in data:
        raise ValueError("padding where none belongs")
    return b64decode(data + "=" * (-len(data) % 4), validate=True)
