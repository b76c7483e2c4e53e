"""What the handlers of HTMLRewriter are given: elements, texts, comments and the rest of a document.

Each is valid until its handler has returned (or what it returned has been awaited); afterwards every
use of it raises a WebTypeError. Whatever is inserted is text, with `&`, `<` and `>` escaped, unless
`html=True`. It may also be a ReadableStream or a Response, whose body is put there as it comes.
Cloudflare Workers, HTMLRewriter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Self

from edgekit.errors import WebTypeError
from edgekit.web.body import Body
from edgekit.web.html_rewriter_context import HTML
from edgekit.web.html_rewriter_tokens import Attribute, Token, attributes, lower, tag_name
from edgekit.web.spelling import Spelled, options
from edgekit.web.streams import ReadableStream

_SURROGATES = re.compile("[\ud800-\udfff]")
_COMMENT = re.compile(r"<!--(?:-?>|(.*?)(?:--!?>?|-)?)\Z", re.DOTALL)
_FORBIDDEN_IN_TAG_NAME = re.compile(r"[ \n\r\t\f/>]")
_FORBIDDEN_IN_ATTRIBUTE_NAME = re.compile(r"[ \n\r\t\f/>=]")


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
        self.changes.before.append(_content(content, html))
        return self

    @options
    def after(self, content: Any, *, html: bool = False) -> Self:
        """Insert right behind it."""
        self._check()
        self.changes.after.insert(0, _content(content, html))
        return self

    @options
    def replace(self, content: Any, *, html: bool = False) -> Self:
        """Put `content` in its place; the last call counts."""
        self._check()
        self.changes.replacement = [_content(content, html)]
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
        self._parts.append(_content(content, html))
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
        self.changes.before.append(_content(content, html))
        return self

    @options
    def after(self, content: Any, *, html: bool = False) -> Self:
        """Insert right behind it."""
        self._check()
        self.changes.after.insert(0, _content(content, html))
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


class Subject:
    """A start tag as selectors see it."""

    __slots__ = ("_attributes", "in_html", "index", "index_of_type", "name", "source")

    def __init__(self, token: Token, index: int, index_of_type: int) -> None:
        self.name = token.name
        self.source = token.source
        self.in_html = token.namespace is HTML
        self.index = index
        self.index_of_type = index_of_type
        self._attributes: list[Attribute] | None = None

    @property
    def attributes(self) -> list[Attribute]:
        if self._attributes is None:
            self._attributes = attributes(self.source)
        return self._attributes

    def get_attribute(self, name: str) -> str | None:
        for each in self.attributes:
            if each.name == name:
                return each.value
        return None


class Element(Unit):
    """An element: its start tag, what is in it, and its end tag.

    `with_content` tells whether there is more of it than the start tag; the methods for what is in it
    do nothing otherwise.
    """

    __slots__ = (
        "_attributes",
        "_filled",
        "_name",
        "_source",
        "_token",
        "end_changes",
        "end_handler",
        "end_name",
        "inner_removed",
        "start_changes",
        "with_content",
    )

    def __init__(self, token: Token, subject: Subject, with_content: bool, removed: bool) -> None:
        super().__init__()
        self._token = token
        self._name = token.name
        self._attributes = subject.attributes
        self._source: str | None = token.source
        self.with_content = with_content
        self.start_changes = Changes()
        self.start_changes.removed = removed
        self.end_changes: Changes | None = None
        self.end_name: str | None = None
        self.end_handler: Callable[[EndTag], Any] | None = None
        self.inner_removed = False
        self._filled = False  # whether something was put into it

    @property
    def tag_name(self) -> str:
        """The element's name, in lower case; it can be set, which changes both tags.

        WebTypeError for what cannot be a name.
        """
        self._check()
        return shown(self._name)

    @tag_name.setter
    def tag_name(self, name: str) -> None:
        self._check()
        name = as_string(name)
        if not name:
            raise WebTypeError("Parser error: Tag name can't be empty.")
        if not (name[0].isascii() and name[0].isalpha()):
            raise WebTypeError(
                "Parser error: The first character of the tag name should be an ASCII alphabetical"
                " character."
            )
        _refuse(_FORBIDDEN_IN_TAG_NAME, name, "tag")
        self._name = name
        self._source = None
        if self.with_content:
            self.end_name = name

    @property
    def namespace_uri(self) -> str:
        """Which of HTML, SVG and MathML it is of."""
        self._check()
        return self._token.namespace

    namespaceURI = namespace_uri  # noqa: N815 - the platform's spelling of it

    @property
    def attributes(self) -> Iterator[tuple[str, str]]:
        """All attributes, as (name, value)."""
        self._check()
        return iter([(shown(each.name), shown(each.value)) for each in self._attributes])

    @property
    def removed(self) -> bool:
        """Whether it, or an element around it, has been removed or replaced."""
        self._check()
        return self.start_changes.removed

    def get_attribute(self, name: str) -> str | None:
        """The value of an attribute, references as in the source; None when it is not there."""
        self._check()
        name = lower(as_string(name))
        for each in self._attributes:
            if each.name == name:
                return shown(each.value)
        return None

    def has_attribute(self, name: str) -> bool:
        """Whether the attribute is there."""
        return self.get_attribute(name) is not None

    def set_attribute(self, name: str, value: str) -> Self:
        """Change an attribute, or add it. WebTypeError for what cannot be a name."""
        self._check()
        name, value = lower(as_string(name)), as_string(value)
        if not name:
            raise WebTypeError("Parser error: Attribute name can't be empty.")
        _refuse(_FORBIDDEN_IN_ATTRIBUTE_NAME, name, "attribute")
        found = list(self._attributes)
        at = next((at for at, each in enumerate(found) if each.name == name), len(found))
        written = found[at].source[: len(name)] if at < len(found) else name
        quoted = value.replace('"', "&quot;")
        found[at : at + 1] = [Attribute(name, value, f'{written}="{quoted}"')]
        self._attributes = found
        self._source = None
        return self

    def remove_attribute(self, name: str) -> Self:
        """Take an attribute away, if it is there."""
        self._check()
        name = lower(as_string(name))
        for at, each in enumerate(self._attributes):
            if each.name == name:
                self._attributes = self._attributes[:at] + self._attributes[at + 1 :]
                self._source = None
                break
        return self

    @options
    def before(self, content: Any, *, html: bool = False) -> Self:
        """Insert before the element, after what has been inserted there."""
        self._check()
        self.start_changes.before.append(_content(content, html))
        return self

    @options
    def after(self, content: Any, *, html: bool = False) -> Self:
        """Insert right behind the element."""
        self._check()
        changes = self._end() if self.with_content else self.start_changes
        changes.after.insert(0, _content(content, html))
        return self

    @options
    def prepend(self, content: Any, *, html: bool = False) -> Self:
        """Insert as the first thing in it."""
        self._check()
        if self.with_content:
            self._filled = True
            self.start_changes.after.insert(0, _content(content, html))
        return self

    @options
    def append(self, content: Any, *, html: bool = False) -> Self:
        """Insert as the last thing in it."""
        self._check()
        if self.with_content:
            self._filled = True
            self._end().before.append(_content(content, html))
        return self

    @options
    def replace(self, content: Any, *, html: bool = False) -> Self:
        """Put `content` in the place of the element and all in it; the last call counts."""
        self._check()
        self.start_changes.replacement = [_content(content, html)]
        return self.remove()

    @options
    def set_inner_content(self, content: Any, *, html: bool = False) -> Self:
        """Put `content` in the place of all that is in it."""
        self._check()
        if self.with_content:
            self._remove_inner()
            self._filled = True
            self.start_changes.after.insert(0, _content(content, html))
        return self

    def remove(self) -> Self:
        """Leave out the element with all that is in it."""
        self._check()
        self.start_changes.removed = True
        if self.with_content:
            self._remove_inner()
            self._end().removed = True
        return self

    def remove_and_keep_content(self) -> Self:
        """Leave out its tags."""
        self._check()
        self.start_changes.removed = True
        if self.with_content:
            self._end().removed = True
        return self

    def on_end_tag(self, handler: Callable[[EndTag], Any]) -> None:
        """Call `handler` (sync or async) with the end tag; the last call counts.

        Where the end tag is missing, that is the one that ends the element, if any. WebTypeError for
        an element that has none.
        """
        self._check()
        if not self.with_content:
            raise WebTypeError("Parser error: No end tag.")
        self.end_handler = handler

    def parts(self) -> Iterator[Part]:
        return self.start_changes.around(self._source if self._source is not None else self._tag())

    def _tag(self) -> str:
        name = tag_name(self._token.source) if self._name is self._token.name else self._name
        words = [name, *(each.source for each in self._attributes)]
        if not self._token.self_closing or self._filled:
            return f"<{' '.join(words)}>"
        return f"<{' '.join(words)}{' />' if len(words) > 1 else '/>'}"

    def _end(self) -> Changes:
        if self.end_changes is None:
            self.end_changes = Changes()
        return self.end_changes

    def _remove_inner(self) -> None:
        self.inner_removed = True
        self.start_changes.after.clear()
        self._end().before.clear()


def as_string(value: Any) -> str:
    """As JavaScript makes a string of it."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _content(content: Any, html: bool) -> Part:
    if isinstance(content, Body):
        content = content.body or ""
    if isinstance(content, ReadableStream):
        return Inserted(content, html)
    text = as_string(content)
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text)
    return text if html else escape(text)


def _refuse(forbidden: re.Pattern[str], name: str, what: str) -> None:
    if found := forbidden.search(name):
        raise WebTypeError(f"Parser error: `{found[0]}` character is forbidden in the {what} name")
