"""What the handlers of HTMLRewriter are given, but for elements: texts, comments and the rest.

Each is valid until its handler has returned (or what it returned has been awaited); afterwards every
use of it raises a WebTypeError. Whatever is inserted is text, with `&`, `<` and `>` escaped, unless
`html=True`. It may also be a ReadableStream or a Response, whose body is put there as it comes.
Cloudflare Workers, HTMLRewriter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Self

from edgekit.errors import WebTypeError
from edgekit.web.body import Body
from edgekit.web.html_rewriter_tokens import Token
from edgekit.web.spelling import Spelled, options
from edgekit.web.streams import ReadableStream

_SURROGATES = re.compile("[\ud800-\udfff]")
_COMMENT = re.compile(r"<!--(?:-?>|(.*?)(?:--!?>?|-)?)\Z", re.DOTALL)


class Inserted:
    """A stream in the place of text."""

    __slots__ = ("html", "stream")

    def __init__(self, stream: ReadableStream, html: bool) -> None:
        self.stream = stream
        self.html = html


Part = str | Inserted


def escape(text: str) -> str:
    """Text as HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shown(text: str) -> str:
    """Text of the document as handlers see it: bytes that are none of its coding are U+FFFD."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


class Unit(Spelled):
    """What all have in common: until when they are valid."""

    __slots__ = ("_over",)

    def __init__(self) -> None:
        self._over = False

    def end_of_scope(self) -> None:
        """Called by the rewriter, when the handlers are through."""
        self._over = True

    def _check(self) -> None:
        if self._over:
            raise WebTypeError(
                "This content token is no longer valid. Content tokens are only valid during the"
                " execution of the relevant content handler."
            )


class Changes:
    """What is to be around, and instead of, a piece of the source."""

    __slots__ = ("after", "before", "removed", "replacement")

    def __init__(self) -> None:
        self.before: list[Part] = []
        self.after: list[Part] = []
        self.replacement: list[Part] = []
        self.removed = False

    def around(self, source: str) -> Iterator[Part]:
        yield from self.before
        if self.removed:
            yield from self.replacement
        else:
            yield source
        yield from self.after


class _Piece(Unit):
    """One piece of the source that can be changed."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        super().__init__()
        self.changes = Changes()

    @property
    def removed(self) -> bool:
        """Whether it has been removed, or replaced."""
        self._check()
        return self.changes.removed

    @options
    def before(self, content: Any, *, html: bool = False) -> Self:
        """Insert before it, after what has been inserted there."""
        self._check()
        self.changes.before.append(content_part(content, html))
        return self

    @options
    def after(self, content: Any, *, html: bool = False) -> Self:
        """Insert right behind it."""
        self._check()
        self.changes.after.insert(0, content_part(content, html))
        return self

    @options
    def replace(self, content: Any, *, html: bool = False) -> Self:
        """Put `content` in its place; the last call counts."""
        self._check()
        self.changes.replacement = [content_part(content, html)]
        self.changes.removed = True
        return self

    def remove(self) -> Self:
        """Leave it out."""
        self._check()
        self.changes.removed = True
        return self


class Text(_Piece):
    """A part of a text. A text may come in several parts; after the last of them comes an empty one,
    with `last_in_text_node`. References (`&amp;`) are as in the source.
    """

    __slots__ = ("_source", "_text", "last_in_text_node_")

    def __init__(self, source: str, last: bool) -> None:
        super().__init__()
        self._source = source
        self._text = shown(source)
        self.last_in_text_node_ = last

    @property
    def text(self) -> str:
        self._check()
        return self._text

    @property
    def last_in_text_node(self) -> bool:
        """Whether this is the end of the text, where it is empty."""
        self._check()
        return self.last_in_text_node_

    def parts(self) -> Iterator[Part]:
        return self.changes.around(self._source)


class Comment(_Piece):
    """A comment; also what HTML takes for one, such as `<?php ... ?>`."""

    __slots__ = ("_source", "_text")

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source
        found = _COMMENT.match(source)
        if found is not None:
            text = found[1] or ""
        else:
            text = source[1 if source.startswith("<?") else 2 :].removesuffix(">")
        self._text = shown(text)

    @property
    def text(self) -> str:
        """The text between `<!--` and `-->`; it can be set. WebTypeError for one with `-->`."""
        self._check()
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        self._check()
        text = as_string(text)
        if "-->" in text:
            raise WebTypeError(
                "Parser error: Comment text shouldn't contain comment closing sequence (`-->`)."
            )
        self._text = text
        self._source = f"<!--{text}-->"

    def parts(self) -> Iterator[Part]:
        return self.changes.around(self._source)


class Doctype(Unit):
    """The document's type; it cannot be changed."""

    __slots__ = ("_details",)

    def __init__(self, token: Token) -> None:
        super().__init__()
        self._details = token.details or (None, None, None)

    @property
    def name(self) -> str | None:
        self._check()
        return self._details[0]

    @property
    def public_id(self) -> str | None:
        self._check()
        return self._details[1]

    @property
    def system_id(self) -> str | None:
        self._check()
        return self._details[2]


class DocumentEnd(Unit):
    """The end of the document."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[Part] = []

    @options
    def append(self, content: Any, *, html: bool = False) -> Self:
        """Insert at the end, after what has been inserted there."""
        self._check()
        self._parts.append(content_part(content, html))
        return self

    def parts(self) -> Iterator[Part]:
        return iter(self._parts)


class EndTag(Unit):
    """The end tag of an element, or one that ends an element without its own."""

    __slots__ = ("_name", "_source", "changes")

    def __init__(self, token: Token) -> None:
        super().__init__()
        self._name = shown(token.name)
        self._source = token.source
        self.changes = Changes()

    @property
    def name(self) -> str:
        """The tag's name; it can be set."""
        self._check()
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._check()
        self.rename(as_string(name))

    @options
    def before(self, content: Any, *, html: bool = False) -> Self:
        """Insert before it, after what has been inserted there."""
        self._check()
        self.changes.before.append(content_part(content, html))
        return self

    @options
    def after(self, content: Any, *, html: bool = False) -> Self:
        """Insert right behind it."""
        self._check()
        self.changes.after.insert(0, content_part(content, html))
        return self

    def remove(self) -> Self:
        """Leave the tag out."""
        self._check()
        self.changes.removed = True
        return self

    def rename(self, name: str) -> None:
        self._name = name
        self._source = f"</{name}>"

    def parts(self) -> Iterator[Part]:
        return self.changes.around(self._source)


def as_string(value: Any) -> str:
    """As JavaScript makes a string of it."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def content_part(content: Any, html: bool) -> Part:
    """What a handler has given to be inserted, as it is to be written."""
    if isinstance(content, Body):
        content = content.body or ""
    if isinstance(content, ReadableStream):
        return Inserted(content, html)
    text = as_string(content)
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text)
    return text if html else escape(text)
