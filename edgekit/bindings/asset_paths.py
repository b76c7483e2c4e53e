"""Which file answers a path: `html_handling`, `not_found_handling`, `base_path` of static assets.

Pure: a function of the path and of which files there are. It knows no request and reads nothing.
Source: the platform's documentation ("HTML handling", "Static site generation and custom 404
pages"), and how Miniflare 4.20260730 answers; for `base_path`, which that one lacks, the rules that
@cloudflare/workers-shared 0.20.0 is tested by.

A rule is a list of attempts in order: serve this file, or, where it is the file that another path
would be answered with, redirect there. Nothing is redirected to a path at which another file lies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Literal, NamedTuple, TypeVar
from urllib.parse import quote, unquote_to_bytes

HTMLHandling = Literal["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"]
NotFoundHandling = Literal["none", "single-page-application", "404-page"]
F = TypeVar("F")

# (file, None) serves it; (file, path) redirects to the path.
_Attempts = Iterator[tuple[str, str | None]]


class Found(NamedTuple, Generic[F]):
    """A file that answers, with 200 or 404."""

    file: F
    status: int


class Moved(NamedTuple):
    """Another path is the one at which the file is served."""

    path: str


def find(
    path: str,
    files: Mapping[str, F],
    html_handling: HTMLHandling,
    not_found_handling: NotFoundHandling,
    *,
    moves: bool = True,
) -> Found[F] | Moved | None:
    """What answers a decoded path; None where nothing does."""
    for name, destination in _RULES[html_handling](path):
        file = files.get(name)
        if file is None:
            continue
        if destination is None:
            return Found(file, 200)
        if moves and destination not in files:
            there = find(destination, files, html_handling, not_found_handling, moves=False)
            if isinstance(there, Found) and there.file is file:
                return Moved(destination)
    if not_found_handling == "single-page-application":
        file = files.get("/index.html")
        return None if file is None else Found(file, 200)
    if not_found_handling == "404-page":
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            file = files.get(f"{folder}/404.html")
            if file is not None:
                return Found(file, 404)
    return None


def _auto(path: str) -> _Attempts:
    """`/page` is page.html, `/folder/` is folder/index.html, however they are asked for."""
    if path.endswith("/index"):
        yield path, None
        yield f"{path}.html", path[: -len("index")]
        yield f"{path[: -len('/index')]}.html", path[: -len("/index")]
    elif path.endswith("/index.html"):
        yield path, path[: -len("index.html")]
        yield f"{path[: -len('/index.html')]}.html", path[: -len("/index.html")]
    elif path.endswith("/"):
        yield f"{path}index.html", None
        yield f"{path[:-1]}.html", path[:-1]
    elif path.endswith(".html"):
        stem = path[: -len(".html")]
        yield path, stem
        yield f"{stem}/index.html", f"{stem}/"
    yield path, None
    yield f"{path}.html", None
    yield f"{path}/index.html", f"{path}/"


def _force(path: str) -> _Attempts:
    """Every page has a slash at its end."""
    if path.endswith("/index"):
        yield path, None
        yield f"{path}.html", path[: -len("index")]
        yield f"{path[: -len('/index')]}.html", path[: -len("index")]
    elif path.endswith("/index.html"):
        yield path, path[: -len("index.html")]
        yield f"{path[: -len('/index.html')]}.html", path[: -len("index.html")]
    elif path.endswith("/"):
        yield f"{path}index.html", None
        yield f"{path[:-1]}.html", None
    elif path.endswith(".html"):
        stem = path[: -len(".html")]
        yield path, f"{stem}/"
        yield path, None
        yield f"{stem}/index.html", f"{stem}/"
    yield path, None
    yield f"{path}.html", f"{path}/"
    yield f"{path}/index.html", f"{path}/"


def _drop(path: str) -> _Attempts:
    """No page but the first has a slash at its end."""
    if path in ("/index", "/index.html"):
        if path == "/index":
            yield path, None
        yield "/index.html", "/"
    elif path.endswith("/index"):
        stem = path[: -len("/index")]
        yield path, None
        yield f"{stem}.html", stem
        yield f"{path}.html", stem
    elif path.endswith("/index.html"):
        stem = path[: -len("/index.html")]
        yield path, stem
        yield path, None
        yield f"{stem}.html", stem
    elif path == "/":
        yield "/index.html", None
    elif path.endswith("/"):
        yield f"{path[:-1]}.html", path[:-1]
        yield f"{path[:-1]}/index.html", path[:-1]
    elif path.endswith(".html"):
        stem = path[: -len(".html")]
        yield path, stem
        yield f"{stem}/index.html", stem
    yield path, None
    yield f"{path}.html", None
    yield f"{path}/index.html", None


def _none(path: str) -> _Attempts:
    """Every file at its own path, and nowhere else."""
    yield path, None


_RULES: dict[HTMLHandling, Callable[[str], _Attempts]] = {
    "auto-trailing-slash": _auto,
    "force-trailing-slash": _force,
    "drop-trailing-slash": _drop,
    "none": _none,
}

_IN_NO_PATH = (
    (re.compile(r"//|[A-Za-z][A-Za-z0-9+.-]*:").match, "is a URL, not a path"),
    (re.compile(r"\\").search, "has a backslash"),
    (re.compile(r"[\x00-\x1f\x7f]").search, "has a control character"),
    (re.compile(r"[?#]").search, "has a query or a fragment"),
    (re.compile("%").search, "is percent-encoded"),
)


def read_base(text: str) -> str:
    """The `base_path` that a text means: "" for the root, or "/docs", decoded, no slash at its end.

    It is a path from the root, whatever it begins with. ValueError says what is wrong with it.
    """
    if not text:
        raise ValueError("is empty")
    for found, what in _IN_NO_PATH:
        if found(text):
            raise ValueError(what)
    segments: list[str] = []
    for segment in text.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "".join(f"/{segment}" for segment in segments)


def below(path: str, base: str) -> str | None:
    """The path in the folder that a decoded path at or under `base` means; None for any other."""
    if not base:
        return path
    if path == base:
        return "/"
    return path[len(base) :] if path.startswith(f"{base}/") else None


# The canonical path of a file has nothing percent-encoded that encodeURIComponent leaves alone,
# and everything else.
_UNRESERVED = "!*'()~"
_CANONICAL = re.compile("[A-Za-z0-9/_.!~*'()-]*").fullmatch
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})").search


def decode_path(path: str) -> str:
    """The name that a percent-encoded path means: decoded by segments, slashes in a row made one.

    A segment that is no percent-encoded UTF-8 stays as it is.
    """
    if "%" in path:
        path = "/".join(map(_decoded, path.split("/")))
    return re.sub("/+", "/", path) if "//" in path else path


def encode_path(path: str) -> str:
    """The canonical percent-encoded path of a name."""
    return path if _CANONICAL(path) else quote(path, safe="/" + _UNRESERVED)


def _decoded(segment: str) -> str:
    if _BAD_ESCAPE(segment):
        return segment
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return segment
