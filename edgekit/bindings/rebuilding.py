"""Errors, Requests and Responses taken apart and made anew: what both ways of a clone share.

Not the rules of what may be cloned, which are those of values.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.response import Response


def classes_of(error: Exception) -> Iterable[type[Exception]]:
    """The classes of an error from its own to Exception."""
    return (cls for cls in type(error).__mro__ if issubclass(cls, Exception))


def arguments_of(error: Exception) -> tuple[Any, ...]:
    # A file's name is not among an OSError's `args`, but it is what OSError is made with.
    return OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args  # type: ignore[return-value]


def text_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # what a class of the user's does in __str__ is no reason to lose the error
        return ""


def rebuilt(classes: Iterable[type[Exception]], args: tuple[Any, ...], text: str) -> Exception:
    """An error of the first of these classes that can be made to say the same; none is initialised."""
    for cls in classes:
        for arguments in (args, (text,)):
            try:
                if cls.__module__ == "builtins":  # some keep what they say apart from `args`
                    error = cls(*arguments)
                else:
                    error = cls.__new__(cls, *arguments)
                    error.args = arguments
                if str(error) == text:
                    return error
            except Exception:  # noqa: S112 - a constructor that wants something else: the next one
                continue
    return Exception(text)


def loaded(names: str) -> Iterator[type[Exception]]:
    """Those classes of errors that this process has imported; nothing is imported for a message."""
    for name in names.split("\n"):
        module, _, path = name.partition(":")
        found: Any = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, Exception):
            yield found


def described_message(message: Request | Response) -> list[Any]:
    """All of a Request or Response but its body and `cf`, as plain values."""
    headers = [text.decode("latin-1") for pair in message.headers.raw for text in pair]
    if isinstance(message, Request):
        return [message.url, message.method, message.redirect, headers]
    return [
        message.url,
        message.status,
        message.status_text,
        message.redirected,
        message.encode_body,
        headers,
    ]


def made_message(described: list[Any], cf: Any) -> Request | Response:
    url, *rest, pairs = described
    headers = Headers(zip(pairs[::2], pairs[1::2], strict=True))
    if len(rest) == 2:
        method, redirect = rest
        return Request(url, method=method, redirect=redirect, headers=headers, cf=cf)
    status, status_text, redirected, encode_body = rest
    response = Response(
        None,
        status=status,
        status_text=status_text,
        headers=headers,
        cf=cf,
        encode_body=encode_body,
    )
    response.url = url
    response.redirected = redirected
    return response
